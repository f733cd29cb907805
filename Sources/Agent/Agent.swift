// The daemon as a whole: one engine at a time, its listeners, reload and stop.
internal import Admin
package import Configuration
internal import Core
internal import Engine
internal import Glibc
internal import KafkaSink
internal import LinuxIO
internal import Logging
internal import Synchronization
internal import Telemetry
internal import UnixSignals

/// Why the daemon ended without being asked to, or could not start; exit status 1.
package struct AgentFailure: Error, Sendable, CustomStringConvertible {
    package let message: String
    package var description: String { message }
}

/// Composition root: knows every room, starts and stops them in order. Runs in the cooperative pool; the engine has its
/// own threads.
package final class Agent: Sendable {
    private enum Event: Sendable {
        case stop
        case reload
        case ended(EngineEnd)
    }

    private let load: @Sendable () -> ConfigurationOutcome
    private let path: String
    private let log: LogOutput
    private let logger: Logger
    private let running = Mutex<Engine?>(nil)
    private let broker = Mutex<EmbeddedBroker?>(nil)
    private let events: AsyncStream<Event>
    private let eventSource: AsyncStream<Event>.Continuation
    private let adminLoop = AdminLoop()
    private let containers: ContainerSupervisor
    /// A reload waits this long for acknowledgements at most: what is not acknowledged is read again.
    private static let reloadDrain: Int64 = 5 * nanosecondsPerSecond

    /// `load` reads the configuration, now and at every reload; `path` is what the status calls it.
    package init(
        path: String, initial: Configuration, load: @escaping @Sendable () -> ConfigurationOutcome
    ) throws(AgentFailure) {
        self.load = load
        self.path = path
        (events, eventSource) = AsyncStream.makeStream()
        do {
            log = try LogOutput(
                format: initial.log.format == .json ? .json : .text, level: Agent.level(initial),
                journal: JournalStream.isConnected(descriptor: STDERR_FILENO))
        } catch { throw AgentFailure(message: "cannot start logging: \(error)") }
        logger = log.logger("agent")
        containers = ContainerSupervisor(
            rules: ContainerRules(initial, path: path), logger: log.logger("containers"),
            make: Agent.runtimeMaker)
        ResourceLimits.raiseOpenFiles()
        signal(SIGPIPE, SIG_IGN)
        // A lease that is asked for to see whether a file has writers may be broken (fcntl(2)).
        signal(SIGIO, SIG_IGN)
    }

    /// Runs until SIGTERM or SIGINT, or until the engine fails. Drains, checkpoints and returns, or throws AgentFailure.
    /// `onStarted` is called once everything is up: files are watched from then on.
    package func run(_ initial: Configuration, onStarted: @Sendable () -> Void = {}) async throws {
        defer { log.close() }
        let signals = await UnixSignalsSequence(trapping: [.sigterm, .sigint, .sighup])
        let watcher = Task { [eventSource] in
            for await signal in signals { eventSource.yield(signal == .sighup ? .reload : .stop) }
        }
        defer { watcher.cancel() }
        do { try await supervise(initial, onStarted) } catch {
            logger.critical("longshore ends", metadata: ["reason": "\(error)"])
            throw error
        }
    }

    /// Asks a running agent to stop, as SIGTERM does.
    package func stop() { eventSource.yield(.stop) }

    private func supervise(_ initial: Configuration, _ onStarted: @Sendable () -> Void) async throws {
        var current = initial
        var listeners = Listeners(loop: adminLoop, logger: logger)
        try await start(current)
        let engine = running.withLock { $0 }
        _ = await engine?.waitUntilRunning()
        do { try await listeners.start(current, answers) } catch {
            await endEngine(drain: 0)
            throw AgentFailure(message: "\(error)")
        }
        logger.notice(
            "longshore runs",
            metadata: ["version": "\(longshoreVersion)", "configuration": "\(path)", "host": "\(current.node.name)"])
        onStarted()
        var failure: String?
        loop: for await event in events {
            switch event {
            case .stop:
                logger.notice("stopping: waiting for acknowledgements")
                break loop
            case .ended(let end):
                failure = end.failure ?? "the pipeline ended"
                break loop
            case .reload:
                if let next = accepted(current) {
                    current = try await reload(from: current, to: next, &listeners)
                }
            }
        }
        await containers.end()
        await endEngine(drain: current.limits.drain)
        await listeners.stop()
        await adminLoop.stop()
        if let failure { throw AgentFailure(message: failure) }
    }

    /// The new configuration when it is good and different; a bad one is said in full and changes nothing.
    private func accepted(_ current: Configuration) -> Configuration? {
        switch load() {
        case .refused(let problems):
            // In the message, not beside it: the rate limit counts equal messages, and all problems must be said.
            for problem in problems { logger.error("configuration problem: \(problem)") }
            logger.error("the new configuration is not applied; the old one stays in force")
            return nil
        case .loaded(let next) where next == current:
            logger.notice("reload: the configuration has not changed")
            return nil
        case .loaded(let next): return next
        }
    }

    /// One engine ends, the next begins from its checkpoint. Where the new one cannot start, the old configuration runs
    /// again.
    private func reload(
        from old: Configuration, to next: Configuration, _ listeners: inout Listeners
    ) async throws -> Configuration {
        await endEngine(drain: min(old.limits.drain, Agent.reloadDrain))
        do {
            try await start(next)
            try await listeners.restart(from: old, to: next, answers)
            log.level = Agent.level(next)
            logger.notice("the new configuration is applied")
            return next
        } catch {
            logger.error(
                "the new configuration cannot be applied; the old one stays in force", metadata: ["reason": "\(error)"])
            await endEngine(drain: 0)
            try await start(old)
            try await listeners.restart(from: next, to: old, answers)
            return old
        }
    }

    private func start(_ configuration: Configuration) async throws(AgentFailure) {
        let embedded = try embeddedBroker(configuration)
        let mapping = EngineMapping(configuration: configuration, path: path, embedded: embedded)
        let engine: Engine
        do {
            engine = try await Blocking.run { [log] in try Engine(mapping.options, logger: log.logger("engine")) }
        } catch {
            throw AgentFailure(message: "\(error)")
        }
        running.withLock { $0 = engine }
        await containers.begin(engine, ContainerRules(configuration, path: path))
        Task { [eventSource] in
            let end = await engine.waitForEnd()
            if end.failure != nil { eventSource.yield(.ended(end)) }
        }
    }

    private func endEngine(drain: Int64) async {
        let engine = running.withLock { running in
            defer { running = nil }
            return running
        }
        await containers.pause()
        guard let engine else { return }
        await engine.stop(drain: drain)
        let end = await engine.waitForEnd()
        if end.ledgerImbalances > 0 {
            logger.error(
                "the ledger was out of balance when the pipeline ended; keep this log and report it",
                metadata: ["sources": "\(end.ledgerImbalances)"])
        }
        if end.unacknowledged > 0 {
            logger.warning(
                "stopped before everything was acknowledged; it is read again at the next start",
                metadata: ["records": "\(end.unacknowledged)"])
        }
    }

    private func embeddedBroker(_ configuration: Configuration) throws(AgentFailure) -> String? {
        guard configuration.kafka.brokers == .embedded else { return nil }
        do {
            let started = try broker.withLock { broker in
                if broker == nil { broker = try EmbeddedBroker() }
                return broker!.bootstrap
            }
            logger.warning(
                "kafka.brokers is \"embedded\": records stay in this process and are lost when it ends",
                metadata: ["address": "\(started)"])
            return started
        } catch { throw AgentFailure(message: "\(error)") }
    }

    /// What the listeners ask of the agent.
    private var answers: Listeners.Answers {
        Listeners.Answers(
            status: { [self] in try await status($0) },
            containers: { [self] in await containers.report(try await engineStatus(.full).sources) })
    }

    /// The engine's account of itself, with what discovery knows.
    private func status(_ detail: StatusDetail) async throws -> StatusReport {
        var report = try await engineStatus(detail)
        report.discovery = await containers.discovery(report.sources)
        report.problems += await containers.problems
        return report
    }

    /// Throws while there is no engine (between two engines of a reload).
    private func engineStatus(_ detail: StatusDetail) async throws -> StatusReport {
        let engine = running.withLock { $0 }
        guard let engine, let report = await engine.status(detail) else {
            throw AgentFailure(message: "the engine is starting or stopping")
        }
        return report
    }

    private static func level(_ configuration: Configuration) -> Logger.Level {
        Logger.Level(rawValue: configuration.log.level.rawValue) ?? .info
    }
}
