// Planted repetitions, overlaps and disorder.
import Core
import Testing

@testable import Verify

struct OrderTests {
    @Test func exactRepetitionsAreDuplicates() throws {
        let stage = Stage()
        for offset in [UInt64(0), 10, 20, 10, 20, 30] { stage.record(offset, 10) }
        let verdict = try stage.verdict
        #expect(verdict.duplicates == 2 && verdict.duplicateBytes == 20 && verdict.overlaps == 0)
        #expect(verdict.covered == spans((0, 40)) && verdict.bytes == 40 && verdict.records == 6)
        #expect(verdict.disorder.isEmpty, "the last occurrence is in order")
        #expect(!verdict.isNotable)
    }

    @Test func recordsAcrossOthersAreOverlaps() throws {
        let stage = Stage()
        stage.record(0, 10)
        stage.record(10, 10)
        stage.record(5, 10)
        stage.record(15, 25)
        let verdict = try stage.verdict
        // 5-15 is covered: a repetition; 15-40 lies over 5 bytes.
        #expect(verdict.duplicates == 1 && verdict.overlaps == 1 && verdict.overlapBytes == 5)
        #expect(verdict.overlapSamples == spans((15, 40)))
        #expect(verdict.bytes == 40)
    }

    @Test func aReplayThatIsNotFinishedIsDisorder() throws {
        let stage = Stage()
        for offset in [UInt64(0), 10, 20, 30, 10] { stage.record(offset, 10) }
        #expect(try stage.verdict.disorder == [20])
        for offset in [UInt64(20), 30] { stage.record(offset, 10) }
        #expect(try stage.verdict.disorder.isEmpty)
    }

    @Test func twoRecordsThatChangedPlacesAreDisorder() throws {
        let stage = Stage()
        for offset in [UInt64(0), 20, 10, 30] { stage.record(offset, 10) }
        let verdict = try stage.verdict
        #expect(verdict.disorder == [20] && verdict.duplicates == 0 && verdict.holes.isEmpty)
        #expect(stage.summary.hasPassed, "disorder is told, not fatal")
        #expect(stage.summary.totals.outOfOrder == 1)
    }

    @Test func disorderAcrossAHoleIsSeen() throws {
        let stage = Stage()
        for offset in [UInt64(50), 0, 70] { stage.record(offset, 10) }
        #expect(try stage.verdict.disorder == [50])
    }

    @Test func manyReplaysThatEndWellLeaveNothing() throws {
        let stage = Stage()
        for round in UInt64(0)..<200 {
            for number in stride(from: round, to: round + 20, by: 1) { stage.record(number * 10, 10) }
        }
        let verdict = try stage.verdict
        #expect(verdict.disorder.isEmpty && verdict.covered == spans((0, 2190)))
        #expect(verdict.duplicates == 4000 - 219)
        #expect(stage.verifier.generations[0].coverage.runs.count == 1, "one run, whatever came before")
    }

    @Test func tooMuchDisorderIsNotJudged() throws {
        let stage = Stage()
        for number in (UInt64(0)..<3000).reversed() { stage.record(number * 10, 10) }
        let verdict = try stage.verdict
        #expect(!verdict.isOrderKnown && verdict.disorder.isEmpty && verdict.covered == spans((0, 30_000)))
        #expect(stage.verifier.generations[0].coverage.runs.count < 1100)
    }

    @Test func aLaterGenerationFollows() throws {
        let stage = Stage()
        for offset in [UInt64(0), 10] { stage.record(offset, 10) }
        for offset in [UInt64(0), 10] { stage.record(offset, 10, file: other(2)) }
        #expect(stage.verdicts.values.allSatisfy { !$0.isLate && $0.disorder.isEmpty })
    }

    @Test func bytesOfAnEarlierGenerationBehindALaterOneAreDisorder() throws {
        let stage = Stage()
        stage.record(0, 10)
        stage.record(0, 10, file: other(2))
        stage.record(10, 10)
        stage.record(10, 10, file: other(2))
        #expect(try stage.verdict.isLate)
        #expect(try stage.verdict.disorder.isEmpty)
        #expect(stage.verdicts[other(2)]?.isLate == false)
        #expect(stage.summary.totals.outOfOrder == 1 && stage.summary.hasPassed)
    }

    @Test func aReplayOverARotationThatEndsWellIsInOrder() throws {
        let stage = Stage()
        for offset in [UInt64(0), 10, 20] { stage.record(offset, 10) }
        for offset in [UInt64(0), 10] { stage.record(offset, 10, file: other(2)) }
        for offset in [UInt64(10), 20] { stage.record(offset, 10) }
        #expect(try stage.verdict.isLate)
        for offset in [UInt64(0), 10] { stage.record(offset, 10, file: other(2)) }
        #expect(stage.verdicts.values.allSatisfy { $0.outOfOrder == 0 && $0.holes.isEmpty })
    }

    @Test func streamsDoNotDisturbEachOther() throws {
        let stage = Stage()
        let stream = Identifier128(high: 0xB, low: 2)
        for offset in [UInt64(0), 10, 20] {
            stage.record(offset, 10)
            stage.record(offset, 10, file: other(2), stream: stream)
        }
        #expect(stage.verdicts.values.allSatisfy { $0.outOfOrder == 0 && $0.duplicates == 0 })
        #expect(stage.verifier.lanes.allSatisfy { $0.epoch == 0 })
    }

    @Test func theOrderOfOneGenerationInTwoPartitionsIsNobodys() throws {
        let stage = Stage(partitions: 2)
        stage.record(10, 10, partition: 1)
        stage.record(0, 10, partition: 0)
        let verdict = try stage.verdict
        #expect(verdict.isSpread && !verdict.isOrderKnown && verdict.outOfOrder == 0 && verdict.holes.isEmpty)
    }

    @Test func interleavedPartsCoverWhatTheySay() throws {
        // Two streams in one file: the record that ends first comes first.
        let stage = Stage()
        stage.record(10, 10)
        stage.record(0, 20, parts: [(0, 10), (20, 10)])
        stage.record(30, 10)
        let verdict = try stage.verdict
        #expect(verdict.covered == spans((0, 40)) && verdict.disorder.isEmpty && verdict.bytes == 40)
        stage.record(10, 10)
        stage.record(0, 20, parts: [(0, 10), (20, 10)])
        stage.record(30, 10)
        #expect(try stage.verdict.duplicates == 3)
        #expect(try stage.verdict.disorder.isEmpty)
    }
}
