// Metrics and health on TCP: nothing about paths, labels or log text.
package import Core
internal import NIOCore
internal import NIOHTTP1
internal import Synchronization

/// Answers /metrics (Prometheus), /healthz (does the engine answer?) and /readyz (does the daemon do its work?).
package final class MetricsServer: Sendable {
    /// Where to listen, and how metrics look.
    package struct Options: Sendable {
        /// Name or address of an interface.
        package var host = "127.0.0.1"
        /// 0 takes a free port; `MetricsServer.port` tells which.
        package var port = 9464
        /// Content-Type of what `render` gives.
        package var contentType = "text/plain; version=0.0.4; charset=utf-8"
        package var limits = HTTPLimits()
        package init() {}
    }

    private let loop: AdminLoop
    private let options: Options
    private let metrics: SingleFlight<ByteBuffer>
    private let health: SingleFlight<Void>
    private let readiness: SingleFlight<Readiness>
    private let running = Mutex<HTTPListener?>(nil)

    /// `provider` asks the engine for a snapshot, `render` makes the metrics page of it.
    package init(
        loop: AdminLoop, options: Options, provider: @escaping @Sendable () async throws -> StatusReport,
        render: @escaping @Sendable (StatusReport) -> String, readiness: @escaping @Sendable () async -> Readiness
    ) {
        self.loop = loop
        self.options = options
        let time = options.limits.answerMilliseconds
        metrics = SingleFlight(milliseconds: time) { ByteBuffer(string: render(try await provider())) }
        health = SingleFlight(milliseconds: time) { _ = try await provider() }
        self.readiness = SingleFlight(milliseconds: time) { await readiness() }
    }

    /// Listens. Throws `AdminError` with what to do when the address cannot be had.
    package func start() async throws {
        do {
            let listener = try await HTTPListener.start(
                loop, host: options.host, port: options.port, limits: options.limits,
                routes: { [self] in route($0, $1) })
            running.withLock { $0 = listener }
        } catch {
            throw AdminError(
                "metrics.listen: cannot listen on \(escapedForTerminal(options.host)):\(options.port): \(reason(error)): stop the program that has the port, or change metrics.listen"
            )
        }
    }

    /// The port it listens on; nil when not started.
    package var port: Int? { running.withLock { $0?.port } }

    /// Stops listening and closes the connections. Harmless when not started.
    package func stop() async {
        let listener = running.withLock { running in
            defer { running = nil }
            return running
        }
        await listener?.stop()
        metrics.cancel()
        health.cancel()
        readiness.cancel()
    }

    private func route(_ path: String, _ loop: any EventLoop) -> EventLoopFuture<HTTPAnswer>? {
        switch path {
        case "/metrics":
            let type = options.contentType
            return guarded(metrics.value(on: loop).map { HTTPAnswer(.ok, type, $0) })
        case "/healthz": return guarded(health.value(on: loop).map { HTTPAnswer(.ok, text: "ok") })
        case "/readyz": return guarded(readiness.value(on: loop).map(MetricsServer.answer))
        default: return nil
        }
    }

    /// Errors become 503 without their text, which may name paths.
    private func guarded(_ answer: EventLoopFuture<HTTPAnswer>) -> EventLoopFuture<HTTPAnswer> {
        let seconds = Double(options.limits.answerMilliseconds) / 1000
        return answer.flatMapErrorThrowing { error in
            error is TimedOut
                ? HTTPAnswer(.serviceUnavailable, text: "the engine did not answer within \(seconds) s")
                : HTTPAnswer(.serviceUnavailable, text: "the engine answered with an error: see the daemon's log")
        }
    }

    private static func answer(_ readiness: Readiness) -> HTTPAnswer {
        let verdict = readiness.ready ? ["ready"] : readiness.reasons.isEmpty ? ["not ready"] : readiness.reasons
        let lines = (verdict + readiness.notes).map { escapedForTerminal($0) }
        return HTTPAnswer(readiness.ready ? .ok : .serviceUnavailable, text: lines.joined(separator: "\n"))
    }
}
