// Walking the declared patterns: one node per directory that a pattern leads through, each with a watch.
internal import CLinux
internal import Core
internal import Glibc
internal import LinuxIO

/// One directory on the way to declared files. Its states say what its entries are matched against.
struct DirectoryNode {
    /// In its view.
    var path: RawPath
    var view: Int32
    /// -1: entered from the root of its view, or from one of its mounts.
    var parent: Int32
    var depth: Int32
    var states: [PatternState] = []
    var children: [Int32] = []
    /// First of the slots whose names are here; they are a list by `nextInDirectory`. -1: none.
    var firstSlot: Int32 = -1
    /// inotify watch; -1: none.
    var watch: Int32 = -1
    var mask: UInt32 = 0
    /// No watch was to be had, or it floods: it is looked at with every poll.
    var isPolled = false
    /// Its watch made the queue of events overflow: it tells of little until that is over (`Flood`).
    var isFlooded = false
    /// Monotonic ns at which it was calm again, and after how many calm polls; 0: never.
    var floodEnded: Int64 = 0
    var calmNeeded = 0
    /// Monotonic ns before which it is not polled again: looking at a large one takes long.
    var nextPoll: Int64 = 0
    /// Files below were deleted: it may be removed and made again without an event of its own.
    var isDoubted = false
    var isAlive = true
    /// Something in it could not be looked at for lack of rights: an event that says rights were changed brings a look.
    var isDenied = false
    /// On a network file system: its volume's worker tells what is in it, nothing is asked here.
    var isRemote = false
    var device: UInt64 = 0
    var inode: UInt64 = 0
    /// Mount of the container it lies on; -1: root file system, or the host.
    var mount: Int32 = -1
    /// It exists in a lower layer only: a write makes another directory in the upper one.
    var isLower = false

    var key: ViewPath { ViewPath(view: view, path: path) }

    /// The same directory, as another view has it.
    func isSame(as other: DirectoryNode, in view: Int32) -> Bool {
        isAlive && !isRemote && self.view == view && inode == other.inode && device == other.device
    }
}

extension Tailer {
    static let maximumDepth: Int32 = 64
    private static let selfMask = UInt32(IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)
    private static let entryMask = UInt32(IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM)
    private static let fileMask = UInt32(IN_MODIFY | IN_DELETE | IN_ATTRIB)

    func component(_ state: PatternState) -> PatternComponent { declarations.component(state) }
    func isLast(_ state: PatternState) -> Bool { declarations.isLast(state) }
    func next(_ state: PatternState) -> PatternState { state.next }
    func closure(_ states: [PatternState]) -> [PatternState] { declarations.closure(states) }

    /// Makes or extends the node of a directory that exists, and scans it when that brought new states.
    func enter(
        _ path: ViewPath, _ sight: FileSight, parent: Int32, _ states: [PatternState], _ now: Int64
    ) {
        let depth = parent >= 0 ? directories[Int(parent)].depth + 1 : 0
        let status = sight.status
        guard depth < Tailer.maximumDepth, !refusedInodes.contains([status.device, status.inode]) else { return }
        let wanted = closure(states)
        if let index = directoryOfPath[path] {
            let node = directories[Int(index)]
            if node.inode == status.inode, node.device == status.device {
                let new = wanted.filter { !node.states.contains($0) }
                guard !new.isEmpty else { return }
                directories[Int(index)].states += new
                return scan(index, now)
            }
            // Another directory stands here now; the old one may live on without a name.
            leave(index, now)
        }
        var node = DirectoryNode(path: path.path, view: path.view, parent: parent, depth: depth)
        node.states = wanted
        node.device = status.device
        node.inode = status.inode
        node.mount = sight.mount
        node.isLower = sight.isLower
        let index = newDirectory(node)
        if parent >= 0 { directories[Int(parent)].children.append(index) }
        scan(index, now)
    }

    func newDirectory(_ node: DirectoryNode) -> Int32 {
        let index: Int32
        if let free = vacantDirectories.popLast() {
            directories[Int(free)] = node
            index = free
        } else {
            directories.append(node)
            index = Int32(directories.count - 1)
        }
        directoryOfPath[node.key] = index
        return index
    }

    /// Looks at what is in a directory.
    func scan(_ index: Int32, _ now: Int64) {
        if directories[Int(index)].isRemote { return }
        beginScan(index, known: false, now)
    }

