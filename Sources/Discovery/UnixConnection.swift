// Connections to runtimes' unix sockets: the thread behind them, deadlines, and what their failures mean.
internal import Core
internal import Glibc
internal import NIOCore
internal import NIOPosix

/// The one thread behind all runtimes' connections, asleep while nothing happens. It lives as long as the process.
private let loop = MultiThreadedEventLoopGroup(numberOfThreads: 1)

/// How a socket is reached, and for how long a call may take.
struct UnixConnection: Sendable {
    let socket: String
    /// For a whole call, and for the beginning of a stream.
    let deadline: Duration

    /// Connects; `prepare` makes the channel ready, on its thread.
    func connect<Connection: Sendable>(
        _ prepare: @escaping @Sendable (any Channel) throws -> Connection
    ) async throws -> Connection {
        try await ClientBootstrap(group: loop)
            .connectTimeout(.nanoseconds(deadline.nanoseconds))
            .connect(unixDomainSocketPath: socket) { channel in
                channel.eventLoop.makeCompletedFuture { try prepare(channel) }
            }
    }

    /// Closes the channel when the deadline is over, unless it is cancelled before.
    func limit(_ channel: any Channel) -> Scheduled<Void> {
        channel.eventLoop.scheduleTask(in: .nanoseconds(deadline.nanoseconds)) { channel.close(promise: nil) }
    }

    var late: RuntimeFailure {
        RuntimeFailure("it does not answer within \(deadline): is it overloaded or stopped?")
    }

    /// In words for people. `how`: the protocol that is spoken.
    func failure(_ error: any Error, over how: String) -> RuntimeFailure {
        if let failure = error as? RuntimeFailure { return failure }
        guard let failure = error as? IOError else {
            return RuntimeFailure("it cannot be asked over \(how): \(escapedForTerminal("\(error)".prefix(200)))")
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
