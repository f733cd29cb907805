// The order of a stream's generations, so that a partition shows the log as it was written.
internal import Core

/// Where a generation belongs among those of its stream. Names and events tell it where they can: the clock may have been
/// set back between two births.
enum StreamPlace {
    /// It has the stream's own name: nothing is newer.
    case newest
    /// Events tell that this slot's file was made later at the same path.
    case before(Int32)
    /// It was renamed away, later than all that are known as renamed.
    case behindRenamed
    /// It was renamed away; among others of which the same is true its birth time tells.
    case byBirth
}

extension Tailer {
    /// Puts the slot behind the stream's former generation and before the next one.
    func follow(_ slot: Int32, _ place: StreamPlace) {
        let stream = files[Int(slot)].stream
        guard let newest = slotOfStream[stream], isLive(newest) else {
            slotOfStream[stream] = slot
            return
        }
        if case .before(let next) = place, isLive(next), files[Int(next)].stream == stream {
            return insert(slot, between: files[Int(next)].predecessor, and: next)
        }
        var (former, next) = (newest, Int32(-1))
        while former >= 0, isNewer(former, than: slot, place) {
            next = former
            former = files[Int(former)].predecessor
        }
        if next < 0 { slotOfStream[stream] = slot }
        insert(slot, between: former, and: next)
    }

    private func insert(_ slot: Int32, between former: Int32, and next: Int32) {
        if next >= 0 { link(slot, before: next) }
        if former >= 0 { link(former, before: slot) }
    }

    private func link(_ first: Int32, before second: Int32) {
        files[Int(first)].successor = second
        files[Int(second)].predecessor = first
        markReady(first)
    }

    private func isLive(_ slot: Int32) -> Bool {
        files[Int(slot)].phase != .ended && files[Int(slot)].phase != .vacant
    }

    private func isNewer(_ former: Int32, than slot: Int32, _ place: StreamPlace) -> Bool {
        let hasOwnName = files[Int(former)].hasName && files[Int(former)].livePath == nil
        switch place {
        case .newest: return false
        case .before, .behindRenamed: return hasOwnName
        case .byBirth: return hasOwnName || isYounger(former, than: slot)
        }
    }

    /// Born later (statx(2)); of two born in the same tick of the kernel's clock the one that was renamed away is older.
    private func isYounger(_ former: Int32, than slot: Int32) -> Bool {
        let (one, other) = (files[Int(former)], files[Int(slot)])
        guard one.identity.born > 0, other.identity.born > 0 else { return false }
        if one.identity.born == other.identity.born { return one.livePath == nil && other.livePath != nil }
        return one.identity.born > other.identity.born
    }

    /// The wall clock for a new generation; later than for all before, also when the clock was set back.
    func stampOpened() -> Int64 {
        lastOpened = max(Clock.wall(), lastOpened == .max ? .max : lastOpened + 1)
        return lastOpened
    }
}
