// Planted holes, and everything that may account for a missing byte.
import Core
import Testing

@testable import Verify

struct HoleTests {
    @Test func aCompleteGenerationHasNoHole() throws {
        let stage = Stage()
        stage.opened()
        for number in UInt64(0)..<100 { stage.record(number * 10, 10) }
        stage.closed(1000)
        let verdict = try stage.verdict
        #expect(verdict.covered == spans((0, 1000)) && verdict.bytes == 1000 && verdict.records == 100)
        #expect(verdict.isClosed && verdict.size == 1000 && !verdict.isNotable)
        #expect(verdict.topic == "logs" && verdict.partition == 0)
        #expect(verdict.origin == Origin(host: "node", declaration: "app") && verdict.path == "/l/a.log")
        #expect(stage.summary.hasPassed)
    }

    @Test func oneMissingRecordIsAHole() throws {
        let stage = Stage()
        for number in UInt64(0)..<10 where number != 4 { stage.record(number * 10, 10) }
        #expect(try stage.verdict.holes == spans((40, 50)))
        #expect(try stage.verdict.holeBytes == 10)
        #expect(!stage.summary.hasPassed)
        #expect(stage.summary.totals.holes == 1)
    }

    @Test func theBeginningIsMissing() throws {
        let stage = Stage()
        stage.record(30, 10)
        #expect(try stage.verdict.holes == spans((0, 30)))
    }

    @Test func theEndIsMissingOnceItIsClosed() throws {
        let stage = Stage()
        stage.record(0, 10)
        #expect(try stage.verdict.holes.isEmpty)
        stage.closed(25)
        #expect(try stage.verdict.holes == spans((10, 25)))
    }

    @Test func aCloseThatCameAfterReadingBeganSaysNothing() throws {
        let stage = Stage()
        stage.record(0, 10)
        stage.closed(25, isLate: true)
        #expect(try stage.verdict.holes.isEmpty)
        #expect(try !stage.verdict.isClosed)
    }

    @Test func aGenerationWithoutAnyRecordIsAHole() throws {
        let stage = Stage()
        stage.opened()
        stage.closed(500)
        let verdict = try stage.verdict
        #expect(verdict.holes == spans((0, 500)) && verdict.records == 0 && verdict.topic == nil)
        #expect(verdict.origin.declaration == "app" && verdict.path == "/l/a.log")
    }

    @Test func anEmptyGenerationIsFine() throws {
        let stage = Stage()
        stage.opened()
        stage.closed(0)
        #expect(try stage.verdict.holes.isEmpty)
    }

