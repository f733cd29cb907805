// Copies that copytruncate makes: what was not read of a truncated file is continued in its copy.
internal import CLinux
internal import Core
internal import Glibc
internal import LinuxIO

/// A file that holds what a generation was.
struct CopiedFile {
    let entry: EntryName
    /// Owned by whoever takes it.
    let descriptor: Int32
    let status: clinux_stat
}

extension Tailer {
    /// How long a new file that may be a copy is not read while nothing is written to it: a copier truncates the original
    /// as soon as its copy is complete.
    private static let copyHold = 5 * nanosecondsPerSecond
    /// Entries of a directory that are looked at for one truncated file.
    private static let maximumEntries = 4096

    // MARK: The original was truncated

    /// The content under a slot is gone. Where a file in its directory is the copy of it, the slot's generation goes on
    /// there, and what the original holds now becomes a new slot behind it. Returns the copy's size; nil when no copy
    /// reaches the slot's `offset`.
    package func goOnInCopy(_ slot: Int, at offset: UInt64, now: Int64) -> UInt64? {
        let old = files[slot]
        guard old.phase == .active, old.descriptor >= 0, old.hasName, !old.isRemote,
            case .success(let status) = FileSystem.status(descriptor: old.descriptor),
            let copy = findCopy(CopyCheck(old), of: Int32(slot))
        else { return nil }
        guard copy.status.size >= offset else {
            passCopy(copy, old)
            return nil
        }
        let live = livePath(slot)
        let isWatched = old.watch >= 0 || unwatchedFiles.contains(Int32(slot))
        unindex(Int32(slot))
        // The original's descriptor stays with what it holds now.
        files[slot].descriptor = -1
        removeWatch(slot)
        discardReader(of: copy, old.declaration)
        openCount += 1
        move(Int32(slot), to: copy.descriptor, copy.status)
        files[slot].livePath = live
        let fresh = newSlot(old.descriptor, status, identity(old.descriptor, status), old.declaration, now)
        files[Int(fresh)].livePath = old.livePath
        begin(fresh, live, .beginning(old.descriptor, status), .after(Int32(slot)))
        giveName(fresh, old.directory, old.name, isLinked: old.isLinked)
        // Whoever shares the file shares its copy and its new content.
        sharers[fresh] = sharers[Int32(slot)]
        if isWatched { watchFile(fresh) }
        nameCopy(Int32(slot), copy, now)
        return copy.status.size
    }

    /// A generation of the store whose content is not in its file any more: goes on in the copy that was made of it
    /// while the daemon was down, or is gone.
    func goOnInCopy(
        _ old: VanishedGeneration, _ directory: Int32, _ name: [UInt8], _ declaration: Int32, _ now: Int64
    ) {
        let identity = old.record.identity
        let copy = findCopy(
            CopyCheck(old.record), in: directory, named: name, declaration, born: identity.born, inode: identity.inode)
        guard let copy else { return giveUp(old.record, old.reason) }
        guard copy.status.size >= old.record.counts.committed else {
            close(copy.descriptor)
            return giveUp(old.record, old.reason)
        }
        discardReader(of: copy, declaration)
        openCount += 1
        let slot = newSlot(
            copy.descriptor, copy.status, self.identity(copy.descriptor, copy.status), declaration, now)
        resume(slot, old.record, .behindRenamed)
        moved.append(Int(slot))
        nameCopy(slot, copy, now)
    }

    /// The copy keeps its name when it is declared, so that it is not taken for a file of its own.
    private func nameCopy(_ slot: Int32, _ copy: CopiedFile, _ now: Int64) {
        let declaration = files[Int(slot)].declaration
        let isDeclared = copy.entry.name.withUnsafeBufferPointer {
            wanting(copy.entry.directory, $0).contains(declaration)
        }
        if isDeclared { giveName(slot, copy.entry.directory, copy.entry.name) } else { loseName(slot, now) }
    }

    /// A copy that ends before what was read of the original: nothing of it is new.
    private func passCopy(_ copy: CopiedFile, _ original: TailedFile) {
        close(copy.descriptor)
        for slot in slots(of: copy.status) where mayBeCopy(slot, original.declaration) {
            files[Int(slot)].isUnread = false
            release(slot)
            passed.append((Int(slot), copy.status.size))
        }
    }

    /// The slot that was made for the copy itself, of which nothing was read.
    private func discardReader(of copy: CopiedFile, _ declaration: Int32) {
        for slot in slots(of: copy.status) where mayBeCopy(slot, declaration) {
            release(slot)
            end(Int(slot))
            discarded.append(Int(slot))
        }
    }

    private func mayBeCopy(_ slot: Int32, _ declaration: Int32) -> Bool {
        let file = files[Int(slot)]
        return file.declaration == declaration && file.isUnread && file.phase != .ended && file.phase != .vacant
    }

    // MARK: Finding it

    /// The file in the slot's directory whose content fits `check`.
    private func findCopy(_ check: CopyCheck, of slot: Int32) -> CopiedFile? {
        let file = files[Int(slot)]
        return findCopy(
            check, in: file.directory, named: file.name, file.declaration, born: file.identity.born,
            inode: file.identity.inode)
    }

