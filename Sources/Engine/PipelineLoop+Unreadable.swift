// Files that a disk cannot read in the middle: what is bad becomes a gap, reading goes on behind it.
internal import Checkpoint
internal import Core
internal import FileSource
internal import Glibc
internal import LinuxIO
internal import Logging
internal import Pipeline

/// A place where reads fail, and how far is known that they do.
struct BrokenRange {
    /// File offset of the first byte that cannot be read.
    let from: UInt64
    /// Failed reads.
    var attempts = 1
    /// The next place to look at; nil while reads are tried again.
    var probe: UInt64?
    /// First byte that can be read again, or the end of the file.
    var end: UInt64?
    /// Nothing can be read up to here, the file's end, on a network volume: a look before the range tells whether it is
    /// the range or the volume that is bad.
    var fileEnd: UInt64?
    /// That look failed: the volume may be away.
    var isVolumeBlamed = false

    init(from: UInt64) { self.from = from }

    /// Reads have been tried often enough, and the end of the range is not known yet.
    var isProbed: Bool { probe != nil && end == nil }
}

extension PipelineLoop {
    /// Reads of a place before it counts as lost.
    private static let brokenAttempts = 3
    /// Looks in one turn.
    private static let probesPerTurn = 64
    /// A disk that needs longer than this for a turn gets ten times as much rest, so that others are served.
    private static let slowProbes: Int64 = 50 * nanosecondsPerMillisecond
    private static let longestRest: Int64 = 30 * nanosecondsPerSecond

    /// Reading ended with an error behind `rest`. Whole lines are shipped first. True: the turn goes on.
    func readBroken(_ slot: Int, _ rest: Chunk, _ error: SystemError, _ now: Int64) -> Bool {
        var chunk = rest
        if chunk.count > 0 {
            encoder.stamp(Timestamp.now())
            let shipped = ship(slot, &chunk, now)
            counters.readBytes &+= chunk.offset &- rest.offset
            if chunk.offset > rest.offset { tailer.remember(slot, offset: chunk.offset, before: chunk.bytes) }
            if shipped == .stopped { return false }
            if shipped == .again || chunk.offset > rest.offset { return true }
        }
        guard Tailer.isMediaError(error) else {
            readFailed(slot, error, now)
            return false
        }
        let place = rest.offset + UInt64(rest.count)
        if let broken = sources[slot].broken, broken.from == place, let end = broken.end {
            return pass(slot, chunk, to: end, now)
        }
        noteBroken(slot, place, error, now)
        return false
    }

    private func noteBroken(_ slot: Int, _ place: UInt64, _ error: SystemError, _ now: Int64) {
        var broken = BrokenRange(from: place)
        if let known = sources[slot].broken, known.from == place {
            broken.attempts = known.attempts + 1
            broken.isVolumeBlamed = known.isVolumeBlamed
        }
        if broken.attempts >= PipelineLoop.brokenAttempts {
            broken.probe = place / UInt64(Tailer.probeSize) * UInt64(Tailer.probeSize) + UInt64(Tailer.probeSize)
            enqueue(slot)
        } else {
            readFailed(slot, error, now)
        }
        sources[slot].broken = broken
        if broken.isVolumeBlamed { return blame(slot) }
        sources[slot].problem =
            "\(error.reason) at byte \(place): "
            + (broken.isProbed ? "the next byte that can be read is looked for" : "it is tried again")
    }

    /// Looks for the end of the bad range in steps of 4 KiB, some of them in each turn.
    func probe(_ slot: Int) {
        let start = Clock.monotonic()
        for _ in 0..<PipelineLoop.probesPerTurn {
            guard var broken = sources[slot].broken, let place = broken.probe else { return }
            // A disk may answer with an error behind the end, too.
            let size = tailer.presentSize(slot)
            switch place < size ? tailer.probe(slot, at: place, into: scratch, now: start) : .endOfFile(size: size) {
            case .readable: broken.end = broken.fileEnd ?? place
            case .endOfFile where broken.fileEnd != nil, .unreadable where broken.fileEnd != nil:
                return blameVolume(slot, start)
            case .endOfFile(let size):
                if size > broken.from, tailer.isOnNetwork(slot) {
                    let step = UInt64(Tailer.probeSize)
                    guard broken.from >= step else { return blameVolume(slot, start) }
                    broken.fileEnd = min(place, size)
                    broken.probe = broken.from / step * step - step
                } else {
                    broken.end = min(place, size)
                }
            case .unreadable: broken.probe = place + UInt64(Tailer.probeSize)
            case .pending: return
            case .failed(let error): return readFailed(slot, error, start)
            }
            // It became shorter: reading tells what that means.
            sources[slot].broken = broken.end.map { $0 <= broken.from } == true ? nil : broken
            if !broken.isProbed || Clock.monotonic() - start > PipelineLoop.turnBudget { break }
        }
        let taken = Clock.monotonic() - start
        guard taken > PipelineLoop.slowProbes else { return enqueue(slot) }
        sources[slot].retryAt = start + min(10 * taken, PipelineLoop.longestRest)
        retrying.append(Int32(slot))
    }

    /// Servers that are away for a while are told of as EIO, too (NFS mounted `soft`): where nothing else of the file can be
    /// read either, nothing counts as lost.
    private func blameVolume(_ slot: Int, _ now: Int64) {
        var again = sources[slot].broken.map { BrokenRange(from: $0.from) }
        again?.attempts = 0
        again?.isVolumeBlamed = true
        sources[slot].broken = again
        readFailed(slot, SystemError("read", displayPath(slot), errno: EIO), now)
        blame(slot)
    }

    private func blame(_ slot: Int) {
        sources[slot].problem =
            "Input/output error: nothing of the file can be read, its volume may be away; it is tried again"
    }

    /// The bad range is known: the line before it ends there, it becomes a gap, reading goes on behind. True: the turn
    /// goes on.
    private func pass(_ slot: Int, _ rest: Chunk, to end: UInt64, _ now: Int64) -> Bool {
        var chunk = rest
        chunk.isFinal = true
        switch ship(slot, &chunk, now) {
        case .stopped: return false
        case .again: return true
        case .done: break
        }
        // NULs directly before it, of which no record could tell, are part of the gap.
        ledger.reserveGap(slot, to: end, reason: .unreadable, now: now)
        sources[slot].line = LineState()
        sources[slot].problem = nil
        tailer.passUnreadable(slot, to: end)
        return true
    }
}
