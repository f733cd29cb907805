// The outbox is bounded whatever happens, and no gap is ever left out silently.
import Core
import TestSupport
import Testing

@testable import Engine

@Suite(.ownThread) struct OutboxBoundsTests {
    private let text = AuditText(host: "node")

    private func subject(_ stream: UInt64, _ file: UInt64) -> AuditText.Subject {
        AuditText.Subject(
            declaration: "app", stream: StreamID(Identifier128(high: 1, low: stream)),
            path: Array("/logs/app-\(stream).log".utf8), file: FileID(Identifier128(high: 2, low: file)))
    }

    private func outbox(events: Int) -> AuditOutbox {
        AuditOutbox(enabled: [.audit], stored: [], host: "node") { _ in OutboxLimits(events: events, bytes: 1 << 20) }
    }

    private func fields(_ event: AuditEvent) throws -> JSONValue { try JSONValue(parsing: event.payload) }

    @Test(arguments: UInt64(1)...10) func randomHistories(seed: UInt64) {
        var model = OutboxModel(seed: seed)
        model.run(steps: 400, crashes: seed % 2 == 0)
        model.drain()
    }

    @Test func gapsOfOneGenerationAreGatheredFirstAndStayExact() throws {
        var outbox = outbox(events: 64)
        for number in 0..<20 as Range<UInt64> {
            outbox.collect(text.opened(subject(number, number), counts: LedgerCounts()))
        }
        for number in 0..<30 as Range<UInt64> {
            outbox.collect(text.gap(subject(1, 1), from: number * 100, to: number * 100 + 10, reason: .oversize))
        }
        let events = outbox.takeForStore().events
        #expect(outbox.dropped.isEmpty && outbox.summarized == 0)
        let gaps = try events.map(fields).filter { $0["event"]?.string == "gap" }
        let gathered = try #require(gaps.first)
        #expect(gathered["from"]?.uint64 == 0)
        #expect(gathered["log.file.id"]?.string == Identifier128(high: 2, low: 1).description)
        let ranges = try #require(gathered["ranges"]?.array)
        #expect(ranges.count >= 28 && ranges[1].array?.map { $0.uint64 } == [100, 110])
        #expect(gathered["bytes"]?.uint64 == UInt64(ranges.count) * 10)
        #expect(gathered["reason"]?.string == "oversize" && events.count == 20 + gaps.count)
    }

    @Test func openedAndClosedGoFirstTheOldestEvenWhenTheyAreStored() throws {
        var outbox = outbox(events: 64)
        for number in 0..<40 as Range<UInt64> {
            outbox.collect(text.opened(subject(number, number), counts: LedgerCounts()))
        }
        _ = outbox.takeForStore()
        outbox.stored(ids: Array(1...40))
        for number in 0..<40 as Range<UInt64> {
            outbox.collect(text.gap(subject(number, number), from: 0, to: 10, reason: .truncated))
        }
        let (events, deleted) = outbox.takeForStore()
        #expect(events.count == 40 && outbox.summarized == 0)
        #expect(deleted == Array(1...Int64(deleted.count)) && deleted.count >= 32)
        #expect(outbox.dropped == ["generation_opened": UInt64(deleted.count)])
    }

    @Test func aStreamOfVeryManyGapsIsSummedUpAndOthersStayExact() throws {
        var outbox = outbox(events: 64)
        for number in 0..<10 as Range<UInt64> {
            outbox.collect(text.gap(subject(number, 1_000_000 + number), from: 0, to: 7, reason: .truncated))
        }
        let count: UInt64 = 5_000
        for number in 0..<count {
            outbox.collect(text.gap(subject(99, number), from: 5, to: 15, reason: .truncated))
        }
        let events = try outbox.takeForStore().events.map(fields)
        #expect(events.count <= 64)
        let sums = events.filter { $0["event"]?.string == "gap_summary" }
        #expect(sums.count == 1 && sums[0]["log.stream.id"]?.string == Identifier128(high: 1, low: 99).description)
        #expect(sums[0]["log.file.path"]?.string == "/logs/app-99.log" && sums[0]["log.file.id"] == nil)
        let exact = events.filter { $0["log.stream.id"]?.string == sums[0]["log.stream.id"]?.string }.count - 1
        #expect(sums[0]["generations"]?.uint64 == count - UInt64(exact))
        #expect(sums[0]["bytes"]?.uint64 == (count - UInt64(exact)) * 10 && sums[0]["open_ended"]?.uint64 == 0)
        #expect(events.filter { $0["to"]?.uint64 == 7 }.count == 10)
        #expect(outbox.summarized == count - UInt64(exact))
    }

    @Test func moreStreamsWithGapsThanThereIsRoomForAreSummedUpForTheHost() throws {
        var outbox = outbox(events: 64)
        let count: UInt64 = 3_000
        for number in 0..<count {
            outbox.collect(
                text.gap(subject(number, number), from: 5, to: number % 10 == 0 ? nil : 15, reason: .deleted))
        }
        let events = try outbox.takeForStore().events.map(fields)
        #expect(events.count <= 64)
        let sum = try #require(events.first { $0["event"]?.string == "gap_summary" })
        let exact = events.filter { $0["event"]?.string == "gap" }
        #expect(events.count == exact.count + 1 && sum["host.name"]?.string == "node" && sum["log.stream.id"] == nil)
        #expect(sum["generations"]?.uint64 == count - UInt64(exact.count))
        let open = exact.filter { $0["to"]?.uint64 == nil }.count
        #expect(sum["open_ended"]?.uint64 == count / 10 - UInt64(open) && sum["reason"]?.string == "deleted")
    }

    @Test func whatAnEarlierRunLeftIsBroughtIntoTheBounds() {
        let left = (1...500 as ClosedRange<Int64>).map { id -> AuditEvent in
            var event = text.gap(subject(7, UInt64(id)), from: 0, to: 10, reason: .truncated)
            event.id = id
            return event
        }
        var outbox = AuditOutbox(enabled: [.audit], stored: left, host: "node") { _ in
            OutboxLimits(events: 64, bytes: 1 << 20)
        }
        #expect(outbox.count <= 64)
        let (events, deleted) = outbox.takeForStore()
        #expect(events.count == 1 && events[0].id > 0 && deleted.count >= 436)
        #expect(Set(deleted).count == deleted.count && !deleted.contains(events[0].id))
    }

    @Test func longPathsAreBoundedInBytes() {
        var outbox = AuditOutbox(enabled: [.audit], stored: [], host: "node")
        let path = [UInt8](repeating: 0x22, count: 4_000)
        for number in 0..<800 as Range<UInt64> {
            let subject = AuditText.Subject(
                declaration: "app", stream: StreamID(Identifier128(high: 1, low: number)), path: path,
                file: FileID(Identifier128(high: 2, low: number)))
            outbox.collect(text.opened(subject, counts: LedgerCounts()))
            #expect(outbox.bytes <= OutboxLimits.audit.bytes)
        }
        #expect((outbox.dropped["generation_opened"] ?? 0) > 0)
    }
}
