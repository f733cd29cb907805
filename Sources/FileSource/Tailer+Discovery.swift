// Admitting files: identity, refusal, resuming a known generation or opening a new one.
internal import CLinux
internal import Core
internal import Glibc
internal import LinuxIO

extension Tailer {
    /// An entry matches the patterns of `wanting`: follows it, or says why not.
    func considerFile(_ directory: Int32, _ name: UnsafeBufferPointer<UInt8>, _ wanting: [Int32], _ now: Int64) {
        let path = join(directories[Int(directory)].path, name)
        let link: clinux_stat
        switch FileSystem.status(path, follow: false) {
        case .success(let status): link = status
        case .failure(let error):
            problems[path] = nil
            if let slot = find(directory, name) { loseName(slot, now) }
            // A directory that may not be searched: whether the file is there is not to be known.
            if error.errno == EACCES { report(path, declaration: Int(wanting[0]), "unreadable", error) }
            return
        }
        let isLink = link.mode & UInt32(S_IFMT) == UInt32(S_IFLNK)
        guard case .success(let status) = isLink ? FileSystem.status(path) : .success(link) else { return }
        if status.mode & UInt32(S_IFMT) == UInt32(S_IFDIR) { return refuseDirectory(path, wanting) }
        var routes: [String] = []
        for declaration in wanting {
            let declared = declarations[Int(declaration)]
            if declared.excludes.contains(where: { $0.matches(path: path, name: name) }) { continue }
            if routes.contains(declared.route) {
                report(
                    path, declaration: Int(declaration), "refused",
                    "another declaration ships this file to the same topic: leave it out of one of them")
                continue
            }
            routes.append(declared.route)
            considerFile(directory, name, path, status, link: isLink ? link : nil, declaration, now)
        }
    }

    private func considerFile(
        _ directory: Int32, _ name: UnsafeBufferPointer<UInt8>, _ path: RawPath, _ status: clinux_stat,
        link: clinux_stat?, _ declaration: Int32, _ now: Int64
    ) {
        let key = TrackedKey(device: status.device, inode: status.inode, declaration: declaration)
        let occupant = find(directory, name).flatMap { files[Int($0)].declaration == declaration ? $0 : nil }
        if let slot = slotOfKey[key] {
            if slot == occupant { return markReady(slot) }
            if let present = presentPath(Int(slot)), link == nil {
                // Another name of a file that still has its own: a hard link is shipped once.
                if case .success(let other) = FileSystem.status(present), other.inode == status.inode,
                    other.device == status.device
                {
                    return
                }
            } else if link != nil, files[Int(slot)].hasName {
                return
            }
            if let occupant { loseName(occupant, now) }
            return giveName(slot, directory, Array(name))
        }
        if let occupant { loseName(occupant, now) }
        if let refusal = refusal(path, status, link: link) {
            return report(path, declaration: Int(declaration), "refused", refusal)
        }
        admit(directory, Array(name), path, isLink: link != nil, declaration, now)
    }

    private func refuseDirectory(_ path: RawPath, _ wanting: [Int32]) {
        let isLiteral = wanting.contains { declaration in
            declarations[Int(declaration)].patterns.contains { pattern in
                if case .literal = pattern.components.last { return pattern.matches(path: path) }
                return false
            }
        }
        guard isLiteral else { return }
        report(path, declaration: Int(wanting[0]), "refused", "this is a directory: write \(printable(path))/*.log")
    }

