// gRPC to a unix socket: calls with a deadline and a limit, and streams that never end.
internal import Core
internal import NIOCore

/// Why a call has no answer.
package struct GRPCFailure: Error {
    /// The server's status (https://grpc.io/docs/guides/status-codes/); nil where it gave none.
    package let status: Int?
    package let failure: RuntimeFailure

    static let notFound = 5
    static let unimplemented = 12

    init(_ failure: RuntimeFailure, status: Int? = nil) {
        self.failure = failure
        self.status = status
    }
}

/// Calls over a unix socket, a connection each.
package struct GRPCUnixClient: Sendable {
    private typealias Connection = NIOAsyncChannel<ByteBuffer, ByteBuffer>

    let socket: String
    /// For a whole call, and for the beginning of a stream.
    let deadline: Duration

    /// What is asked.
    package struct Request: Sendable {
        /// `/runtime.v1.RuntimeService/Version`
        let path: String
        let message: [UInt8]
        /// Of containerd's own services.
        let namespace: String?
        /// Bytes of one message of the answer.
        let limit: Int

        package init(path: String, message: [UInt8] = [], namespace: String? = nil, limit: Int = 16 << 20) {
            self.path = path
            self.message = message
            self.namespace = namespace
            self.limit = limit
        }
    }

    package init(socket: String, deadline: Duration) {
        self.socket = socket
        self.deadline = deadline
    }

    /// The message that answers. Throws when it is not complete within the deadline, or is none.
    package func call(_ request: Request) async throws(GRPCFailure) -> [UInt8] {
        var answer: [UInt8]?
        try await exchange(request, isStream: false) { messages in
            guard messages.count == 1, answer == nil else {
                throw RuntimeFailure("it answers \(request.path) with more than one message")
            }
            answer = messages[0]
        }
        guard let answer else { throw GRPCFailure(RuntimeFailure("it answers \(request.path) without a message")) }
        return answer
    }

    /// Hands the messages of a stream to `take`: first none, when the other side has the request. While `take` waits
    /// nothing more is read. Returns when the other side ends the stream, else throws.
    func stream(_ request: Request, _ take: ([[UInt8]]) async throws -> Void) async throws(GRPCFailure) {
        try await exchange(request, isStream: true, take)
    }

    private func exchange(
        _ request: Request, isStream: Bool, _ take: ([[UInt8]]) async throws -> Void
    ) async throws(GRPCFailure) {
        let until = ContinuousClock.now + deadline
        let place = UnixConnection(socket: socket, deadline: deadline)
        do {
            let connection = try await place.connect { try Connection(wrappingChannelSynchronously: $0) }
            let timer = place.limit(connection.channel)
            defer { timer.cancel() }
            try await connection.executeThenClose { inbound, outbound in
                var reading = Reading(limit: request.limit)
                let exchange = try HTTP2Exchange(fields(request, isStream), body: GRPCMessages.framed(request.message))
                try await outbound.write(ByteBuffer(bytes: exchange.takeOutput()))
                if isStream { exchange.ask() }
                try await outbound.write(ByteBuffer(bytes: exchange.takeOutput()))
                for try await bytes in inbound {
                    try exchange.receive(Array(bytes.readableBytesView))
                    let answer = exchange.takeAnswer()
                    let messages = try reading.take(answer)
                    if isStream, !reading.isBegun, answer.isAcknowledged || !messages.isEmpty {
                        reading.isBegun = true
                        timer.cancel()
                        if !answer.isEnded { try await take([]) }
                    }
                    if !messages.isEmpty { try await take(messages) }
                    if answer.isEnded { return try reading.finish(answer, request.path) }
                    let output = try exchange.takeOutput()
                    // Who ends without reading has closed already; then the answer says more than this error.
                    if !output.isEmpty { try? await outbound.write(ByteBuffer(bytes: output)) }
                }
                if !reading.isBegun, ContinuousClock.now >= until { throw place.late }
                throw RuntimeFailure("it closed the connection in the middle of its answer")
            }
        } catch let error as GRPCFailure {
            throw error
        } catch {
            let isLate = !isStream && ContinuousClock.now >= until
            throw GRPCFailure(isLate ? place.late : place.failure(error, over: "gRPC"))
        }
    }

    private func fields(_ request: Request, _ isStream: Bool) -> [(name: String, value: String)] {
        var fields = [
            (":method", "POST"), (":scheme", "http"), (":path", request.path), (":authority", "localhost"),
            ("content-type", "application/grpc"), ("te", "trailers"), ("user-agent", "longshore"),
        ]
        if !isStream { fields.append(("grpc-timeout", "\(max(1, deadline.nanoseconds / 1_000_000))m")) }
        if let namespace = request.namespace { fields.append(("containerd-namespace", namespace)) }
        return fields
    }
}

extension GRPCUnixClient {
    /// One answer as it comes in.
    private struct Reading {
        var messages: GRPCMessages
        /// The other side has the request of a stream.
        var isBegun = false

        init(limit: Int) { messages = GRPCMessages(limit: limit) }

        mutating func take(_ answer: HTTP2Exchange.Answer) throws(RuntimeFailure) -> [[UInt8]] {
            if let status = answer.fields[":status"], status != "200" {
                throw RuntimeFailure("it answers gRPC with HTTP status \(escapedForTerminal(status.prefix(20)))")
            }
            return answer.body.isEmpty ? [] : try messages.feed(answer.body)
        }

        /// The stream has ended. Throws unless that was what was wanted.
        func finish(_ answer: HTTP2Exchange.Answer, _ path: String) throws {
            guard let text = answer.fields["grpc-status"], let status = Int(text) else {
                throw RuntimeFailure("it ended its answer without a status (HTTP/2 code \(answer.error))")
            }
            if status != 0 {
                let said = answer.fields["grpc-message"].map { ": \(decoded($0))" } ?? ""
                throw GRPCFailure(RuntimeFailure("it answers \(path) with status \(status)\(said)"), status: status)
            }
            if messages.isInMessage { throw RuntimeFailure("it ended its answer in the middle of a message") }
        }

        /// Percent-encoded text, shortened and escaped.
        private func decoded(_ text: String) -> String {
            var bytes: [UInt8] = []
            var rest = Array(text.utf8.prefix(1000))[...]
            while let byte = rest.popFirst() {
                if byte == UInt8(ascii: "%"),
                    let code = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
                {
                    bytes.append(code)
                    rest = rest.dropFirst(2)
                } else {
                    bytes.append(byte)
                }
            }
            return escapedForTerminal(String(decoding: bytes, as: UTF8.self).prefix(300))
        }
    }
}
