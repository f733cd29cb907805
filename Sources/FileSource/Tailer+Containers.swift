// Declarations that come and go with containers, and volumes that several containers share.
internal import CLinux
package import Core
internal import Glibc
internal import LinuxIO
package import Resolver

extension Tailer {
    /// Begins to follow a container's declarations, named as they are unique in it. Returns their numbers, in order.
    /// Generations that `known` names are continued where their files are met.
    package func add(
        _ container: ContainerView, _ added: [FileDeclaration], known records: [GenerationRecord] = [], now: Int64
    ) -> [Int] {
        for record in records { remember(record) }
        let view = newView(container)
        let numbers = added.map { declaration in
            var declaration = declaration
            declaration.view = view
            return newDeclaration(declaration)
        }
        views[Int(view)].declarations = numbers
        beginFirstWalk(view, now)
        return numbers.map { Int($0) }
    }

    private func newView(_ container: ContainerView) -> Int32 {
        if let free = vacantViews.popLast() {
            views[Int(free)] = FileView(container: container, mounts: container.mounts)
            return free
        }
        views.append(FileView(container: container, mounts: container.mounts))
        return Int32(views.count - 1)
    }

    private func newDeclaration(_ declaration: FileDeclaration) -> Int32 {
        if let free = vacantDeclarations.popLast() {
            declarations[Int(free)] = declaration
            return free
        }
        declarations.append(declaration)
        return Int32(declarations.count - 1)
    }

    /// Mounts or processes of the container have changed: its paths lead elsewhere now.
    package func update(_ declaration: Int, layout: ContainerLayout, mounts: HostMounts, now: Int64) {
        let view = declarations[declaration].view
        views[Int(view)].mounts = mounts
        views[Int(view)].container?.mounts = mounts
        views[Int(view)].container?.layout = layout
        look(at: declaration, now: now)
    }

    /// A container has stopped (or runs again): what its declarations fit now is found, and nothing more from then on.
    /// What one slice does not find is found later: `isLooking`.
    package func retire(containerOf declaration: Int, _ isRetired: Bool, now: Int64) {
        let view = declarations[declaration].view
        for number in views[Int(view)].declarations { declarations[Int(number)].isRetired = false }
        if isRetired {
            scans.retiring.insert(view)
        } else {
            scans.retiring.remove(view)
            retireDelegations(of: view, false)
        }
        look(at: declaration, now: now)
    }

    /// True until the walk over a container's directories that `add` or `retire` began is over.
    package func isLooking(containerOf declaration: Int) -> Bool {
        let view = declarations[declaration].view
        return scans.firstWalks.contains(view) || scans.retiring.contains(view)
    }

    /// Looks at everything below a container's declarations as if it were new.
    package func look(at declaration: Int, now: Int64) {
        let view = declarations[declaration].view
        // The last one to come is looked at first.
        for index in directories.indices.reversed() where directories[index].isAlive && directories[index].view == view
        {
            rescan(Int32(index), now)
        }
        pendingWalks.insert(view)
        runPendingScans(now)
        hurryScans(of: view, now)
        pumpNewlyDue()
    }

    /// Slots of a container, by the number of one of its declarations.
    package func slots(ofContainerOf declaration: Int) -> [Int] {
        let view = declarations[declaration].view
        return files.indices.filter { slot in
            files[slot].phase != .vacant && declarations[Int(files[slot].declaration)].view == view
                && !isUnannounced(slot)
        }
    }

    /// Gives up a container's declarations. Files that another container declares with the same route are handed over to
    /// it; all others must have been freed before.
    package func remove(containerOf declaration: Int, now: Int64) {
        let view = declarations[declaration].view
        let gone = views[Int(view)].declarations
        cancelSearches(of: gone)
        letGoHeldBack(of: view)
        var handedOver: [Int32] = []
        for slot in files.indices where gone.contains(files[slot].declaration) && files[slot].phase != .vacant {
            if handOver(Int32(slot), now) { handedOver.append(Int32(slot)) }
        }
        for (slot, others) in sharers {
            let rest = others.filter { !gone.contains($0) }
            guard rest.count < others.count else { continue }
            sharers[slot] = rest.isEmpty ? nil : rest
            sharingVersion += 1
        }
        for index in directories.indices where directories[index].isAlive && directories[index].view == view {
            leave(Int32(index), now)
        }
        removeDelegations(of: gone)
        problems = problems.filter { $0.key.view != view }
        for number in gone {
            declarations[Int(number)] = FileDeclaration(name: "", patterns: [], route: "")
            vacantDeclarations.append(number)
        }
        pendingWalks.remove(view)
        scans.firstWalks.remove(view)
        scans.retiring.remove(view)
        views[Int(view)] = FileView(container: nil, mounts: views[0].mounts)
        vacantViews.append(view)
        runPendingScans(now)
        for slot in handedOver { settle(slot, now) }
    }

    /// A file that was handed over to a container that does not find it goes to the next one; what none of them finds
    /// has no name any more.
    private func settle(_ slot: Int32, _ now: Int64) {
        while !files[Int(slot)].hasName, !files[Int(slot)].isRemote, handOver(slot, now) { runPendingScans(now) }
        if !files[Int(slot)].hasName { loseName(slot, now) }
    }

