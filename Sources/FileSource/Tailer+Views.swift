// Where walks begin: the root of a view, and those of its mounts that a pattern reaches.
internal import CLinux
internal import Core
internal import Glibc
internal import LinuxIO
package import Resolver

extension Tailer {
    func view(of directory: Int32) -> FileView { views[Int(directories[Int(directory)].view)] }

    func view(ofSlot slot: Int) -> FileView { views[Int(declarations[Int(files[slot].declaration)].view)] }

    /// The host's mounts now. New ones are all views' at once: each table kept for itself would be megabytes.
    package func presentMounts() -> HostMounts {
        let (mounts, isNew) = mountTable.read()
        if isNew { for view in views.indices { adopt(mounts, Int32(view)) } }
        return mounts
    }

    private func adopt(_ mounts: HostMounts, _ view: Int32) {
        views[Int(view)].mounts = mounts
        views[Int(view)].container?.mounts = mounts
    }

    func path(_ directory: Int32, _ name: some Sequence<UInt8>) -> ViewPath {
        let node = directories[Int(directory)]
        return ViewPath(view: node.view, path: join(node.path, name))
    }

    /// Looks at everything of a view for the first time; what one slice does not do is gone on with by `tick`.
    func beginFirstWalk(_ view: Int32, _ now: Int64) {
        views[Int(view)].walkBegan = Clock.wall()
        scans.firstWalks.insert(view)
        walk(view, now)
        hurryScans(of: view, now)
        pumpNewlyDue()
    }

    /// Enters all patterns of a view where they begin, and walks down. What is entered already stays as it is.
    func walk(_ view: Int32, _ now: Int64) {
        var entries: [RawPath: [PatternState]] = [:]
        for declaration in views[Int(view)].declarations {
            for pattern in declarations[Int(declaration)].patterns.indices {
                for (path, state) in entryPoints(view, declaration, pattern) {
                    entries[path, default: []].append(state)
                }
            }
        }
        for (path, states) in entries.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
            enterRoot(ViewPath(view: view, path: path), states, now)
        }
    }

    private func enterRoot(_ path: ViewPath, _ states: [PatternState], _ now: Int64) {
        switch views[Int(path.view)].look(path.path) {
        case .found(let sight):
            problems[path] = nil
            if sight.isDirectory { enter(path, sight, parent: -1, states, now) }
        case .missing(let error):
            guard path.view != 0 else { return }
            report(path, declaration: Int(states[0].declaration), "unreachable", error.reason)
        case .refused(let reason): report(path, declarations: Set(states.map(\.declaration)), "refused", reason)
        case .network(let mount): meetsNetwork(path, mount, states[0].declaration)
        }
    }

    /// Where a pattern is entered: at the deepest mount that holds all it can fit, else at the root; and at every mount
    /// further down that it may cross into, because the directories between need not exist yet.
    func entryPoints(_ view: Int32, _ declaration: Int32, _ pattern: Int) -> [(RawPath, PatternState)] {
        let first = PatternState(declaration: declaration, pattern: Int32(pattern), component: 0)
        guard let layout = views[Int(view)].container?.layout else { return [([0x2F], first)] }
        let literals = declarations[Int(declaration)].patterns[pattern].literalPrefix
        var home: RawPath = [0x2F]
        var start = first
        var entries: [(RawPath, PatternState)] = []
        for mount in layout.mounts {
            let names = mount.destination.split(separator: 0x2F)
            if names.count <= literals.count, zip(names, literals).allSatisfy({ $0.elementsEqual($1) }) {
                guard names.count > Int(start.component) else { continue }
                home = mount.destination
                start = PatternState(declaration: declaration, pattern: Int32(pattern), component: Int32(names.count))
            } else {
                entries += declarations.states(after: names, from: first).map { (mount.destination, $0) }
            }
        }
        return entries + [(home, start)]
    }

    /// Looks at the files of containers' root file systems, where events may not tell of writes.
    func pollLayers() {
        for slot in files.indices where files[slot].phase == .active && files[slot].hasName {
            let directory = directories[Int(files[slot].directory)]
            if directory.view != 0, directory.mount < 0 { markIfChanged(slot) }
        }
    }
}
