// Each rule of the ledger by name.
import Core
import TestSupport
import Testing

@testable import Checkpoint

@Suite(.serialized, .ownThread) struct LedgerTests {
    @Test func acknowledgementsOutOfOrderWaitForThoseBeforeThem() {
        let fixture = LedgerFixture()
        let values = fixture.reserve([Piece(), Piece(), Piece()])
        fixture.report([values[2], values[1]])
        #expect(fixture.counts(0).committed == 0)
        #expect(fixture.inFlight(0) == 1)
        fixture.report([values[0]])
        let counts = fixture.counts(0)
        #expect(counts.committed == 30 && counts.acknowledged == 30 && counts.records == 3)
        #expect(fixture.allArenasAreFree())
    }

    @Test func skippedBytesAreCommittedWithTheRecordBehindThem() {
        let fixture = LedgerFixture()
        let values = fixture.reserve([Piece(skipped: 3), Piece(skipped: 2)])
        #expect(fixture.reserved(0) == 25)
        fixture.report([values[0]])
        #expect(fixture.counts(0).committed == 13)
        #expect(fixture.counts(0).skipped == 3)
        fixture.report([values[1]])
        let counts = fixture.counts(0)
        #expect(counts.committed == 25 && counts.skipped == 5 && counts.acknowledged == 20)
    }

    @Test func anOversizeGapIsReportedOnceWhenEverythingBeforeItIsAcknowledged() {
        let fixture = LedgerFixture()
        let values = fixture.reserve([Piece(kind: .partial), Piece(length: 50, kind: .oversizeGap), Piece()])
        #expect(values.count == 2)
        #expect(fixture.inFlight(0) == 2)
        #expect(fixture.takeGaps() == [])
        fixture.report(values)
        #expect(fixture.takeGaps() == [ReachedGap(source: 0, from: 10, to: 60, reason: .oversize)])
        #expect(fixture.takeGaps() == [])
        let counts = fixture.counts(0)
        #expect(counts.committed == 70 && counts.gap == 50 && counts.lineStart == nil && counts.lineOrdinal == 0)
    }