    /// Keeps a generation that is let go: whoever meets its file next continues it.
    package func keep(_ record: GenerationRecord) { remember(record) }

    /// Keeps a generation on a volume whose container is gone. Those that are too many are forgotten: were their files met
    /// again, they would be shipped again. Returns the forgotten, whose rows are to go.
    package func keepOrphan(_ record: GenerationRecord) -> [FileID] {
        known[record.identity.inode, default: []].append(record)
        return limit(record)
    }

    /// Generations of the store that have no container any more, the longest kept first. One that was not let go was
    /// followed for another container when the last run ended: when that does not meet it soon, it is lost.
    package func adoptOrphans(_ records: [GenerationRecord]) -> [FileID] {
        unowned = Set(records.filter { $0.detached == 0 }.map(\.file))
        return records.filter { $0.detached != 0 }.flatMap(limit)
    }

    private func limit(_ record: GenerationRecord) -> [FileID] {
        orphans.add(record).compactMap { oldest in
            guard let records = known[oldest.inode], records.contains(where: { $0.file == oldest.file }) else {
                return nil
            }
            let rest = records.filter { $0.file != oldest.file }
            known[oldest.inode] = rest.isEmpty ? nil : rest
            return oldest.file
        }
    }

    /// Takes the generations of a container that were not met again, or were let go.
    package func takeKnown(ofContainer id: String) -> [GenerationRecord] {
        var taken: [GenerationRecord] = []
        for (inode, records) in known where records.contains(where: { $0.container == id }) {
            taken += records.filter { $0.container == id }
            let rest = records.filter { $0.container != id }
            known[inode] = rest.isEmpty ? nil : rest
        }
        knownByDirectory = knownByDirectory.filter { $0.key.container != id }
        noteMet(taken)
        return taken
    }

    /// Closes what keeps the slot's volume busy; a read opens the file again.
    package func suspend(_ slot: Int) {
        files[slot].size = max(files[slot].size, presentSize(slot))
        closeDescriptor(slot)
        removeWatch(slot)
    }

    /// True when files of the declaration may have come and gone in the root file system of its container without being
    /// looked at: it is removed, and what was seen of it was not everything, or nothing at all.
    package func isUncertain(_ declaration: Int) -> Bool {
        let view = views[Int(declarations[declaration].view)]
        if declarations[declaration].log != nil {
            return view.lostMounts && (view.isDoubtful || !declarations[declaration].hasMatched)
        }
        guard view.lostRoot, usesRoot(declaration) else { return false }
        return view.isDoubtful || !declarations[declaration].hasMatched
    }

    /// True when a declaration's paths begin in the container's root file system, not on a mount.
    func usesRoot(_ declaration: Int) -> Bool {
        let view = declarations[declaration].view
        return declarations[declaration].patterns.indices.contains { pattern in
            entryPoints(view, Int32(declaration), pattern).contains { $0.0 == [0x2F] }
        }
    }

    /// True when another container declares the slot's file too, so that it lives on without this one.
    package func isShared(_ slot: Int) -> Bool { sharers[Int32(slot)] != nil }

    /// The declarations of other containers that reach the slot's file with the same route.
    package func sharers(of slot: Int) -> [Int] { (sharers[Int32(slot)] ?? []).map { Int($0) } }

    /// A file that another container, or the host, declared with the same route: one source with the ids of all.
    func share(_ slot: Int32, with declaration: Int32) -> Bool {
        let (mine, other) = (declarations[Int(declaration)], declarations[Int(files[Int(slot)].declaration)])
        guard mine.container != other.container else { return false }
        guard sharers[slot]?.contains(declaration) != true else { return true }
        sharers[slot, default: []].append(declaration)
        sharingVersion += 1
        return true
    }

    func handOver(_ slot: Int32, _ now: Int64) -> Bool {
        guard var others = sharers[slot], !others.isEmpty else { return false }
        let heir = others.remove(at: others.firstIndex { !declarations[Int($0)].isRetired } ?? 0)
        sharers[slot] = others.isEmpty ? nil : others
        sharingVersion += 1
        let (directory, name) = (files[Int(slot)].directory, files[Int(slot)].name)
        let node = directory >= 0 ? directories[Int(directory)] : nil
        unindex(slot)
        files[Int(slot)].declaration = heir
        // Where the heir has the same directory one look is enough.
        if let node, let same = directories.firstIndex(where: { $0.isSame(as: node, in: declarations[Int(heir)].view) })
        {
            name.withUnsafeBufferPointer { consider(Int32(same), $0, type: UInt8(DT_UNKNOWN), now) }
        }
        if !files[Int(slot)].hasName { scanLater(declarations[Int(heir)].view) }
        return true
    }

    /// All directories of a view are looked at once the present step is over.
    func scanLater(_ view: Int32) {
        for index in directories.indices where directories[index].isAlive && directories[index].view == view {
            pendingScans.append(Int32(index))
        }
    }
}