    /// Scans the directories below which something went away, each once.
    func runPendingScans(_ now: Int64) {
        let maximumRounds = 100
        for _ in 0..<maximumRounds where !pendingScans.isEmpty || !pendingWalks.isEmpty {
            let walks = pendingWalks
            pendingWalks.removeAll()
            for view in walks.sorted() { walk(view, now) }
            let scans = Set(pendingScans)
            pendingScans.removeAll()
            for index in scans.sorted() where directories[Int(index)].isAlive { scan(index, now) }
        }
    }

    /// Matches one entry against the node's states: descends into directories, admits files.
    func consider(_ index: Int32, _ name: UnsafeBufferPointer<UInt8>, type: UInt8, _ now: Int64) {
        guard directories[Int(index)].isAlive else { return }
        let (wanting, deeper, spread) = declarations.match(directories[Int(index)].states, name)
        if !spread.isEmpty || !deeper.isEmpty, type != UInt8(DT_REG) { descend(index, name, deeper, spread, now) }
        if wanting.isEmpty { return }
        if type == UInt8(DT_DIR) {
            refuseDirectory(path(index, name), wanting)
        } else {
            considerFile(index, name, wanting, now)
        }
    }

    /// The declarations that want a file of this name here.
    func wanting(_ index: Int32, _ name: UnsafeBufferPointer<UInt8>) -> [Int32] {
        let path = join(directories[Int(index)].path, name)
        var found: [Int32] = []
        for state in directories[Int(index)].states where isLast(state) && component(state).matches(name) {
            guard !found.contains(state.declaration),
                !declarations[Int(state.declaration)].excludes.contains(where: { $0.matches(path: path, name: name) })
            else { continue }
            found.append(state.declaration)
        }
        return found
    }

    /// Enters a subdirectory. A link is followed where a component names it, but no `**` spreads through it: so each
    /// link uses up a component, and a loop of links ends.
    private func descend(
        _ index: Int32, _ name: UnsafeBufferPointer<UInt8>, _ deeper: [PatternState], _ spread: [PatternState],
        _ now: Int64
    ) {
        let path = path(index, name)
        let view = view(of: index)
        guard var sight = sight(view, path, follow: false, deeper, spread) else { return }
        var states = deeper
        if sight.isLink {
            guard !deeper.isEmpty, let target = self.sight(view, path, follow: true, deeper, []),
                view.container != nil || !isRefused(realPath(path.path))
            else { return }
            sight = target
        } else {
            states += spread
        }
        guard sight.isDirectory else { return }
        enter(path, sight, parent: index, states, now)
    }

    /// A look at a directory on the way; one that may not be entered becomes a problem of the declarations that name it.
    /// A `**` that spreads over it leaves it out.
    private func sight(
        _ view: FileView, _ path: ViewPath, follow: Bool, _ named: [PatternState], _ spread: [PatternState]
    ) -> FileSight? {
        switch view.look(path.path, follow: follow) {
        case .found(let sight):
            problems[path]?.removeAll { $0.state == "unreadable" }
            return sight
        case .missing(let error):
            if error.isDenied, let state = named.first {
                report(path, declaration: Int(state.declaration), "unreadable", error)
            }
            return nil
        case .refused(let reason):
            report(path, declarations: Set(named.map(\.declaration)), "refused", reason)
            return nil
        case .network(let mount):
            if let state = named.first ?? spread.first { meetsNetwork(path, mount, state.declaration) }
            return nil
        }
    }

