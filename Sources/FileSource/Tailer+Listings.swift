// What a worker's listing says about names: files to admit, renamed ones, and those that are gone.
internal import CLinux
internal import Core
internal import Glibc
internal import LinuxIO

extension Tailer {
    func apply(
        _ listings: [NetworkListing], _ states: [(handle: UInt64, status: clinux_stat?)], _ volume: NetworkVolume,
        _ now: Int64
    ) {
        noteStates(states, volume, now)
        var wanting: [ViewPath: (file: NetworkListing.File, declarations: [Int32])] = [:]
        var order: [ViewPath] = []
        var applied: [(delegation: Delegation, listing: NetworkListing)] = []
        for listing in listings {
            guard let delegation = volume.delegations.first(where: { $0.id == listing.delegation }) else { continue }
            applied.append((delegation, listing))
            tellProblems(listing, delegation)
            let view = declarations[Int(delegation.declaration)].view
            for file in listing.files {
                if !file.isWanted {
                    admitRenamed(file, delegation, volume)
                    continue
                }
                let path = ViewPath(view: view, path: file.path)
                if wanting[path] == nil { order.append(path) }
                wanting[path, default: (file, [])].declarations.append(delegation.declaration)
                volume.listed[path] = file.status.inode
            }
        }
        for path in order { considerListed(path, wanting[path]!.file, wanting[path]!.declarations, now) }
        for (delegation, listing) in applied {
            if listing.failure == nil { loseUnlisted(delegation, volume, now) }
            settle(delegation, listing, volume)
        }
        volume.listed = [:]
        dropEmptyRemoteDirectories(now)
    }

    /// Sizes and link counts of files without a name.
    private func noteStates(
        _ states: [(handle: UInt64, status: clinux_stat?)], _ volume: NetworkVolume, _ now: Int64
    ) {
        let slots = Dictionary(uniqueKeysWithValues: volume.files.map { ($0.value.handle, $0.key) })
        for (handle, status) in states {
            guard let slot = slots[handle], files[Int(slot)].nameless != 0 else { continue }
            if let status { volume.files[slot]!.size = status.size }
            if !files[Int(slot)].deleted, status == nil || status!.links == 0 {
                files[Int(slot)].deleted = true
                files[Int(slot)].nameless = now
            }
            if let status, status.size != files[Int(slot)].size { markReady(slot) }
        }
    }

    private func tellProblems(_ listing: NetworkListing, _ delegation: Delegation) {
        let (view, declaration) = (declarations[Int(delegation.declaration)].view, Int(delegation.declaration))
        for contact in delegation.contacts.keys { problems[ViewPath(view: view, path: contact)] = nil }
        for (path, reason) in listing.refused {
            report(ViewPath(view: view, path: path), declaration: declaration, "refused", reason)
        }
        if let (path, error) = listing.failure {
            report(ViewPath(view: view, path: path), declaration: declaration, "unreadable", error)
        }
    }

    private func considerListed(
        _ path: ViewPath, _ file: NetworkListing.File, _ wanting: [Int32], _ now: Int64
    ) {
        let directory = remoteDirectory(ViewPath(view: path.view, path: parent(of: path.path)))
        let name = Array(path.path[(path.path.lastIndex(of: 0x2F)! + 1)...])
        problems[path] = nil
        name.withUnsafeBufferPointer { name in
            let sight = FileSight(status: file.status, mount: directories[Int(directory)].mount)
            follow(
                Found(path: path, directory: directory, name: name, link: file.link, sight: sight, isRemote: true),
                wanting, now)
        }
    }

    /// The node that holds names of a directory of which the worker tells. It is neither watched nor looked at.
    func remoteDirectory(_ path: ViewPath) -> Int32 {
        if let known = directoryOfPath[path] { return known }
        var node = DirectoryNode(path: path.path, view: path.view, parent: -1, depth: 0)
        node.isRemote = true
        return newDirectory(node)
    }

    private func dropEmptyRemoteDirectories(_ now: Int64) {
        for index in directories.indices
        where directories[index].isAlive && directories[index].isRemote && directories[index].firstSlot < 0 {
            leave(Int32(index), now)
        }
    }

    /// Names that a complete listing does not show any more, or shows for another file.
    private func loseUnlisted(_ delegation: Delegation, _ volume: NetworkVolume, _ now: Int64) {
        for slot in volume.files.keys
        where files[Int(slot)].declaration == delegation.declaration && files[Int(slot)].hasName {
            let path = ViewPath(
                view: declarations[Int(delegation.declaration)].view, path: presentPath(Int(slot))!)
            if volume.listed[path] != files[Int(slot)].identity.inode { loseName(slot, now) }
        }
    }