    /// Why a file must not be followed; nil when it may.
    private func refusal(_ path: RawPath, _ status: clinux_stat, link: clinux_stat?) -> String? {
        if status.mode & UInt32(S_IFMT) != UInt32(S_IFREG) {
            return "not a regular file (\(kind(status.mode))): declare a file that is written to disk"
        }
        if let own = options.ownLog, own.device == status.device, own.inode == status.inode {
            return "this is Longshore's own log: send it elsewhere, or exclude this path"
        }
        if let link, link.uid != 0, link.uid != status.uid {
            return "a link whose owner (uid \(link.uid)) does not own the file it leads to: declare the file itself"
        }
        if options.refusedDirectories.contains(where: { path.starts(with: $0 + [0x2F]) }) {
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
    private func admit(
        _ directory: Int32, _ name: [UInt8], _ path: RawPath, isLink: Bool, _ declaration: Int32, _ now: Int64
    ) {
        guard let (descriptor, status) = openRegular(path, declaration) else { return }
        let key = TrackedKey(device: status.device, inode: status.inode, declaration: declaration)
        guard slotOfKey[key] == nil else {
            close(descriptor)
            return
        }
        problems[path] = nil
        let identity = identity(descriptor, status)
        let slot = newSlot(descriptor, status, identity, declaration, now)
        if let record = takeKnown(identity, declaration, descriptor, status.size) {
            resume(slot, record)
        } else {
            begin(slot, path, status, atStart: false)
        }
        let livePath = files[Int(slot)].livePath
        giveName(slot, directory, name)
        if let livePath, livePath != path {
            files[Int(slot)].livePath = livePath
            files[Int(slot)].rotated = true
        }
        if isLink { watchFile(slot, path) }
    }

    /// A new generation of `path`: gets an id, waits for the stream's former generation, begins where it should.
    func begin(_ slot: Int32, _ path: RawPath, _ status: clinux_stat, atStart: Bool) {
        let index = Int(slot)
        let declared = declarations[Int(files[index].declaration)]
        files[index].file = .random()
        files[index].stream = .derive(host: options.host, container: "", declaration: declared.name, path: path)
        var counts = LedgerCounts()
        var skipped: SkipReason?
        if !atStart {
            (counts.committed, skipped) = firstOffset(index, declared, status)
            counts.skipped = counts.committed
        }
        files[index].evidence = EvidenceReader.evidence(
            files[index].descriptor, size: status.size, committed: counts.committed)
        follow(slot)
        let record = GenerationRecord(
            file: files[index].file, stream: files[index].stream, declaration: declared.name, path: path,
            identity: files[index].identity, evidence: files[index].evidence, counts: counts, opened: Clock.wall())
        appeared.append(
            AppearedFile(
                slot: index, declaration: Int(files[index].declaration), record: record, isNew: true, skipped: skipped))
    }

    private func resume(_ slot: Int32, _ record: GenerationRecord) {
        let index = Int(slot)
        files[index].file = record.file
        files[index].stream = record.stream
        files[index].evidence = record.evidence
        files[index].livePath = record.path
        follow(slot)
        appeared.append(
            AppearedFile(
                slot: index, declaration: Int(files[index].declaration), record: record, isNew: false, skipped: nil))
    }

    /// Puts the slot behind the stream's newest generation, so that a partition shows the log in its order.
    private func follow(_ slot: Int32) {
        let stream = files[Int(slot)].stream
        if let former = slotOfStream[stream], files[Int(former)].phase != .ended, files[Int(former)].phase != .vacant {
            files[Int(former)].successor = slot
            files[Int(slot)].waits = true
            markReady(former)
        }
        slotOfStream[stream] = slot
    }

    /// Where a file begins that is seen for the first time: `start: end` and `ignore_older`.
    private func firstOffset(
        _ index: Int, _ declared: FileDeclaration, _ status: clinux_stat
    ) -> (UInt64, SkipReason?) {
        if declared.ignoreOlder > 0, Clock.wall() - status.modified_ns > declared.ignoreOlder {
            return (status.size, status.size > 0 ? .ignoredOlder : nil)
        }
        guard declared.startAtEnd, isFirstScan, !declared.isKnown else { return (0, nil) }
        let end = endOfLastLine(files[index].descriptor, size: status.size)
        return (end, end > 0 ? .startAtEnd : nil)
    }

    /// The place behind the last newline, looked for in the last 64 KiB; the size when there is none.
    private func endOfLastLine(_ descriptor: Int32, size: UInt64) -> UInt64 {
        let count = Int(min(size, 65_536))
        guard count > 0 else { return 0 }
        return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: count) { buffer in
            let got = pread(descriptor, buffer.baseAddress!, count, off_t(size) - off_t(count))
            guard got == count, let last = buffer.lastIndex(of: 0x0A) else { return size }
            return size - UInt64(count - last - 1)
        }
    }

    func newSlot(
        _ descriptor: Int32, _ status: clinux_stat, _ identity: FileIdentity, _ declaration: Int32, _ now: Int64
    ) -> Int32 {
        var file = TailedFile()
        file.phase = .registering
        file.descriptor = descriptor
        file.declaration = declaration
        file.device = status.device
        file.inode = status.inode
        file.identity = identity
        file.size = status.size
        file.lastGrowth = now
        let slot: Int32
        if let free = vacant.popLast() {
            files[Int(free)] = file
            slot = free
        } else {
            files.append(file)
            slot = Int32(files.count - 1)
        }
        slotOfKey[TrackedKey(device: status.device, inode: status.inode, declaration: declaration)] = slot
        return slot
    }

    func identity(_ descriptor: Int32, _ status: clinux_stat) -> FileIdentity {
        FileIdentity(
            fileSystem: Identifier128(bytes: FileSystem.fileSystemID(descriptor: descriptor))!, inode: status.inode,
            born: status.born_ns)
    }

    /// Opens without waiting (a FIFO opens at once with O_NONBLOCK) and checks again on the descriptor.
    private func openRegular(_ path: RawPath, _ declaration: Int32) -> (Int32, clinux_stat)? {
        makeRoomForDescriptor()
        switch FileSystem.open(path, flags: O_RDONLY | O_NONBLOCK | O_NOCTTY) {
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

    /// The store's generation for this file, when its content still fits; a misfit is announced as replaced.
    private func takeKnown(
        _ identity: FileIdentity, _ declaration: Int32, _ descriptor: Int32, _ size: UInt64
    ) -> GenerationRecord? {
        let name = declarations[Int(declaration)].name
        guard var records = known[identity], let index = records.firstIndex(where: { $0.declaration == name }) else {
            return nil
        }
        let record = records.remove(at: index)
        known[identity] = records.isEmpty ? nil : records
        if EvidenceReader.fits(descriptor, size: size, committed: record.counts.committed, record.evidence) {
            return record
        }
        vanished.append(
            VanishedGeneration(record: record, reason: size < record.counts.committed ? .truncated : .replaced))
        return nil
    }

    /// Finds generations of the store that were renamed inside this directory while the daemon was down.
    func resumeRenamed(in path: RawPath, _ directory: Int32, _ now: Int64) {
        guard isFirstScan, let inodes = knownByDirectory.removeValue(forKey: path) else { return }
        var found: [[UInt8]] = []
        try? FileSystem.forEachEntry(in: path) { name, _, inode in
            if inodes.contains(inode) { found.append(Array(name)) }
            return true
        }
        for name in found {
            let entry = join(path, name)
            guard case .success(let status) = FileSystem.status(entry, follow: false),
                status.mode & UInt32(S_IFMT) == UInt32(S_IFREG)
            else { continue }
            let candidates = (knownByInode[status.inode] ?? []).flatMap { known[$0] ?? [] }
            for record in candidates where record.path != entry && parent(of: record.path) == path {
                guard let declaration = declarations.firstIndex(where: { $0.name == record.declaration }) else {
                    continue
                }
                admitRenamed(directory, name, entry, record, Int32(declaration), now)
            }
        }
    }

    private func admitRenamed(
        _ directory: Int32, _ name: [UInt8], _ path: RawPath, _ record: GenerationRecord, _ declaration: Int32,
        _ now: Int64
    ) {
        guard let (descriptor, status) = openRegular(path, declaration) else { return }
        let identity = identity(descriptor, status)
        guard identity == record.identity, let taken = takeKnown(identity, declaration, descriptor, status.size) else {
            close(descriptor)
            openCount -= 1
            return
        }
        let slot = newSlot(descriptor, status, identity, declaration, now)
        resume(slot, taken)
        giveName(slot, directory, name)
        files[Int(slot)].livePath = record.path
        files[Int(slot)].rotated = true
    }

    /// After the first walk: generations of the store whose directory was read and that are not there any more.
    func announceVanished() {
        for record in known.values.joined() where directoryOfPath[parent(of: record.path)] != nil {
            vanished.append(VanishedGeneration(record: record, reason: .deleted))
        }
        known = known.filter { directoryOfPath[parent(of: $0.value[0].path)] == nil }
        knownByDirectory = [:]
        knownByInode = [:]
    }

    func report(_ path: RawPath, declaration: Int, _ state: String, _ error: SystemError) {
        let remedy =
            switch error.errno {
            case EACCES, EPERM: "give the daemon's user the right to read it"
            case EMFILE, ENFILE: "raise LimitNOFILE of the service"
            default: "it is tried again with the next rescan"
            }
        report(path, declaration: declaration, state, "\(error.reason): \(remedy)")
    }

    func report(_ path: RawPath, declaration: Int, _ state: String, _ reason: String) {
        guard problems[path] != nil || problems.count < Tailer.maximumProblems else { return }
        problems[path] = FileProblem(state: state, declaration: declaration, path: path, reason: reason)
    }

    /// A file reached through a link lies in a directory that is not watched: it gets a watch of its own.
    private func watchFile(_ slot: Int32, _ path: RawPath) {
        if let limit = options.watchLimit, watchCount >= limit {
            unwatchedFiles.append(slot)
            return
        }
        switch inotify.add(path, mask: UInt32(IN_MODIFY)) {
        case .success(let watch):
            files[Int(slot)].watch = watch
            fileOfWatch[watch] = slot
        case .failure: unwatchedFiles.append(slot)
        }
    }
}
