// The order of a stream's generations: a new one is produced only after the former one.
internal import CLinux
internal import Core
internal import LinuxIO

/// Where a generation belongs among those of its stream. Names and events tell it where they can: the clock may have been
/// set back between two births.
enum StreamPlace {
    /// Directly behind this slot, whose content was the file's before.
    case after(Int32)
    /// It has the stream's own name: nothing is newer.
    case newest
    /// Events tell that this slot's file was made later at the same path.
    case before(Int32)
    /// It was renamed away, later than all that are known as renamed.
    case behindRenamed
    /// It is known from the store: those that were opened after it are newer, in whatever order they are met again.
    case byOpening
    /// It was renamed away; among others of which the same is true its birth time tells.
    case byBirth
}

extension Tailer {
    /// Puts the slot behind the stream's former generation and before the next one.
    func follow(_ slot: Int32, _ place: StreamPlace) {
        let stream = files[Int(slot)].stream
        if case .after(let former) = place {
            let next = files[Int(former)].successor
            if next < 0 { slotOfStream[stream] = slot }
            return insert(slot, between: former, and: next)
        }
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

    func link(_ first: Int32, before second: Int32) {
        files[Int(first)].successor = second
        files[Int(second)].predecessor = first
        // It may have had its leave already, from the one that was before it until now.
        files[Int(second)].mayBegin = false
        markReady(first)
    }

    private func isLive(_ slot: Int32) -> Bool {
        files[Int(slot)].phase != .ended && files[Int(slot)].phase != .vacant
    }

    private func isNewer(_ former: Int32, than slot: Int32, _ place: StreamPlace) -> Bool {
        let hasOwnName = files[Int(former)].hasName && files[Int(former)].livePath == nil
        switch place {
        case .newest, .after: return false
        case .before: return hasOwnName
        // Views of containers have their turns: one that waited for its look may have been renamed before those that are
        // known as renamed.
        case .behindRenamed:
            return hasOwnName
                || declarations[Int(files[Int(slot)].declaration)].view != 0 && isYounger(former, than: slot)
        case .byOpening: return files[Int(former)].opened > files[Int(slot)].opened
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

    /// Unseen files, the oldest first, each with the slots that a scan has made already of the file after it.
    func inOrder(_ unseen: [EntryName: UnseenFile], _ now: Int64) -> [(EntryName, UnseenFile)] {
        var sorted = unseen.map { ($0.key, $0.value) }.sorted { $0.1.order < $1.1.order }
        var next: [RawPath: [Int32]] = [:]
        for index in sorted.indices.reversed() {
            let (entry, file) = sorted[index]
            guard directories[Int(entry.directory)].isAlive, !file.isInferred else { continue }
            let path = path(entry.directory, entry.name)
            if file.successors.isEmpty { sorted[index].1.successors = next[file.livePath] ?? [] }
            if case .success(let status) = views[Int(path.view)].status(path.path, follow: false) {
                let slots = file.declarations.compactMap { tracked(status, $0, now) }
                if !slots.isEmpty { next[file.livePath] = slots }
            }
        }
        return sorted
    }

    /// When a new generation was first seen, for the store: later than all before, also when the clock was set back; but
    /// before that of a generation which it precedes in its stream. Its place there is known.
    func stampOpened(_ slot: Int32) -> Int64 {
        let step: Int64 = 1000
        let (former, next) = (files[Int(slot)].predecessor, files[Int(slot)].successor)
        guard next >= 0 else {
            lastOpened = max(Clock.wall(), lastOpened > .max - step ? .max : lastOpened + step)
            return lastOpened
        }
        let end = files[Int(next)].opened
        let start = former >= 0 ? min(files[Int(former)].opened, end) : end - step
        return start + (end - start) / 2
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
        if predecessor >= 0, slotOfStream[files[slot].stream] == Int32(slot) {
            slotOfStream[files[slot].stream] = predecessor
        }
        guard successor >= 0 else { return }
        files[Int(successor)].predecessor = predecessor
        files[Int(successor)].mayBegin = predecessor >= 0 && files[slot].mayBegin
        markReady(successor)
    }
}
