// Reading bytes at an offset: short reads, truncation, content evidence, descriptors that were closed meanwhile.
internal import CLinux
package import Core
internal import Glibc
internal import LinuxIO

extension Tailer {
    /// Bytes before the offset that are read along, to see that the content there is still the same.
    package static let anchorSize = EvidenceReader.tailSize

    /// Reads up to `capacity` bytes at `offset` into `buffer`, which has room for `anchorSize` bytes more.
    package func read(
        _ slot: Int, at offset: UInt64, into buffer: UnsafeMutablePointer<UInt8>, capacity: Int, now: Int64
    ) -> ReadOutcome {
        if files[slot].phase == .ended { return .endOfFile }
        if files[slot].descriptor < 0, let failure = reopen(slot, at: offset, now) { return failure }
        let before = Int(min(UInt64(Tailer.anchorSize), offset))
        let count = readFully(files[slot].descriptor, buffer, before + capacity, at: offset - UInt64(before))
        if count < 0 { return .failed(SystemError("read", printable(livePath(slot)), errno: errno)) }
        if count < before { return .truncated(lastSize: files[slot].size) }
        if files[slot].anchorEnd == offset, EvidenceReader.checksum(buffer, count: before) != files[slot].anchor {
            return .truncated(lastSize: files[slot].size)
        }
        let size = offset + UInt64(count - before)
        let atEnd = count < before + capacity
        if atEnd { files[slot].grew = false }
        if atEnd, size < files[slot].size { return checkShrunk(slot, offset, size, buffer + before, count - before) }
        if size > files[slot].size {
            files[slot].size = size
            files[slot].lastGrowth = now
        }
        if count == before { return .endOfFile }
        return .bytes(UnsafePointer(buffer + before), count: count - before, atEnd: atEnd)
    }

    /// The file ends before the size once seen: it was truncated, if to a length behind the offset then unread bytes are
    /// gone, but those up to the new end are the same as before or not: in doubt they are read.
    private func checkShrunk(
        _ slot: Int, _ offset: UInt64, _ size: UInt64, _ bytes: UnsafeMutablePointer<UInt8>, _ count: Int
    ) -> ReadOutcome {
        guard case .success(let status) = FileSystem.status(descriptor: files[slot].descriptor) else {
            return .endOfFile
        }
        if status.size < offset { return .truncated(lastSize: files[slot].size) }
        if status.size >= files[slot].size {
            return count == 0 ? .endOfFile : .bytes(UnsafePointer(bytes), count: count, atEnd: true)
        }
        return .truncated(lastSize: files[slot].size)
    }

    /// Remembers the bytes before `offset` (up to 64 of them end at `end`), for the next read's check.
    package func remember(_ slot: Int, offset: UInt64, before end: UnsafePointer<UInt8>) {
        let count = Int(min(UInt64(Tailer.anchorSize), offset))
        files[slot].anchor = EvidenceReader.checksum(end - count, count: count)
        files[slot].anchorEnd = offset
    }

    /// Evidence to store with offset `committed`. The head is taken again while it does not cover its full length yet.
    package func evidence(_ slot: Int, committed: UInt64) -> FileEvidence {
        guard files[slot].descriptor >= 0 else { return files[slot].evidence }
        if Int(files[slot].evidence.headLength) < EvidenceReader.headSize {
            files[slot].evidence = EvidenceReader.evidence(
                files[slot].descriptor, size: max(committed, UInt64(files[slot].evidence.headLength)),
                committed: committed)
        } else if let tail = EvidenceReader.tail(files[slot].descriptor, before: committed) {
            files[slot].evidence.tailChecksum = tail
        }
        return files[slot].evidence
    }

