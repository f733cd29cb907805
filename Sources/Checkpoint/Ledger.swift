// The ledger: for every source what is acknowledged, in flight, skipped or a gap, and how far the prefix is committed.
package import Core

/// A gap that the committed offset of its source has reached: it becomes an audit event in the same transaction.
package struct ReachedGap: Equatable {
    package let source: Int
    package let from: UInt64
    package let to: UInt64
    package let reason: GapReason
}

/// A record that Kafka refused; its source has to be rewound (or the record given up as a gap).
package struct FailedRecord: Equatable {
    package let source: Int
    package let error: Int32
}

/// Tracks every record in flight and the contiguous acknowledged prefix of every source. Owned by the pipeline thread.
///
/// Invariant 1 lives here: `committed` moves only over entries that are acknowledged or are gaps. Entries of one source
/// form a list in the order of the file; an acknowledgement out of order waits in its place. No allocation per record:
/// entries come from a pool that grows to the number of records in flight.
package struct Ledger: ~Copyable {
    struct Source {
        var counts = LedgerCounts()
        /// End of what was handed out: in flight is everything from `committed` to here.
        var reserved: UInt64 = 0
        /// Bytes of the entries in the list, counted as they come and go: never computed from the two ends they must fit.
        var entryBytes: UInt64 = 0
        /// What was committed before this run took the source over.
        var base = LedgerCounts()
        /// Monotonic ns at which the oldest record that is to be sent again was produced first; 0: none is.
        var waitingSince: Int64 = 0
        var head: Int32 = -1
        var tail: Int32 = -1
        var inFlight: Int32 = 0
        var isDirty = false
        /// A record failed: nothing behind it is committed until `rewind`.
        var failed = false
        /// The last entry held for the next record of each of two interleaved streams; -1: none.
        var held: (Int32, Int32) = (-1, -1)
        /// The generation before, if it holds bytes that records of this one will stand for; -1: none does.
        var former: (source: Int32, use: UInt32) = (-1, 0)
        /// Counts the generations that had this slot.
        var use: UInt32 = 0
    }

    var sources: [Source] = []
    var entries = InFlightEntries()
    /// Sources whose counts changed since `takeDirty`.
    private var dirty: [Int32] = []
    var gaps: [ReachedGap] = []
    private var failures: [FailedRecord] = []
    package private(set) var latency = LatencyHistogram()
    /// Acknowledged bytes of sources since the last `takeDirty`; decides about early checkpoints.
    package internal(set) var acknowledgedSinceCheckpoint: UInt64 = 0
    /// NULs that committed offsets have passed: each once, whatever was rewound. A byte order mark alone is none.
    package internal(set) var skippedHoles: UInt64 = 0
    static let byteOrderMark: UInt64 = 3
    /// Shares of the sources that were closed in this run.
    var closed = LedgerStatus()
    /// Sources that were found out of balance, until their slots are opened anew.
    var imbalances: [Int: LedgerImbalance] = [:]
    var untold: [Int] = []
    /// How many sources were found out of balance.
    package internal(set) var imbalanceCount: UInt64 = 0
    /// In debug builds a ledger out of balance ends the program. Tests of what a release build does switch it off.
    package var trapsWhenOutOfBalance = true

    package init() {}

    /// Makes slot `source` (dense, small numbers) track a source that continues from `counts`. `isNew`: these are of this
    /// run too, not of an earlier one.
    package mutating func open(_ source: Int, counts: LedgerCounts, isNew: Bool = false) {
        while sources.count <= source { sources.append(Source()) }
        precondition(sources[source].head < 0, "a slot was opened while records of its former source are in flight")
        let use = sources[source].use &+ 1
        sources[source] = Source()
        sources[source].use = use
        sources[source].counts = counts
        sources[source].reserved = counts.committed
        if !isNew { sources[source].base = counts }
        imbalances[source] = nil
        assertBalance(source)
    }

    package func counts(_ source: Int) -> LedgerCounts { sources[source].counts }
    /// End of the bytes that were produced or passed as a gap: the next byte to read.
    package func reserved(_ source: Int) -> UInt64 { sources[source].reserved }
    package func inFlight(_ source: Int) -> Int { Int(sources[source].inFlight) }
    package func hasFailed(_ source: Int) -> Bool { sources[source].failed }
    /// When the oldest record that is not acknowledged was produced for the first time (monotonic ns), also while it waits
    /// to be produced again; nil when there is none.
    package func oldestProduced(_ source: Int) -> Int64? {
        let (head, since) = (sources[source].head, sources[source].waitingSince)
        if since != 0 { return since }
        return head < 0 ? nil : entries[head].produced
    }

    /// Enters the records of `batch` as in flight, in order, and writes the opaque value of each record with a payload
    /// to `opaques` (gaps have none). Returns the number of opaques. Skipped bytes directly before a record are part of
    /// its entry.
    package mutating func reserve(
        _ source: Int, _ batch: borrowing RecordBatch, arena: ArenaIndex, now: Int64,
        opaques: UnsafeMutablePointer<UInt>
    ) -> Int {
        var count = 0
        for index in 0..<batch.count {
            let slot = batch.slots[index]
            let isGap = slot.payload == nil
            assert(slot.start >= sources[source].reserved && slot.end >= slot.start, "records must follow each other")
            let entry = entries.take(
                InFlightEntry(
                    source: Int32(truncatingIfNeeded: source), from: slot.start, end: slot.end,
                    skipped: slot.start &- sources[source].reserved, arena: isGap ? -1 : arena.raw, produced: now,
                    kind: Ledger.kind(of: slot), isDone: isGap && slot.kind != .held))
            append(entry, to: source)
            sources[source].reserved = slot.end
            if _slowPath(slot.kind.isInterleaved) { link(entry, slot, source) }
            if !isGap {
                sources[source].inFlight &+= 1
                opaques[count] = entries.opaque(entry)
                count &+= 1
            }
        }
        if count < batch.count { commitPrefix(source) }
        assertBalance(source)
        return count
    }

    /// Enters a gap from the end of what was handed out to `end`; committed once everything before it is.
    package mutating func reserveGap(_ source: Int, to end: UInt64, reason: GapReason, now: Int64) {
        giveUpHeld(source, reason: reason)
        reserveGap(source, to: end, kind: .gap(reason, isInsideLine: false), skipped: 0, now: now)
    }

    /// Enters `count` bytes that were dropped on purpose and have no record behind them.
    package mutating func reserveSkipped(_ source: Int, count: UInt64, now: Int64) {
        let end = sources[source].reserved + count
        let entry = entries.take(
            InFlightEntry(
                source: Int32(truncatingIfNeeded: source), from: end, end: end, skipped: count, arena: -1,
                produced: now, kind: .skipped, isDone: true))
        append(entry, to: source)
        sources[source].reserved = end
        commitPrefix(source)
        assertBalance(source)
    }

    private mutating func reserveGap(
        _ source: Int, to end: UInt64, kind: InFlightEntry.Kind, skipped: UInt64, now: Int64
    ) {
        let from = sources[source].reserved + skipped
        guard end > from else { return }
        let entry = entries.take(
            InFlightEntry(
                source: Int32(truncatingIfNeeded: source), from: from, end: end, skipped: skipped, arena: -1,
                produced: now, kind: kind, isDone: true))
        append(entry, to: source)
        sources[source].reserved = end
        commitPrefix(source)
        assertBalance(source)
    }

    /// Takes the delivery reports of records; releases their arenas. Reports of entries that are gone are ignored.
    package mutating func complete(
        _ reports: UnsafeBufferPointer<DeliveryReport>, arenas: inout ArenaPool, now: Int64
    ) {
        for report in reports {
            guard let entry = entries.find(opaque: report.opaque) else { continue }
            let source = Int(entries[entry].source)
            sources[source].inFlight &-= 1
            arenas.release(ArenaIndex(raw: entries[entry].arena))
            entries[entry].arena = -1
            if report.error == 0 {
                latency.record(nanoseconds: now &- entries[entry].produced)
                entries[entry].isDone = true
                if _slowPath(entries[entry].part >= 0) { finishHeld(of: entry) }
                if sources[source].head == entry || hasHeldHead(source) { commitPrefix(source) }
            } else {
                entries[entry].error = report.error
                if _slowPath(entries[entry].part >= 0) { failHeld(of: entry, report.error) }
                if !sources[source].failed {
                    sources[source].failed = true
                    failures.append(FailedRecord(source: source, error: report.error))
                }
            }
            assertBalance(source)
        }
    }

    /// Nothing of what is in flight will ever be answered: the producer is gone, and looks at no payload any more. The
    /// source has to be rewound.
    package mutating func abandon(_ source: Int, arenas: inout ArenaPool) {
        var entry = sources[source].head
        while entry >= 0 {
            if entries[entry].arena >= 0 {
                arenas.release(ArenaIndex(raw: entries[entry].arena))
                entries[entry].arena = -1
                sources[source].inFlight &-= 1
            }
            entry = entries[entry].next
        }
        assert(sources[source].inFlight == 0, "records in flight that are not in the list")
        sources[source].failed = true
    }

    /// Forgets everything behind the committed offset, gaps that wait there as well, so that it is read and produced
    /// again. Call it when nothing of the source is in flight any more.
    package mutating func rewind(_ source: Int) {
        precondition(sources[source].inFlight == 0, "rewound with records in flight")
        var entry = sources[source].head
        if entry >= 0, sources[source].waitingSince == 0 { sources[source].waitingSince = entries[entry].produced }
        while entry >= 0 {
            let next = entries[entry].next
            sources[source].entryBytes &-= entries[entry].bytes
            entries.giveBack(entry)
            entry = next
        }
        sources[source].head = -1
        sources[source].tail = -1
        sources[source].failed = false
        sources[source].held = (-1, -1)
        sources[source].reserved = sources[source].counts.committed
        assertBalance(source)
    }

    /// The error of the first record, in the order of the file, that failed; nil when none did. Known when nothing of the
    /// source is in flight any more: reports come in any order, and only this record's error may decide that it is given up.
    package func firstFailure(_ source: Int) -> Int32? {
        guard sources[source].inFlight == 0, let failed = firstFailed(source) else { return nil }
        return entries[failed].error
    }

    /// The bytes of the record that `giveUpFirstFailed` would give up; nil when it would rewind only.
    package func firstFailedRange(_ source: Int) -> Range<UInt64>? {
        guard let failed = firstFailed(source) else { return nil }
        return entries[sources[source].head].from..<refusedEnd(failed)
    }

    /// Gives up the first failed record of a source that has nothing in flight: everything before it was committed, it
    /// becomes a gap, everything behind it is read again.
    package mutating func giveUpFirstFailed(_ source: Int, now: Int64) {
        guard let failed = firstFailed(source) else { return rewind(source) }
        let (refused, end) = (entries[sources[source].head], refusedEnd(failed))
        var isPartial = false
        if case .partial = refused.kind { isPartial = true }
        // What the record would have stood for in the generation before goes with it.
        if entries[failed].ends > 0, let former = former(of: source) { giveUpHeld(former, reason: .recordRejected) }
        rewind(source)
        reserveGap(
            source, to: end, kind: .gap(.recordRejected, isInsideLine: isPartial), skipped: refused.skipped,
            now: now)
    }

    /// Slots whose durable counts changed since the last call.
    package mutating func takeDirty() -> [Int] {
        let taken = dirty.map { Int($0) }
        for source in dirty { sources[Int(source)].isDirty = false }
        dirty.removeAll(keepingCapacity: true)
        acknowledgedSinceCheckpoint = 0
        return taken
    }

    package var hasDirty: Bool { !dirty.isEmpty }

    package mutating func takeGaps() -> [ReachedGap] {
        guard !gaps.isEmpty else { return [] }
        defer { gaps.removeAll(keepingCapacity: true) }
        return gaps
    }

    package mutating func takeFailures() -> [FailedRecord] {
        guard !failures.isEmpty else { return [] }
        defer { failures.removeAll(keepingCapacity: true) }
        return failures
    }

    /// Marks a source as changed (its evidence, say), so that the next checkpoint writes it.
    package mutating func touch(_ source: Int) {
        guard !sources[source].isDirty else { return }
        sources[source].isDirty = true
        dirty.append(Int32(truncatingIfNeeded: source))
    }
}
