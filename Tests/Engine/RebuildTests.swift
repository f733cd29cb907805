// Fatal errors of Kafka's producer, seen by the engine: records, announcements and memory survive them.
import Core
import Glibc
import LinuxIO
import TestSupport
import Testing

@testable import Engine

@Suite(.serialized) struct RebuildTests {
    @Test func recordsAndAnnouncementsInFlightAreSentAgainAndTheirMemoryIsFreed() async throws {
        let fixture = try EngineFixture()
        defer { fixture.directory.remove() }
        try fixture.cluster.createTopic("logs", partitions: 1)
        try fixture.cluster.createTopic("audit", partitions: 1)
        let lines = (0..<20_000).map { "line \($0)\n" }.joined()
        try fixture.directory.write("first\n", to: "logs/a.log")
        let engine = try fixture.start(fixture.options())
        try await fixture.waitForStatus(engine, "the first line") { $0.totals.acknowledged == 6 }
        // Slow brokers: what follows, announcements of the second file among it, is in flight when the error comes.
        try fixture.cluster.setRoundTripTime(milliseconds: 500)
        fixture.cluster.pushRequestErrors(.produce, [.outOfOrderSequence])
        try fixture.directory.append(lines, to: "logs/a.log")
        try fixture.directory.write("other\n", to: "logs/b.log")
        try await fixture.waitForStatus(engine, "a producer made anew") { $0.kafka.rebuilds > 0 }
        try fixture.cluster.setRoundTripTime(milliseconds: 0)
        fixture.cluster.clearRequestErrors(.produce)
        let size = UInt64(lines.utf8.count + 12)
        // The chunk that files are read into stays; an arena would be 128 KiB more.
        let unused: UInt64 = 400 << 10
        try await fixture.waitForStatus(engine, "all acknowledged and announced, and the memory given back") {
            $0.totals.acknowledged == size && $0.store.outboxEvents == 0 && $0.memory.bufferBytes < unused
        }
        let report = try #require(await engine.status())
        #expect(report.totals.gap == 0)
        #expect(report.kafka.topics.allSatisfy { $0.inFlight == 0 })
        let end = await fixture.stop(engine)
        #expect(end == EngineEnd())
        let events = try await fixture.records("audit", count: 2)
        #expect(events.count { $0["event"]?.string == "generation_opened" } >= 2)
    }

    @Test func aClusterThatEndsEachProducerIsNotStormedAndRecovers() async throws {
        let fixture = try EngineFixture()
        defer { fixture.directory.remove() }
        try fixture.cluster.createTopic("logs", partitions: 1)
        try fixture.directory.write("first\n", to: "logs/a.log")
        let engine = try fixture.start(fixture.options { $0.auditTopic = nil })
        try await fixture.waitForStatus(engine, "the first line") { $0.totals.acknowledged == 6 }
        fixture.cluster.pushRequestErrors(.produce, Array(repeating: .outOfOrderSequence, count: 10_000))
        try fixture.directory.append("second\n", to: "logs/a.log")
        try await fixture.waitForStatus(engine, "four producers") { $0.kafka.rebuilds == 4 }
        let report = try #require(await engine.status())
        // Pauses of 250, 500 and 1,000 ms lie between them.
        #expect(report.counters.wakeups < 500, "it waits between them")
        #expect(report.kafka.lastFatal != nil)
        #expect(report.totals.acknowledged == 6)
        fixture.cluster.clearRequestErrors(.produce)
        try await fixture.waitForStatus(engine, "the second line") { $0.totals.acknowledged == 13 }
        #expect(await fixture.stop(engine) == EngineEnd())
    }

    /// Its former generation was read to its end before the error; what must be sent again of it comes first all the same.
    @Test func theNextGenerationWaitsForWhatIsSentAgain() async throws {
        let fixture = try EngineFixture()
        defer { fixture.directory.remove() }
        try fixture.cluster.createTopic("logs", partitions: 1)
        // The window that these open is wider than the one after the error: what is sent again needs several turns.
        let first = (0..<8_000).map { "first \($0)\n" }.joined()
        try fixture.directory.write(first, to: "logs/a.log")
        let engine = try fixture.start(
            fixture.options { [fixture] options in
                options.declarations = [fixture.declaration("app", "logs/a.log*", topic: "logs")]
                options.auditTopic = nil
            })
        try await fixture.waitForStatus(engine, "the first lines") { $0.totals.acknowledged == first.utf8.count }
        let old = (0..<1_500).map { "old \($0)\n" }.joined()
        try fixture.cluster.setRoundTripTime(milliseconds: 700)
        fixture.cluster.pushRequestErrors(.produce, [.outOfOrderSequence])
        try fixture.directory.append(old, to: "logs/a.log")
        try await fixture.waitForStatus(engine, "all of it in flight") {
            $0.totals.unread == 0 && $0.totals.inFlight > 0
        }
        let log = fixture.directory.path("logs/a.log")
        try retryingInterrupts("rename") { rename(log, log + ".1") }
        try fixture.directory.write((0..<100).map { "new \($0)\n" }.joined(), to: "logs/a.log")
        try await fixture.waitForStatus(engine, "a generation that waits") { report in
            report.sources.contains { $0.state == "waiting" } && report.totals.inFlight > 0
        }
        try await fixture.waitForStatus(engine, "a producer made anew") { $0.kafka.rebuilds > 0 }
        try fixture.cluster.setRoundTripTime(milliseconds: 0)
        try await fixture.waitForStatus(engine, "everything acknowledged") {
            $0.totals.unread == 0 && $0.totals.inFlight == 0 && $0.sources.count == 2
        }
        #expect(await fixture.stop(engine) == EngineEnd())
        let messages = try await fixture.records("logs", count: 9_600).compactMap(\.message)
        let firstNew = try #require(messages.firstIndex { $0.hasPrefix("new") })
        let lastOld = try #require(messages.lastIndex { $0.hasPrefix("old") })
        #expect(lastOld < firstNew, "records \(lastOld) and \(firstNew)")
    }
}
