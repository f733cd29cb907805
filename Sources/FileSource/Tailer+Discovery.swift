// Admitting files: identity, refusal, resuming a known generation or opening a new one.
internal import CLinux
internal import Core
internal import Glibc
internal import LinuxIO

extension Tailer {
    /// An entry matches the patterns of `wanting`: follows it, or says why not. `livePath`: where it was made, when the
    /// events say that it was renamed since.
    func considerFile(
        _ directory: Int32, _ name: UnsafeBufferPointer<UInt8>, _ wanting: [Int32], livePath: RawPath? = nil,
        _ now: Int64
    ) {
        let path = path(directory, name)
        problems[path] = nil
        guard let (link, sight) = lookAtFile(path, directory, name, wanting, now) else { return }
        if sight.isDirectory { return refuseDirectory(path, wanting) }
        follow(
            Found(path: path, directory: directory, name: name, link: link, sight: sight, livePath: livePath), wanting,
            now)
    }

    /// A file that was looked at under a name.
    struct Found {
        let path: ViewPath
        let directory: Int32
        let name: UnsafeBufferPointer<UInt8>
        let link: clinux_stat?
        let sight: FileSight
        var livePath: RawPath?
        /// A worker has looked at it.
        var isRemote = false
    }

    /// Follows a file on the declarations that want it.
    func follow(_ found: Found, _ wanting: [Int32], _ now: Int64) {
        let wanting = wanting.filter { declaration in
            !declarations[Int(declaration)].excludes.contains { $0.matches(path: found.path.path, name: found.name) }
        }
        for declaration in withoutOverlap(wanting, found.path) {
            let entry = Entry(
                directory: found.directory, name: found.name, path: found.path, livePath: found.livePath,
                status: found.sight.status, link: found.link,
                isElsewhere: found.link != nil || found.sight.mount != directories[Int(found.directory)].mount,
                remote: found.isRemote ? found : nil)
            considerFile(entry, declaration, now)
        }
    }

    /// The link's own status, when the name is a link, and the file it leads to. Nil: there is no file to follow; slots
    /// of that name lose it.
    private func lookAtFile(
        _ path: ViewPath, _ directory: Int32, _ name: UnsafeBufferPointer<UInt8>, _ wanting: [Int32], _ now: Int64
    ) -> (link: clinux_stat?, file: FileSight)? {
        let view = view(of: directory)
        var link: clinux_stat?
        var sight = view.look(path.path, follow: false)
        if case .found(let own) = sight, own.isLink {
            link = own.status
            sight = view.look(path.path)
        }
        if case .found(let file) = sight { return (link, file) }
        // A directory that may not be searched: whether the file is there is not to be known.
        if case .missing(let error) = sight, error.isDenied {
            directories[Int(directory)].isDenied = true
            report(path, declaration: Int(wanting[0]), "unreadable", error)
            return nil
        }
        for slot in slots(directory, name) where !files[Int(slot)].isRemote { loseName(slot, now) }
        switch sight {
        case .missing(let error) where link != nil && error.errno != ELOOP:
            noteDangling(EntryName(directory: directory, name: Array(name)))
        case .missing(let error) where error.errno == ELOOP:
            report(
                path, declarations: wanting, "refused", "links that lead to each other: declare the file itself")
        case .refused(let reason): report(path, declarations: wanting, "refused", reason)
        case .network(let mount): meetsNetwork(path, mount, wanting[0])
        default: break
        }
        return nil
    }

    /// Of a container's declarations that fit the same file the first by name has it; of the host's one for each route.
    private func withoutOverlap(_ wanting: [Int32], _ path: ViewPath) -> [Int32] {
        var chosen: [Int32] = []
        for declaration in wanting.sorted(by: { declarations[Int($0)].name < declarations[Int($1)].name }) {
            let declared = declarations[Int(declaration)]
            let other = chosen.first { path.view != 0 || declarations[Int($0)].route == declared.route }
            guard let other else {
                chosen.append(declaration)
                continue
            }
            report(
                path, declaration: Int(declaration), "refused",
                "declaration \(declarations[Int(other)].name) ships this file already: leave it out of one of them")
        }
        return chosen
    }

