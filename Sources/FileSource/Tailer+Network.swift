// Files on file systems that may hang: which worker looks for what, and what its listings mean.
internal import CLinux
internal import Core
internal import Glibc
internal import LinuxIO
internal import Resolver

extension Tailer {
    /// A declared path leads to a file system that may hang: its worker looks for the declaration's files from now on.
    func meetsNetwork(_ path: ViewPath, _ mount: HostMounts.Entry, _ declaration: Int32) {
        if options.refusesNetwork {
            return report(
                path, declaration: Int(declaration), "refused",
                "\(printable(mount.mountPoint)) is a network volume (\(mount.type)) and paths.network_volumes is refuse: "
                    + "write logs to a local volume")
        }
        guard let volume = volume(mount) else {
            return report(path, declaration: Int(declaration), "unreadable", "no thread is to be had for its volume")
        }
        var index = volume.delegations.firstIndex { $0.declaration == declaration }
        if index == nil {
            delegationCount += 1
            let declared = declarations[Int(declaration)]
            volume.delegations.append(Delegation(id: delegationCount, declaration: declaration, declared: declared))
            index = volume.delegations.count - 1
        }
        if volume.delegations[index!].contacts.updateValue(rescans, forKey: path.path) == nil {
            volume.isListDue = true
            newlyDue.insert(mount.device)
        }
    }

    private func volume(_ mount: HostMounts.Entry) -> NetworkVolume? {
        if let known = volumes[mount.device] { return known }
        volumeCount += 1
        let made = try? NetworkVolume(mount, number: volumeCount, openLimit: options.openLimit, ready: networkReady)
        volumes[mount.device] = made
        return made
    }

    func volume(ofSlot slot: Int) -> NetworkVolume? {
        files[slot].isRemote ? volumes[files[slot].device] : nil
    }

    var needsNetworkPolling: Bool {
        volumes.values.contains { volume in
            volume.isListable || volume.files.keys.contains { files[Int($0)].nameless != 0 }
        }
    }

    /// Once a second: asks for a listing where one is of use.
    func pollNetwork(_ now: Int64) {
        for volume in volumes.values {
            volume.isListDue = true
            pump(volume)
        }
        dropUnusedVolumes()
    }

    /// Begins listings for what was delegated since the last call.
    func pumpNewlyDue() {
        guard !newlyDue.isEmpty else { return }
        let due = newlyDue
        newlyDue = []
        for device in due { if let volume = volumes[device] { pump(volume) } }
    }

    private func dropUnusedVolumes() {
        for (device, volume) in volumes where volume.delegations.isEmpty && volume.files.isEmpty {
            volume.worker.abandon()
            volumes[device] = nil
        }
    }

    /// Reads the mount table anew, for all views. Descriptors of file systems that are not mounted any more are let go.
    package func refreshMounts(_ now: Int64) {
        let mounts = HostMounts.read()
        for view in views {
            view.mounts = mounts
            view.container?.mounts = mounts
        }
        let devices = Set(mounts.network.map(\.device))
        for (device, volume) in volumes where !devices.contains(device) {
            volume.delegations = []
            for slot in volume.files.keys where files[Int(slot)].hasName { loseName(slot, now) }
        }
    }

    /// Forgets contacts that the rescan has not met again.
    func pruneContacts() {
        for volume in volumes.values {
            for index in volume.delegations.indices {
                if case .followed = volume.delegations[index].phase {
                    volume.delegations[index].contacts = volume.delegations[index].contacts.filter {
                        $0.value == rescans
                    }
                }
            }
            volume.delegations.removeAll { $0.contacts.isEmpty }
        }
    }

    // MARK: Containers

    /// The container has stopped: one more listing for each of its declarations; or it runs again.
    func retireDelegations(of view: Int32, _ isRetired: Bool) {
        for volume in volumes.values {
            for index in volume.delegations.indices
            where declarations[Int(volume.delegations[index].declaration)].view == view {
                volume.delegations[index].phase = isRetired ? .finishing(isSubmitted: false) : .followed
                volume.isListDue = true
            }
            pump(volume)
        }
    }

    func removeDelegations(of gone: [Int32]) {
        for volume in volumes.values {
            volume.delegations.removeAll { gone.contains($0.declaration) }
            volume.openings.removeAll { opening in !volume.delegations.contains { $0.id == opening.delegation } }
            volume.openKeys = volume.openKeys.filter { !gone.contains($0.declaration) }
        }
        dropUnusedVolumes()
    }

    /// True while a worker is still to say what a stopped container has left on a network volume.
    package func isSearching(containerOf declaration: Int) -> Bool {
        let view = declarations[declaration].view
        if isSearchingArchives(ofView: view) { return true }
        return volumes.values.contains { volume in
            volume.delegations.contains { delegation in
                guard declarations[Int(delegation.declaration)].view == view else { return false }
                if case .finishing = delegation.phase { return true }
                return volume.openKeys.contains { $0.declaration == delegation.declaration }
            }
        }
    }

    /// Numbers of a container's declarations whose files on network volumes were not told in time.
    package func unsearched(containerOf declaration: Int) -> [Int] {
        guard isSearching(containerOf: declaration) else { return [] }
        let view = declarations[declaration].view
        let numbers = volumes.values.flatMap(\.delegations).map(\.declaration)
        return Set(numbers.filter { declarations[Int($0)].view == view }).map { Int($0) }.sorted()
    }

    // MARK: Requests and answers