    /// `name`, `born` and `inode` are the original's. Names that begin as its name does are looked at first.
    func findCopy(
        _ check: CopyCheck, in directory: Int32, named name: [UInt8], _ declaration: Int32, born: Int64, inode: UInt64
    ) -> CopiedFile? {
        let node = directories[Int(directory)]
        let stem = CopyName.stem(name)
        var (related, others) = ([[UInt8]](), [[UInt8]]())
        try? view(of: directory).forEachEntry(in: node.path) { entry, type, entryInode in
            guard type == UInt8(DT_REG) || type == UInt8(DT_UNKNOWN), entryInode != inode else { return true }
            if entry.starts(with: stem) { related.append(Array(entry)) } else { others.append(Array(entry)) }
            return related.count + others.count < Tailer.maximumEntries
        }
        var best: CopiedFile?
        for entry in related {
            guard let copy = copy(check, EntryName(directory: directory, name: entry), declaration, born) else {
                continue
            }
            if let former = best {
                let isBetter = copy.status.born_ns > former.status.born_ns
                close(isBetter ? former.descriptor : copy.descriptor)
                if isBetter { best = copy }
            } else {
                best = copy
            }
        }
        if best != nil { return best }
        for entry in others {
            if let copy = copy(check, EntryName(directory: directory, name: entry), declaration, born) { return copy }
        }
        return nil
    }

    /// Opens an entry when it may be the copy and its content fits.
    private func copy(_ check: CopyCheck, _ entry: EntryName, _ declaration: Int32, _ born: Int64) -> CopiedFile? {
        let path = path(entry.directory, entry.name)
        let view = view(of: entry.directory)
        guard case .success(let status) = view.status(path.path, follow: false), isCandidate(status, declaration, born),
            case .success(let descriptor) = view.open(path.path)
        else { return nil }
        if case .success(let now) = FileSystem.status(descriptor: descriptor), now.inode == status.inode,
            isCandidate(now, declaration, born), case .fits = check.fit(descriptor, size: now.size)
        {
            return CopiedFile(entry: entry, descriptor: descriptor, status: now)
        }
        close(descriptor)
        return nil
    }

    /// A file that was made after the original and that nobody has read as a log of its own.
    private func isCandidate(_ status: clinux_stat, _ declaration: Int32, _ born: Int64) -> Bool {
        guard status.mode & UInt32(S_IFMT) == UInt32(S_IFREG), status.size > 0,
            status.born_ns == 0 || born == 0 || status.born_ns >= born
        else { return false }
        let isKnown = known[status.inode]?.contains { record in
            record.identity.born == status.born_ns && record.declaration == declarations[Int(declaration)].name
        }
        return isKnown != true
            && slots(of: status).allSatisfy { files[Int($0)].declaration != declaration || files[Int($0)].isUnread }
    }

    // MARK: While it is being copied

    /// A new file of which nothing was read yet may be the copy that copytruncate is making: then it is not read until
    /// the original was truncated, or it turns out to be another file, or nothing happens for some seconds.
    func holdsAsCopy(_ slot: Int, _ now: Int64) -> Bool {
        guard files[slot].isUnread else { return false }
        let size = presentSize(slot)
        if size == 0 { return false }
        if size > files[slot].size {
            files[slot].size = size
            files[slot].lastGrowth = now
        }
        let since = held[Int32(slot)]
        let isQuiet = since.map { now - max($0, files[slot].lastGrowth) >= Tailer.copyHold } ?? false
        if !isQuiet, looksLikeCopy(slot, size) {
            if since == nil { held[Int32(slot)] = now }
            return true
        }
        files[slot].isUnread = false
        release(Int32(slot))
        return false
    }

    private func release(_ slot: Int32) {
        if held.removeValue(forKey: slot) != nil { markReady(slot) }
    }

    /// Looks again at files that are held.
    func pollHeld() {
        for slot in held.keys { markReady(slot) }
    }

    private func looksLikeCopy(_ slot: Int, _ size: UInt64) -> Bool {
        let copy = files[slot]
        guard copy.hasName, copy.descriptor >= 0, !copy.isLinked else { return false }
        return CopyName.originals(copy.name).contains { name in
            guard
                let original = name.withUnsafeBufferPointer({ find(copy.directory, $0, copy.declaration) }),
                files[Int(original)].phase != .ended, !files[Int(original)].isRemote,
                isOlder(files[Int(original)].identity, copy.identity)
            else { return false }
            switch CopyCheck(files[Int(original)]).fit(copy.descriptor, size: size) {
            case .fits: return true
            case .differs: return false
            case .undecided: return isBeginning(copy.descriptor, size, of: files[Int(original)].descriptor)
            }
        }
    }

    private func isOlder(_ original: FileIdentity, _ copy: FileIdentity) -> Bool {
        original.inode != copy.inode && (original.born == 0 || copy.born == 0 || original.born <= copy.born)
    }

    /// Compares the two files themselves. Where the original is shorter by now nothing can be told: it may have been
    /// truncated, which the next look at it will show.
    private func isBeginning(_ copy: Int32, _ size: UInt64, of original: Int32) -> Bool {
        guard original >= 0, case .success(let status) = FileSystem.status(descriptor: original) else { return false }
        if status.size < size { return true }
        let head = EvidenceReader.evidence(copy, size: size, committed: size)
        return EvidenceReader.fits(original, size: status.size, committed: size, head)
    }

    // MARK: News

    /// Slots that were made for copies whose generations go on elsewhere: nothing of them was read, and they end.
    package func takeDiscarded() -> [Int] {
        defer { discarded.removeAll() }
        return discarded
    }

    /// Slots that are copies of what was read already, up to the given size.
    package func takePassed() -> [(slot: Int, size: UInt64)] {
        defer { passed.removeAll() }
        return passed
    }
}
