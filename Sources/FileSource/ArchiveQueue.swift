// The pipeline thread's side of archives: which generations are looked for or continued in one, and what waits.
internal import Core
package import LinuxIO

/// A generation whose file is gone: its slot waits for a search, or reads from the archive that was found.
struct ArchivedFile {
    enum Phase {
        case searching
        case found(ArchivePlace)
        /// None fits: what reading gives instead.
        case missing(ReadOutcome)
    }

    let handle: UInt64
    let query: ArchiveQuery
    var phase = Phase.searching
    /// The store's generation that nobody follows yet, and what is said of it when no archive fits. Nil: the engine knows
    /// the slot.
    var pending: VanishedGeneration?
    var outcome = ReadOutcome.lost
    /// Once it was met.
    var end: GzipEnd?

    var place: ArchivePlace? {
        if case .found(let place) = phase { place } else { nil }
    }

    var isSearched: Bool {
        if case .searching = phase { true } else { false }
    }
}

/// A generation that was found again in an archive.
package struct ContinuedGeneration: Sendable {
    package let slot: Int
    package let archive: RawPath
}

/// All archives of a tailer and their one worker. One request is under way at most, one chunk of bytes waits, and few
/// archives are being inflated: memory is bounded, however many there are. Owned by the tailer's thread.
struct ArchiveQueue {
    struct Wish {
        let slot: Int32
        let offset: UInt64
        let capacity: Int
    }

    /// Archives whose inflating state (about 0.5 MB with the last answer) is kept at a time.
    static let maximumLoaded = 8
    /// An archive that was read so recently does not make room for another one.
    static let useTime = nanosecondsPerSecond

    /// Made with the first search.
    var worker: IOWorker<ArchiveRequest, ArchiveAnswer>?
    /// By slot.
    var files: [Int32: ArchivedFile] = [:]
    /// Slots to be searched for, in order: the first one's search is under way.
    var searches: [Int32] = []
    var wishes: [Wish] = []
    /// Whose bytes are being read.
    var reading: Int32?
    var chunk: ArchiveChunk?
    /// A reading that needs another step.
    var unfinished: ArchiveReading?
    /// Handles that are inflated, with the monotonic ns of their last use.
    var loaded: [UInt64: Int64] = [:]
    var closes: [UInt64] = []
    var rests: [UInt64] = []
    var drops: [UInt64] = []
    var looks: Set<UInt64> = []
    var isBusy = false
    /// The last request was a reading: it is the searches' turn.
    var isSearchsTurn = false
    /// The search of the first of `searches` has begun.
    var hasBegun = false
    var handleCount: UInt64 = 0
    var continued: [ContinuedGeneration] = []

    func slot(ofHandle handle: UInt64) -> Int32? { files.first { $0.value.handle == handle }?.key }

    /// Archives that generations continue in.
    var taken: Set<InodeKey> { Set(files.values.compactMap { $0.place?.key }) }
}