    /// After the first complete listing the store's generations that it did not show are gone.
    private func settle(_ delegation: Delegation, _ listing: NetworkListing, _ volume: NetworkVolume) {
        guard let index = volume.delegations.firstIndex(where: { $0.id == delegation.id }) else { return }
        if case .finishing(isSubmitted: true) = volume.delegations[index].phase {
            volume.delegations[index].phase = .retired
        }
        guard listing.failure == nil else { return }
        volume.delegations[index].declared.isFirstWalk = false
        let inodes = Set(listing.files.map(\.status.inode))
        forget { record in
            isOf(record, delegation) && listing.directories.contains(parent(of: record.path))
                && !inodes.contains(record.identity.inode)
        }
    }

    // MARK: Opening

    /// A generation of the store that was renamed inside its directory while the daemon was down.
    private func admitRenamed(_ file: NetworkListing.File, _ delegation: Delegation, _ volume: NetworkVolume) {
        let records = known[file.status.inode] ?? []
        guard
            records.contains(where: { record in
                isOf(record, delegation) && record.path != file.path && parent(of: record.path) == parent(of: file.path)
            })
        else { return }
        open(file, delegation, volume, isRenamed: true)
    }

    /// A file that is to become a slot is opened by the worker first.
    func open(_ found: Found, _ declaration: Int32) {
        guard let volume = volumes[found.sight.status.device],
            let delegation = volume.delegations.first(where: { $0.declaration == declaration })
        else { return }
        let file = NetworkListing.File(
            path: found.path.path, status: found.sight.status, link: found.link, isWanted: true)
        open(file, delegation, volume, isRenamed: false)
    }

    private func open(
        _ file: NetworkListing.File, _ delegation: Delegation, _ volume: NetworkVolume, isRenamed: Bool
    ) {
        let key = NetworkVolume.OpenKey(inode: file.status.inode, declaration: delegation.declaration)
        guard volume.openKeys.insert(key).inserted else { return }
        handleCount += 1
        volume.openings.append(
            NetworkOpening(
                delegation: delegation.id, handle: handleCount,
                view: networkView(declarations[Int(delegation.declaration)].view, volume), path: file.path,
                status: file.status, isLinked: file.link != nil, declaration: delegation.declared,
                records: known[file.status.inode] ?? [], isRenamed: isRenamed))
    }

    /// The worker has opened a file, or could not.
    func admit(
        _ opening: NetworkOpening, _ result: Result<NetworkFile, SystemError>, _ volume: NetworkVolume, _ now: Int64
    ) {
        guard let delegation = volume.delegations.first(where: { $0.id == opening.delegation }) else {
            return volume.closes.append(opening.handle)
        }
        let declaration = delegation.declaration
        volume.openKeys.remove(.init(inode: opening.status.inode, declaration: declaration))
        let path = ViewPath(view: declarations[Int(declaration)].view, path: opening.path)
        switch result {
        case .failure(let error):
            guard error.errno != ENOENT, error.errno != ESTALE else { return }
            report(path, declaration: Int(declaration), "unreadable", error)
        case .success(let file):
            guard mayAdmit(file, path, declaration, now) else { return volume.closes.append(opening.handle) }
            admit(file, opening, path, declaration, volume, now)
        }
    }

    private func mayAdmit(_ file: NetworkFile, _ path: ViewPath, _ declaration: Int32, _ now: Int64) -> Bool {
        guard tracked(file.status, declaration, now) == nil else { return false }
        if path.view == 0, let resolved = file.resolvedPath, isRefused(resolved) {
            report(
                path, declaration: Int(declaration), "refused", "inside Longshore's own state directory: exclude it")
            return false
        }
        // Another declaration may have met it while it was being opened.
        if let other = sameRoute(file.status, declaration, now) {
            _ = share(other, with: declaration)
            return false
        }
        return true
    }

    private func admit(
        _ file: NetworkFile, _ opening: NetworkOpening, _ path: ViewPath, _ declaration: Int32,
        _ volume: NetworkVolume, _ now: Int64
    ) {
        let (record, others) = takeKnown(file.identity, declaration, file.status.size) {
            file.fitting.contains($0.file)
        }
        for other in others { giveUp(other.record, other.reason) }
        guard record != nil || !opening.isRenamed else { return volume.closes.append(opening.handle) }
        let slot = newSlot(-1, file.status, file.identity, declaration, now)
        files[Int(slot)].isRemote = true
        volume.files[slot] = RemoteFile(
            handle: opening.handle, resolvedPath: file.resolvedPath, size: file.status.size)
        if let record {
            resume(slot, record, opening.isRenamed ? .byBirth : record.path == opening.path ? .newest : .byBirth)
        } else {
            begin(slot, opening.path, file.start)
        }
        let directory = remoteDirectory(ViewPath(view: path.view, path: parent(of: path.path)))
        let name = Array(path.path[(path.path.lastIndex(of: 0x2F)! + 1)...])
        if let occupant = name.withUnsafeBufferPointer({ find(directory, $0, declaration) }) {
            loseName(occupant, now)
        }
        giveName(slot, directory, name, isLinked: opening.isLinked)
    }
}
