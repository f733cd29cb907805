// Generations that go on in a copy, and those that follow them, through the whole engine.
import Core
import Engine
import Glibc
import TestSupport
import Testing

@Suite struct CopyTests {
    @Test func aCopyThatEndsInsideTheOversizeRestOfALineIsNotReadAnew() async throws {
        let fixture = try EngineFixture()
        defer { fixture.directory.remove() }
        let start = "first\n" + String(repeating: "x", count: 4_000)
        try fixture.directory.write(start, to: "logs/a.log")
        let engine = try fixture.start(
            fixture.options {
                $0.line = 1024
                $0.lineTotal = 2048
            })
        try await fixture.waitForStatus(engine, "the beginning") { $0.counters.readBytes == 4_006 }
        try fixture.directory.append(String(repeating: "y", count: 6_000), to: "logs/a.log")
        try await fixture.waitForStatus(engine, "the rest") {
            $0.counters.readBytes == 10_006 && $0.totals.acknowledged == 6 + 2048
        }
        try fixture.directory.write(start + String(repeating: "y", count: 1_000), to: "logs/a.log.1")
        precondition(truncate(fixture.directory.path("logs/a.log"), 0) == 0)
        try await fixture.waitForStatus(engine, "the copy is done with") {
            $0.sources.count == 1 && $0.totals.acknowledged == 0 && $0.store.outboxEvents == 0
        }
        try fixture.directory.append("second\n", to: "logs/a.log")
        let records = try await fixture.records(count: 4)
        #expect(records.filter { $0.message == "first" }.count == 1)
        #expect(records.last?.message == "second")
        _ = await fixture.stop(engine)
        let events = try await fixture.records("audit", count: 5)
        let gaps = events.filter { $0.string("event") == "gap" }
        #expect(
            gaps.map { "\($0.string("reason")!) \($0.uint64("from")!)-\($0.uint64("to")!)" }.sorted()
                == ["oversize 2054-5006", "truncated 5006-10006"])
    }

    /// The store knows the copy by its own identity: it is found where it was moved to.
    @Test func aCopyThatIsMovedWhileTheDaemonIsDownIsStillKnown() async throws {
        let fixture = try EngineFixture()
        defer { fixture.directory.remove() }
        try fixture.directory.makeDirectory("old")
        let options = fixture.options {
            $0.declarations = [fixture.declaration("app", "*/a.log*", topic: "logs")]
        }
        let line = String(repeating: "one", count: 40) + "\n"
        try fixture.directory.write(line, to: "logs/a.log")
        var engine = try fixture.start(options)
        try await fixture.waitForStatus(engine, "the first line") { $0.totals.acknowledged == 121 }
        try fixture.directory.write(line, to: "logs/a.log.1")
        precondition(truncate(fixture.directory.path("logs/a.log"), 0) == 0)
        try fixture.directory.append("two\n", to: "logs/a.log")
        try await fixture.waitForStatus(engine, "both generations") { report in
            report.totals.acknowledged == 125 && report.sources.count == 2 && report.store.outboxEvents == 0
        }
        _ = await fixture.stop(engine)
        precondition(rename(fixture.directory.path("logs/a.log.1"), fixture.directory.path("old/a.log.1")) == 0)
        engine = try fixture.start(options)
        try fixture.directory.append("three\n", to: "logs/a.log")
        try await fixture.waitForStatus(engine, "the third line") { report in
            report.sources.contains { $0.ledger.acknowledged == 10 } && report.totals.unread == 0
                && report.totals.inFlight == 0
        }
        _ = await fixture.stop(engine)
        let records = try await fixture.records(count: 3)
        #expect(records.map { $0.message?.prefix(5) } == ["oneon", "two", "three"])
        let events = try await readAll(fixture)
        #expect(!events.contains { $0.string("event") == "gap" })
    }

    @Test func theNextGenerationIsNotProducedBeforeTheFormerOneIsAcknowledged() async throws {
        let fixture = try EngineFixture()
        defer { fixture.directory.remove() }
        try fixture.directory.write("one\n", to: "logs/a.log")
        try fixture.cluster.createTopic("logs", partitions: 1)
        // Tried again for as long as it is not cleared.
        fixture.cluster.pushRequestErrors(.produce, Array(repeating: .notEnoughReplicas, count: 10_000))
        let engine = try fixture.start(fixture.options())
        try await fixture.waitForStatus(engine, "the first line is on its way") { $0.totals.inFlight == 4 }
        precondition(rename(fixture.directory.path("logs/a.log"), fixture.directory.path("logs/a.1")) == 0)
        try fixture.directory.write("two\n", to: "logs/a.log")
        try await fixture.waitForStatus(engine, "the second one waits", timeout: .seconds(10)) { report in
            report.totals.inFlight == 4 && report.sources.contains { $0.state == "waiting" }
        }
        fixture.cluster.clearRequestErrors(.produce)
        try await fixture.waitForStatus(engine, "both") { $0.counters.readRecords == 2 && $0.totals.inFlight == 0 }
        #expect(try await fixture.records(count: 2).map(\.message) == ["one", "two"])
        _ = await fixture.stop(engine)
    }

    /// What the audit topic has by now.
    private func readAll(_ fixture: EngineFixture) async throws -> [RecordFields] {
        try await readRecords(fixture.cluster.bootstrap, topic: "audit", until: .ends).map { try $0.fields() }
    }
}
