// Holes in files that are shipped: skipped and said, looked over without reading, left alone at the end.
import Core
import Engine
import Glibc
import TestSupport
import Testing

@Suite struct HoleTests {
    private let fixture: EngineFixture
    private var log: String { fixture.directory.path("logs/a.log") }

    init() throws { fixture = try EngineFixture() }

    /// Writes at a place of the file, as a writer without O_APPEND does.
    private func write(_ text: String, at offset: Int) {
        let descriptor = open(log, O_WRONLY | O_CREAT, 0o644)
        precondition(descriptor >= 0 && pwrite(descriptor, text, text.utf8.count, off_t(offset)) == text.utf8.count)
        close(descriptor)
    }

    private func texts(_ records: [RecordFields]) -> [String] {
        records.map {
            let mark = $0["log.unterminated"]?.bool == true ? " unterminated" : ""
            return "\($0.message!) at \($0.offset!) skips \($0.skippedBytes)\(mark)"
        }
    }

    @Test func aWriterWithoutAppendLeavesAHoleThatIsSkippedAndCounted() async throws {
        defer { fixture.directory.remove() }
        write("one\n", at: 0)
        let engine = try fixture.start(fixture.options())
        try await fixture.waitForStatus(engine, "the first line") { $0.totals.acknowledged == 4 }
        precondition(truncate(log, 0) == 0)
        write("two\n", at: 100_000)
        write("three\n", at: 100_004)
        let records = try await fixture.records(count: 3)
        #expect(
            texts(records) == ["one at 0 skips 0", "two at 100000 skips 100000", "three at 100004 skips 0"])
        try await fixture.waitForStatus(engine, "the hole is counted") {
            $0.counters.skippedBytes["hole"] == 100_000 && $0.totals.skipped == 100_000 && $0.totals.unread == 0
        }
        _ = await fixture.stop(engine)
    }

    @Test func nullsAtTheEndAreNotConsumedAndMayBeFilledIn() async throws {
        defer { fixture.directory.remove() }
        write("one\n", at: 0)
        precondition(truncate(log, 3_000_000) == 0)
        let engine = try fixture.start(fixture.options())
        try await fixture.waitForStatus(engine, "the line, and nothing of the rest") {
            $0.totals.acknowledged == 4 && $0.totals.unread == 2_999_996 && $0.totals.skipped == 0
        }
        write("two\n", at: 4)
        try await fixture.waitForStatus(engine, "what was filled in") {
            $0.totals.acknowledged == 8 && $0.totals.skipped == 0
        }
        write("three\n", at: 3_000_000)
        let records = try await fixture.records(count: 3)
        #expect(texts(records) == ["one at 0 skips 0", "two at 4 skips 0", "three at 3000000 skips 2999992"])
        _ = await fixture.stop(engine)
    }

    @Test(arguments: ["", "begun"])
    func aHoleOfManyGigabytesIsNotRead(before: String) async throws {
        defer { fixture.directory.remove() }
        let place = 200 << 30
        write(before, at: 0)
        write("end\n", at: place)
        let engine = try fixture.start(fixture.options())
        let count = before.isEmpty ? 1 : 2
        let records = try await fixture.records(count: count)
        let size = before.utf8.count
        #expect(
            texts(records) == (before.isEmpty ? [] : ["begun at 0 skips 0 unterminated"])
                + ["end at \(place) skips \(place - size)"])
        let report = try #require(await engine.status())
        #expect(report.counters.readBytes < 8 << 20, "\(report.counters.readBytes) bytes were read")
        _ = await fixture.stop(engine)
    }

    @Test func aCompleteFileThatEndsWithNullsIsClosedBalanced() async throws {
        defer { fixture.directory.remove() }
        write("one\nrest", at: 0)
        precondition(truncate(log, 1_000_000) == 0)
        let engine = try fixture.start(fixture.options())
        try await fixture.waitForStatus(engine, "the first line") { $0.totals.acknowledged == 4 }
        precondition(unlink(log) == 0)
        let records = try await fixture.records(count: 2)
        #expect(texts(records) == ["one at 0 skips 0", "rest at 4 skips 0 unterminated"])
        let events = try await fixture.records("audit", count: 2)
        let closed = try #require(events.first { $0.string("event") == "generation_closed" })
        #expect(closed.uint64("size") == 1_000_000 && closed.uint64("acknowledged") == 8)
        #expect(closed.uint64("skipped") == 999_992 && closed.uint64("gap_bytes") == 0)
        _ = await fixture.stop(engine)
    }

    @Test func aRestartInsideAHoleSaysItOnce() async throws {
        defer { fixture.directory.remove() }
        write("one\n", at: 0)
        precondition(truncate(log, 500_000) == 0)
        var engine = try fixture.start(fixture.options())
        try await fixture.waitForStatus(engine, "the first line") { $0.totals.acknowledged == 4 }
        _ = await fixture.stop(engine)
        write("two\n", at: 500_000)
        engine = try fixture.start(fixture.options())
        let records = try await fixture.records(count: 2)
        #expect(texts(records) == ["one at 0 skips 0", "two at 500000 skips 499996"])
        _ = await fixture.stop(engine)
    }
}