    /// A file under one of its names, as it is looked at.
    private struct Entry {
        let directory: Int32
        let name: UnsafeBufferPointer<UInt8>
        let path: ViewPath
        let livePath: RawPath?
        /// The file itself, also when the name is a link.
        let status: clinux_stat
        let link: clinux_stat?
        /// It lies in another directory (a link), or is a mount itself: its directory's watch does not tell of writes.
        let isElsewhere: Bool
        /// A worker has looked at it.
        var remote: Found?
        /// Where in its stream it belongs, when it is new.
        var place = StreamPlace.newest
    }

    private func considerFile(_ entry: Entry, _ declaration: Int32, _ now: Int64) {
        let occupant = find(entry.directory, entry.name, declaration)
        if let slot = tracked(entry.status, declaration, now) {
            if slot == occupant { return entry.status.size == files[Int(slot)].size ? () : markReady(slot) }
            if files[Int(slot)].hasName, keepsItsName(slot, entry) { return }
            if let occupant { loseName(occupant, now) }
            return giveName(slot, entry.directory, Array(entry.name), isLinked: entry.isElsewhere)
        }
        if let occupant { loseName(occupant, now) }
        if let refusal = refusal(entry.path, entry.status, link: entry.link, isRemote: entry.remote != nil) {
            return report(entry.path, declaration: Int(declaration), "refused", refusal)
        }
        if let other = sameRoute(entry.status, declaration, now) {
            if share(other, with: declaration) { return }
            let reason = "\(printable(livePath(Int(other)))) is the same file and ships to the same topic"
            return report(
                entry.path, declaration: Int(declaration), "refused", reason + ": leave it out of one of them")
        }
        if let remote = entry.remote { return open(remote, declaration) }
        admit(entry, declaration, now)
    }

    /// A file that is met under another name keeps the one it has while that leads to it: a hard link is shipped once.
    /// A real name is better than a link.
    private func keepsItsName(_ slot: Int32, _ entry: Entry) -> Bool {
        if files[Int(slot)].isLinked, !entry.isElsewhere { return false }
        if let volume = volume(ofSlot: Int(slot)) {
            let path = ViewPath(
                view: declarations[Int(files[Int(slot)].declaration)].view, path: presentPath(Int(slot))!)
            return volume.listed[path] == entry.status.inode
        }
        switch view(ofSlot: Int(slot)).status(presentPath(Int(slot))!) {
        case .success(let other): return other.inode == entry.status.inode && other.device == entry.status.device
        case .failure(let error): return error.isDenied
        }
    }

    /// Admits a file under the stream it was made for, though it was renamed before it could be looked at.
    func admitUnseen(_ entry: EntryName, _ file: UnseenFile, _ now: Int64) {
        guard directories[Int(entry.directory)].isAlive else { return changes.lost.append(file) }
        let path = path(entry.directory, entry.name)
        guard path.path != file.livePath,
            case .success(let status) = views[Int(path.view)].status(path.path, follow: false),
            status.mode & UInt32(S_IFMT) == UInt32(S_IFREG)
        else { return }
        for declaration in file.declarations where tracked(status, declaration, now) == nil {
            entry.name.withUnsafeBufferPointer {
                let entry = Entry(
                    directory: entry.directory, name: $0, path: path, livePath: file.livePath, status: status,
                    link: nil, isElsewhere: false,
                    place: file.successors.first { files[Int($0)].declaration == declaration }.map { .before($0) }
                        ?? .behindRenamed)
                considerFile(entry, declaration, now)
            }
        }
    }

    /// A declared name is a directory. Where the declaration has patterns below it, that is what was meant.
    func refuseDirectory(_ path: ViewPath, _ wanting: [Int32]) {
        let isLiteral = wanting.contains { declaration in
            guard !declarations[Int(declaration)].patterns.contains(where: { $0.isBelow(path.path) }) else {
                return false
            }
            return declarations[Int(declaration)].patterns.contains { pattern in
                if case .literal = pattern.components.last { return pattern.matches(path: path.path) }
                return false
            }
        }
        guard isLiteral else { return }
        report(
            path, declaration: Int(wanting[0]), "refused", "this is a directory: write \(printable(path.path))/*.log")
    }

