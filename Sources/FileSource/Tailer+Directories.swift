// Walking the declared patterns: one node per directory that a pattern leads through, each with a watch.
internal import CLinux
internal import Core
internal import Glibc
internal import LinuxIO

/// A place in a pattern: entries of a directory are matched against component `component`.
struct PatternState: Hashable {
    let declaration: Int32
    let pattern: Int32
    let component: Int32
}

/// One directory on the way to declared files. Its states say what its entries are matched against.
struct DirectoryNode {
    var path: RawPath
    var parent: Int32
    var depth: Int32
    var states: [PatternState] = []
    var children: [Int32] = []
    /// inotify watch; -1: none.
    var watch: Int32 = -1
    var mask: UInt32 = 0
    /// No watch was to be had: it is looked at with every poll.
    var isPolled = false
    var isAlive = true
    var device: UInt64 = 0
    var inode: UInt64 = 0
}

extension Tailer {
    static let maximumDepth: Int32 = 64
    private static let selfMask = UInt32(IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)
    private static let entryMask = UInt32(IN_CREATE | IN_MOVED_TO)
    private static let fileMask = UInt32(IN_MODIFY | IN_MOVED_FROM | IN_DELETE | IN_ATTRIB)

    /// Enters all patterns at the root and walks down.
    func walkFromRoot(_ now: Int64) {
        var states: [PatternState] = []
        for (declaration, value) in declarations.enumerated() {
            for pattern in value.patterns.indices {
                states.append(
                    PatternState(declaration: Int32(declaration), pattern: Int32(pattern), component: 0))
            }
        }
        if !states.isEmpty { enter([0x2F], parent: -1, depth: 0, states, now) }
    }

    private func component(_ state: PatternState) -> PatternComponent {
        declarations[Int(state.declaration)].patterns[Int(state.pattern)].components[Int(state.component)]
    }

    private func isLast(_ state: PatternState) -> Bool {
        Int(state.component) == declarations[Int(state.declaration)].patterns[Int(state.pattern)].components.count - 1
    }

    private func next(_ state: PatternState) -> PatternState {
        PatternState(declaration: state.declaration, pattern: state.pattern, component: state.component + 1)
    }

    /// `**` fits no directory too: a state on it implies the state behind it.
    private func closure(_ states: [PatternState]) -> [PatternState] {
        var all: [PatternState] = []
        for var state in states {
            while true {
                if !all.contains(state) { all.append(state) }
                guard component(state) == .anyDepth, !isLast(state) else { break }
                state = next(state)
            }
        }
        return all
    }

    /// Makes or extends the node of a directory that exists, and scans it when that brought new states.
    private func enter(_ path: RawPath, parent: Int32, depth: Int32, _ states: [PatternState], _ now: Int64) {
        guard depth < Tailer.maximumDepth, !options.refusedDirectories.contains(path) else { return }
        let wanted = closure(states)
        if let index = directoryOfPath[path] {
            let new = wanted.filter { !directories[Int(index)].states.contains($0) }
            guard !new.isEmpty else { return }
            directories[Int(index)].states += new
            scan(index, now)
            return
        }
        var node = DirectoryNode(path: path, parent: parent, depth: depth)
        node.states = wanted
        let index: Int32
        if let free = vacantDirectories.popLast() {
            directories[Int(free)] = node
            index = free
        } else {
            directories.append(node)
            index = Int32(directories.count - 1)
        }
        directoryOfPath[path] = index
        if parent >= 0 { directories[Int(parent)].children.append(index) }
        scan(index, now)
    }

    /// Watches a directory, then looks at what is in it (in this order, so that nothing falls between).
    func scan(_ index: Int32, _ now: Int64) {
        let path = directories[Int(index)].path
        guard case .success(let status) = FileSystem.status(path), status.mode & UInt32(S_IFMT) == UInt32(S_IFDIR)
        else {
            return drop(index, now)
        }
        directories[Int(index)].device = status.device
        directories[Int(index)].inode = status.inode
        watch(index, missingLiteral: true)
        resumeRenamed(in: path, index, now)
        let literals = directories[Int(index)].states.compactMap { state -> [UInt8]? in
            if case .literal(let name) = component(state) { return name }
            return nil
        }
        if literals.count == directories[Int(index)].states.count {
            for name in literals { name.withUnsafeBufferPointer { consider(index, $0, type: UInt8(DT_UNKNOWN), now) } }
            let isMissing = literals.contains { name in
                if case .success = FileSystem.status(join(path, name)) { return false }
                return true
            }
            watch(index, missingLiteral: isMissing)
        } else {
            scanEntries(index, path, now)
        }
    }

    private func scanEntries(_ index: Int32, _ path: RawPath, _ now: Int64) {
        var entries: [(name: [UInt8], type: UInt8)] = []
        do {
            try FileSystem.forEachEntry(in: path) { name, type, _ in
                entries.append((Array(name), type))
                return true
            }
        } catch {
            report(path, declaration: Int(directories[Int(index)].states[0].declaration), "unreadable", error)
            return
        }
        problems[path] = nil
        for entry in entries { entry.name.withUnsafeBufferPointer { consider(index, $0, type: entry.type, now) } }
    }

