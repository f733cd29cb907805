// What the ledger must say, computed the slow way: every source is a list of records that is looked through each time.
import Core

@testable import Checkpoint

/// One source of the model.
struct LedgerModel {
    struct Record {
        let from: UInt64
        let end: UInt64
        let skipped: UInt64
        let kind: RecordSlot.Kind
        /// Why it is a gap; nil for a record.
        let gap: GapReason?
        /// nil for a gap.
        let opaque: UInt?
        var error: Int32?
    }

    /// What is committed for good, and what it looked like then.
    var base = LedgerCounts()
    /// What was committed before the run.
    var before = LedgerCounts()
    /// Records and gaps behind `base`, in the order of the file; error 0 is an acknowledgement.
    var records: [Record] = []
    var gaps: [ReachedGap] = []

    var reserved: UInt64 { records.last?.end ?? base.committed }
    var inFlightBytes: UInt64 { records.reduce(0) { $0 + $1.skipped + ($1.end - $1.from) } }
    var inFlight: Int { records.count { $0.error == nil } }
    var hasFailed: Bool { records.contains { ($0.error ?? 0) != 0 } }

    /// Moves the acknowledged prefix from `records` to `base`.
    mutating func settle(_ source: Int) {
        while let first = records.first, first.error == 0 {
            records.removeFirst()
            base.committed += first.skipped + (first.end - first.from)
            base.skipped += first.skipped
            if let reason = first.gap {
                base.gap += first.end - first.from
                gaps.append(ReachedGap(source: source, from: first.from, to: first.end, reason: reason))
            } else {
                base.acknowledged += first.end - first.from
                base.records += 1
            }
            if first.kind == .partial {
                base.lineStart = base.lineStart ?? first.from
                base.lineOrdinal += 1
            } else {
                base.lineStart = nil
                base.lineOrdinal = 0
            }
        }
    }

    mutating func reserve(_ pieces: [Piece], _ opaques: [UInt], _ source: Int) {
        var values = opaques[...]
        for piece in pieces {
            let from = reserved + piece.skipped
            let isGap = piece.kind == .oversizeGap
            records.append(
                Record(
                    from: from, end: from + piece.length, skipped: piece.skipped, kind: piece.kind,
                    gap: isGap ? .oversize : nil, opaque: isGap ? nil : values.removeFirst(), error: isGap ? 0 : nil))
        }
        settle(source)
    }

    mutating func reserveGap(to end: UInt64, _ reason: GapReason, _ source: Int) {
        guard end > reserved else { return }
        records.append(
            Record(
                from: reserved, end: end, skipped: 0, kind: .oversizeGap, gap: reason, opaque: nil, error: 0))
        settle(source)
    }

    mutating func report(_ opaque: UInt, _ error: Int32, _ source: Int) {
        records[records.firstIndex { $0.opaque == opaque }!].error = error
        settle(source)
    }

    mutating func giveUp(_ source: Int) {
        let refused = records.first
        records.removeAll()
        guard let refused else { return }
        records = [
            Record(
                from: refused.from, end: refused.end, skipped: refused.skipped, kind: refused.kind,
                gap: .recordRejected, opaque: nil, error: 0)
        ]
        settle(source)
    }
}
