// Reading bytes at an offset: short reads, truncation, content evidence, descriptors that were closed meanwhile.
internal import CLinux
internal import Core
internal import Glibc
internal import LinuxIO

extension Tailer {
    /// Bytes before the offset that are read along, to see that the content there is still the same.
    package static let anchorSize = EvidenceReader.tailSize

    /// Nanoseconds in which events must have told the new name of a renamed file.
    private static let reappearance = 2 * nanosecondsPerSecond

    /// Reads up to `capacity` bytes at `offset` into `buffer`, which has room for `anchorSize` bytes more.
    package func read(
        _ slot: Int, at offset: UInt64, into buffer: UnsafeMutablePointer<UInt8>, capacity: Int, now: Int64
    ) -> ReadOutcome {
        if files[slot].phase == .ended { return .endOfFile }
        if files[slot].isArchived { return readArchive(slot, at: offset, into: buffer, capacity: capacity, now: now) }
        if files[slot].isRemote { return readRemote(slot, at: offset, into: buffer, capacity: capacity, now: now) }
        if files[slot].descriptor < 0, let failure = reopen(slot, now) {
            return failure == .endOfFile ? nowhere(slot, offset, now) : failure
        }
        if files[slot].isUnread, holdsAsCopy(slot, now) { return .pending }
        let descriptor = files[slot].descriptor
        var place = ReadPlace(offset: offset, before: anchorLength(slot, offset), capacity: capacity)
        var got = DiskRead.bytes(descriptor, buffer, place.before + capacity, at: offset - UInt64(place.before))
        if got.count < place.before, DiskRead.isMediaError(got.failure) {
            // What lies before cannot be read: it is no evidence.
            passUnreadable(slot, to: offset)
            place.before = 0
            got = DiskRead.bytes(descriptor, buffer, capacity, at: offset)
        }
        return interpret(
            slot, place, buffer, got.count, now, failure: got.failure == 0 ? nil : readError(slot, got.failure),
            headFits: { EvidenceReader.headFits(descriptor, files[slot].evidence) },
            status: { try? FileSystem.status(descriptor: descriptor).get() })
    }

    /// Its descriptor is closed and no name leads to it. After a while: what was seen of it and not read is gone.
    func nowhere(_ slot: Int, _ offset: UInt64, _ now: Int64) -> ReadOutcome {
        if !files[slot].hasName, !mayReappear(slot, now) {
            if files[slot].grew { return continueInArchive(slot, otherwise: .lost) }
            if offset < files[slot].size {
                return continueInArchive(slot, otherwise: .truncated(lastSize: files[slot].size))
            }
        }
        return .endOfFile
    }

    /// True while it cannot be said that the end of a file was reached: its descriptor was given up, it cannot be opened
    /// by its name, and the event that tells why is still to come.
    package func isOutOfReach(_ slot: Int, now: Int64) -> Bool {
        let file = files[slot]
        guard file.phase == .active, file.descriptor < 0, !file.isRemote, !file.isArchived else { return false }
        return file.hasName || mayReappear(slot, now)
    }

    /// A look at the directories of its view that is under way may still come to the new name of a file that lost its own.
    private func mayReappear(_ slot: Int, _ now: Int64) -> Bool {
        now - files[slot].nameless <= Tailer.reappearance
            || scans.isBusy(declarations[Int(files[slot].declaration)].view)
    }

    /// What a read was to give: `capacity` bytes at `offset`, and `before` bytes that lie before it.
    struct ReadPlace {
        let offset: UInt64
        var before: Int
        let capacity: Int
    }

    private func readError(_ slot: Int, _ errno: Int32) -> SystemError {
        SystemError("read", printable(livePath(slot)), errno: errno)
    }

    /// What `count` bytes mean that were read into `buffer` (until `failure`, if any): new bytes, the end, or that the
    /// content has changed.
    func interpret(
        _ slot: Int, _ place: ReadPlace, _ buffer: UnsafeMutablePointer<UInt8>, _ count: Int, _ now: Int64,
        failure: SystemError?, headFits: () -> Bool, status: () -> clinux_stat?
    ) -> ReadOutcome {
        let (offset, before) = (place.offset, place.before)
        if let failure, count < before || count == before && !DiskRead.isMediaError(failure.errno) {
            return .failed(failure)
        }
        if count < before { return .truncated(lastSize: files[slot].size) }
        if files[slot].isCut || !isSameContent(slot, offset, buffer, before, headFits) {
            return .truncated(lastSize: files[slot].size)
        }
        if offset == 0, !keepsHead(slot, buffer, count) { return .truncated(lastSize: files[slot].size) }
        let size = offset + UInt64(count - before)
        let atEnd = count < before + place.capacity && failure == nil
        if atEnd, size < files[slot].size {
            return checkShrunk(slot, offset, buffer + before, count - before, status())
        }
        if size > files[slot].size {
            files[slot].size = size
            files[slot].lastGrowth = now
        }
        if let failure { return .broken(UnsafePointer(buffer + before), count: count - before, failure) }
        if count == before {
            // Also of a file that was never read further, so that its descriptor can be given up.
            if files[slot].anchorEnd != offset { remember(slot, offset: offset, before: buffer + before) }
            return .endOfFile
        }
        return .bytes(UnsafePointer(buffer + before), count: count - before, atEnd: atEnd)
    }

    /// Compares the bytes before the offset with what was read there. Where nothing was read yet, or the source went back
    /// to an earlier offset, they are not known: then the head of the file, as it was when the file was found, tells whether
    /// other content has grown there meanwhile.
    private func isSameContent(
        _ slot: Int, _ offset: UInt64, _ bytes: UnsafePointer<UInt8>, _ count: Int, _ headFits: () -> Bool
    ) -> Bool {
        if files[slot].hasAnchor, files[slot].anchorEnd == offset, offset > 0 {
            return EvidenceReader.checksum(bytes, count: count) == files[slot].anchor
        }
        return files[slot].evidence.headLength == 0 || headFits()
    }