    /// Why a file must not be followed; nil when it may.
    private func refusal(_ path: ViewPath, _ status: clinux_stat, link: clinux_stat?, isRemote: Bool) -> String? {
        if status.mode & UInt32(S_IFMT) != UInt32(S_IFREG) {
            return "not a regular file (\(kind(status.mode))): declare a file that is written to disk"
        }
        if isArchiveName(path.path) {
            return
                "a compressed file: what was unread of the file it was made from is continued inside it; exclude *.gz"
        }
        if let own = options.ownLog, own.device == status.device, own.inode == status.inode {
            return "this is Longshore's own log: send it elsewhere, or exclude this path"
        }
        // In a container links are its own affair: the resolver does not let them out of it.
        guard path.view == 0 else { return nil }
        if let link, link.uid != 0, link.uid != status.uid {
            return "a link whose owner (uid \(link.uid)) does not own the file it leads to: declare the file itself"
        }
        if isRefused(path.path) || link != nil && !isRemote && isRefused(realPath(path.path)) {
            return "inside Longshore's own state directory: exclude it"
        }
        return nil
    }

    private func kind(_ mode: UInt32) -> String {
        switch mode & UInt32(S_IFMT) {
        case UInt32(S_IFIFO): "a FIFO"
        case UInt32(S_IFSOCK): "a socket"
        case UInt32(S_IFCHR), UInt32(S_IFBLK): "a device"
        default: "a special file"
        }
    }

    /// Opens a file and makes it a slot: continues the generation that the store knows, or begins a new one.
    private func admit(_ entry: Entry, _ declaration: Int32, _ now: Int64) {
        guard !declarations[Int(declaration)].isRetired else { return }
        guard let (descriptor, status) = openRegular(entry.path, declaration) else { return }
        guard tracked(status, declaration, now) == nil else { return closeUnused(descriptor) }
        declarations[Int(declaration)].hasMatched = true
        if let slot = goOnInUpperLayer(entry.path, descriptor, status, declaration, now) {
            giveName(slot, entry.directory, Array(entry.name), isLinked: entry.isElsewhere)
            return entry.isElsewhere ? watchFile(slot) : ()
        }
        let identity = identity(descriptor, status)
        let slot = newSlot(descriptor, status, identity, declaration, now)
        let (record, others) = takeKnown(identity, declaration, status.size) {
            EvidenceReader.fits(descriptor, size: status.size, committed: $0.counts.committed, $0.evidence)
        }
        // Before the new one: it waits for them.
        for other in others {
            let place = EntryName(directory: entry.directory, name: Array(entry.name))
            goOnInCopy(other, place, status, declaration, now)
        }
        if let record {
            resume(slot, record, .byOpening)
        } else if let record = takeLower(entry.path, descriptor, status, identity, declaration) {
            resume(slot, record, record.path == entry.path.path ? .newest : .byBirth)
            moved.append(Int(slot))
        } else {
            var declared = declarations[Int(declaration)]
            // Whatever a runtime's log was renamed to: it is of the log's stream, older than what has its name.
            let isRotated = entry.livePath == nil && declared.log.map { $0 != entry.path.path } ?? false
            let live = isRotated ? declared.log : entry.livePath
            files[Int(slot)].livePath = live
            // The first walk may take a while: what is made meanwhile was not there when it began.
            if status.born_ns > views[Int(entry.path.view)].walkBegan { declared.isFirstWalk = false }
            let start = FileStart.find(descriptor, status, declared)
            begin(slot, live ?? entry.path.path, start, isRotated ? .byBirth : entry.place)
        }
        giveName(slot, entry.directory, Array(entry.name), isLinked: entry.isElsewhere)
        if entry.isElsewhere { watchFile(slot) }
    }

    func closeUnused(_ descriptor: Int32) {
        close(descriptor)
        openCount -= 1
    }