    @Test func generationsOfOtherTopicsAreLeftAlone() {
        let stage = Stage()
        stage.event("generation_opened", #""from":0"#, topic: "elsewhere")
        stage.event("generation_closed", #""size":10,"skipped":0"#, topic: "elsewhere")
        #expect(stage.verdicts.isEmpty)
        #expect(stage.verifier.elsewhere == 1 && stage.summary.hasPassed)
    }

    @Test func aDaemonThatDoesNotTellTheTopicMayMeanThisOne() {
        let stage = Stage()
        stage.event("generation_closed", #""size":10,"skipped":0"#, topic: nil)
        #expect(stage.verdicts[Stage.file]?.holes == spans((0, 10)))
    }

    @Test func aCopyOfATopicUnderAnotherNameIsKnownByItsRecords() {
        let stage = Stage()
        stage.record(0, 10)
        stage.event("gap", #""from":10,"to":20,"reason":"oversize""#, topic: "elsewhere")
        stage.event("generation_closed", #""size":30,"skipped":0"#, topic: "elsewhere")
        #expect(stage.verdicts[Stage.file]?.holes == spans((20, 30)))
    }

    // MARK: Gaps

    @Test func gapsAccountForTheirRangesOnly() throws {
        let stage = Stage()
        stage.record(0, 10)
        stage.record(50, 10)
        stage.gap(20, 40, reason: "oversize")
        let verdict = try stage.verdict
        #expect(verdict.holes == spans((10, 20), (40, 50)) && verdict.gapBytes == 20)
        #expect(verdict.gaps == [.init(from: 20, to: 40, reason: "oversize")])
    }

    @Test func announcementsThatComeTwiceCountOnce() throws {
        let stage = Stage()
        for _ in 0..<3 { stage.gap(10, 20) }
        stage.record(0, 10)
        stage.record(20, 10)
        let verdict = try stage.verdict
        #expect(verdict.holes.isEmpty && verdict.gapBytes == 10 && verdict.gaps.count == 1)
        #expect(stage.summary.hasPassed)
    }

    @Test func aGapOfWhatIsThereAllTheSameCountsNothing() throws {
        let stage = Stage()
        stage.record(0, 30)
        stage.gap(10, 20)
        #expect(try stage.verdict.gapBytes == 0)
        #expect(try stage.verdict.holes.isEmpty)
    }

    @Test func aGapOfUnknownExtentAccountsForAllBehindIt() throws {
        let stage = Stage()
        stage.record(0, 10)
        stage.gap(20, nil, reason: "deleted")
        stage.record(30, 10)
        stage.closed(60)
        let verdict = try stage.verdict
        #expect(verdict.holes == spans((10, 20)) && verdict.gapBytes == 30)
        #expect(verdict.gaps == [.init(from: 20, to: nil, reason: "deleted")])
    }

    @Test func rangesOfOneEventAreExactWhenItsBytesAre() throws {
        let stage = Stage()
        stage.record(0, 10)
        stage.record(20, 10)
        stage.record(60, 10)
        stage.event("gap", #""from":10,"to":60,"reason":"oversize","ranges":[[10,20],[40,60]],"bytes":30"#)
        #expect(try stage.verdict.holes == spans((30, 40)))
        #expect(try stage.verdict.gapBytes == 30)
    }

    @Test func ofRangesPutTogetherNoMoreMayBeMissingThanWasAnnounced() throws {
        // [10,60) was announced with 25 bytes missing; records cover 20 of it, so 30 are missing.
        let stage = Stage()
        for offset in [UInt64(0), 20, 40, 60] { stage.record(offset, 10) }
        for _ in 0..<2 {
            stage.event("gap", #""from":10,"to":60,"reason":"oversize","ranges":[[10,60]],"bytes":25"#)
        }
        let verdict = try stage.verdict
        #expect(verdict.holes.isEmpty && verdict.vagueHoleBytes == 5 && verdict.gapBytes == 25)
        #expect(verdict.holeBytes == 5 && stage.summary.totals.holes == 1)
        stage.event("gap", #""from":10,"to":60,"reason":"oversize","ranges":[[10,60]],"bytes":5"#)
        #expect(try stage.verdict.holeBytes == 0)
    }

    @Test func sumsOfAStreamAccountForAsMuchAsTheySay() throws {
        let stage = Stage()
        stage.record(0, 10)
        stage.record(20, 10)
        stage.record(50, 10)
        for _ in 0..<2 {
            stage.event("gap_summary", #""reason":"oversize","generations":1,"bytes":10,"open_ended":0"#, file: nil)
        }
        let verdict = try stage.verdict
        #expect(verdict.summedUp == spans((10, 20)) && verdict.holes == spans((30, 50)))
        #expect(verdict.gapBytes == 0)
    }

    @Test func sumsOfAnotherStreamAccountForNothingOfThisOne() throws {
        let stage = Stage()
        stage.record(10, 10)
        stage.event(
            "gap_summary", #""reason":"deleted","generations":9,"bytes":900,"open_ended":9"#, file: nil,
            stream: Identifier128(high: 0xB, low: 9))
        #expect(try stage.verdict.holes == spans((0, 10)))
    }

    @Test func sumsOfTheHostAccountForItsStreams() throws {
        let stage = Stage()
        stage.record(10, 10)
        stage.record(10, 10, file: other(2), stream: Identifier128(high: 0xB, low: 2), host: "else")
        stage.event(
            "gap_summary", #""reason":"deleted","generations":3,"bytes":0,"open_ended":1"#, file: nil, stream: nil,
            topic: nil)
        #expect(try stage.verdict.summedUp == spans((0, 10)))
        #expect(stage.verdicts[other(2)]?.holes == spans((0, 10)))
    }

    @Test func gapsOfLogsThatNobodySawAreTold() {
        let stage = Stage()
        stage.event(
            "gap", #""container.id":"c0ffee","from":0,"to":null,"reason":"deleted""#, file: nil, stream: nil, topic: nil
        )
        #expect(stage.verifier.notices.unknownExtents == 1)
        #expect(stage.verifier.notices.unknownExtent == ["container c0ffee, declaration app: deleted"])
    }

    // MARK: Skipped

    @Test func skippedBytesAreCoveredByTheRecordBehindThem() throws {
        let stage = Stage()
        stage.record(3, 7, skipped: 3)
        stage.record(20, 10, skipped: 10)
        stage.record(20, 10, skipped: 10)
        let verdict = try stage.verdict
        #expect(verdict.holes.isEmpty && verdict.skipped == 13 && verdict.bytes == 17 && verdict.duplicates == 1)
    }

    @Test func whatWasSkippedAtTheStartIsKnownFromTheAudit() throws {
        let stage = Stage()
        stage.opened(100, skipped: 100)
        stage.record(110, 10)
        let verdict = try stage.verdict
        #expect(verdict.skipped == 100 && verdict.holes == spans((100, 110)))
    }

    @Test func aGenerationThatIsOpenedAgainSkippedNothingBefore() throws {
        let stage = Stage()
        stage.opened(100, skipped: 30)
        #expect(try stage.verdict.holes.isEmpty)
        stage.record(100, 10)
        #expect(try stage.verdict.holes == spans((0, 100)))
    }

    @Test func aHoleAtTheEndThatWasSkippedIsKnownFromTheClose() throws {
        let stage = Stage()
        stage.record(5, 5, skipped: 5)
        stage.closed(50, skipped: 45)
        #expect(try stage.verdict.holes.isEmpty)
        #expect(try stage.verdict.skipped == 45)
    }

    @Test func moreThanWasSkippedIsAHole() throws {
        let stage = Stage()
        stage.record(0, 10)
        stage.closed(51, skipped: 40)
        #expect(try stage.verdict.holes == spans((10, 51)))
    }

    @Test func whatWasSkippedBeforeAGapIsKnownFromTheClose() throws {
        // The record behind a byte order mark was refused: the gap begins behind the mark.
        let stage = Stage()
        stage.gap(3, 10, reason: "record_rejected")
        stage.record(10, 10)
        stage.closed(20, skipped: 3)
        #expect(try stage.verdict.holes.isEmpty)
        #expect(try stage.verdict.skipped == 3)
    }

    @Test func theSkippedSumExcusesNoHoleInTheMiddle() throws {
        let stage = Stage()
        stage.record(0, 10)
        stage.record(20, 10)
        stage.closed(30, skipped: 10)
        #expect(try stage.verdict.holes == spans((10, 20)))
    }

    // MARK: Retention and windows

    @Test func whatRetentionRemovedIsExpired() throws {
        let stage = Stage(trimmed: [0])
        stage.record(100, 10)
        stage.record(120, 10)
        let verdict = try stage.verdict
        #expect(verdict.expired == spans((0, 100)) && verdict.holes == spans((110, 120)))
    }

    @Test func aPartitionThatIsWholeHasNothingExpired() throws {
        let stage = Stage(partitions: 2, trimmed: [1])
        stage.record(100, 10)
        #expect(try stage.verdict.holes == spans((0, 100)))
    }

    @Test func whatIsYoungerThanTheFirstRecordCannotBeExpired() throws {
        let stage = Stage(trimmed: [0])
        stage.record(0, 10, file: other(2), time: 1_000_000)
        stage.record(100, 10, time: 1_100_000)
        stage.opened(at: "1970-01-01T00:17:00Z")
        #expect(try stage.verdict.holes == spans((0, 100)))
        stage.opened(at: "1970-01-01T00:16:41Z")
        #expect(try stage.verdict.expired == spans((0, 100)))
    }

    @Test func aGenerationOfWhichNothingIsLeftIsExpired() throws {
        let stage = Stage(trimmed: [0])
        stage.opened()
        stage.closed(500)
        #expect(try stage.verdict.expired == spans((0, 500)))
        #expect(stage.summary.hasPassed)
    }

    @Test func behindAnAnnouncedBeginningTheRestMayBeExpired() throws {
        let stage = Stage(trimmed: [0])
        stage.opened(40, skipped: 40)
        stage.gap(40, 50)
        stage.record(100, 10)
        let verdict = try stage.verdict
        #expect(verdict.expired == spans((50, 100)) && verdict.skipped == 40 && verdict.gapBytes == 10)
    }

    @Test func whatLiesBeforeTheWindowIsOutside() throws {
        let stage = Stage(since: 2_000_000)
        stage.record(100, 10, time: 2_000_000)
        stage.record(120, 10)
        #expect(try stage.verdict.outside == spans((0, 100)))
        #expect(try stage.verdict.holes == spans((110, 120)))
    }

    @Test func aGenerationThatBeganInTheWindowMustBeWhole() throws {
        let stage = Stage(since: 2_000_000)
        stage.opened(at: "1970-01-01T00:36:40Z")
        stage.record(100, 10, time: 2_300_000)
        #expect(try stage.verdict.holes == spans((0, 100)))
    }

    @Test func whatLiesBehindTheWindowIsOutside() throws {
        let stage = Stage(until: 2_000_000)
        stage.record(0, 10)
        stage.closed(50, at: "1970-01-01T00:40:00Z")
        #expect(try stage.verdict.outside == spans((10, 50)))
    }

    @Test func aGenerationThatWasClosedInTheWindowMustBeWhole() throws {
        let stage = Stage(until: 2_000_000)
        stage.record(0, 10)
        stage.closed(50, at: "1970-01-01T00:20:00Z")
        #expect(try stage.verdict.holes == spans((10, 50)))
    }

    // MARK: Dead letters

    @Test func aDeadLetterNeedsItsGap() throws {
        let stage = Stage()
        stage.record(0, 10)
        stage.record(20, 10)
        stage.deadLetter(10, 10)
        #expect(try stage.verdict.unannouncedDeadLetters == spans((10, 20)))
        #expect(try stage.verdict.holes == spans((10, 20)))
        stage.gap(10, 20, reason: "record_rejected")
        #expect(try stage.verdict.unannouncedDeadLetters.isEmpty)
        #expect(try stage.verdict.holes.isEmpty)
    }

    @Test func tooManyHolesAreToldNotKept() throws {
        let stage = Stage(runLimit: 10)
        for number in UInt64(0)..<50 { stage.record(number * 20, 10) }
        let verdict = try stage.verdict
        #expect(verdict.isTruncated && verdict.covered.count == 10 && verdict.records == 50)
        #expect(!stage.summary.hasPassed)
    }

    @Test func whatAnOpenGenerationLacksWhenItsStoreWasLostIsAnnouncedByThat() throws {
        let stage = Stage()
        stage.record(0, 10)
        stage.record(20, 10)
        #expect(try stage.verdict.holes == spans((10, 20)))
        stage.event(
            "state_lost", #""reason":"checksum","set_aside":"x","snapshot":null"#, file: nil, stream: nil, topic: nil)
        #expect(try stage.verdict.holes.isEmpty)
        #expect(try stage.verdict.gaps.map(\.reason) == ["state_lost"])
        #expect(stage.summary.hasPassed)
        stage.closed(30)
        #expect(try stage.verdict.holes == spans((10, 20)), "a closed one was known to the end")
    }

    @Test func lostStateIsTold() {
        let stage = Stage()
        for _ in 0..<2 {
            stage.event(
                "state_lost", #""reason":"checksum","set_aside":"x","snapshot":null"#, file: nil, stream: nil,
                topic: nil)
        }
        #expect(
            stage.verifier.notices.stateLost == ["1970-01-01T00:16:40.000000000Z on node: checksum"])
    }
}
