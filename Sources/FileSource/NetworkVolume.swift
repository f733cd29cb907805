// The pipeline thread's side of one network file system: its worker, what is delegated to it, what waits for it.
internal import CLinux
internal import Core
internal import LinuxIO
internal import Resolver

/// A declaration whose files on a volume are looked for by the volume's worker.
struct Delegation {
    enum Phase {
        case followed
        /// Its container has stopped: one more listing, which is under way (`isSubmitted`) or still to come.
        case finishing(isSubmitted: Bool)
        /// Nothing new is looked for.
        case retired
    }

    let id: UInt64
    let declaration: Int32
    /// As it was when it was delegated: `start: end` matters for the files of the first listing.
    var declared: FileDeclaration
    /// Paths by which the declaration reaches the volume, and the rescan in which each was met last.
    var contacts: [RawPath: UInt64] = [:]
    var phase = Phase.followed
}

/// What the pipeline thread knows of a file whose descriptor the worker has.
struct RemoteFile {
    let handle: UInt64
    /// On the host.
    let resolvedPath: RawPath?
    /// At the last answer.
    var size: UInt64
    /// Where data follows, when what was read last was nothing but NULs.
    var nextData: UInt64?
}

/// One network file system (by device: it may be mounted at several places) and its worker. Owned by the tailer's thread.
/// One request is under way at most, and one chunk of bytes: memory is bounded, whatever hangs.
final class NetworkVolume {
    struct Wish {
        let slot: Int32
        let offset: UInt64
        let before: Int
        let capacity: Int
    }

    /// A file that is being opened for a declaration.
    struct OpenKey: Hashable {
        let inode: UInt64
        let declaration: Int32
    }

    let entry: HostMounts.Entry
    let worker: IOWorker<NetworkRequest, NetworkAnswer>
    var delegations: [Delegation] = []
    /// By slot.
    var files: [Int32: RemoteFile] = [:]
    var openings: [NetworkOpening] = []
    var openKeys: Set<OpenKey> = []
    /// Who wants to read, in order.
    var wishes: [Wish] = []
    /// Whose bytes are being read.
    var reading: Int32?
    /// Bytes that were read, until their slot takes or drops them.
    var chunk: NetworkChunk?
    /// Handles to be closed with the next request.
    var closes: [UInt64] = []
    var isBusy = false
    var isListDue = false
    /// The last request was no reading: it is the readers' turn.
    var isReadersTurn = false
    /// Inodes of the last listing by path, while it is applied.
    var listed: [ViewPath: UInt64] = [:]

    /// How long the worker may be busy before its volume counts as hanging.
    static let patience: Int64 = 2 * nanosecondsPerSecond

    init(_ entry: HostMounts.Entry, number: Int, openLimit: Int, ready: EventDescriptor) throws(SystemError) {
        self.entry = entry
        // Safety: made here and used by the worker's thread alone.
        nonisolated(unsafe) let reader = NetworkReader(device: entry.device, openLimit: openLimit)
        worker = try IOWorker(name: "volume-\(number)", capacity: 1, ready: ready) { reader.perform($0) }
    }

    /// For how long (ns) it has not answered, when that is too long.
    func hangsFor(now: Int64) -> Int64? {
        guard let since = worker.busySince, now - since > NetworkVolume.patience else { return nil }
        return now - since
    }

    /// What it is and how long it has been silent.
    func silence(_ nanoseconds: Int64) -> String {
        "the \(entry.type) file system at \(printable(entry.mountPoint)) has not answered for "
            + "\(nanoseconds / nanosecondsPerSecond) s"
    }

    /// A listing could find something.
    var isListable: Bool {
        delegations.contains { delegation in
            if case .retired = delegation.phase { false } else { true }
        }
    }

    func drop(_ slot: Int32) {
        if chunk?.slot == slot { chunk = nil }
        wishes.removeAll { $0.slot == slot }
    }

    func close(_ slot: Int32) {
        if let file = files[slot] { closes.append(file.handle) }
        drop(slot)
    }
}
