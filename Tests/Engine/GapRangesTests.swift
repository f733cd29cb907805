// Ranges of several gaps in one event: exact while there is room, never narrower than the gaps.
import Core
import TestSupport
import Testing

@testable import Engine

@Suite struct GapRangesTests {
    private func ranges(_ pairs: [(UInt64, UInt64?)]) -> GapRanges {
        GapRanges(pairs.map { GapRange(from: $0.0, to: $0.1) })
    }

    @Test func rangesThatTouchAreOneAndOthersStayApart() {
        let sum = ranges([(10, 20), (40, 50), (20, 30), (5, 7), (29, 31)])
        #expect(sum.all.map(\.from) == [5, 10, 40] && sum.all.map(\.to) == [7, 31, 50])
        #expect(sum.bytes == 2 + 21 + 10 && sum.all.allSatisfy(\.isExact))
    }

    @Test func whatIsAnnouncedTwiceIsCountedOnce() {
        var sum = ranges([(10, 20), (10, 20), (30, nil), (30, nil)])
        sum.insert(sum)
        #expect(sum == ranges([(10, 20), (30, nil)]) && sum.bytes == 10)
    }

    @Test func anUnknownEndTakesInAllBehindIt() {
        let sum = ranges([(50, 60), (20, nil), (10, 15)])
        #expect(sum.all.map(\.from) == [10, 20] && sum.isOpenEnded && sum.bytes == 15)
    }

    @Test func beyondTheLimitTheNearestBecomeAHullWithTheBytesThatAreMissing() {
        // Far from each other, but for the last two.
        var sum = ranges((0..<UInt64(GapRanges.limit)).map { ($0 * 1_000, $0 * 1_000 + 10) })
        #expect(!sum.all.contains { !$0.isExact })
        sum.insert(GapRange(from: 31_020, to: 31_025))
        #expect(sum.all.count == GapRanges.limit && sum.bytes == UInt64(GapRanges.limit) * 10 + 5)
        #expect(sum.all.last == GapRange(from: 31_000, to: 31_025, bytes: 15))
    }

    @Test(arguments: UInt64(1)...20) func randomGapsAreCoveredAndCounted(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var sum = GapRanges()
        var missing = Set<UInt64>()
        // Gaps of one generation do not overlap, but may touch, and come in any order.
        for place in (0..<200 as Range<UInt64>).shuffled(using: &generator).prefix(120) {
            let from = place * 10 + UInt64.random(in: 0..<3, using: &generator)
            let to = from + UInt64.random(in: 1...(10 - from % 10), using: &generator)
            missing.formUnion(from..<to)
            sum.insert(GapRange(from: from, to: to))
            #expect(sum.all.count <= GapRanges.limit, "seed \(seed)")
            #expect(zip(sum.all, sum.all.dropFirst()).allSatisfy { $0.to! < $1.from }, "seed \(seed)")
        }
        let covered = sum.all.reduce(into: Set<UInt64>()) { $0.formUnion($1.from..<$1.to!) }
        #expect(covered.isSuperset(of: missing), "seed \(seed)")
        #expect(sum.bytes == UInt64(missing.count), "seed \(seed)")
        for range in sum.all {
            #expect(range.bytes == UInt64(missing.count { $0 >= range.from && $0 < range.to! }), "seed \(seed)")
        }
    }

    @Test func aDetailSurvivesTheStore() throws {
        let stream = Identifier128(high: 1, low: 2)
        var detail = GapDetail(
            stream: stream, file: Identifier128(high: 3, low: .max), reason: "truncated",
            ranges: [GapRange(from: 1, to: 5), GapRange(from: 7, to: nil)], head: Array(#"{"event":"gap""#.utf8))
        for level in [GapDetail.Level.generation, .stream, .host] {
            detail = detail.widened(to: level, host: "node")
            let event = AuditEvent(key: "k", payload: detail.payload, detail: detail.encoded)
            #expect(GapDetail(of: event) == detail)
            for count in 0..<event.detail.count {
                // Cut off between two ranges it is a detail of fewer; anywhere else it is none.
                let cut = AuditEvent(key: "k", payload: event.payload, detail: Array(event.detail.prefix(count)))
                #expect(GapDetail(of: cut).map { $0.ranges.all.count < detail.ranges.all.count } ?? true)
            }
        }
        #expect(detail.bytes == 4 && detail.openEnded == 1 && detail.generations == 1)
    }
}