    @Test func aGapAtTheHeadIsCommittedAtOnce() {
        let fixture = LedgerFixture()
        #expect(fixture.reserve([Piece(length: 7, kind: .oversizeGap)]) == [])
        #expect(fixture.counts(0).committed == 7)
        fixture.ledger.reserveGap(0, to: 20, reason: .truncated, now: 0)
        fixture.ledger.reserveGap(0, to: 20, reason: .truncated, now: 0)
        #expect(
            fixture.takeGaps() == [
                ReachedGap(source: 0, from: 0, to: 7, reason: .oversize),
                ReachedGap(source: 0, from: 7, to: 20, reason: .truncated),
            ])
        #expect(fixture.allArenasAreFree())
    }

    @Test func piecesOfALongLineRememberItsStartAndTheirOrdinal() {
        let fixture = LedgerFixture()
        let values = fixture.reserve([
            Piece(), Piece(skipped: 3, kind: .partial), Piece(kind: .partial), Piece(), Piece(kind: .partial),
        ])
        fixture.report([values[0], values[1]])
        #expect(fixture.counts(0).lineStart == 13)
        #expect(fixture.counts(0).lineOrdinal == 1)
        fixture.report([values[2]])
        #expect(fixture.counts(0).lineStart == 13)
        #expect(fixture.counts(0).lineOrdinal == 2)
        fixture.report([values[3]])
        #expect(fixture.counts(0).lineStart == nil)
        #expect(fixture.counts(0).lineOrdinal == 0)
        fixture.report([values[4]])
        #expect(fixture.counts(0).lineStart == 43)
    }

    @Test func aFailureIsToldOnceAndHoldsWhatIsBehindIt() {
        let fixture = LedgerFixture()
        let values = fixture.reserve([Piece(), Piece(), Piece()])
        fixture.report([values[1]], error: 10)
        fixture.report([values[2]], error: 29)
        #expect(fixture.takeFailures() == [FailedRecord(source: 0, error: 10)])
        #expect(fixture.takeFailures() == [])
        #expect(fixture.hasFailed(0))
        #expect(fixture.firstFailure(0) == nil, "one record is still in flight")
        fixture.report([values[0]])
        #expect(fixture.counts(0).committed == 10)
        #expect(fixture.firstFailure(0) == 10)
        fixture.ledger.rewind(0)
        #expect(!fixture.hasFailed(0))
        #expect(fixture.reserved(0) == 10)
        #expect(fixture.firstFailure(0) == nil)
        #expect(fixture.allArenasAreFree())
    }

    @Test func theErrorOfTheFirstRecordOfTheFileDecidesNotTheFirstReport() {
        let fixture = LedgerFixture()
        let values = fixture.reserve([Piece(), Piece()])
        fixture.report([values[1]], error: 10)
        fixture.report([values[0]], error: 29)
        #expect(fixture.firstFailure(0) == 29)
    }

    @Test func aRefusedRecordBecomesAGapAndWhatIsBehindItIsReadAgain() {
        let fixture = LedgerFixture()
        let values = fixture.reserve([Piece(), Piece(skipped: 4), Piece(), Piece()])
        fixture.report([values[1]], error: 10)
        fixture.report([values[3]])
        // Those before it are not done yet: it is not at the head of the list.
        fixture.report([values[0], values[2]])
        fixture.ledger.giveUpFirstFailed(0, now: 0)
        let counts = fixture.counts(0)
        #expect(counts.committed == 24 && counts.gap == 10 && counts.skipped == 4 && counts.acknowledged == 10)
        #expect(fixture.reserved(0) == 24)
        #expect(fixture.takeGaps() == [ReachedGap(source: 0, from: 14, to: 24, reason: .recordRejected)])
        #expect(!fixture.hasFailed(0))
        #expect(fixture.allArenasAreFree())
    }

    @Test func aRefusedPieceLeavesTheSourceInsideItsLine() {
        let fixture = LedgerFixture()
        let values = fixture.reserve([Piece(), Piece(kind: .partial), Piece(kind: .partial), Piece()])
        fixture.report([values[0], values[1]])
        fixture.report([values[2]], error: 10)
        fixture.report([values[3]])
        fixture.ledger.giveUpFirstFailed(0, now: 0)
        #expect(fixture.counts(0).lineStart == 10)
        #expect(fixture.counts(0).lineOrdinal == 2)
        // The refused first piece of a line as well.
        fixture.report(fixture.reserve([Piece()]))
        let again = fixture.reserve([Piece(kind: .partial), Piece()])
        fixture.report(again, error: 10)
        fixture.ledger.giveUpFirstFailed(0, now: 0)
        #expect(fixture.counts(0).lineStart == 40)
        #expect(fixture.counts(0).lineOrdinal == 1)
    }

    @Test func givingUpWithoutAFailureOnlyRewinds() {
        let fixture = LedgerFixture()
        fixture.report(fixture.reserve([Piece()]))
        fixture.ledger.giveUpFirstFailed(0, now: 0)
        #expect(fixture.counts(0).committed == 10)
        #expect(fixture.takeGaps() == [])
    }

    @Test func aGapBehindAFailedRecordIsForgottenByRewindAndMayBeEnteredAgain() {
        let fixture = LedgerFixture()
        let values = fixture.reserve([Piece()])
        fixture.ledger.reserveGap(0, to: 100, reason: .truncated, now: 0)
        fixture.report(values, error: 29)
        #expect(fixture.takeGaps() == [])
        fixture.ledger.rewind(0)
        #expect(fixture.reserved(0) == 0)
        // What the engine does for content that cannot be read again.
        fixture.ledger.reserveGap(0, to: 100, reason: .deleted, now: 0)
        #expect(fixture.takeGaps() == [ReachedGap(source: 0, from: 0, to: 100, reason: .deleted)])
        #expect(fixture.counts(0).committed == 100)
    }

    @Test func reportsOfEntriesThatAreGoneAreIgnored() {
        let fixture = LedgerFixture()
        let values = fixture.reserve([Piece(), Piece()])
        fixture.report([values[1], values[1]])
        fixture.report([values[1]], error: 10)
        #expect(fixture.takeFailures() == [])
        fixture.report([values[0], values[0]])
        let again = fixture.reserve([Piece(), Piece()])
        #expect(Set(again).isDisjoint(with: values))
        fixture.report(values)
        // An audit event's value, an entry that never was.
        fixture.report([again[0] | 1 << 63, 1 << 20, .max])
        #expect(fixture.counts(0).committed == 20)
        #expect(fixture.inFlight(0) == 2)
        fixture.report(again)
        #expect(fixture.counts(0).committed == 40)
        #expect(fixture.allArenasAreFree())
    }

    @Test func aSourceGoesOnFromTheCountsItWasOpenedWith() {
        var counts = LedgerCounts()
        counts.committed = 100
        counts.acknowledged = 90
        counts.skipped = 10
        counts.lineStart = 95
        counts.lineOrdinal = 3
        let fixture = LedgerFixture()
        fixture.ledger.open(2, counts: counts)
        #expect(fixture.reserved(2) == 100)
        fixture.report(fixture.reserve([Piece(kind: .partial)], source: 2))
        #expect(fixture.counts(2).lineStart == 95)
        #expect(fixture.counts(2).lineOrdinal == 4)
        #expect(fixture.counts(2).committed == 110)
    }

    @Test func changedSourcesAreToldOnce() {
        let fixture = LedgerFixture(sources: 3)
        let values = fixture.reserve([Piece(), Piece()], source: 1)
        #expect(!fixture.hasDirty)
        fixture.report([values[0]])
        #expect(fixture.acknowledgedSinceCheckpoint == 10)
        fixture.report([values[1]])
        fixture.ledger.touch(2)
        fixture.ledger.touch(2)
        #expect(fixture.takeDirty() == [1, 2])
        #expect(fixture.takeDirty() == [])
        #expect(fixture.acknowledgedSinceCheckpoint == 0)
    }

    @Test func theStatusBalancesAndKnowsTheOldestRecord() {
        let fixture = LedgerFixture()
        #expect(fixture.oldestProduced(0) == nil)
        let values = fixture.reserve([Piece(skipped: 5)], now: 7)
        _ = fixture.reserve([Piece()], now: 9)
        #expect(fixture.oldestProduced(0) == 7)
        var status = fixture.ledger.status(0, size: 100)
        #expect(status.inFlight == 25 && status.unread == 75 && status.balances)
        fixture.report(values)
        #expect(fixture.oldestProduced(0) == 9)
        status = fixture.ledger.status(0, size: 3)
        #expect(status.size == 25 && status.skipped == 5 && status.acknowledged == 10 && status.balances)
    }

    @Test func entriesAreReusedAndGrowBeyondTheFirstThousand() {
        let fixture = LedgerFixture()
        var values: [UInt] = []
        for _ in 0..<10 { values += fixture.reserve(Array(repeating: Piece(), count: 500)) }
        #expect(fixture.inFlight(0) == 5_000)
        fixture.report(values.reversed())
        #expect(fixture.counts(0).committed == 50_000)
        let again = fixture.reserve(Array(repeating: Piece(), count: 500))
        #expect(again.allSatisfy { $0 & 0xFFFF_FFFF < 5_000 && $0 >> 32 == 1 })
        fixture.report(again)
        #expect(fixture.allArenasAreFree())
    }

    @Test func latencyIsCountedPerBoundCumulatively() {
        let fixture = LedgerFixture()
        let values = fixture.reserve([Piece(), Piece(), Piece(), Piece()], now: 1_000)
        fixture.report([values[0]], now: 1_000 + 5 * nanosecondsPerMillisecond)
        fixture.report([values[1]], now: 1_001 + 5 * nanosecondsPerMillisecond)
        fixture.report([values[2]], now: 1_000 + 400 * nanosecondsPerSecond)
        fixture.report([values[3]], error: 10, now: 1_000)
        let buckets = fixture.latency.cumulative
        #expect(buckets.count == DeliveryLatency.boundsSeconds.count + 1)
        #expect(buckets.first == 1 && buckets[1] == 2 && buckets[buckets.count - 2] == 2 && buckets.last == 3)
        #expect(abs(fixture.latency.sumSeconds - 400.010_000_001) < 1e-6)
    }
}
