// An engine on a private directory and a mock cluster.
import Checkpoint
import Core
import FileSource
import Glibc
import KafkaSink
import LinuxIO
import Logging
import Pipeline
import TestSupport
import Testing

@testable import Engine

/// What the engine tests share: one directory with `logs` and `state`, one mock cluster, options made from both.
struct EngineFixture {
    let directory: TemporaryDirectory
    let cluster: MockCluster

    init(brokers: Int = 1) throws {
        directory = try TemporaryDirectory()
        try directory.makeDirectory("logs")
        cluster = try MockCluster(brokers: brokers)
        signal(SIGIO, SIG_IGN)
    }

    /// Options that follow logs/*.log and ship to `topic`; `change` adapts them.
    func options(topic: String = "logs", _ change: (inout EngineOptions) -> Void = { _ in }) -> EngineOptions {
        var kafka = KafkaOptions(brokers: [cluster.bootstrap])
        kafka.lingerMilliseconds = 5
        var options = EngineOptions(
            host: "node", tailer: TailerOptions(host: "node"), kafka: kafka,
            store: StoreOptions(directory: directory.path("state")))
        options.declarations = [declaration("app", "logs/*.log", topic: topic)]
        options.auditTopic = "audit"
        change(&options)
        return options
    }

    func declaration(
        _ name: String, _ pattern: String, topic: String, startAtEnd: Bool = false
    ) -> EngineDeclaration {
        EngineDeclaration(
            files: FileDeclaration(
                name: name, patterns: [FileSource.PathPattern(directory.path(pattern))], startAtEnd: startAtEnd,
                route: topic),
            topic: topic, members: renderMembers([("log.declaration", Array(name.utf8))]))
    }

    func start(_ options: EngineOptions) throws -> Engine {
        try Engine(options, logger: Logger(label: "engine", factory: { _ in SwiftLogNoOpLogHandler() }))
    }

    /// Stops an engine and returns how it ended.
    func stop(_ engine: Engine, drainSeconds: Int64 = 10) async -> EngineEnd {
        if let report = await engine.status() { expectBalance(report) }
        await engine.stop(drain: drainSeconds * nanosecondsPerSecond)
        let end = await engine.waitForEnd()
        #expect(end.ledgerImbalances == 0, "the ledger was out of balance at the end")
        return end
    }

    /// Waits until the status fits.
    func waitForStatus(
        _ engine: Engine, _ description: String, timeout: Duration = .seconds(30),
        _ fits: @escaping @Sendable (StatusReport) -> Bool
    ) async throws {
        try await waitUntil(timeout: timeout, description) {
            guard let report = await engine.status() else { return false }
            expectBalance(report)
            return fits(report)
        }
    }

    func records(_ topic: String = "logs", count: Int) async throws -> [RecordFields] {
        try await readRecords(cluster.bootstrap, topic: topic, until: .count(count)).map { try $0.fields() }
    }
}

extension PipelineLoop {
    /// Looks for files until all walks are over: on a busy machine the first slice may find none.
    func findFiles() {
        tailer.start(now: Clock.monotonic())
        collectNews(Clock.monotonic())
        while tailer.nextDeadline == 0 {
            tailer.tick(now: Clock.monotonic())
            collectNews(Clock.monotonic())
        }
    }
}
