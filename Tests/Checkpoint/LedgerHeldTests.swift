// Records that stand for bytes in several places: when what is held for them is committed.
import Core
import Testing

@testable import Checkpoint

@Suite struct LedgerHeldTests {
    private func held(_ stream: UInt8, _ length: UInt64 = 10) -> Piece {
        Piece(length: length, kind: .held, stream: stream)
    }

    private func joined(_ stream: UInt8, _ length: UInt64 = 10) -> Piece {
        Piece(length: length, kind: .joined, stream: stream)
    }

    @Test("what is held is committed with everything up to its record, not before")
    func committedTogether() {
        let fixture = LedgerFixture()
        let opaques = fixture.reserve([held(0), Piece(), joined(0), Piece()])
        #expect(opaques.count == 3)
        fixture.report([opaques[1]])
        #expect(
            fixture.counts(0).committed == 0, "the record between is not acknowledged: a restart reads the held part")
        fixture.report([opaques[2]])
        #expect(fixture.counts(0).committed == 0)
        fixture.report([opaques[0]])
        #expect(fixture.counts(0).committed == 40)
        #expect(fixture.counts(0).records == 3)
        #expect(fixture.allArenasAreFree())
    }

    @Test("two outputs in turns are one group")
    func interleavedGroups() {
        let fixture = LedgerFixture()
        let opaques = fixture.reserve([held(0), held(1), joined(0), Piece(), joined(1)])
        fixture.report([opaques[0], opaques[1]])
        #expect(fixture.counts(0).committed == 0)
        fixture.report([opaques[2]])
        #expect(fixture.counts(0).committed == 50)
    }

    @Test("a record whose own range is empty ends what waited")
    func emptyRange() {
        let fixture = LedgerFixture()
        let opaques = fixture.reserve([held(0), Piece(), joined(0, 0)])
        fixture.report(opaques)
        #expect(fixture.counts(0).committed == 20)
        #expect(fixture.counts(0).records == 2)
    }

    @Test("a refused record gives up its first place; what is held for others behind is read again")
    func refused() {
        let fixture = LedgerFixture()
        let opaques = fixture.reserve([held(0), held(0), Piece(), joined(0)])
        fixture.report([opaques[0]])
        fixture.report([opaques[1]], error: 10)
        #expect(fixture.firstFailure(0) == 10)
        fixture.ledger.giveUpFirstFailed(0, now: 0)
        #expect(fixture.takeGaps().map { [$0.from, $0.to] } == [[0, 20]])
        #expect(fixture.counts(0).committed == 20)
        #expect(fixture.reserved(0) == 20)
    }

    @Test("a refused record in the middle of a group does not hold it for ever")
    func refusedBetween() {
        let fixture = LedgerFixture()
        let opaques = fixture.reserve([held(0), Piece(), joined(0)])
        fixture.report([opaques[1]])
        fixture.report([opaques[0]], error: 10)
        #expect(fixture.firstFailure(0) == 10)
        fixture.ledger.giveUpFirstFailed(0, now: 0)
        #expect(fixture.counts(0).committed == 20)
    }

    @Test("the content goes away while something is held: a gap")
    func givenUp() {
        let fixture = LedgerFixture()
        let opaques = fixture.reserve([held(0), Piece()])
        fixture.report(opaques)
        #expect(fixture.counts(0).committed == 0)
        fixture.ledger.reserveGap(0, to: 50, reason: .truncated, now: 0)
        #expect(fixture.counts(0).committed == 50)
        #expect(fixture.takeGaps().map { [$0.from, $0.to] } == [[0, 10], [20, 50]])
    }

    @Test("what a generation holds for the next one is committed with the record there")
    func acrossGenerations() {
        let fixture = LedgerFixture(sources: 2)
        fixture.report(fixture.reserve([Piece()]))
        fixture.ledger.hold(0, from: 10, to: 30, stream: 1, now: 0)
        fixture.ledger.inherit(1, from: 0)
        #expect(fixture.formerHolds(1, of: 1) && !fixture.formerHolds(0, of: 1))
        let opaques = fixture.reserve([Piece(), joined(1)], source: 1)
        fixture.report([opaques[1]])
        #expect(fixture.counts(0).committed == 10, "acknowledged, but the next generation's offset is before it")
        fixture.report([opaques[0]])
        #expect(fixture.counts(1).committed == 20)
        #expect(fixture.counts(0).committed == 30)
        #expect(!fixture.formerHolds(1, of: 1))
    }

    @Test("a slot that another file has meanwhile is nobody's former generation")
    func reusedSlot() {
        let fixture = LedgerFixture(sources: 2)
        fixture.ledger.hold(0, from: 0, to: 30, stream: 0, now: 0)
        fixture.ledger.inherit(1, from: 0)
        fixture.ledger.reserveGap(0, to: 30, reason: .deleted, now: 0)
        fixture.ledger.open(0, counts: LedgerCounts())
        fixture.ledger.hold(0, from: 0, to: 5, stream: 0, now: 0)
        #expect(!fixture.formerHolds(0, of: 1))
    }
}
