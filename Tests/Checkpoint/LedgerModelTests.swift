// The ledger against its model, over random operations.
import Core
import TestSupport
import Testing

@testable import Checkpoint

@Suite(.serialized, .ownThread) struct LedgerModelTests {
    @Test(arguments: [UInt64.random(in: 0...UInt64.max), 1, 2])
    func randomOperationsGiveWhatTheModelGives(seed: UInt64) {
        var run = LedgerModelRun(seed: seed)
        for _ in 0..<10_000 {
            guard run.step() else { return }
        }
        run.finish()
    }
}

/// Ledger and model side by side; every step compares all that is observable.
private struct LedgerModelRun: ~Copyable {
    private static let sourceCount = 5
    private let seed: UInt64
    private var random: SeededGenerator
    private let fixture = LedgerFixture(sources: sourceCount)
    private var models = Array(repeating: LedgerModel(), count: sourceCount)
    /// Opaque values that must not mean anything any more.
    private var stale: [UInt] = []
    private var told: [FailedRecord] = []
    private var operation = ""
    /// What sources that were closed have had in this run.
    private var closed = LedgerStatus()

    init(seed: UInt64) {
        self.seed = seed
        random = SeededGenerator(seed: seed)
    }

    mutating func step() -> Bool {
        let source = Int.random(in: 0..<LedgerModelRun.sourceCount, using: &random)
        switch Int.random(in: 0..<20, using: &random) {
        case 0..<6 where !models[source].hasFailed: reserve(source)
        case 6..<14: report(source, count: Int.random(in: 1...6, using: &random))
        case 14: reportAll(source)
        case 15: reportStale()
        case 16: reserveGap(source)
        case 17: recover(source)
        case 18: reopen(source)
        default: recover(source)
        }
        return compare(source)
    }

    /// Reports all, and looks that nothing is left over.
    mutating func finish() {
        for source in models.indices {
            reportAll(source)
            recover(source)
            guard compare(source) else { return }
        }
        let isFree = fixture.allArenasAreFree()
        #expect(isFree, "seed \(seed): arenas are held for nobody")
    }

    private mutating func reserve(_ source: Int) {
        operation = "reserve \(source)"
        let pieces = (0..<Int.random(in: 1...12, using: &random)).map { _ in
            let kind: RecordSlot.Kind =
                switch Int.random(in: 0..<10, using: &random) {
                case 0, 1: .partial
                case 2: .oversizeGap
                default: .lineEnd
                }
            return Piece(
                skipped: Bool.random(using: &random) ? 0 : UInt64.random(in: 0...3, using: &random),
                length: UInt64.random(in: 1...50, using: &random), kind: kind)
        }
        let opaques = fixture.reserve(pieces, source: source)
        models[source].reserve(pieces, opaques, source)
        let live = models.reduce(0) { $0 + $1.inFlight }
        #expect(Set(models.flatMap { $0.records.compactMap(\.opaque) }).count >= live, "seed \(seed): values repeat")
    }

    private mutating func report(_ source: Int, count: Int) {
        operation = "report \(count) of \(source)"
        for _ in 0..<count {
            guard let value = models[source].records.filter({ $0.error == nil }).randomElement(using: &random)?.opaque
            else { return }
            let error: Int32 =
                Int.random(in: 0..<15, using: &random) == 0 ? [10, 29].randomElement(using: &random)! : 0
            if error != 0, !models[source].hasFailed { told.append(FailedRecord(source: source, error: error)) }
            fixture.report([value], error: error)
            models[source].report(value, error, source)
            stale.append(value)
        }
    }

    private mutating func reportAll(_ source: Int) { report(source, count: models[source].inFlight) }

    private mutating func reportStale() {
        operation = "stale reports"
        let values = (0..<5).compactMap { _ in stale.randomElement(using: &random) }
        fixture.report(values, error: [0, 10].randomElement(using: &random)!)
        stale = Array(stale.suffix(1_000))
    }

