// HTTP/1.1 to a unix socket: calls with a deadline and a limit, and streams that never end.
internal import Core
internal import Glibc
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix

/// The one thread behind all runtimes' connections, asleep while nothing happens. It lives as long as the process.
private let loop = MultiThreadedEventLoopGroup(numberOfThreads: 1)

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
        do {
            let connection = try await connect()
            let timer = connection.channel.eventLoop.scheduleTask(in: .nanoseconds(deadline.nanoseconds)) {
                connection.channel.close(promise: nil)
            }
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
                if answer == nil, ContinuousClock.now >= until { throw late }
                throw RuntimeFailure("it closed the connection in the middle of its answer")
            }
        } catch {
            throw !isStream && ContinuousClock.now >= until ? late : failure(error)
        }
    }

    private var late: RuntimeFailure {
        RuntimeFailure("it does not answer within \(deadline): is it overloaded or stopped?")
    }

    private func connect() async throws -> Connection {
        try await ClientBootstrap(group: loop)
            .connectTimeout(.nanoseconds(deadline.nanoseconds))
            .connect(unixDomainSocketPath: socket) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHTTPClientHandlers()
                    return try Connection(wrappingChannelSynchronously: channel)
                }
            }
    }

    private func request(_ path: String) -> HTTPRequestHead {
        HTTPRequestHead(
            version: .http1_1, method: .GET, uri: path,
            headers: ["Host": "localhost", "User-Agent": "longshore", "Connection": "close"])
    }

    private func failure(_ error: any Error) -> RuntimeFailure {
        if let failure = error as? RuntimeFailure { return failure }
        guard let failure = error as? IOError else {
            return RuntimeFailure("it cannot be asked over HTTP: \(escapedForTerminal("\(error)".prefix(200)))")
        }
        switch failure.errnoCode {
        case ENOENT: return RuntimeFailure("there is no socket at \(socket): is the runtime installed and running?")
        case ECONNREFUSED: return RuntimeFailure("nobody listens at \(socket): is the runtime running?")
        case EACCES, EPERM:
            return RuntimeFailure("no permission to use \(socket): run as root, or join the group that owns the socket")
        case let code: return RuntimeFailure("the connection to \(socket) broke: \(String(cString: strerror(code)))")
        }
    }
}

extension Duration {
    /// Whole nanoseconds.
    var nanoseconds: Int64 {
        components.seconds * nanosecondsPerSecond + components.attoseconds / nanosecondsPerSecond
    }
}
