// A ledger that is wrong is found, whatever is wrong about it; and what waits keeps its age.
import Core
import Testing

@testable import Checkpoint

@Suite struct LedgerBalanceTests {
    /// Two sources with records in flight, as a release build has them: it does not trap.
    private func fixture() -> (LedgerFixture, [UInt]) {
        let fixture = LedgerFixture(sources: 2)
        fixture.ledger.trapsWhenOutOfBalance = false
        return (fixture, fixture.reserve([Piece(), Piece(skipped: 3), Piece()], source: 1))
    }

    @Test func whatIsRightIsNotFound() {
        let (fixture, values) = fixture()
        #expect(fixture.imbalance(1) == nil)
        fixture.report([values[1], values[0]])
        fixture.ledger.verify(1, isDeep: true)
        #expect(fixture.imbalance(1) == nil && fixture.imbalanceCount == 0 && fixture.takeImbalances().isEmpty)
        #expect(fixture.status(1, size: 40).balances)
    }

    enum Damage: CaseIterable {
        case fewerBytes, moreReserved, moreCommitted, moreGap, fewerRecords

        var found: LedgerImbalance {
            switch self {
            case .fewerBytes: .inFlight(handedOut: 33, entries: 32)
            case .moreReserved: .inFlight(handedOut: 34, entries: 33)
            case .moreCommitted: .committed(committed: 1, parts: 0)
            case .moreGap: .committed(committed: 0, parts: 2)
            case .fewerRecords: .records(counted: 2, listed: 3)
            }
        }

        func apply(to ledger: inout Ledger) {
            switch self {
            case .fewerBytes: ledger.sources[1].entryBytes -= 1
            case .moreReserved: ledger.sources[1].reserved += 1
            case .moreCommitted: ledger.sources[1].counts.committed += 1
            case .moreGap: ledger.sources[1].counts.gap += 2
            case .fewerRecords: ledger.sources[1].inFlight -= 1
            }
        }
    }

    @Test(arguments: Damage.allCases) func whatIsWrongIsFoundOnceCountedAndKept(damage: Damage) {
        let (fixture, _) = fixture()
        damage.apply(to: &fixture.ledger)
        fixture.ledger.verify(0, isDeep: true)
        fixture.ledger.verify(1, isDeep: true)
        fixture.ledger.verify(1, isDeep: true)
        #expect(fixture.takeImbalances() == [damage.found])
        #expect(fixture.takeImbalances().isEmpty && fixture.imbalanceCount == 1)
        #expect(fixture.imbalance(0) == nil && fixture.imbalance(1) == damage.found)
    }

    @Test func aWrongSumShowsInTheStatus() {
        let (fixture, _) = fixture()
        fixture.ledger.sources[1].entryBytes -= 1
        #expect(!fixture.status(1, size: 40).balances)
        #expect(!fixture.books(sources: 2, unread: 0).balances)
    }

    @Test func aRecordThatDoesNotBeginWhereTheLastOneEndedIsFoundAtOnce() {
        let (fixture, _) = fixture()
        fixture.ledger.sources[1].reserved -= 5
        _ = fixture.reserve([Piece()], source: 1)
        #expect(fixture.takeImbalances() == [.notContiguous(end: 33, next: 28)])
    }

    @Test func aSlotThatIsOpenedAnewIsWell() {
        let (fixture, values) = fixture()
        fixture.report(values)
        fixture.ledger.sources[1].counts.gap += 1
        fixture.ledger.verify(1, isDeep: false)
        fixture.ledger.open(1, counts: LedgerCounts())
        #expect(fixture.imbalance(1) == nil && fixture.imbalanceCount == 1)
    }

    @Test func whatIsProducedAgainKeepsItsAgeUntilSomethingIsAcknowledged() {
        let fixture = LedgerFixture()
        var values = fixture.reserve([Piece(), Piece()], now: 100)
        #expect(fixture.oldestProduced(0) == 100)
        fixture.report(values, error: 29)
        fixture.ledger.rewind(0)
        #expect(fixture.oldestProduced(0) == 100, "it waits to be produced again")
        values = fixture.reserve([Piece(), Piece()], now: 200)
        fixture.report(values, error: 29)
        fixture.ledger.rewind(0)
        values = fixture.reserve([Piece(), Piece()], now: 300)
        #expect(fixture.oldestProduced(0) == 100)
        fixture.report([values[0]])
        #expect(fixture.oldestProduced(0) == 300)
        fixture.report([values[1]])
        #expect(fixture.oldestProduced(0) == nil)
    }
}
