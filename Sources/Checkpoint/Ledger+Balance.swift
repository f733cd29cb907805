// Whether the ledger adds up: checked at every change in debug builds, at every status and checkpoint in all.
package import Core

/// What does not add up in one source's ledger. Each is a defect of the program: nothing a file or a broker does leads to it.
package enum LedgerImbalance: Equatable, Sendable {
    /// `handedOut` bytes lie between the committed offset and the end of what was read; the entries in flight have `entries`.
    case inFlight(handedOut: UInt64, entries: UInt64)
    /// acknowledged + skipped + gap give `parts`, and the offset is `committed`.
    case committed(committed: UInt64, parts: UInt64)
    /// An entry ends at `end` and its successor begins at `next`.
    case notContiguous(end: UInt64, next: UInt64)
    /// The list has `listed` unanswered records, and `counted` were counted.
    case records(counted: Int, listed: Int)
}

extension LedgerImbalance: CustomStringConvertible {
    package var description: String {
        switch self {
        case .inFlight(let handedOut, let entries):
            "\(handedOut) bytes are handed out, and records for \(entries) are in flight"
        case .committed(let committed, let parts):
            "its offset is \(committed), and acknowledged, skipped and gap add up to \(parts)"
        case .notContiguous(let end, let next): "one record ends at \(end), and the next begins at \(next)"
        case .records(let counted, let listed): "\(counted) records are in flight, and \(listed) are in its list"
        }
    }
}

extension Ledger {
    /// The ledger of a source against the size of its file: size = acknowledged + in flight + spooled + skipped + gap +
    /// unread. What is in flight is the sum of the entries, so that this is a statement and no definition.
    package func status(_ source: Int, size: UInt64) -> LedgerStatus {
        let state = sources[source]
        var status = LedgerStatus()
        status.size = max(size, state.reserved)
        status.acknowledged = state.counts.acknowledged
        status.skipped = state.counts.skipped
        status.gap = state.counts.gap
        status.inFlight = state.entryBytes
        status.unread = status.size - state.reserved
        return status
    }

    /// The part of a source's `status` that belongs to this run: without what was committed before it.
    package func share(_ source: Int, of status: LedgerStatus) -> LedgerStatus {
        let base = sources[source].base
        var share = status
        share.size &-= base.committed
        share.acknowledged &-= base.acknowledged
        share.skipped &-= base.skipped
        share.gap &-= base.gap
        return share
    }

    /// Enters a source that is closed in the books of this run; call it once, with everything committed. `beyond`: bytes
    /// that were announced as a gap behind the end of its content.
    package mutating func close(_ source: Int, beyond: UInt64 = 0) {
        var share = share(source, of: status(source, size: 0))
        share.size &+= beyond
        share.gap &+= beyond
        closed.add(share)
    }

    /// The shares of the sources that were closed in this run; with those of the open ones, the books.
    package var closedShares: LedgerStatus { closed }

    /// What does not add up in a source; nil when all does. `isDeep` looks at each of its entries.
    package func imbalance(_ source: Int, isDeep: Bool = false) -> LedgerImbalance? {
        if let known = imbalances[source] { return known }
        let (counts, reserved, bytes) = (sources[source].counts, sources[source].reserved, sources[source].entryBytes)
        if counts.acknowledged &+ counts.skipped &+ counts.gap != counts.committed {
            return .committed(
                committed: counts.committed, parts: counts.acknowledged &+ counts.skipped &+ counts.gap)
        }
        if reserved &- counts.committed != bytes {
            return .inFlight(handedOut: reserved &- counts.committed, entries: bytes)
        }
        return isDeep ? deepImbalance(source) : nil
    }

    private func deepImbalance(_ source: Int) -> LedgerImbalance? {
        var entry = sources[source].head
        var end = sources[source].counts.committed
        var bytes: UInt64 = 0
        var unanswered = 0
        while entry >= 0 {
            let current = entries[entry]
            if current.from &- current.skipped != end || current.end < current.from {
                return .notContiguous(end: end, next: current.from &- current.skipped)
            }
            end = current.end
            bytes &+= current.bytes
            if current.arena >= 0 { unanswered += 1 }
            entry = current.next
        }
        if end != sources[source].reserved {
            return .inFlight(handedOut: sources[source].reserved &- sources[source].counts.committed, entries: bytes)
        }
        let counted = Int(sources[source].inFlight)
        return unanswered == counted ? nil : .records(counted: counted, listed: unanswered)
    }

    /// Checks a source and keeps what does not add up for `takeImbalances`. It stays so until the slot is opened anew.
    package mutating func verify(_ source: Int, isDeep: Bool) {
        guard imbalances[source] == nil, let found = imbalance(source, isDeep: isDeep) else { return }
        note(found, source)
    }

    /// The sources that were found out of balance since the last call.
    package mutating func takeImbalances() -> [(source: Int, what: LedgerImbalance)] {
        guard !untold.isEmpty else { return [] }
        defer { untold.removeAll() }
        return untold.compactMap { source in imbalances[source].map { (source, $0) } }
    }

    /// At the end of every change: in debug builds a ledger out of balance ends the program there.
    @inline(__always)
    func assertBalance(_ source: Int) {
        assert(
            !trapsWhenOutOfBalance || imbalance(source) == nil,
            "the ledger of source \(source) is out of balance: \(imbalance(source)!)")
    }

    mutating func note(_ imbalance: LedgerImbalance, _ source: Int) {
        if trapsWhenOutOfBalance {
            assertionFailure("the ledger of source \(source) is out of balance: \(imbalance)")
        }
        guard imbalances[source] == nil else { return }
        imbalances[source] = imbalance
        imbalanceCount &+= 1
        untold.append(source)
    }
}
