// The engine as a whole: real files, real store, librdkafka's mock cluster.
import Core
import Engine
import Glibc
import Testing
import TestSupport

@Suite(.serialized) struct EngineTests {
    @Test func shipsStoresAndResumesWithoutRepeating() async throws {
        let fixture = try EngineFixture()
        defer { fixture.directory.remove() }
        try fixture.directory.write("one\ntwo\n", to: "logs/a.log")
        let first = try fixture.start(fixture.options())
        try await fixture.waitForStatus(first, "two lines acknowledged") { $0.totals.acknowledged == 8 }
        #expect(await fixture.stop(first) == EngineEnd())
        try fixture.directory.append("three\n", to: "logs/a.log")
        let second = try fixture.start(fixture.options())
        try await fixture.waitForStatus(second, "the third line acknowledged") { $0.totals.acknowledged == 14 }
        let report = try #require(await second.status())
        #expect(report.totals.balances && report.sources.allSatisfy(\.ledger.balances))
        #expect(report.counters.readRecords == 1, "only the new line was read")
        _ = await fixture.stop(second)
        let records = try await fixture.records(count: 3)
        #expect(records.map(\.message) == ["one", "two", "three"])
        #expect(records.map(\.offset) == [0, 4, 8])
        #expect(Set(records.map(\.fileID)).count == 1)
    }

    @Test func announcesTheOversizeRestOfAnUnfinishedLineWhenItsFileIsDeleted() async throws {
        let fixture = try EngineFixture()
        defer { fixture.directory.remove() }
        try fixture.directory.write(String(repeating: "x", count: 5_000), to: "logs/long.log")
        try fixture.directory.write(bytes: [0xEF, 0xBB, 0xBF], to: "logs/bom.log")
        let engine = try fixture.start(
            fixture.options {
                $0.line = 1024
                $0.lineTotal = 2048
            })
        try await fixture.waitForStatus(engine, "what may be shipped is") { $0.totals.acknowledged == 2048 }
        for name in ["long.log", "bom.log"] { _ = try await run("/bin/rm", [fixture.directory.path("logs/" + name)]) }
        try await fixture.waitForStatus(engine, "both generations are closed and announced") {
            $0.sources.isEmpty && $0.store.outboxEvents == 0
        }
        _ = await fixture.stop(engine)
        let events = try await fixture.records("audit", count: 5)
        let gaps = events.filter { $0.string("event") == "gap" }
        #expect(gaps.count == 1)
        #expect(gaps.first?.uint64("from") == 2048 && gaps.first?.uint64("to") == 5_000)
        #expect(gaps.first?.string("reason") == "oversize")
        let closed = events.filter { $0.string("event") == "generation_closed" }
        #expect(Set(closed.map { $0.uint64("size") }) == [5_000, 3])
        #expect(Set(closed.map { $0.uint64("skipped") }) == [0, 3])
    }

    @Test func manyTopicsInLittleMemoryAllArrive() async throws {
        let fixture = try EngineFixture()
        defer { fixture.directory.remove() }
        let count = 80
        for index in 0..<count {
            try fixture.directory.write(String(repeating: "line \(index)\n", count: 50), to: "logs/f\(index).log")
        }
        let engine = try fixture.start(
            fixture.options {
                $0.memoryLimit = 8 << 20
                $0.declarations = (0..<count).map { fixture.declaration("d\($0)", "logs/f\($0).log", topic: "t\($0)") }
            })
        try await fixture.waitForStatus(engine, "every topic has its records", timeout: .seconds(60)) { report in
            report.totals.unread == 0 && report.totals.inFlight == 0
                && report.counters.readRecords == UInt64(count * 50)
        }
        let report = try #require(await engine.status())
        #expect(report.memory.bufferBytes <= 8 << 20)
        _ = await fixture.stop(engine)
    }

    @Test func stopWithoutABrokerEndsInTimeAndLosesNothing() async throws {
        let fixture = try EngineFixture()
        defer { fixture.directory.remove() }
        try fixture.directory.write("one\ntwo\n", to: "logs/a.log")
        let engine = try fixture.start(fixture.options())
        try await fixture.waitForStatus(engine, "acknowledged") { $0.totals.acknowledged == 8 }
        try fixture.cluster.setDown()
        try fixture.directory.append("three\n", to: "logs/a.log")
        try await fixture.waitForStatus(engine, "in flight") { $0.totals.inFlight == 6 }
        let end = await fixture.stop(engine, drainSeconds: 1)
        #expect(end.unacknowledged > 0 && end.failure == nil)
        try fixture.cluster.setUp()
        let next = try fixture.start(fixture.options())
        try await fixture.waitForStatus(next, "acknowledged after all") { $0.totals.acknowledged == 14 }
        _ = await fixture.stop(next)
    }