    /// At the beginning of a file: compares its head with what was there at first sight, and takes it anew as far as it
    /// is short. False: other content was written there before anything was read.
    private func keepsHead(_ slot: Int, _ bytes: UnsafePointer<UInt8>, _ count: Int) -> Bool {
        let known = Int(files[slot].evidence.headLength)
        guard count >= known else { return true }
        if known > 0, EvidenceReader.checksum(bytes, count: known) != files[slot].evidence.headChecksum { return false }
        var length = min(count, EvidenceReader.headSize)
        // NULs may still be written to.
        while length > known, bytes[length - 1] == 0 { length -= 1 }
        guard length > known else { return true }
        files[slot].evidence.headLength = UInt32(length)
        files[slot].evidence.headChecksum = EvidenceReader.checksum(bytes, count: length)
        return true
    }

    /// The file ends before the size once seen: it was truncated, if to a length behind the offset then unread bytes are
    /// gone, but those up to the new end are the same as before or not: in doubt they are read.
    private func checkShrunk(
        _ slot: Int, _ offset: UInt64, _ bytes: UnsafeMutablePointer<UInt8>, _ count: Int, _ status: clinux_stat?
    ) -> ReadOutcome {
        guard let status else { return .endOfFile }
        if status.size < offset { return .truncated(lastSize: files[slot].size) }
        if status.size >= files[slot].size {
            return count == 0 ? .endOfFile : .bytes(UnsafePointer(bytes), count: count, atEnd: true)
        }
        return .truncated(lastSize: files[slot].size)
    }

    /// Remembers the bytes before `offset` (up to 64 of them end at `end`), for the next read's check.
    package func remember(_ slot: Int, offset: UInt64, before end: UnsafePointer<UInt8>) {
        if files[slot].hasAnchor, files[slot].anchorEnd < offset {
            files[slot].formerAnchors.push(files[slot].anchorEnd, files[slot].anchor)
        }
        let count = anchorLength(slot, offset)
        files[slot].anchor = EvidenceReader.checksum(end - count, count: count)
        files[slot].anchorEnd = offset
        files[slot].hasAnchor = true
    }

    /// The next read compares with what the store knows of the bytes before `offset`.
    func rememberEvidence(_ slot: Int, _ offset: UInt64) {
        guard files[slot].evidence.tailChecksum != FileEvidence.unknownTail else { return }
        files[slot].anchor = files[slot].evidence.tailChecksum
        files[slot].anchorEnd = offset
        files[slot].hasAnchor = true
    }

    /// The content changed under the slot: what is there now is a new generation of the same file. Ends the old slot.
    package func startOver(_ slot: Int, now: Int64) {
        _ = hasSight(slot)
        let old = files[slot]
        guard old.phase == .active, old.descriptor >= 0,
            case .success(let status) = FileSystem.status(descriptor: old.descriptor)
        else { return lookAgain(slot, now) }
        let isWatched = old.watch >= 0 || unwatchedFiles.contains(Int32(slot))
        files[slot].descriptor = -1
        let live = livePath(slot)
        unindex(Int32(slot))
        untrack(Int32(slot))
        let fresh = newSlot(old.descriptor, status, identity(old.descriptor, status), old.declaration, now)
        files[Int(fresh)].livePath = old.livePath
        begin(fresh, live, .beginning(old.descriptor, status), .after(Int32(slot)))
        end(slot)
        if old.hasName {
            giveName(fresh, old.directory, old.name, isLinked: old.isLinked)
        } else {
            loseName(fresh, now)
        }
        // Whoever shares the file shares its new content.
        sharers[fresh] = sharers.removeValue(forKey: Int32(slot))
        if isWatched { watchFile(fresh) }
    }

    /// Ends a slot whose descriptor was given up; another file may have its name by now.
    private func lookAgain(_ slot: Int, _ now: Int64) {
        let old = files[slot]
        let volume = volume(ofSlot: slot)
        end(slot)
        if let volume {
            // The next listing meets it as a new file.
            volume.isListDue = true
            return pump(volume)
        }
        guard old.hasName else { return }
        old.name.withUnsafeBufferPointer { consider(old.directory, $0, type: UInt8(DT_UNKNOWN), now) }
        for other in sharers.removeValue(forKey: Int32(slot)) ?? [] { scanLater(declarations[Int(other)].view) }
        runPendingScans(now)
    }

    /// A look at a name that has a slot: is it still this file?
    func considerKnown(_ slot: Int32, _ directory: Int32, _ name: UnsafeBufferPointer<UInt8>, _ now: Int64) {
        if files[Int(slot)].isRemote { return }
        let path = join(directories[Int(directory)].path, name)
        let look = view(of: directory).status(path)
        if case .failure(let error) = look, error.isDenied { return }
        guard case .success(let status) = look, status.inode == files[Int(slot)].identity.inode,
            status.device == files[Int(slot)].device, status.born_ns == files[Int(slot)].identity.born
        else { return loseName(slot, now) }
        if status.size != files[Int(slot)].size { markReady(slot) }
    }

    /// Looks at a file of which no event tells.
    func markIfChanged(_ slot: Int) {
        if files[slot].isRemote { return }
        if files[slot].descriptor < 0, let path = presentPath(slot) {
            if case .success(let status) = view(ofSlot: slot).status(path), status.size == files[slot].size { return }
        } else if presentSize(slot) == files[slot].size {
            return
        }
        markReady(Int32(slot))
    }
}
