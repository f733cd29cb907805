// What the pipeline thread and the I/O worker of a network volume say to each other: paths and bytes, no descriptors.
internal import CLinux
internal import Core
internal import LinuxIO
internal import Resolver

/// Where paths lead, for a worker: it keeps a view of its own, which may touch its own file system and no other one.
enum NetworkView: Sendable {
    case host(HostMounts)
    case container(ContainerView)
}

/// One request. The worker closes first, which may hang as anything else may.
struct NetworkRequest: Sendable {
    enum Work: Sendable {
        case list([NetworkWalk], handles: [UInt64])
        case open(NetworkOpening)
        case read(NetworkReading)
        case nothing
    }

    /// Handles that are not needed any more, or not for now.
    var closes: [UInt64] = []
    var work = Work.nothing
}

/// A declaration's files on the volume are to be listed.
struct NetworkWalk: Sendable {
    /// Number of the delegation.
    let delegation: UInt64
    let view: NetworkView
    let declaration: FileDeclaration
    /// Paths by which the declaration reaches the volume.
    let contacts: [RawPath]
    /// Inodes of the store's generations: files of other names that have one are listed too.
    let known: Set<UInt64>
}

/// A file is to be opened for the first time.
struct NetworkOpening: Sendable {
    let delegation: UInt64
    let handle: UInt64
    let view: NetworkView
    let path: RawPath
    let status: clinux_stat
    let isLinked: Bool
    let declaration: FileDeclaration
    /// The store's generations of this inode.
    let records: [GenerationRecord]
    /// It was renamed while the daemon was down: only a generation of the store makes it a source.
    let isRenamed: Bool
}

/// Bytes of a file are to be read, after opening it again where it was closed.
struct NetworkReading: Sendable {
    let slot: Int32
    let handle: UInt64
    let view: NetworkView
    /// Nil: it has no name any more.
    let path: RawPath?
    let device: UInt64
    let identity: FileIdentity
    let offset: UInt64
    /// Bytes before the offset that are read along.
    let before: Int
    let capacity: Int
    /// Its head is to be compared with this.
    let headToFit: FileEvidence?
    /// The head known so far is short: it is to be taken again.
    let wantsHead: Bool
}

/// What the worker answers.
enum NetworkAnswer: Sendable {
    case listed([NetworkListing], states: [(handle: UInt64, status: clinux_stat?)])
    case opened(NetworkOpening, Result<NetworkFile, SystemError>)
    case read(NetworkChunk)
    case nothing
}

/// The files of one declaration on the volume.
struct NetworkListing: Sendable {
    struct File: Sendable {
        let path: RawPath
        let status: clinux_stat
        /// The link's own status where the name is one.
        let link: clinux_stat?
        /// False: it is there for its inode only.
        let isWanted: Bool
    }

    let delegation: UInt64
    var files: [File] = []
    /// Directories that were read.
    var directories: Set<RawPath> = []
    /// Why something could not be looked at: names that are missing say nothing then.
    var failure: (path: RawPath, error: SystemError)?
    var refused: [(path: RawPath, reason: String)] = []
}

/// A file that was opened.
struct NetworkFile: Sendable {
    let status: clinux_stat
    let identity: FileIdentity
    let start: FileStart
    /// The store's generations whose evidence fits its content.
    let fitting: Set<FileID>
    /// On the host.
    let resolvedPath: RawPath?
}

/// Bytes that were read.
struct NetworkChunk: Sendable {
    let slot: Int32
    let handle: UInt64
    let offset: UInt64
    /// Of the request: `bytes` begin `before` bytes before the offset.
    var before: Int
    let capacity: Int
    var bytes: [UInt8] = []
    /// After reading.
    var status: clinux_stat?
    /// Where data follows (or the end), when the bytes are nothing but NULs.
    var nextData: UInt64?
    var headFits = true
    var head: FileEvidence?
    /// ENOENT: it has no such name any more. ESTALE: another file has it.
    var failure: SystemError?
    /// Why `bytes` end where they end: the disk behind the volume cannot read on.
    var broken: SystemError?
    /// The bytes before the offset could not be read.
    var anchorFailed = false
}