    private mutating func reserveGap(_ source: Int) {
        operation = "gap in \(source)"
        let end = models[source].reserved + UInt64.random(in: 0...30, using: &random)
        fixture.ledger.reserveGap(source, to: end, reason: .truncated, now: 0)
        models[source].reserveGap(to: end, .truncated, source)
    }

    /// What the engine does once nothing of the source is in flight.
    private mutating func recover(_ source: Int) {
        guard models[source].inFlight == 0 else { return }
        operation = "rewind or give up \(source)"
        if models[source].records.first?.error == 10 {
            fixture.ledger.giveUpFirstFailed(source, now: 0)
            models[source].giveUp(source)
        } else {
            fixture.ledger.rewind(source)
            models[source].records.removeAll()
        }
    }

    private mutating func reopen(_ source: Int) {
        guard models[source].records.isEmpty else { return }
        operation = "reopen \(source)"
        guard takeGaps() else { return }
        let (was, before) = (models[source].base, models[source].before)
        closed.acknowledged += was.acknowledged - before.acknowledged
        closed.skipped += was.skipped - before.skipped
        closed.gap += was.gap - before.gap
        closed.size += was.committed - before.committed
        fixture.ledger.close(source)
        var counts = LedgerCounts()
        counts.acknowledged = UInt64.random(in: 0...100, using: &random)
        counts.skipped = UInt64.random(in: 0...100, using: &random)
        counts.gap = UInt64.random(in: 0...100, using: &random)
        counts.committed = counts.acknowledged + counts.skipped + counts.gap
        models[source] = LedgerModel()
        models[source].base = counts
        let isNew = Bool.random(using: &random)
        if !isNew { models[source].before = counts }
        fixture.ledger.open(source, counts: counts, isNew: isNew)
    }

    /// Every source's ledger adds up, entry by entry, and so do the books of the run.
    private func isBalanced() -> Bool {
        var books = closed
        for model in models {
            books.acknowledged += model.base.acknowledged - model.before.acknowledged
            books.skipped += model.base.skipped - model.before.skipped
            books.gap += model.base.gap - model.before.gap
            books.inFlight += model.inFlightBytes
            books.unread += 17
            books.size += model.reserved + 17 - model.before.committed
        }
        return models.indices.allSatisfy { fixture.imbalance($0) == nil } && fixture.imbalanceCount == 0
            && books.balances && fixture.books(sources: models.count, unread: 17) == books
    }

    /// The gaps since the last look, of all sources: each once, each source's in order.
    private mutating func takeGaps() -> Bool {
        let gaps = fixture.takeGaps()
        for source in models.indices {
            guard gaps.filter({ $0.source == source }) == models[source].gaps else { return false }
            models[source].gaps = []
        }
        return true
    }

    private mutating func compare(_ source: Int) -> Bool {
        let model = models[source]
        let counts = fixture.counts(source)
        let status = fixture.ledger.status(source, size: model.reserved + 17)
        let isRight =
            counts == model.base && fixture.reserved(source) == model.reserved
            && fixture.inFlight(source) == model.inFlight
            && fixture.hasFailed(source) == model.hasFailed
            && counts.acknowledged + counts.skipped + counts.gap == counts.committed
            && status.balances && status.unread == 17
            && status.inFlight == model.reserved - model.base.committed
            && status.inFlight == model.inFlightBytes && isBalanced()
            && fixture.firstFailure(source)
                == (model.inFlight == 0 ? model.records.first.flatMap { $0.error == 0 ? nil : $0.error } : nil)
        let failures = fixture.takeFailures()
        let areGapsRight = takeGaps()
        let text = "seed \(seed), after \(operation): \(counts), the model has \(model.base)"
        #expect(isRight, "\(text)")
        #expect(failures == told, "\(text)")
        #expect(areGapsRight, "\(text)")
        defer { told = [] }
        return isRight && failures == told && areGapsRight
    }
}
