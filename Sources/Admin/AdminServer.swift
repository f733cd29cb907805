// The administration interface on a unix socket.
package import Core
internal import NIOCore
internal import NIOHTTP1
internal import Synchronization

/// Answers `GET /status` with the StatusReport and `GET /containers` with the ContainersReport, both as JSON. Who may ask is decided by the socket file's mode and group.
package final class AdminServer: Sendable {
    /// Where the socket is and who may use it.
    package struct Options: Sendable {
        package var socket = "/run/longshore/admin.sock"
        /// Permission bits of the socket file.
        package var mode: UInt32 = 0o660
        /// Name of the group that owns the socket file; nil leaves the daemon's own.
        package var group: String?
        package var limits = HTTPLimits()
        package init() {}
    }

    private let loop: AdminLoop
    private let options: Options
    private let answers: [String: SingleFlight<ByteBuffer>]
    private let running = Mutex<(listener: HTTPListener, file: SocketFile)?>(nil)

    /// `provider` asks the engine for a snapshot, `containers` for what is known of containers; neither is called twice at
    /// the same time.
    package init(
        loop: AdminLoop, options: Options, provider: @escaping @Sendable () async throws -> StatusReport,
        containers: @escaping @Sendable () async throws -> ContainersReport = { ContainersReport() }
    ) {
        self.loop = loop
        self.options = options
        let milliseconds = options.limits.answerMilliseconds
        answers = [
            "/status": SingleFlight(milliseconds: milliseconds) {
                ByteBuffer(bytes: try StatusJSON.encode(try await provider()))
            },
            "/containers": SingleFlight(milliseconds: milliseconds) {
                ByteBuffer(bytes: try ContainersJSON.encode(try await containers()))
            },
        ]
    }

    /// Creates the socket file and listens. Throws `AdminError` with what to do: the group does not exist, another daemon
    /// answers there, no permission.
    package func start() async throws {
        let (file, raw) = try SocketFile.create(path: options.socket, mode: options.mode, group: options.group)
        do {
            let listener = try await HTTPListener.start(
                loop, boundSocket: raw, limits: options.limits,
                routes: { [answers] in AdminServer.route($0, $1, answers) })
            running.withLock { $0 = (listener, file) }
        } catch {
            file.remove()
            throw AdminError("admin.socket: cannot listen on \(escapedForTerminal(options.socket)): \(reason(error))")
        }
    }

    /// Closes the connections and removes the socket file. Harmless when not started.
    package func stop() async {
        let stopped = running.withLock { running in
            defer { running = nil }
            return running
        }
        guard let stopped else { return }
        stopped.file.remove()
        await stopped.listener.stop()
        for answer in answers.values { answer.cancel() }
    }

    private static func route(
        _ path: String, _ loop: any EventLoop, _ answers: [String: SingleFlight<ByteBuffer>]
    ) -> EventLoopFuture<HTTPAnswer>? {
        guard let answer = answers[path] else { return nil }
        return answer.value(on: loop).map { HTTPAnswer(.ok, "application/json", $0) }.flatMapErrorThrowing { error in
            if error is TimedOut {
                return HTTPAnswer(.serviceUnavailable, text: "the engine does not answer")
            }
            return HTTPAnswer(.serviceUnavailable, text: "the engine has no status: \(escapedForTerminal("\(error)"))")
        }
    }
}