    /// Takes what workers have answered, and gives them more to do.
    package func takeNetworkAnswers(now: Int64) {
        networkReady.drain()
        takeArchiveAnswers(now)
        for volume in volumes.values {
            for answer in volume.worker.takeAnswers() {
                volume.isBusy = false
                take(answer, volume, now)
            }
            pump(volume)
        }
    }

    private func take(_ answer: NetworkAnswer, _ volume: NetworkVolume, _ now: Int64) {
        switch answer {
        case .nothing: break
        case .listed(let listings, let states): apply(listings, states, volume, now)
        case .opened(let opening, let result): admit(opening, result, volume, now)
        case .read(let chunk):
            volume.reading = nil
            guard volume.files[chunk.slot]?.handle == chunk.handle else { return }
            volume.chunk = chunk
            markReady(chunk.slot)
            if !files[Int(chunk.slot)].signalled { volume.chunk = nil }
        }
    }

    /// Gives an idle worker what is due: listings first, then readers and files to open in turn.
    func pump(_ volume: NetworkVolume) {
        guard !volume.isBusy else { return }
        var request = NetworkRequest()
        if volume.isListDue {
            volume.isListDue = false
            request.work = listing(volume)
        }
        if case .nothing = request.work { request.work = nextWork(volume) }
        if case .nothing = request.work, volume.closes.isEmpty { return }
        request.closes = volume.closes
        volume.closes = []
        volume.isBusy = volume.worker.submit(request)
    }

    private func nextWork(_ volume: NetworkVolume) -> NetworkRequest.Work {
        let mayRead = volume.chunk == nil && !volume.wishes.isEmpty
        if mayRead, volume.isReadersTurn || volume.openings.isEmpty {
            volume.isReadersTurn = false
            let wish = volume.wishes.removeFirst()
            volume.reading = wish.slot
            return .read(reading(wish, volume))
        }
        guard !volume.openings.isEmpty else { return .nothing }
        volume.isReadersTurn = true
        return .open(volume.openings.removeFirst())
    }

    private func listing(_ volume: NetworkVolume) -> NetworkRequest.Work {
        var walks: [NetworkWalk] = []
        for index in volume.delegations.indices {
            let delegation = volume.delegations[index]
            switch delegation.phase {
            case .retired: continue
            case .finishing: volume.delegations[index].phase = .finishing(isSubmitted: true)
            case .followed: break
            }
            var inodes: Set<UInt64> = []
            if delegation.declared.isFirstWalk || !known.isEmpty {
                for (inode, records) in known where records.contains(where: { isOf($0, delegation) }) {
                    inodes.insert(inode)
                }
            }
            walks.append(
                NetworkWalk(
                    delegation: delegation.id,
                    view: networkView(declarations[Int(delegation.declaration)].view, volume),
                    declaration: delegation.declared, contacts: Array(delegation.contacts.keys), known: inodes))
        }
        let handles = volume.files.filter { files[Int($0.key)].nameless != 0 }.map(\.value.handle)
        return walks.isEmpty && handles.isEmpty ? .nothing : .list(walks, handles: handles)
    }

    func isOf(_ record: GenerationRecord, _ delegation: Delegation) -> Bool {
        record.container == delegation.declared.container && record.declaration == delegation.declared.name
    }

    /// Its path leads to a network file system: a worker will tell whether it is there.
    func isDelegated(_ record: GenerationRecord) -> Bool {
        volumes.values.contains { volume in
            volume.delegations.contains { delegation in
                isOf(record, delegation)
                    && delegation.contacts.keys.contains { contact in
                        record.path.starts(with: contact)
                            && (record.path.count == contact.count || record.path[contact.count] == 0x2F)
                    }
            }
        }
    }

    func networkView(_ view: Int32, _ volume: NetworkVolume) -> NetworkView {
        let mounts = views[Int(view)].mounts.permitting(device: volume.entry.device)
        guard let container = views[Int(view)].container else { return .host(mounts) }
        return .container(container.separate(mounts: mounts))
    }

    // MARK: What hangs

    /// Network file systems that have not answered for too long: which, for how long, and how many sources wait.
    package func hangingVolumes(now: Int64) -> [(volume: String, silence: String, files: Int)] {
        volumes.values.compactMap { volume in
            volume.hangsFor(now: now).map {
                ("\(printable(volume.entry.mountPoint)) (\(volume.entry.type))", volume.silence($0), volume.files.count)
            }
        }.sorted { $0.0 < $1.0 }
    }

    /// Why nothing comes of a slot whose volume hangs; nil when it answers.
    package func hangingReason(_ slot: Int, now: Int64) -> String? {
        guard let volume = volume(ofSlot: slot) else { return nil }
        return volume.hangsFor(now: now).map(volume.silence)
    }

    /// Declarations without a single source on a volume that hangs.
    package func hangingProblems(now: Int64) -> [FileProblem] {
        volumes.values.flatMap { volume -> [FileProblem] in
            guard let nanoseconds = volume.hangsFor(now: now) else { return [] }
            let served = Set(volume.files.keys.map { files[Int($0)].declaration })
            return volume.delegations.filter { !served.contains($0.declaration) }.map { delegation in
                FileProblem(
                    state: "hanging", declaration: Int(delegation.declaration),
                    path: delegation.contacts.keys.min { $0.lexicographicallyPrecedes($1) } ?? [],
                    reason: volume.silence(nanoseconds))
            }
        }
    }
}
