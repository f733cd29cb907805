// Records that stand for bytes in several places: entries of two outputs that lie in one file, in turns.
package import Core

/// A long line of one output is cut into several entries of a runtime's log, and entries of the other output may lie between
/// them. The record of the line comes when its last entry is read; until then the ledger holds the places before it.
///
/// What was held is committed only together with everything up to the record it is held for: after a restart in between
/// the record's last entry would be read again without the ones before it.
extension Ledger {
    @inline(__always)
    static func kind(of slot: RecordSlot) -> InFlightEntry.Kind {
        if _slowPath(slot.payload == nil) {
            return slot.kind == .held ? .held : .gap(.oversize, isInsideLine: false)
        }
        return slot.kind == .partial ? .partial : .lineEnd
    }

    /// Keeps a held entry for its stream's next record; gives a joined record those held for it.
    @inline(never)
    mutating func link(_ entry: Int32, _ slot: RecordSlot, _ source: Int) {
        let last = slot.stream == 0 ? sources[source].held.0 : sources[source].held.1
        entries[entry].part = last
        let next: Int32
        if slot.kind == .held {
            next = entry
        } else {
            next = -1
            if former(of: source) != nil { entries[entry].ends = 1 + slot.stream }
            var held = last
            while held >= 0 {
                entries[held].owner = entry
                held = entries[held].part
            }
        }
        if slot.stream == 0 { sources[source].held.0 = next } else { sources[source].held.1 = next }
    }

    /// The record is acknowledged: so is what was held for it.
    @inline(never)
    mutating func finishHeld(of record: Int32) {
        var held = entries[record].part
        while held >= 0 {
            entries[held].isDone = true
            held = entries[held].part
        }
    }

    /// The record failed: so did what was held for it.
    @inline(never)
    mutating func failHeld(of record: Int32, _ error: Int32) {
        var held = entries[record].part
        while held >= 0 {
            entries[held].error = error
            held = entries[held].part
        }
    }

    /// The source stands at an entry that is held.
    @inline(__always)
    func hasHeldHead(_ source: Int) -> Bool {
        let head = sources[source].head
        guard head >= 0, case .held = entries[head].kind else { return false }
        return true
    }

    /// True for a held entry while anything up to its record, or to the record of what is held in between, is unanswered.
    @inline(__always)
    func isHeldBack(_ head: Int32) -> Bool {
        guard _slowPath(entries[head].owner >= 0) else { return false }
        return isGroupOpen(head)
    }

    @inline(never)
    private func isGroupOpen(_ head: Int32) -> Bool {
        var last = entries[head].owner
        var entry = head
        while entry >= 0 {
            guard entries[entry].isDone else { return true }
            let owner = entries[entry].owner
            if owner >= 0, entries[owner].from >= entries[last].from { last = owner }
            if entry == last { return false }
            entry = entries[entry].next
        }
        return true
    }

    /// What is held for records that will not come becomes a gap: their stream cannot be read on.
    package mutating func giveUpHeld(_ source: Int, reason: GapReason) {
        guard _slowPath(sources[source].held != (-1, -1)) else { return }
        for last in [sources[source].held.0, sources[source].held.1] {
            var held = last
            while held >= 0 {
                entries[held].kind = .gap(reason, isInsideLine: false)
                entries[held].isDone = true
                held = entries[held].part
            }
        }
        sources[source].held = (-1, -1)
        commitPrefix(source)
        assertBalance(source)
    }

    /// Holds bytes directly behind what was handed out, for a record of the next generation.
    package mutating func hold(_ source: Int, from: UInt64, to end: UInt64, stream: UInt8, now: Int64) {
        let slot = RecordSlot(payload: nil, length: 0, start: from, end: end, kind: .held, stream: stream)
        let entry = entries.take(
            InFlightEntry(
                source: Int32(truncatingIfNeeded: source), from: from, end: end,
                skipped: from &- sources[source].reserved,
                arena: -1, produced: now, kind: .held, isDone: false))
        append(entry, to: source)
        sources[source].reserved = end
        link(entry, slot, source)
        assertBalance(source)
    }

    /// The next joined record of each stream of `source` stands for what `former` holds of that stream, too: when it is
    /// committed, so is that.
    package mutating func inherit(_ source: Int, from former: Int) {
        sources[source].former = (Int32(truncatingIfNeeded: former), sources[former].use)
    }

    /// The generation before, as long as it holds anything for this one.
    package func former(of source: Int) -> Int? {
        let (former, use) = sources[source].former
        guard former >= 0, sources[Int(former)].use == use else { return nil }
        return isHolding(Int(former)) || self.former(of: Int(former)) != nil ? Int(former) : nil
    }

    /// A generation before holds bytes of the stream for a record of this one.
    package func formerHolds(_ stream: UInt8, of source: Int) -> Bool {
        guard let former = former(of: source) else { return false }
        let last = stream == 0 ? sources[former].held.0 : sources[former].held.1
        return last >= 0 || formerHolds(stream, of: former)
    }

    /// A record was committed that stands for what generations before hold of its stream.
    @inline(never)
    mutating func finishFormer(of source: Int, stream: UInt8) {
        guard let former = former(of: source) else { return }
        finishFormer(of: former, stream: stream)
        var held = stream == 0 ? sources[former].held.0 : sources[former].held.1
        while held >= 0 {
            entries[held].isDone = true
            held = entries[held].part
        }
        if stream == 0 { sources[former].held.0 = -1 } else { sources[former].held.1 = -1 }
        commitPrefix(former)
    }

    /// Bytes are held for a record that is still to come.
    package func isHolding(_ source: Int) -> Bool { sources[source].held != (-1, -1) }

    /// The entry at which the source stands, if it failed. Done entries before it are held back by it: they go with it.
    func firstFailed(_ source: Int) -> Int32? {
        var entry = sources[source].head
        while entry >= 0, entries[entry].isDone, entries[entry].error == 0 { entry = entries[entry].next }
        return entry >= 0 && entries[entry].error != 0 ? entry : nil
    }

    /// Where the bytes end that a refused record has, from its first place on, without those of others.
    func refusedEnd(_ head: Int32) -> UInt64 {
        let record = entries[head].owner >= 0 ? entries[head].owner : head
        var entry = head
        while entry != record {
            let next = entries[entry].next
            guard next >= 0, next == record || entries[next].owner == record, entries[next].skipped == 0 else { break }
            entry = next
        }
        return entries[entry].end
    }
}
