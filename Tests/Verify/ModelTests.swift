// Random histories against the accounts kept byte by byte.
import Core
import TestSupport
import Testing

@testable import Verify

struct ModelTests {
    /// Generations of one stream with records in order, replays, jumps, overlaps, gaps of all kinds, skips and closes, in
    /// random order. `LONGSHORE_SEED` plays one again.
    @Test func randomHistoriesAreJudgedAsByteByByte() {
        let given = environmentVariable("LONGSHORE_SEED").flatMap { UInt64($0) }
        for round in 0..<(given == nil ? 1500 : 1) {
            let seed = given ?? UInt64.random(in: 1...999_999_999)
            if !play(seed) {
                Issue.record("round \(round): LONGSHORE_SEED=\(seed) shows it again")
                return
            }
        }
    }

    /// True when all verdicts are as they must be.
    private func play(_ seed: UInt64) -> Bool {
        var random = SeededGenerator(seed: seed)
        let stage = Stage()
        var naive: [NaiveGeneration] = (0..<random.number(1...3)).map { _ in NaiveGeneration() }
        var places = naive.map { _ in 0 }
        var number = 0
        for _ in 0..<random.number(1...80) {
            let index = random.once(in: 3) ? random.number(0...naive.count - 1) : naive.count - 1
            if random.once(in: 8) { announce(index, &naive[index], stage, &random) }
            // Back, ahead, or on.
            if random.once(in: 6) { places[index] = random.number(0...places[index]) }
            if random.once(in: 10) { places[index] += random.number(1...20) }
            let skipped = random.once(in: 6) ? random.number(1...9) : 0
            let bytes = random.number((skipped > 0 ? 0 : 1)...12)
            guard places[index] + skipped + bytes < NaiveGeneration.capacity else { continue }
            number += 1
            let offset = places[index] + skipped
            stage.record(UInt64(offset), UInt64(bytes), skipped: UInt64(skipped), file: other(UInt64(index)))
            naive[index].record(offset, bytes, skipped: skipped, number: number)
            places[index] = offset + bytes
        }
        let verdicts = stage.verdicts
        return naive.indices.allSatisfy { index in
            guard let verdict = verdicts[other(UInt64(index))] else {
                return naive[index].records == 0 && naive[index].size == nil
            }
            return agree(verdict, naive[index], isLate(index, naive))
        }
    }

    private func announce(
        _ index: Int, _ naive: inout NaiveGeneration, _ stage: Stage, _ random: inout SeededGenerator
    ) {
        let file = other(UInt64(index))
        let from = random.number(0...200)
        switch random.number(0...5) {
        case 0, 1:
            let to = from + random.number(1...30)
            for _ in 0..<random.number(1...2) { stage.gap(UInt64(from), UInt64(to), file: file) }
            naive.gap(from, to)
        case 2 where random.once(in: 3):
            stage.gap(UInt64(from), nil, file: file)
            naive.gap(from, nil)
        case 3:
            stage.opened(UInt64(from / 4), skipped: UInt64(from / 4), file: file)
            naive.openedSkip = max(naive.openedSkip, from / 4)
        case 4:
            let skipped = random.number(0...40)
            stage.closed(UInt64(from), skipped: UInt64(skipped), file: file)
            naive.size = max(naive.size ?? 0, from)
            naive.closedSkip = max(naive.closedSkip, skipped)
        default: stage.opened(file: file)
        }
    }

    /// Of the bytes of `index` some came behind bytes of a generation that appeared later, which did not come again.
    private func isLate(_ index: Int, _ naive: [NaiveGeneration]) -> Bool {
        guard naive[index].appeared > 0, let latest = naive[index].last.max() else { return false }
        return naive.contains { later in
            later.appeared > naive[index].appeared && later.last.contains { $0 > 0 && $0 < latest }
        }
    }

    private func agree(_ verdict: GenerationVerdict, _ naive: NaiveGeneration, _ isLate: Bool) -> Bool {
        let before = [
            verdict.holes == naive.holes, verdict.covered == naive.covered, verdict.disorder == naive.disorder,
            // Never said too rarely; too often where a run that came in several epochs was cut.
            verdict.isLate || !isLate, verdict.records == naive.records, verdict.duplicates == naive.duplicates,
            verdict.overlaps == naive.overlaps, verdict.isOrderKnown,
        ]
        #expect(verdict.holes == naive.holes)
        #expect(verdict.covered == naive.covered)
        #expect(verdict.disorder == naive.disorder)
        #expect(verdict.isLate || !isLate)
        #expect(verdict.records == naive.records && verdict.duplicates == naive.duplicates)
        #expect(verdict.overlaps == naive.overlaps && verdict.isOrderKnown)
        // Every byte is in exactly one place.
        let parts = [
            verdict.bytes, verdict.skipped, verdict.gapBytes, verdict.expiredBytes, verdict.outsideBytes,
            verdict.summedUpBytes, verdict.holeBytes,
        ]
        #expect(parts.reduce(0, +) == UInt64(naive.end))
        return before.allSatisfy { $0 } && parts.reduce(0, +) == UInt64(naive.end)
    }
}
