// What the engine knows of one source beside its file and its ledger.
internal import Core
internal import Pipeline

/// Engine state of one slot. The same slot number names the file in the tailer and the source in the ledger.
struct SourceState {
    enum Scheduling: UInt8 {
        /// Nothing to do until the tailer says so.
        case idle
        case queued
        /// Waits for credit or trouble of its topic.
        case parkedOnTopic
        /// Waits for a partition that has no leader or does not acknowledge.
        case parkedOnPartition
        /// Waits for arenas.
        case parkedOnMemory

        var isParked: Bool { self != .idle && self != .queued }
    }

    var isOpen = false
    var topic: Int32 = 0
    var partition: Int32 = -1
    var scheduling = Scheduling.idle
    var line = LineState()
    /// Lines that began in the generation before, and end in this one.
    var inherited: EntryState?
    /// Everything there was has been read, but for a line without its end.
    var isCaughtUp = false
    /// It had more to read than fits in one turn, and has not caught up since: others that have come first.
    var hasBacklog = false
    /// Monotonic ns since when it waits for the former generation of its stream to be read once more; 0: it does not.
    var waitsSince: Int64 = 0
    /// Size the file had when everything unread was found to be NULs.
    var nullsEnd: UInt64 = 0
    /// The generation is over: an unfinished last line is complete.
    var isFinal = false
    /// A record failed: rewind when nothing is in flight.
    var needsRewind = false
    /// The failed record was alone in its request and is refused for itself: it becomes a gap.
    var isRefusedAlone = false
    /// Records up to here were refused together with others; nil: none was, or all are behind.
    var suspectUntil: UInt64?
    /// The record at this offset was refused alone that many times, for a reason that may not be its own.
    var doubt = (offset: UInt64.max, refusals: 0)
    /// Size at which the content ended, for a source that cannot be read any more.
    var endSize: UInt64?
    /// Bytes behind the content that were seen before it was truncated and are in no copy: announced as a gap.
    var beyondCopy: UInt64 = 0
    /// Why what fails after the end cannot be read again.
    var endReason = GapReason.deleted
    /// Monotonic ns before which a failed read is not tried again; 0: none failed.
    var retryAt: Int64 = 0
    /// Where a disk cannot read the file; kept once passed, for when the source is rewound.
    var broken: BrokenRange?
    var problem: String?
    /// Its container has stopped: it is read to its end, then let go.
    var isDraining = false
    /// It ends although its file stays: its row is kept.
    var isReleased = false
    /// Its descriptor is closed so that its volume can be unmounted: nothing is read.
    var isSuspended = false
    /// Monotonic ns until which it may be read although its volume is a mount of its own.
    var resumedUntil: Int64 = 0
    /// Taken before the descriptor of a released source was closed.
    var lastEvidence = FileEvidence()
}
