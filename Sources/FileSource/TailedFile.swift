// One file generation that is being followed.
package import Core
package import LinuxIO

/// State of one generation on one declaration; a slot of the tailer. Small, because there may be tens of thousands.
struct TailedFile {
    enum Phase: UInt8 {
        /// The slot is not in use.
        case vacant
        /// Its generation is not durable yet: nothing is read.
        case registering
        case active
        /// Its content is gone or complete: nothing will be read any more.
        case ended
    }

    // Ordered by size, so that nothing is lost to padding.
    /// Present name in its directory; empty when it has none.
    var name: [UInt8] = []
    /// The path its stream is named by; nil while that is still its present path.
    var livePath: RawPath?
    var device: UInt64 = 0
    var identity = FileIdentity(fileSystem: Identifier128(high: 0, low: 0), inode: 0, born: 0)
    var file = FileID(Identifier128(high: 0, low: 0))
    var stream = StreamID(Identifier128(high: 0, low: 0))
    /// Size at the last look.
    var size: UInt64 = 0
    /// `GenerationRecord.opened`.
    var opened: Int64 = 0
    /// Monotonic ns of the last growth seen.
    var lastGrowth: Int64 = 0
    /// Monotonic ns at which it lost its last name in watched directories, or was deleted after that; 0 while it has one.
    var nameless: Int64 = 0
    /// End of what was read last, or offset at which nothing followed.
    var anchorEnd = UInt64.max
    var evidence = FileEvidence()
    /// Ends of reads before that one, the latest first: a copy that was made meanwhile ends behind one of them.
    var formerAnchors = FormerAnchors()
    /// End of the last range that the disk could not read: what lies before it is no anchor for what lies behind.
    var unreadableEnd: UInt64 = 0
    /// CRC-32 of the up to 64 bytes before `anchorEnd`, as they were when they were read.
    var anchor: UInt32 = 0
    var declaration: Int32 = 0
    /// Directory node of its present name; -1 when it has none there.
    var directory: Int32 = -1
    /// Neighbours in the list of the slots whose names are in `directory`; -1: none.
    var nextInDirectory: Int32 = -1
    var previousInDirectory: Int32 = -1
    var descriptor: Int32 = -1
    /// inotify watch on the file itself, for a file reached through a link; -1: none.
    var watch: Int32 = -1
    /// Slots of the stream's next and former generation; -1: none. Until the former one is done this one is not read.
    var successor: Int32 = -1
    var predecessor: Int32 = -1
    /// Next slot that follows the same inode, for another declaration; -1: none.
    var nextOfInode: Int32 = -1
    /// Place in the tailer's `namelessSlots`; -1: it has a name.
    var namelessPlace: Int32 = -1
    var phase = Phase.vacant
    /// No name anywhere: st_nlink is 0.
    var deleted = false
    /// Told to the engine as readable and not read since.
    var signalled = false
    /// Written to while its descriptor was given up, and not opened since.
    var grew = false
    /// Its present name is a link to it.
    var isLinked = false
    /// `anchor` was taken from bytes that were read, so that the next read can compare it.
    var hasAnchor = false
    /// It was seen to be shorter than before, and has not been read since.
    var isCut = false
    /// It lies on a network file system: its volume's worker has its descriptor.
    var isRemote = false
    /// The file is gone: its rest is looked for, or read, in the tailer's `archives`.
    var isArchived = false

    /// Its predecessor was read to its end and is acknowledged.
    var mayBegin = false
    /// A new generation of which nothing was read: it may be a copy of another one.
    var isUnread = false
    /// It was found by a look while events of earlier may have waited: what they say of its name may be about another file.
    var isAhead = false
    /// Generations of the store that came before it may still be met.
    var isHeldBack = false

    var waits: Bool { predecessor >= 0 && !mayBegin || isHeldBack }
    var hasName: Bool { directory >= 0 }
}

/// Two ends of earlier reads with the CRC-32 of the up to 64 bytes before each.
struct FormerAnchors {
    // Ends before checksums, so that nothing is lost to padding.
    private var firstEnd: UInt64 = 0
    private var secondEnd: UInt64 = 0
    private var firstChecksum: UInt32 = 0
    private var secondChecksum: UInt32 = 0

    /// The latest first; an end of 0 is none.
    var all: [(end: UInt64, checksum: UInt32)] { [(firstEnd, firstChecksum), (secondEnd, secondChecksum)] }

    mutating func push(_ end: UInt64, _ checksum: UInt32) {
        guard end != firstEnd else { return }
        (secondEnd, secondChecksum) = (firstEnd, firstChecksum)
        (firstEnd, firstChecksum) = (end, checksum)
    }
}

/// Names a file's present inode, for as long as the daemon runs.
struct InodeKey: Hashable {
    let device: UInt64
    let inode: UInt64
}

/// A generation the tailer has found; the engine makes it durable when it is new, then activates it.
package struct AppearedFile: Sendable {
    package let slot: Int
    package let declaration: Int
    package let record: GenerationRecord
    /// False when the generation continues from the store.
    package let isNew: Bool
    /// Why the bytes before `record.counts.committed` of a new generation were skipped.
    package let skipped: SkipReason?
}

/// A generation of the store whose file is not there any more, or holds other content now.
package struct VanishedGeneration: Sendable, Equatable {
    package let record: GenerationRecord
    package let reason: GapReason

    package init(record: GenerationRecord, reason: GapReason) {
        self.record = record
        self.reason = reason
    }
}

/// What reading gave.
package enum ReadOutcome: Equatable {
    /// Bytes lie at the returned place of the buffer; `atEnd` when the file ends behind them.
    case bytes(UnsafePointer<UInt8>, count: Int, atEnd: Bool)
    case endOfFile
    /// It lies on a network file system whose worker is to read first; the slot becomes ready when it has.
    case pending
    /// The file became shorter or its content before the offset changed; `lastSize` is the size last seen.
    case truncated(lastSize: UInt64)
    /// The file was written to and deleted while its descriptor was given up: how much was unread is not to be known.
    case lost
    /// Bytes (or none) up to a place that cannot be read, with the error there.
    case broken(UnsafePointer<UInt8>, count: Int, SystemError)
    /// The file cannot be read now: errno.
    case failed(SystemError)

    package static func == (left: ReadOutcome, right: ReadOutcome) -> Bool {
        switch (left, right) {
        case (.bytes(let a, let b, let c), .bytes(let d, let e, let f)): return a == d && b == e && c == f
        case (.endOfFile, .endOfFile), (.pending, .pending): return true
        case (.truncated(let a), .truncated(let b)): return a == b
        case (.lost, .lost): return true
        case (.broken(let a, let b, let c), .broken(let d, let e, let f)): return a == d && b == e && c == f
        case (.failed(let a), .failed(let b)): return a == b
        default: return false
        }
    }
}

/// A path that matches a declaration and is not followed, with the reason and what to do.
package struct FileProblem: Sendable, Equatable {
    /// refused | unreadable | hanging
    package let state: String
    package let declaration: Int
    package let path: RawPath
    package let reason: String
}
