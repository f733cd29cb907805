// The order of a stream's generations: a new one is produced only after the former one.
internal import CLinux
internal import Core

extension Tailer {
    /// Puts the slot behind the stream's former generation, so that a partition shows the log in its order. That is the
    /// newest one, unless the slot was found late: then it goes before those that were born after it.
    func follow(_ slot: Int32, isNewest: Bool = false) {
        let stream = files[Int(slot)].stream
        guard var former = slotOfStream[stream], isLive(former) else {
            slotOfStream[stream] = slot
            return
        }
        var next: Int32 = -1
        while !isNewest, former >= 0, isYounger(former, than: slot) {
            next = former
            former = files[Int(former)].predecessor
        }
        if next < 0 { slotOfStream[stream] = slot } else { link(slot, before: next) }
        if former >= 0 { link(former, before: slot) }
    }

    func link(_ first: Int32, before second: Int32) {
        files[Int(first)].successor = second
        files[Int(second)].predecessor = first
        markReady(first)
    }

    private func isLive(_ slot: Int32) -> Bool {
        files[Int(slot)].phase != .ended && files[Int(slot)].phase != .vacant
    }

    /// Born later (statx(2)); of two born in the same tick of the kernel's clock the one that was renamed away is older.
    private func isYounger(_ former: Int32, than slot: Int32) -> Bool {
        let (one, other) = (files[Int(former)], files[Int(slot)])
        guard one.identity.born > 0, other.identity.born > 0 else { return false }
        if one.identity.born == other.identity.born { return one.livePath == nil && other.livePath != nil }
        return one.identity.born > other.identity.born
    }

    /// Puts the slot directly behind another one of its stream.
    func follow(_ slot: Int32, after former: Int32) {
        let next = files[Int(former)].successor
        if next >= 0 { link(slot, before: next) } else { slotOfStream[files[Int(slot)].stream] = slot }
        link(former, before: slot)
    }

    /// The slot was read to its present end and all of it is acknowledged: the next generation of its stream may begin.
    package func caughtUp(_ slot: Int) {
        let successor = files[slot].successor
        guard successor >= 0, !files[slot].waits else { return }
        files[Int(successor)].mayBegin = true
        markReady(successor)
    }

    /// True when another generation waits for this one.
    package func hasSuccessor(_ slot: Int) -> Bool { files[slot].successor >= 0 }

    /// The slot before this one in its stream, as long as this one has not begun; nil when there is none.
    package func predecessor(_ slot: Int) -> Int? {
        files[slot].predecessor >= 0 ? Int(files[slot].predecessor) : nil
    }

    /// Bytes were added to the file since it was read last.
    package func hasGrown(_ slot: Int) -> Bool { presentSize(slot) > files[slot].size }

    /// The former generation has more after all: it is read first.
    package func waitAgain(_ slot: Int) { files[slot].mayBegin = false }

    /// Records of the slot were produced: what its former generation may still get comes later.
    package func hasBegun(_ slot: Int) {
        let predecessor = files[slot].predecessor
        guard predecessor >= 0 else { return }
        files[Int(predecessor)].successor = -1
        files[slot].predecessor = -1
        files[slot].mayBegin = false
    }

    /// Lets the successor go; one that still waits for a predecessor itself hands its place on.
    func leaveOrder(_ slot: Int) {
        let (predecessor, successor) = (files[slot].predecessor, files[slot].successor)
        files[slot].predecessor = -1
        files[slot].successor = -1
        if predecessor >= 0 { files[Int(predecessor)].successor = successor }
        guard successor >= 0 else { return }
        files[Int(successor)].predecessor = predecessor
        files[Int(successor)].mayBegin = predecessor >= 0 && files[slot].mayBegin
        markReady(successor)
    }
}
