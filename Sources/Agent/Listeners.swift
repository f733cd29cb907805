// The admin socket and the metrics listener, as the configuration wants them.
internal import Admin
internal import Configuration
internal import Core
internal import Glibc
internal import Logging
internal import Telemetry

/// Starts, replaces and stops both listeners. Owned by the agent's supervision.
struct Listeners {
    let loop: AdminLoop
    let logger: Logger
    private var admin: AdminServer?
    private var metrics: MetricsServer?

    /// What is asked of the agent.
    struct Answers: Sendable {
        let status: @Sendable (StatusDetail) async throws -> StatusReport
        let containers: @Sendable () async throws -> ContainersReport
    }

    init(loop: AdminLoop, logger: Logger) {
        self.loop = loop
        self.logger = logger
    }

    mutating func start(_ configuration: Configuration, _ answers: Answers) async throws {
        if configuration.admin.enabled {
            var options = AdminServer.Options()
            options.socket = configuration.admin.socket
            options.mode = configuration.admin.mode
            options.group = group(configuration)
            let server = AdminServer(
                loop: loop, options: options, provider: { try await answers.status(.full) },
                containers: answers.containers)
            try await server.start()
            admin = server
        }
        guard configuration.metrics.enabled else { return }
        var options = MetricsServer.Options()
        options.host = configuration.metrics.listen.host
        options.port = Int(configuration.metrics.listen.port)
        let server = MetricsServer(
            loop: loop, options: options, provider: { try await answers.status(.summary) },
            render: { PrometheusText.render($0) },
            readiness: { await Listeners.readiness(answers) })
        try await server.start()
        metrics = server
        logger.notice("metrics", metadata: ["port": "\(server.port ?? 0)"])
    }

    /// The group of the socket. The default one need not exist: then only the daemon's own user and group may ask.
    private func group(_ configuration: Configuration) -> String? {
        let name = configuration.admin.group
        guard name == "longshore", getgrnam(name) == nil else { return name.isEmpty ? nil : name }
        logger.notice(
            "there is no group longshore: the admin socket keeps the daemon's own group",
            metadata: ["remedy": "groupadd --system longshore, or set admin.group"])
        return nil
    }

    /// Replaces them only when their part of the configuration changed.
    mutating func restart(
        from old: Configuration, to next: Configuration, _ answers: Answers
    ) async throws {
        guard old.admin != next.admin || old.metrics != next.metrics else { return }
        await stop()
        try await start(next, answers)
    }

    mutating func stop() async {
        await admin?.stop()
        await metrics?.stop()
        admin = nil
        metrics = nil
    }

    private static func readiness(_ answers: Answers) async -> Readiness {
        guard let report = try? await answers.status(.summary) else {
            return Readiness(ready: false, reasons: ["the engine does not answer"])
        }
        let reasons = ReadinessReasons.reasons(report)
        return Readiness(ready: reasons.isEmpty, reasons: reasons, notes: ReadinessReasons.notes(report))
    }
}