    @Test func aSecondEngineOnTheSameStateSaysWhoHoldsIt() async throws {
        let fixture = try EngineFixture()
        defer { fixture.directory.remove() }
        let engine = try fixture.start(fixture.options())
        do {
            _ = try fixture.start(fixture.options())
            Issue.record("a second engine started")
        } catch let failure as EngineFailure {
            #expect(failure.message.contains("is in use by process"))
        }
        _ = await fixture.stop(engine)
    }

    @Test func aFileReachedThroughALinkSaysWhereItIs() async throws {
        let fixture = try EngineFixture()
        defer { fixture.directory.remove() }
        try fixture.directory.write("one\n", to: "real.txt")
        _ = try await run("/bin/ln", ["-s", "../real.txt", fixture.directory.path("logs/a.log")])
        let engine = try fixture.start(fixture.options())
        let record = try #require(try await fixture.records(count: 1).first)
        _ = await fixture.stop(engine)
        #expect(record.string("log.file.path") == fixture.directory.path("logs/a.log"))
        #expect(record.string("log.file.path_resolved")?.hasSuffix("/real.txt") == true)
        #expect(record.string("log.file.path_resolved")?.contains("/logs/") == false)
    }

    @Test(arguments: [300, 7])
    func aDeletedFileIsFollowedWhileItHasAWriter(holdSeconds: Int64) async throws {
        let fixture = try EngineFixture()
        defer { fixture.directory.remove() }
        let path = fixture.directory.path("logs/a.log")
        let writer = open(path, O_WRONLY | O_CREAT | O_APPEND, 0o644)
        try writeAll(Array("one\n".utf8), to: writer)
        let engine = try fixture.start(
            fixture.options { $0.deletedFileHold = holdSeconds * nanosecondsPerSecond })
        try await fixture.waitForStatus(engine, "the first line") { $0.totals.acknowledged == 4 }
        unlink(path)
        let deleted = Clock.monotonic()
        if holdSeconds > 100 {
            // Longer than a file without a writer is held.
            try await waitUntil(timeout: .seconds(20), "eight seconds") {
                Clock.monotonic() - deleted > 8 * nanosecondsPerSecond
            }
            try writeAll(Array("late\n".utf8), to: writer)
            try await fixture.waitForStatus(engine, "the late line") { $0.totals.acknowledged == 9 }
            close(writer)
        }
        try await fixture.waitForStatus(engine, "the generation is closed") {
            $0.sources.isEmpty && $0.store.outboxEvents == 0
        }
        if holdSeconds < 100 { close(writer) }
        _ = await fixture.stop(engine)
        let events = try await fixture.records("audit", count: holdSeconds > 100 ? 2 : 3)
        let gaps = events.filter { $0.string("event") == "gap" }
        #expect(gaps.count == (holdSeconds > 100 ? 0 : 1), "only a file that is let go early has a gap")
        if let gap = gaps.first {
            #expect(gap.uint64("from") == 4 && gap["to"] == .null && gap.string("reason") == "deleted")
        }
    }

    @Test func startAtEndAppliesOnceOnly() async throws {
        let fixture = try EngineFixture()
        defer { fixture.directory.remove() }
        try fixture.directory.write("old\n", to: "logs/a.log")
        let options = fixture.options {
            $0.declarations = [fixture.declaration("app", "logs/*.log", topic: "logs", startAtEnd: true)]
        }
        let first = try fixture.start(options)
        try await fixture.waitForStatus(first, "skipped") {
            $0.totals.skipped == 4 && $0.store.secondsSinceCheckpoint != nil
        }
        _ = await fixture.stop(first)
        try fixture.directory.write("made while down\n", to: "logs/b.log")
        try fixture.directory.append("new\n", to: "logs/a.log")
        let second = try fixture.start(options)
        try await fixture.waitForStatus(second, "both acknowledged") { $0.totals.acknowledged == 20 }
        _ = await fixture.stop(second)
        let records = try await fixture.records(count: 2)
        #expect(Set(records.map(\.message)) == ["made while down", "new"])
        #expect(records.first { $0.message == "new" }?.skippedBytes == 4)
    }
}