    /// Matches one entry against the node's states: descends into directories, admits files.
    func consider(_ index: Int32, _ name: UnsafeBufferPointer<UInt8>, type: UInt8, _ now: Int64) {
        guard directories[Int(index)].isAlive else { return }
        var deeper: [PatternState] = []
        var followLinks = false
        var wanting: [Int32] = []
        var isLiteral = false
        for state in directories[Int(index)].states where component(state).matches(name) {
            let isAnyDepth = component(state) == .anyDepth
            if isAnyDepth { deeper.append(state) }
            if isLast(state) {
                if case .literal = component(state) { isLiteral = true }
                if !wanting.contains(state.declaration) { wanting.append(state.declaration) }
            } else if !isAnyDepth {
                deeper.append(next(state))
                followLinks = true
            }
        }
        if !deeper.isEmpty, type != UInt8(DT_REG) {
            descend(index, name, deeper, followLinks: followLinks, now)
        }
        // A directory where a pattern names a file is refused; one that a wildcard happens to fit is no file, and no problem.
        if !wanting.isEmpty, isLiteral || type != UInt8(DT_DIR) { considerFile(index, name, wanting, now) }
    }

    private func descend(
        _ index: Int32, _ name: UnsafeBufferPointer<UInt8>, _ states: [PatternState], followLinks: Bool, _ now: Int64
    ) {
        let path = join(directories[Int(index)].path, name)
        guard case .success(let status) = FileSystem.status(path, follow: followLinks),
            status.mode & UInt32(S_IFMT) == UInt32(S_IFDIR)
        else { return }
        enter(path, parent: index, depth: directories[Int(index)].depth + 1, states, now)
    }

    /// Sets the watch of a node: its own end always, its entries where they matter.
    private func watch(_ index: Int32, missingLiteral: Bool) {
        let node = directories[Int(index)]
        let wantsFiles = node.states.contains(where: isLast)
        let onlyLiterals = node.states.allSatisfy { state in
            if case .literal = component(state) { return true }
            return false
        }
        var mask = Tailer.selfMask
        if wantsFiles || !onlyLiterals || missingLiteral { mask |= Tailer.entryMask }
        if wantsFiles { mask |= Tailer.fileMask }
        guard mask != node.mask else { return }
        if node.watch < 0, let limit = options.watchLimit, watchCount >= limit {
            lacksWatches = true
            return poll(index)
        }
        switch inotify.add(node.path, mask: mask) {
        case .success(let watch):
            if let other = directoryOfWatch[watch], other != index { return poll(index) }
            directoryOfWatch[watch] = index
            directories[Int(index)].watch = watch
            directories[Int(index)].mask = mask
            if node.isPolled {
                directories[Int(index)].isPolled = false
                polledDirectories -= 1
            }
        case .failure(let error):
            if error.errno == ENOSPC { lacksWatches = true }
            poll(index)
        }
    }

    /// No watch is to be had: fs.inotify.max_user_watches, no right to read the directory, or it is reached by two paths.
    private func poll(_ index: Int32) {
        guard !directories[Int(index)].isPolled else { return }
        directories[Int(index)].isPolled = true
        polledDirectories += 1
    }

    /// The directory is gone, or another one stands at its path: forgets the node and everything below, then lets the
    /// parent look again.
    func drop(_ index: Int32, _ now: Int64) {
        guard directories[Int(index)].isAlive else { return }
        let parent = directories[Int(index)].parent
        forget(index, now)
        if parent >= 0, directories[Int(parent)].isAlive {
            directories[Int(parent)].children.removeAll { $0 == index }
            scan(parent, now)
        }
    }

    private func forget(_ index: Int32, _ now: Int64) {
        let node = directories[Int(index)]
        for child in node.children { forget(child, now) }
        for slot in files.indices where files[slot].phase != .vacant && files[slot].directory == index {
            loseName(Int32(slot), now)
        }
        if node.watch >= 0 {
            directoryOfWatch[node.watch] = nil
            inotify.remove(node.watch)
        }
        if node.isPolled { polledDirectories -= 1 }
        directoryOfPath[node.path] = nil
        directories[Int(index)] = DirectoryNode(path: [], parent: -1, depth: 0)
        directories[Int(index)].isAlive = false
        vacantDirectories.append(index)
    }

    /// Looks at one directory as if it were new: its own identity, its entries, the sizes of its files.
    func rescan(_ index: Int32, _ now: Int64) {
        let node = directories[Int(index)]
        guard node.isAlive else { return }
        guard case .success(let status) = FileSystem.status(node.path), status.inode == node.inode,
            status.device == node.device
        else { return drop(index, now) }
        for slot in files.indices where files[slot].phase != .vacant && files[slot].directory == index {
            files[slot].name.withUnsafeBufferPointer { considerKnown(Int32(slot), index, $0, now) }
        }
        scan(index, now)
    }

    /// The slow walk behind inotify, and the answer to an overflow of its queue.
    func rescanEverything(_ now: Int64) {
        for index in directories.indices where directories[index].isAlive { rescan(Int32(index), now) }
        for slot in unwatchedFiles { markReady(slot) }
        for slot in files.indices where files[slot].phase == .active { markIfGrown(slot) }
        problems = problems.filter { path, _ in
            guard case .failure(let error) = FileSystem.status(path, follow: false) else { return true }
            return error.errno == EACCES
        }
    }
}
