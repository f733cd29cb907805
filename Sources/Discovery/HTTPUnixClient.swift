// HTTP/1.1 to a unix socket: calls with a deadline and a limit, and streams that never end.
internal import NIOCore
internal import NIOHTTP1

/// An answer, taken whole.
struct HTTPAnswer: Sendable {
    var status: Int
    var headers: HTTPHeaders
    var body: [UInt8] = []
}

/// GET requests over a unix socket, a connection each. NIO bounds the headers (80 KiB).
struct HTTPUnixClient: Sendable {
    private typealias Connection = NIOAsyncChannel<HTTPClientResponsePart, HTTPClientRequestPart>

    let socket: String
    /// For a whole call, and for the head of a stream.
    let deadline: Duration

    /// The answer to `GET path`, whatever its status. Throws when it is not complete within the deadline, its body has
    /// more than `limit` bytes, or it is no HTTP.
    func get(_ path: String, limit: Int) async throws(RuntimeFailure) -> HTTPAnswer {
        try await exchange(path, isStream: false) { part, answer in
            switch part {
            case .head(let head):
                answer = HTTPAnswer(status: Int(head.status.code), headers: head.headers)
            case .body(let bytes):
                answer?.body.append(contentsOf: bytes.readableBytesView)
                if answer?.body.count ?? 0 > limit { throw RuntimeFailure("its answer is too large: refused") }
            case .end: break
            }
        }
    }

    /// Hands the body of `GET path` to `chunk` piece by piece: first an empty piece when the head is there with status
    /// 200. While `chunk` waits nothing more is read. Returns when the other side ends the stream, else throws.
    func stream(
        _ path: String, _ chunk: @Sendable ([UInt8]) async throws -> Void
    ) async throws(RuntimeFailure) {
        _ = try await exchange(path, isStream: true) { part, answer in
            switch part {
            case .head(let head):
                guard head.status == .ok else {
                    throw RuntimeFailure("it refuses its event stream with status \(head.status.code)")
                }
                answer = HTTPAnswer(status: 200, headers: head.headers)
                try await chunk([])
            case .body(let bytes): try await chunk(Array(bytes.readableBytesView))
            case .end: break
            }
        }
    }

    /// Connects, asks, hands over each part, and gives what `take` has put together when the last part has come.
    private func exchange(
        _ path: String, isStream: Bool, _ take: (HTTPClientResponsePart, inout HTTPAnswer?) async throws -> Void
    ) async throws(RuntimeFailure) -> HTTPAnswer {
        let until = ContinuousClock.now + deadline
        let place = UnixConnection(socket: socket, deadline: deadline)
        do {
            let connection = try await place.connect { channel -> Connection in
                try channel.pipeline.syncOperations.addHTTPClientHandlers()
                return try Connection(wrappingChannelSynchronously: channel)
            }
            let timer = place.limit(connection.channel)
            defer { timer.cancel() }
            return try await connection.executeThenClose { inbound, outbound in
                // Who answers without reading has closed already; then the answer says more than this error.
                try? await outbound.write(contentsOf: [.head(request(path)), .end(nil)])
                var answer: HTTPAnswer?
                for try await part in inbound {
                    if isStream { timer.cancel() }
                    try await take(part, &answer)
                    if case .end = part, let answer { return answer }
                }
                if answer == nil, ContinuousClock.now >= until { throw place.late }
                throw RuntimeFailure("it closed the connection in the middle of its answer")
            }
        } catch {
            throw !isStream && ContinuousClock.now >= until ? place.late : place.failure(error, over: "HTTP")
        }
    }

    private func request(_ path: String) -> HTTPRequestHead {
        HTTPRequestHead(
            version: .http1_1, method: .GET, uri: path,
            headers: ["Host": "localhost", "User-Agent": "longshore", "Connection": "close"])
    }
}
