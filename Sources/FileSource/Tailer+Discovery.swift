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
        let path = join(directories[Int(directory)].path, name)
        problems[path] = nil
        let link: clinux_stat
        switch FileSystem.status(path, follow: false) {
        case .success(let status): link = status
        case .failure(let error):
            for slot in slots(directory, name) { loseName(slot, now) }
            // A directory that may not be searched: whether the file is there is not to be known.
            if error.errno == EACCES { report(path, declaration: Int(wanting[0]), "unreadable", error) }
            return
        }
        let isLink = link.mode & UInt32(S_IFMT) == UInt32(S_IFLNK)
        guard case .success(let status) = isLink ? FileSystem.status(path) : .success(link) else {
            for slot in slots(directory, name) { loseName(slot, now) }
            noteDangling(EntryName(directory: directory, name: Array(name)))
            return
        }
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
            let entry = Entry(
                directory: directory, name: name, path: path, livePath: livePath, status: status,
                link: isLink ? link : nil)
            considerFile(entry, declaration, now)
        }
    }

    /// A file under one of its names, as it is looked at.
    private struct Entry {
        let directory: Int32
        let name: UnsafeBufferPointer<UInt8>
        let path: RawPath
        let livePath: RawPath?
        /// The file itself, also when the name is a link.
        let status: clinux_stat
        let link: clinux_stat?
    }

    private func considerFile(_ entry: Entry, _ declaration: Int32, _ now: Int64) {
        let occupant = find(entry.directory, entry.name, declaration)
        if let slot = tracked(entry.status, declaration, now) {
            if slot == occupant { return entry.status.size == files[Int(slot)].size ? () : markReady(slot) }
            if files[Int(slot)].hasName, keepsItsName(slot, entry) { return }
            if let occupant { loseName(occupant, now) }
            return giveName(slot, entry.directory, Array(entry.name), isLinked: entry.link != nil)
        }
        if let occupant { loseName(occupant, now) }
        if let refusal = refusal(entry.path, entry.status, link: entry.link) {
            return report(entry.path, declaration: Int(declaration), "refused", refusal)
        }
        if let other = sameRoute(entry.status, declaration, now) {
            let reason = "\(printable(livePath(Int(other)))) is the same file and ships to the same topic"
            return report(
                entry.path, declaration: Int(declaration), "refused", reason + ": leave it out of one of them")
        }
        admit(entry, declaration, now)
    }

    /// A file that is met under another name keeps the one it has while that leads to it: a hard link is shipped once.
    /// A real name is better than a link.
    private func keepsItsName(_ slot: Int32, _ entry: Entry) -> Bool {
        if files[Int(slot)].isLinked, entry.link == nil { return false }
        guard case .success(let other) = FileSystem.status(presentPath(Int(slot))!) else { return false }
        return other.inode == entry.status.inode && other.device == entry.status.device
    }

    /// The slot that follows this file on a declaration. An inode that was used again for another file (its birth time
    /// tells) ends the claim of the old one, whose descriptor must have been closed.
    func tracked(_ status: clinux_stat, _ declaration: Int32, _ now: Int64) -> Int32? {
        let key = TrackedKey(device: status.device, inode: status.inode, declaration: declaration)
        guard let slot = slotOfKey[key] else { return nil }
        let file = files[Int(slot)]
        if file.identity.born == status.born_ns, status.born_ns != 0 || file.hasName || file.descriptor >= 0 {
            return slot
        }
        slotOfKey[key] = nil
        loseName(slot, now)
        return nil
    }

    /// A slot that ships this file to the same topic on another declaration.
    private func sameRoute(_ status: clinux_stat, _ declaration: Int32, _ now: Int64) -> Int32? {
        for (other, declared) in declarations.enumerated()
        where other != Int(declaration) && declared.route == declarations[Int(declaration)].route {
            if let slot = tracked(status, Int32(other), now) { return slot }
        }
        return nil
    }

    /// Admits a file under the stream it was made for, though it was renamed before it could be looked at.
    func admitUnseen(_ entry: EntryName, _ file: UnseenFile, _ now: Int64) {
        guard directories[Int(entry.directory)].isAlive else { return }
        let path = join(directories[Int(entry.directory)].path, entry.name)
        guard path != file.livePath, case .success(let status) = FileSystem.status(path, follow: false),
            status.mode & UInt32(S_IFMT) == UInt32(S_IFREG)
        else { return }
        for declaration in file.declarations where tracked(status, declaration, now) == nil {
            entry.name.withUnsafeBufferPointer {
                let entry = Entry(
                    directory: entry.directory, name: $0, path: path, livePath: file.livePath, status: status, link: nil
                )
                considerFile(entry, declaration, now)
            }
        }
    }

    func refuseDirectory(_ path: RawPath, _ wanting: [Int32]) {
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
        if isRefused(path) || link != nil && isRefused(realPath(path)) {
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
        guard let (descriptor, status) = openRegular(entry.path, declaration) else { return }
        guard tracked(status, declaration, now) == nil else { return closeUnused(descriptor) }
        let identity = identity(descriptor, status)
        let slot = newSlot(descriptor, status, identity, declaration, now)
        if let record = takeKnown(identity, declaration, descriptor, status.size) {
            resume(slot, record)
        } else {
            files[Int(slot)].livePath = entry.livePath
            begin(slot, entry.livePath ?? entry.path, status, atStart: false)
        }
        giveName(slot, entry.directory, Array(entry.name), isLinked: entry.link != nil)
        if entry.link != nil { watchFile(slot) }
    }

    func closeUnused(_ descriptor: Int32) {
        close(descriptor)
        openCount -= 1
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

    /// Puts the slot behind the stream's former generation, so that a partition shows the log in its order. That is the
    /// newest one, unless the slot was found late: then it goes before those that were born after it.
    func follow(_ slot: Int32) {
        let stream = files[Int(slot)].stream
        guard var former = slotOfStream[stream], isLive(former) else {
            slotOfStream[stream] = slot
            return
        }
        var next: Int32 = -1
        while former >= 0, isYounger(former, than: slot) {
            next = former
            former = files[Int(former)].predecessor
        }
        if next < 0 { slotOfStream[stream] = slot } else { link(slot, before: next) }
        if former >= 0 { link(former, before: slot) }
    }

    private func link(_ first: Int32, before second: Int32) {
        files[Int(first)].successor = second
        files[Int(second)].predecessor = first
        markReady(first)
    }

    private func isLive(_ slot: Int32) -> Bool {
        files[Int(slot)].phase != .ended && files[Int(slot)].phase != .vacant
    }

    /// Born later (statx(2)); of two born in the same tick of the kernel's clock the one that was renamed away is older.
    private func isYounger(_ former: Int32, than slot: Int32) -> Bool {
        let (one, other) = (files[Int(former)], files[Int(slot)])
        guard one.identity.born > 0, other.identity.born > 0 else { return false }
        if one.identity.born == other.identity.born { return one.livePath == nil && other.livePath != nil }
        return one.identity.born > other.identity.born
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

    /// The place behind the last newline, looked for in the last 64 KiB. Without one: the start of a file that is a
    /// single unfinished line, the size of a longer file.
    private func endOfLastLine(_ descriptor: Int32, size: UInt64) -> UInt64 {
        let count = Int(min(size, 65_536))
        guard count > 0 else { return 0 }
        return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: count) { buffer in
            let got = pread(descriptor, buffer.baseAddress!, count, off_t(size) - off_t(count))
            guard got == count, let last = buffer.lastIndex(of: 0x0A) else { return UInt64(count) == size ? 0 : size }
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
        file.identity = identity
        file.size = status.size
        file.lastGrowth = now
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
        slotOfKey[TrackedKey(device: status.device, inode: status.inode, declaration: declaration)] = slot
        return slot
    }

    func identity(_ descriptor: Int32, _ status: clinux_stat) -> FileIdentity {
        FileIdentity(
            fileSystem: Identifier128(bytes: FileSystem.fileSystemID(descriptor: descriptor))!, inode: status.inode,
            born: status.born_ns)
    }

    /// Opens without waiting (a FIFO opens at once with O_NONBLOCK) and checks again on the descriptor.
    func openRegular(_ path: RawPath, _ declaration: Int32) -> (Int32, clinux_stat)? {
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
}
