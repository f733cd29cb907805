// What the log says about failed records: once for each pause, with what to do.
import Core
import Engine
import Logging
import Synchronization
import TestSupport
import Testing

@Suite(.serialized, .timeLimit(.minutes(2))) struct TroubleLogTests {
    @Test(arguments: [
        (Int32(17), "topic_exception", "choose another topic"), (105, "err_105", "look up Kafka's error code 105"),
    ])
    func aTroubleOfManySourcesIsSaidOnceForEachPauseWithItsRemedy(
        code: Int32, reason: String, remedy: String
    ) async throws {
        let fixture = try EngineFixture()
        defer { fixture.directory.remove() }
        try fixture.cluster.createTopic("logs", partitions: 16)
        let lines = LogLines()
        let logger = Logger(label: "engine") { _ in lines }
        let engine = try Engine(fixture.options { $0.auditTopic = nil }, logger: logger)
        for file in 0..<6 { try fixture.directory.write("first\n", to: "logs/\(file).log") }
        try await fixture.waitForStatus(engine, "the first lines") { $0.totals.acknowledged == 36 }
        // Two partitions fail, the second when the topic is parked for the first.
        for refused in 1...3 {
            for delay: Int32 in [200, 400] {
                try fixture.cluster.pushAnswer(.produce, broker: 1, number: code, milliseconds: delay)
            }
            for file in 0..<6 { try fixture.directory.append("more\n", to: "logs/\(file).log") }
            let goal = UInt64(36 + refused * 30)
            try await fixture.waitForStatus(engine, "lines after refusal \(refused)") { $0.totals.acknowledged == goal }
        }
        let failed = try #require(await engine.status()).kafka.topics[0].failed
        #expect(await fixture.stop(engine) == EngineEnd())
        let said = lines.entries.withLock { $0 }.filter { $0["reason"] == reason }
        #expect(said.count == 3, "one for each refusal: \(said)")
        #expect(said.allSatisfy { $0["remedy"]?.contains(remedy) == true && $0["cause"]?.isEmpty == false })
        #expect(said.allSatisfy { $0["sources"].flatMap { Int($0) }.map { (1...6).contains($0) } == true })
        #expect((failed[reason] ?? 0) >= 6, "two sources at least failed each time: \(failed)")
    }
}

/// The metadata of each log line.
private final class LogLines: LogHandler, Sendable {
    let entries = Mutex<[[String: String]]>([])
    var logLevel: Logger.Level {
        get { .info }
        set {}
    }
    var metadata: Logger.Metadata {
        get { [:] }
        set {}
    }
    subscript(metadataKey _: String) -> Logger.Metadata.Value? {
        get { nil }
        set {}
    }

    func log(event: LogEvent) {
        entries.withLock { $0.append((event.metadata ?? [:]).mapValues { "\($0)" }) }
    }
}