    /// A new generation of `path`: gets an id, waits for the stream's former generation, begins where it should.
    func begin(_ slot: Int32, _ path: RawPath, _ start: FileStart, _ place: StreamPlace = .newest) {
        let index = Int(slot)
        let declared = declarations[Int(files[index].declaration)]
        files[index].file = .random()
        files[index].stream = .derive(
            host: options.host, container: declared.container, declaration: declared.name, path: path)
        var counts = LedgerCounts()
        counts.committed = start.offset
        counts.skipped = start.offset
        files[index].evidence = start.evidence
        files[index].isUnread = start.offset == 0 && !files[index].isRemote
        if start.offset > 0 { rememberEvidence(index, start.offset) }
        follow(slot, place)
        holdBackForUnmet(slot)
        files[index].opened = stampOpened(slot)
        let record = GenerationRecord(
            file: files[index].file, stream: files[index].stream, container: declared.container,
            declaration: declared.name, route: declared.route, path: path, identity: files[index].identity,
            evidence: files[index].evidence, counts: counts, opened: files[index].opened)
        appeared.append(
            AppearedFile(
                slot: index, declaration: Int(files[index].declaration), record: record, isNew: true,
                skipped: start.skipped))
    }

    func newSlot(
        _ descriptor: Int32, _ status: clinux_stat, _ identity: FileIdentity, _ declaration: Int32, _ now: Int64
    ) -> Int32 {
        var file = TailedFile()
        file.phase = .registering
        file.descriptor = descriptor
        file.declaration = declaration
        file.device = status.device
        file.identity = identity
        file.size = status.size
        file.lastGrowth = now
        file.isAhead = true
        let slot: Int32
        if let free = vacant.popLast() {
            files[Int(free)] = file
            slot = free
        } else {
            // Grown by a quarter: doubling would keep half of the memory unused.
            if files.count == files.capacity { files.reserveCapacity(files.count + files.count / 4 + 16) }
            files.append(file)
            slot = Int32(files.count - 1)
        }
        track(slot)
        aheadSlots.append(slot)
        return slot
    }

    func identity(_ descriptor: Int32, _ status: clinux_stat) -> FileIdentity {
        FileIdentity(
            fileSystem: Identifier128(bytes: FileSystem.fileSystemID(descriptor: descriptor))!, inode: status.inode,
            born: status.born_ns)
    }

    /// Opens without waiting (a FIFO opens at once with O_NONBLOCK) and checks again on the descriptor.
    func openRegular(_ path: ViewPath, _ declaration: Int32) -> (Int32, clinux_stat)? {
        makeRoomForDescriptor()
        switch views[Int(path.view)].open(path.path) {
        case .failure(let error):
            if error.errno != ENOENT { report(path, declaration: Int(declaration), "unreadable", error) }
            return nil
        case .success(let descriptor):
            guard case .success(let status) = FileSystem.status(descriptor: descriptor),
                status.mode & UInt32(S_IFMT) == UInt32(S_IFREG)
            else {
                close(descriptor)
                return nil
            }
            openCount += 1
            return (descriptor, status)
        }
    }

    func report(_ path: ViewPath, declaration: Int, _ state: String, _ error: SystemError) {
        let remedy =
            switch error.errno {
            case EACCES, EPERM: "give the daemon's user the right to read it"
            case EMFILE, ENFILE: "raise LimitNOFILE of the service"
            default: "it is tried again with the next rescan"
            }
        report(path, declaration: declaration, state, "\(error.reason): \(remedy)")
    }

    func report(_ path: ViewPath, declaration: Int, _ state: String, _ reason: String) {
        let problem = FileProblem(state: state, declaration: declaration, path: path.path, reason: reason)
        guard let told = problems[path] else {
            if hasRoomForProblem(of: path.view) { problems[path] = [problem] }
            return
        }
        problems[path] = told.filter { $0.declaration != declaration } + [problem]
    }

    func report(_ path: ViewPath, declarations: some Sequence<Int32>, _ state: String, _ reason: String) {
        for declaration in declarations { report(path, declaration: Int(declaration), state, reason) }
    }

    private func hasRoomForProblem(of view: Int32) -> Bool {
        if problems.count < Tailer.maximumProblems { return true }
        return problems.keys.lazy.filter { $0.view == view }.prefix(Tailer.ownProblems).count < Tailer.ownProblems
    }
}
