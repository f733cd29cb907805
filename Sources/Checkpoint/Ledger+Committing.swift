// The list of a source in the ledger: entries at its end, and the committed offset over those at its head.
internal import Core

extension Ledger {
    /// Puts an entry behind the others of its source: it must begin where they end.
    mutating func append(_ entry: Int32, to source: Int) {
        let tail = sources[source].tail
        let end = tail < 0 ? sources[source].counts.committed : entries[tail].end
        if _slowPath(entries[entry].from &- entries[entry].skipped != end || entries[entry].end < entries[entry].from) {
            note(.notContiguous(end: end, next: entries[entry].from &- entries[entry].skipped), source)
        }
        sources[source].entryBytes &+= entries[entry].bytes
        if tail < 0 { sources[source].head = entry } else { entries[tail].next = entry }
        sources[source].tail = entry
    }

    /// Moves `committed` over the done entries at the head of the list.
    mutating func commitPrefix(_ source: Int) {
        var moved = false
        while true {
            let head = sources[source].head
            guard head >= 0, entries[head].isDone, !isHeldBack(head) else { break }
            let entry = entries[head]
            commit(entry, source)
            sources[source].head = entry.next
            sources[source].entryBytes &-= entry.bytes
            if entry.next < 0 { sources[source].tail = -1 }
            entries.giveBack(head)
            moved = true
        }
        guard moved else { return }
        sources[source].waitingSince = 0
        touch(source)
    }

    @inline(__always)
    private mutating func commit(_ entry: InFlightEntry, _ source: Int) {
        let bytes = entry.end &- entry.from
        sources[source].counts.committed = entry.end
        if _slowPath(entry.skipped != 0) {
            sources[source].counts.skipped &+= entry.skipped
            let isMark = entry.from == Ledger.byteOrderMark && entry.skipped == Ledger.byteOrderMark
            if !isMark { skippedHoles &+= entry.skipped }
        }
        switch entry.kind {
        case .gap(let reason, let isInsideLine):
            sources[source].counts.gap &+= bytes
            if isInsideLine { stayInLine(source, entry.from) } else { endLine(source) }
            gaps.append(ReachedGap(source: source, from: entry.from, to: entry.end, reason: reason))
        case .lineEnd:
            if _slowPath(entry.ends > 0) { finishFormer(of: source, stream: entry.ends - 1) }
            sources[source].counts.acknowledged &+= bytes
            sources[source].counts.records &+= 1
            acknowledgedSinceCheckpoint &+= bytes
            if _slowPath(sources[source].counts.lineStart != nil) { endLine(source) }
        case .partial:
            sources[source].counts.acknowledged &+= bytes
            sources[source].counts.records &+= 1
            acknowledgedSinceCheckpoint &+= bytes
            stayInLine(source, entry.from)
        case .held:
            sources[source].counts.acknowledged &+= bytes
            acknowledgedSinceCheckpoint &+= bytes
        case .skipped: break
        }
    }

    /// A piece of a long line that began at `start`, or before, is behind us.
    private mutating func stayInLine(_ source: Int, _ start: UInt64) {
        if sources[source].counts.lineStart == nil { sources[source].counts.lineStart = start }
        sources[source].counts.lineOrdinal &+= 1
    }

    private mutating func endLine(_ source: Int) {
        sources[source].counts.lineStart = nil
        sources[source].counts.lineOrdinal = 0
    }
}
