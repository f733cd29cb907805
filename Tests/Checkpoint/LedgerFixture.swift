// A ledger with its arenas, driven by short descriptions of records.
import Core

@testable import Checkpoint

/// One record for `LedgerFixture.reserve`: sizes in bytes, in the order of the file.
struct Piece {
    var skipped: UInt64 = 0
    var length: UInt64 = 10
    var kind = RecordSlot.Kind.lineEnd
    var stream: UInt8 = 0
}

/// A ledger and the arena pool its records live in.
final class LedgerFixture {
    var ledger = Ledger()
    var arenas = ArenaPool(limit: 64 << 20)
    private var batch = RecordBatch()
    private let opaques = UnsafeMutablePointer<UInt>.allocate(capacity: RecordBatch.capacity)
    private let payload = UnsafeMutablePointer<UInt8>.allocate(capacity: 1)

    init(sources: Int = 1) {
        for source in 0..<sources { ledger.open(source, counts: LedgerCounts()) }
    }

    deinit {
        opaques.deallocate()
        payload.deallocate()
    }

    /// Enters records as the engine does, in an arena of their own; gives the opaque values of those with a payload.
    func reserve(_ pieces: [Piece], source: Int = 0, now: Int64 = 0) -> [UInt] {
        batch.removeAll()
        var place = ledger.reserved(source)
        for piece in pieces {
            let start = place + piece.skipped
            place = start + piece.length
            let isGap = piece.kind == .oversizeGap || piece.kind == .held
            batch.append(
                RecordSlot(
                    payload: isGap ? nil : payload, length: isGap ? 0 : 1, start: start, end: place, kind: piece.kind,
                    stream: piece.stream))
        }
        let arena = arenas.take(atLeast: 1)!
        let count = ledger.reserve(source, batch, arena: arena, now: now, opaques: opaques)
        if count > 0 { arenas.hold(arena, count: count) }
        arenas.release(arena)
        return (0..<count).map { opaques[$0] }
    }

    /// Hands over one report for each opaque value.
    func report(_ values: [UInt], error: Int32 = 0, now: Int64 = 0) {
        let reports = values.map { DeliveryReport(opaque: $0, error: error) }
        reports.withUnsafeBufferPointer { ledger.complete($0, arenas: &arenas, now: now) }
    }

    /// True when nobody holds an arena any more.
    func allArenasAreFree() -> Bool {
        arenas.trim()
        return arenas.allocatedBytes == 0
    }

    // A macro cannot look into a value that is not copyable: what expectations ask for, by the ledger's own names.
    func counts(_ source: Int) -> LedgerCounts { ledger.counts(source) }
    func reserved(_ source: Int) -> UInt64 { ledger.reserved(source) }
    func inFlight(_ source: Int) -> Int { ledger.inFlight(source) }
    func hasFailed(_ source: Int) -> Bool { ledger.hasFailed(source) }
    func firstFailure(_ source: Int) -> Int32? { ledger.firstFailure(source) }
    func status(_ source: Int, size: UInt64) -> LedgerStatus { ledger.status(source, size: size) }
    /// The books of the run, with sources that are `unread` bytes longer than what was handed out.
    func books(sources: Int, unread: UInt64) -> LedgerStatus {
        var books = ledger.closedShares
        for source in 0..<sources {
            let status = ledger.status(source, size: ledger.reserved(source) + unread)
            books.add(ledger.share(source, of: status))
        }
        return books
    }
    func oldestProduced(_ source: Int) -> Int64? { ledger.oldestProduced(source) }
    func takeGaps() -> [ReachedGap] { ledger.takeGaps() }
    func formerHolds(_ stream: UInt8, of source: Int) -> Bool { ledger.formerHolds(stream, of: source) }
    func takeFailures() -> [FailedRecord] { ledger.takeFailures() }
    func takeDirty() -> [Int] { ledger.takeDirty() }
    func imbalance(_ source: Int) -> LedgerImbalance? { ledger.imbalance(source, isDeep: true) }
    var imbalanceCount: UInt64 { ledger.imbalanceCount }
    func takeImbalances() -> [LedgerImbalance] { ledger.takeImbalances().map(\.what) }
    var hasDirty: Bool { ledger.hasDirty }
    var acknowledgedSinceCheckpoint: UInt64 { ledger.acknowledgedSinceCheckpoint }
    var latency: LatencyHistogram { ledger.latency }
}