    /// Sets the watch of a node: its own end always, its entries where they matter.
    func watch(_ index: Int32, missingLiteral: Bool, _ now: Int64) {
        let node = directories[Int(index)]
        if node.isFlooded, node.watch >= 0 { return }
        let wantsFiles = node.states.contains(where: isLast)
        let onlyLiterals = node.states.allSatisfy { state in
            if case .literal = component(state) { return true }
            return false
        }
        var mask = Tailer.selfMask
        if wantsFiles || !onlyLiterals || missingLiteral { mask |= Tailer.entryMask }
        if wantsFiles { mask |= Tailer.fileMask }
        guard mask != node.mask else {
            if node.watch >= 0 { endPolling(index) }
            return
        }
        if node.watch < 0 {
            if let limit = options.watchLimit, watchCount >= limit {
                lacksWatches = true
                return poll(index)
            }
        }
        // The watch may be another node's too, by another path or of another container: it must not lose what it has.
        if node.watch < 0 || directoriesOfWatch[node.watch]?.count != 1 { mask |= UInt32(IN_MASK_ADD) }
        switch view(of: index).watch(node.path, mask: mask, inotify) {
        case .success(let watch):
            let others = directoriesOfWatch[watch] ?? []
            // A directory that another node of the view has: by another path, or from before it was moved here.
            if let other = others.first(where: { $0 != index && directories[Int($0)].view == node.view }) {
                guard hasMoved(other) else { return poll(index) }
                drop(other, now)
                return self.watch(index, missingLiteral: missingLiteral, now)
            }
            if node.watch >= 0, node.watch != watch { removeWatch(node.watch, of: index) }
            if !others.contains(index) { directoriesOfWatch[watch] = others + [index] }
            directories[Int(index)].watch = watch
            directories[Int(index)].mask = mask & ~UInt32(IN_MASK_ADD)
            endPolling(index)
            joinFlood(watch)
        case .failure(let error):
            if error.errno == ENOSPC { lacksWatches = true }
            poll(index)
        }
    }

    /// True when the node's path does not lead to its directory any more.
    func hasMoved(_ index: Int32) -> Bool {
        let node = directories[Int(index)]
        switch view(of: index).status(node.path) {
        case .success(let status): return status.inode != node.inode || status.device != node.device
        case .failure(let error): return !error.isDenied
        }
    }

    /// No watch is to be had (fs.inotify.max_user_watches, or the directory is reached by two paths).
    func poll(_ index: Int32) {
        guard !directories[Int(index)].isPolled else { return }
        directories[Int(index)].isPolled = true
        polledDirectories += 1
    }

    private func endPolling(_ index: Int32) {
        guard directories[Int(index)].isPolled else { return }
        directories[Int(index)].isPolled = false
        polledDirectories -= 1
    }

    /// The directory is gone, or another one stands at its path: forgets the node and everything below. The parent looks
    /// again once the present step is over, so that a thousand directories that go away cost one scan.
    func drop(_ index: Int32, _ now: Int64) {
        guard directories[Int(index)].isAlive else { return }
        let (parent, view) = (directories[Int(index)].parent, directories[Int(index)].view)
        leave(index, now)
        if parent >= 0 { pendingScans.append(parent) } else { pendingWalks.insert(view) }
    }

    /// A file was deleted here. While it is held open, the kernel keeps its directory and those above alive and does not
    /// tell when they are removed: until the next rescan the directories above are watched for new ones in their place.
    /// That goes for every file, also one that was never followed.
    func doubt(_ index: Int32) {
        var above = directories[Int(index)].parent
        while above >= 0, !directories[Int(above)].isDoubted {
            directories[Int(above)].isDoubted = true
            pendingScans.append(above)
            above = directories[Int(above)].parent
        }
    }

    /// Forgets a node and takes it from its parent.
    func leave(_ index: Int32, _ now: Int64) {
        let parent = directories[Int(index)].parent
        if parent >= 0 { directories[Int(parent)].children.removeAll { $0 == index } }
        forget(index, now)
    }

    private func forget(_ index: Int32, _ now: Int64) {
        let node = directories[Int(index)]
        for child in node.children { forget(child, now) }
        for slot in slots(in: index) { loseName(slot, now) }
        // The next directory gets its number: what events said of names here is not said of that one.
        changes.abandon(index)
        cancelScan(index)
        if node.watch >= 0 { removeWatch(node.watch, of: index) }
        if node.isPolled { polledDirectories -= 1 }
        directoryOfPath[node.key] = nil
        problems[node.key] = nil
        directories[Int(index)] = DirectoryNode(path: [], view: 0, parent: -1, depth: 0)
        directories[Int(index)].isAlive = false
        vacantDirectories.append(index)
    }

    private func removeWatch(_ watch: Int32, of index: Int32) {
        directoriesOfWatch[watch]?.removeAll { $0 == index }
        guard directoriesOfWatch[watch]?.isEmpty == true else { return }
        forgetFlood(watch)
        directoriesOfWatch[watch] = nil
        inotify.remove(watch)
    }

    /// Looks at one directory as if it were new: its own identity, its entries, the sizes of its files.
    func rescan(_ index: Int32, _ now: Int64) {
        guard directories[Int(index)].isAlive, !directories[Int(index)].isRemote else { return }
        beginScan(index, known: true, now)
    }
}