    /// The content changed under the slot: what is there now is a new generation of the same file. Ends the old slot.
    package func startOver(_ slot: Int, now: Int64) {
        let old = files[slot]
        guard old.phase == .active, old.descriptor >= 0,
            case .success(let status) = FileSystem.status(descriptor: old.descriptor)
        else { return end(slot) }
        let path = presentPath(slot)
        let descriptor = old.descriptor
        let directory = old.directory
        let name = old.name
        files[slot].descriptor = -1
        openCount -= 1
        let live = livePath(slot)
        removeWatch(slot)
        end(slot)
        let identity = identity(descriptor, status)
        let fresh = newSlot(descriptor, status, identity, old.declaration, now)
        openCount += 1
        begin(fresh, live, status, atStart: true)
        if path != nil {
            giveName(fresh, directory, name)
            if old.livePath != nil {
                files[Int(fresh)].livePath = live
                files[Int(fresh)].rotated = true
            }
        } else {
            files[Int(fresh)].livePath = live
            loseName(fresh, now)
        }
    }

    /// A look at a name that has a slot: is it still this file?
    func considerKnown(_ slot: Int32, _ directory: Int32, _ name: UnsafeBufferPointer<UInt8>, _ now: Int64) {
        let path = join(directories[Int(directory)].path, name)
        guard case .success(let status) = FileSystem.status(path), status.inode == files[Int(slot)].inode,
            status.device == files[Int(slot)].device
        else { return loseName(slot, now) }
        if status.size != files[Int(slot)].size { markReady(slot) }
    }

    func markIfGrown(_ slot: Int) {
        guard !files[slot].hasName, files[slot].descriptor >= 0 else { return }
        if presentSize(slot) != files[slot].size { markReady(Int32(slot)) }
    }

    private func readFully(_ descriptor: Int32, _ buffer: UnsafeMutablePointer<UInt8>, _ count: Int, at offset: UInt64)
        -> Int
    {
        var got = 0
        while got < count {
            let more = pread(descriptor, buffer + got, count - got, off_t(offset) + off_t(got))
            if more > 0 {
                got += more
            } else if more == 0 {
                break
            } else if errno != EINTR {
                return got > 0 ? got : -1
            }
        }
        return got
    }

    /// Opens a file again whose descriptor was given up while it was idle; it must still be the same one.
    private func reopen(_ slot: Int, at offset: UInt64, _ now: Int64) -> ReadOutcome? {
        guard let path = presentPath(slot) else {
            return files[slot].grew || files[slot].size > offset ? .lost : .endOfFile
        }
        makeRoomForDescriptor()
        switch FileSystem.open(path, flags: O_RDONLY | O_NONBLOCK | O_NOCTTY) {
        case .failure(let error): return .failed(error)
        case .success(let descriptor):
            guard case .success(let status) = FileSystem.status(descriptor: descriptor),
                status.inode == files[slot].inode, status.device == files[slot].device
            else {
                close(descriptor)
                // Renamed or deleted, and the event of it has not been taken yet: it names the file anew.
                return .failed(SystemError("open", printable(path), errno: ENOENT))
            }
            guard status.born_ns == files[slot].identity.born else {
                close(descriptor)
                return .truncated(lastSize: files[slot].size)
            }
            files[slot].descriptor = descriptor
            openCount += 1
            return nil
        }
    }

    /// Closes the descriptor of a named file when the limit is near; it is opened again when its turn comes. Fully read
    /// files go first; where the next few are not (many files at the start), whichever has a name.
    func makeRoomForDescriptor() {
        if openCount >= options.openLimit {
            closeNext(among: 64) { file in
                file.phase == .active && !file.signalled && !file.waits && file.anchorEnd == file.size
            }
        }
        if openCount >= options.openLimit {
            closeNext(among: files.count) { $0.phase == .active || $0.phase == .registering }
        }
    }

    private func closeNext(among limit: Int, where isFit: (TailedFile) -> Bool) {
        var looked = 0
        while openCount >= options.openLimit, looked < min(limit, files.count) {
            openCursor = (openCursor + 1) % files.count
            looked += 1
            if files[openCursor].descriptor >= 0, files[openCursor].hasName, isFit(files[openCursor]) {
                closeDescriptor(openCursor)
            }
        }
    }
}
