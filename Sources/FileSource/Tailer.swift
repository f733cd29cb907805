// The tailer: which files are followed, and which of them may have something to read.
internal import CLinux
package import Core
internal import Glibc
package import LinuxIO
internal import Resolver

/// Follows the files of all declarations by inotify, with a slow rescan behind it. Owned by the pipeline thread.
///
/// It decides what exists: slots appear (`takeAppeared`), are activated by the engine once their generation is durable,
/// become readable (`takeReady`), are read, and end. It does not know what was shipped: offsets come from the engine.
/// The extensions hold one concern each: Watching (inotify), Directories (walking patterns), Discovery (admitting
/// files), Reading (bytes, truncation, evidence), Names (rename, deletion, end).
package final class Tailer {
    let options: TailerOptions
    var declarations: [FileDeclaration]
    var vacantDeclarations: [Int32] = []
    /// Where paths lead: the host first, then containers.
    var views: [FileView] = [FileView(container: nil, mounts: .read())]
    var vacantViews: [Int32] = []
    let inotify: Inotify
    var mountTable = MountTable()

    var files = ContiguousArray<TailedFile>()
    var vacant: [Int32] = []
    var directories: [DirectoryNode] = []
    var vacantDirectories: [Int32] = []
    var directoryOfPath: [ViewPath: Int32] = [:]
    /// Nodes of a watched directory: one for each view that has it, when containers share a volume.
    var directoriesOfWatch: [Int32: [Int32]] = [:]
    /// Slots of a watched file: one for each declaration that reaches it through a link.
    var filesOfWatch: [Int32: [Int32]] = [:]
    var names = NameIndex()
    /// First slot of each inode; the others follow by `nextOfInode`.
    var slotOfInode: [InodeKey: Int32] = [:]
    /// Newest generation of each stream.
    var slotOfStream: [StreamID: Int32] = [:]
    /// Files without a name in a watched directory: looked at with every poll.
    var namelessSlots: [Int32] = []
    /// What the events of one `handleEvents` say about names, until it is compared with the directories.
    var changes = NameChanges()
    /// Directories to scan once the present step is over: something below them went away.
    var pendingScans: [Int32] = []
    /// Links that led nowhere when their file was moved: looked at with every poll until they lead to a file again.
    var danglingLinks: [EntryName: Int] = [:]
    /// Generations of the store that have not been found yet, by inode.
    var known: [UInt64: [GenerationRecord]] = [:]
    /// Of these, those on volumes whose containers are gone.
    var orphans = OrphanList()
    /// Of these, those that were followed for another container than their own, which is gone.
    var unowned: Set<FileID> = []
    /// Their inodes by directory, for files that were renamed while the daemon was down.
    var knownByDirectory: [StoredDirectory: Set<UInt64>] = [:]
    /// Generations of the store that may be there, but the daemon may not look: they are looked for with later scans.
    var withheld: Set<FileID> = []
    /// Views to walk from their entry points once the present step is over.
    var pendingWalks: Set<Int32> = []
    /// Declarations of other containers that reach a slot's file with the same route.
    var sharers: [Int32: [Int32]] = [:]
    /// Grows when a slot's declaration or sharers change: what its records say about containers changes with it.
    package internal(set) var sharingVersion = 0
    /// `options.refusedDirectories` as the kernel knows them: real paths, and device and inode.
    let refusedPaths: [RawPath]
    let refusedInodes: Set<[UInt64]>

    var appeared: [AppearedFile] = []
    var ready: [Int] = []
    var vanished: [VanishedGeneration] = []
    var moved: [Int] = []
    /// New files that may be copies, with the monotonic ns since when: not read until it is known what they are.
    var held: [Int32: Int64] = [:]
    var discarded: [Int] = []
    var passed: [(slot: Int, size: UInt64)] = []
    /// At most one for each declaration and path.
    package internal(set) var problems: [ViewPath: [FileProblem]] = [:]
    /// Paths with problems; beyond it a container still has a few of its own, so that no other one can use them all up.
    static let maximumProblems = 1_000
    static let ownProblems = 10
    package internal(set) var overflows: UInt64 = 0
    /// Network file systems that declared paths lead to, by device.
    var volumes: [UInt64: NetworkVolume] = [:]
    /// Of these, those with something new to list.
    var newlyDue: Set<UInt64> = []
    /// Signalled by all workers when answers wait.
    let networkReady: EventDescriptor
    /// Generations that continue, or may continue, inside compressed files.
    var archives = ArchiveQueue()
    // Numbers given so far.
    var volumeCount = 0
    var delegationCount: UInt64 = 0
    var handleCount: UInt64 = 0
    /// Rescans so far: tells which contacts with network file systems are of the last one.
    var rescans: UInt64 = 0
    /// `GenerationRecord.opened` of the newest generation ever seen.
    var lastOpened: Int64 = 0
    var openCount = 0
    var openCursor = 0
    /// How many generations of the store were not met again yet, by stream, and who waits for them: `Tailer+Unmet`.
    var unmet: [StreamID: Int] = [:]
    var heldBack: [StreamID: [Int32]] = [:]
    /// Slots that were found since all events were taken last: `TailedFile.isAhead`.
    var aheadSlots: [Int32] = []

    /// Where recent events came from, and directories that made the queue overflow, by watch.
    var tally = EventTally()
    var floods: [Int32: Flood] = [:]
    var floodNews: [FloodNews] = []
    /// Counts the events of `floods`; only while there are any.
    var gauge: FloodGauge?
    var floodsMeasured: Int64 = 0
    /// Directories that are being looked at.
    var scans = ScanQueue()
    /// How far the slow walk over everything is; nil: none is under way.
    var rescan: Rescan?

    private var pathBuffer: RawPath = []

    var nextRescan: Int64 = 0
    var nextPoll: Int64 = 0
    /// When directories that the store knows and that are not there count as removed.
    private var lostAfter = Int64.max
    private static let returnOfDirectories = 300 * nanosecondsPerSecond

    /// `known`: the generations of the store. Throws when the kernel gives no inotify instance.
    package init(
        _ options: TailerOptions, declarations: [FileDeclaration], known records: [GenerationRecord]
    ) throws(SystemError) {
        self.options = options
        self.declarations = declarations
        inotify = try Inotify()
        networkReady = try EventDescriptor()
        refusedPaths = options.refusedDirectories + options.refusedDirectories.compactMap(realPath)
        refusedInodes = Set(
            options.refusedDirectories.compactMap { path in
                guard case .success(let status) = FileSystem.status(path) else { return nil }
                return [status.device, status.inode]
            })
        views[0].declarations = Array(declarations.indices.map { Int32($0) })
        for record in records { remember(record) }
    }

    deinit {
        for file in files where file.descriptor >= 0 { close(file.descriptor) }
    }

    /// Readable when inotify events wait.
    package var descriptor: Int32 { inotify.raw }
    /// Readable when workers of network file systems have answered: `takeNetworkAnswers`.
    package var networkDescriptor: Int32 { networkReady.raw }

    /// The first walk over all declarations.
    package func start(now: Int64) {
        nextRescan = now + options.rescanInterval
        nextPoll = now + options.pollInterval
        lostAfter = now + Tailer.returnOfDirectories
        beginFirstWalk(0, now)
    }

    /// Monotonic ns of the next thing to do without an event; the poll is due only while something needs it.
    package var nextDeadline: Int64 {
        if rescan != nil || !scans.isEmpty { return 0 }
        return needsPolling ? min(nextRescan, nextPoll) : nextRescan
    }

    /// Does what is due: polls directories without a watch and walks over everything now and then.
    package func tick(now: Int64) {
        if now >= nextPoll {
            nextPoll = now + options.pollInterval
            poll(now)
        }
        if now >= nextRescan {
            nextRescan = now + options.rescanInterval
            beginRescan(now)
        }
        if goOnWithWalks(now, until: sliceEnd), now >= lostAfter { announceLost() }
        pumpNewlyDue()
    }

    private func poll(_ now: Int64) {
        if polledDirectories > 0 {
            measureFloods(now)
            for index in directories.indices where directories[index].isAlive && directories[index].isPolled {
                if scans[Int32(index)] == nil, now >= directories[index].nextPoll { rescan(Int32(index), now) }
            }
            runPendingScans(now)
        }
        for slot in unwatchedFiles + namelessSlots { markIfChanged(Int(slot)) }
        pollHeld()
        if options.pollsLayers { pollLayers() }
        pollDanglingLinks(now)
        if !volumes.isEmpty { pollNetwork(now) }
        if !archives.wishes.isEmpty { pumpArchives(now) }
    }

    private var needsPolling: Bool {
        options.pollsLayers && views.count - vacantViews.count > 1 || !namelessSlots.isEmpty || polledDirectories > 0
            || !held.isEmpty || !unwatchedFiles.isEmpty || !danglingLinks.isEmpty
            || !volumes.isEmpty && needsNetworkPolling
    }

    /// Files reached through a link for which no watch was to be had.
    var unwatchedFiles: [Int32] = []
    package internal(set) var polledDirectories = 0
    /// The kernel (or `watchLimit`) gave no watch at least once: polled directories would have one otherwise.
    package internal(set) var lacksWatches = false
    package var watchCount: Int { directoriesOfWatch.count + filesOfWatch.count }
    package var directoryCount: Int { directories.count - vacantDirectories.count }

    /// Files found since the last call.
    package func takeAppeared() -> [AppearedFile] { take(&appeared) }
    /// Generations of the store that are gone or replaced, found since the last call.
    package func takeVanished() -> [VanishedGeneration] { take(&vanished) }

    /// Slots that may have something to read, each once until it is read.
    package func takeReady() -> [Int] {
        // A slot that was freed meanwhile is not signalled any more, or signalled anew for its next file.
        var slots: [Int] = []
        for slot in take(&ready) where files[slot].signalled {
            files[slot].signalled = false
            slots.append(slot)
        }
        return slots
    }

    package var hasNews: Bool {
        !appeared.isEmpty || !ready.isEmpty || !vanished.isEmpty || !moved.isEmpty
            || !discarded.isEmpty || !passed.isEmpty
    }

    private func take<Element>(_ list: inout [Element]) -> [Element] {
        guard !list.isEmpty else { return [] }
        defer { list.removeAll() }
        return list
    }

    /// Says that a slot may have something to read.
    func markReady(_ slot: Int32) {
        let index = Int(slot)
        if files[index].phase != .active || files[index].waits { noteUnread(index) }
        guard files[index].phase == .active, !files[index].signalled, !files[index].waits || files[index].isCut
        else { return }
        files[index].signalled = true
        ready.append(index)
    }

    /// The generation of `slot` is durable: it may be read from now on.
    package func activate(_ slot: Int) {
        guard files[slot].phase == .registering else { return }
        files[slot].phase = .active
        markReady(Int32(slot))
    }

    // What the engine and the status ask about a slot.
    package func file(_ slot: Int) -> FileID { files[slot].file }
    package func stream(_ slot: Int) -> StreamID { files[slot].stream }
    package func declaration(_ slot: Int) -> Int { Int(files[slot].declaration) }
    package func isDeleted(_ slot: Int) -> Bool { files[slot].deleted }
    package func isWaiting(_ slot: Int) -> Bool { files[slot].waits }
    package func isRegistering(_ slot: Int) -> Bool { files[slot].phase == .registering }
    package func hasEnded(_ slot: Int) -> Bool { files[slot].phase == .ended }
    package var slotCount: Int { files.count }
    package func isInUse(_ slot: Int) -> Bool { files[slot].phase != .vacant }
    package func identity(_ slot: Int) -> FileIdentity { files[slot].identity }
    package func opened(_ slot: Int) -> Int64 { files[slot].opened }

    /// The path the slot's stream is named by.
    package func livePath(_ slot: Int) -> RawPath { files[slot].livePath ?? presentPath(slot) ?? [] }

    /// Calls `body` with the live path, built in a buffer that is reused.
    package func withLivePath(_ slot: Int, _ body: (UnsafeBufferPointer<UInt8>) -> Void) {
        pathBuffer.removeAll(keepingCapacity: true)
        if let live = files[slot].livePath {
            pathBuffer.append(contentsOf: live)
        } else if files[slot].hasName {
            let directory = Int(files[slot].directory)
            if directories[directory].path.count > 1 { pathBuffer.append(contentsOf: directories[directory].path) }
            pathBuffer.append(0x2F)
            pathBuffer.append(contentsOf: files[slot].name)
        }
        pathBuffer.withUnsafeBufferPointer(body)
    }

    /// Where the file is now; nil when it has no name in a watched directory.
    package func presentPath(_ slot: Int) -> RawPath? {
        guard files[slot].hasName else { return nil }
        return join(directories[Int(files[slot].directory)].path, files[slot].name)
    }
}

/// The directory part of an absolute path, `/` for names in the root.
func parent(of path: RawPath) -> RawPath {
    guard let slash = path.lastIndex(of: 0x2F), slash > 0 else { return [0x2F] }
    return Array(path[..<slash])
}

func join(_ directory: RawPath, _ name: some Sequence<UInt8>) -> RawPath {
    directory == [0x2F] ? [0x2F] + name : directory + [0x2F] + name
}
