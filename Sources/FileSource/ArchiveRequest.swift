// What the pipeline thread and the archive worker say to each other: paths and bytes, no descriptors.
internal import Core
internal import LinuxIO

/// A generation whose file is gone, and how its content is told in an archive.
struct ArchiveQuery: Sendable {
    let view: NetworkView
    let directory: RawPath
    /// Name of the generation's file in it.
    let name: [UInt8]
    /// Checksum of its head: `headLength` bytes of it.
    let headLength: Int
    let headChecksum: UInt32
    /// Plain bytes it has at least, and the CRC-32 of the up to 64 bytes before; nil when that is not known.
    let tailEnd: UInt64
    let tailChecksum: UInt32?
    /// Wall clock, ns, at which the generation was there: an archive that was born before is another's.
    let opened: Int64
    /// Archives that other generations continue in.
    var taken: Set<InodeKey> = []

    /// A shorter head may be that of many files: it says nothing about one of another name.
    static let strongHead = 64
    /// Of what fits it must be the only one.
    var isWeak: Bool { tailChecksum == nil || headLength < ArchiveQuery.strongHead }
}

/// An archive that was found.
struct ArchivePlace: Sendable {
    let path: RawPath
    let key: InodeKey
    let born: Int64
    /// Evidence of its plain head, up to the full length.
    let headLength: UInt32
    let headChecksum: UInt32
    /// Plain size by its trailer, which holds it modulo 2^32 (ISIZE of RFC 1952).
    let claimedSize: UInt64
}

/// Plain bytes of an archive are wanted.
struct ArchiveReading: Sendable {
    let slot: Int32
    let handle: UInt64
    let view: NetworkView
    let place: ArchivePlace
    let offset: UInt64
    let capacity: Int
}

/// One request. The worker lets go of things first.
struct ArchiveRequest: Sendable {
    enum Work: Sendable {
        case search(handle: UInt64, ArchiveQuery)
        /// Another step of the search that is under way.
        case searchOn(handle: UInt64)
        case read(ArchiveReading)
        case nothing
    }

    /// Handles whose descriptors are not to be held for now.
    var closes: [UInt64] = []
    /// Handles whose inflating state is not to be held for now.
    var rests: [UInt64] = []
    /// Handles that are not needed any more.
    var drops: [UInt64] = []
    /// Handles to be looked at: was their file deleted?
    var looks: [UInt64] = []
    var work = Work.nothing
}

/// Plain bytes that were read.
struct ArchiveChunk: Sendable {
    let slot: Int32
    let handle: UInt64
    let offset: UInt64
    /// `bytes` begin so many bytes before the offset.
    let before: Int
    let capacity: Int
    var bytes: [UInt8] = []
    var end: GzipEnd?
    /// The archive cannot be opened any more.
    var failure: SystemError?
}

/// What the worker answers.
struct ArchiveAnswer: Sendable {
    enum Result: Sendable {
        case searching(handle: UInt64)
        case found(handle: UInt64, ArchivePlace)
        case missing(handle: UInt64)
        case read(ArchiveChunk)
        case readOn(ArchiveReading)
        case nothing
    }

    let result: Result
    /// Of `looks`: those whose file has no name any more.
    var deleted: [UInt64] = []
}
