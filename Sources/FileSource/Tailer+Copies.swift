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
    /// However long it grows meanwhile: two programs may write the same to two files.
    private static let longestCopyHold = 120 * nanosecondsPerSecond

    // MARK: The original was truncated

    /// The content under a slot is gone. Where a file in its directory is the copy of it, the slot's generation goes on
    /// there, and what the original holds now becomes a new slot behind it. Returns the copy's size; nil when no copy
    /// reaches the slot's `offset`.
    package func goOnInCopy(_ slot: Int, at offset: UInt64, now: Int64) -> UInt64? {
        let old = files[slot]
        guard old.phase == .active, old.descriptor >= 0, old.hasName, !old.isRemote,
            case .success(let status) = FileSystem.status(descriptor: old.descriptor),
            let copy = findCopy(CopyCheck(old), of: Int32(slot), status)
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
        _ old: VanishedGeneration, _ entry: EntryName, _ original: clinux_stat, _ declaration: Int32, _ now: Int64
    ) {
        let copy = findCopy(CopyCheck(old.record), of: original, entry, declaration)
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

    // MARK: While it is being copied

    /// A new file of which nothing was read yet may be the copy that copytruncate is making: then it is not read until
    /// the original was truncated, or it turns out to be another file, or nothing happens for some seconds.
    func holdsAsCopy(_ slot: Int, _ now: Int64) -> Bool {
        guard files[slot].isUnread, !files[slot].isCut else { return false }
        let size = presentSize(slot)
        if size == 0 { return false }
        if size > files[slot].size {
            files[slot].size = size
            files[slot].lastGrowth = now
        }
        let since = held[Int32(slot)]
        let isOver = since.map {
            now - max($0, files[slot].lastGrowth) >= Tailer.copyHold || now - $0 >= Tailer.longestCopyHold
        }
        if isOver != true, looksLikeCopy(slot, size) {
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
            if isLonger(size, than: Int(original)) { return false }
            switch CopyCheck(files[Int(original)]).fit(copy.descriptor, size: size) {
            case .fits, .fitsWeakly: return true
            case .differs: return false
            case .undecided: return isBeginning(copy.descriptor, size, of: files[Int(original)].descriptor)
            }
        }
    }

    /// The original was not truncated and has less than what is to be its copy: they only begin alike.
    private func isLonger(_ size: UInt64, than original: Int) -> Bool {
        let descriptor = files[original].descriptor
        guard descriptor >= 0, !files[original].isCut,
            case .success(let status) = FileSystem.status(descriptor: descriptor)
        else { return false }
        return status.size < size && status.size >= files[original].size && hasReadContent(original, descriptor)
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
