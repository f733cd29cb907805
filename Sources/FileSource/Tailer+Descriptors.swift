// Descriptors within the limit: given up while a file is idle, opened again when it grows; evidence on them.
internal import CLinux
package import Core
internal import Glibc
internal import LinuxIO

extension Tailer {
    /// True when somebody has the file open for writing, so that it may grow without a name: a read lease is refused then
    /// (fcntl(2), F_SETLEASE). Nil when that cannot be told: another user's file without CAP_LEASE, a file system without
    /// leases. The lease is given back at once; the SIGIO of a writer that opens in between must be ignored by the process.
    package func hasWriter(_ slot: Int) -> Bool? {
        let descriptor = files[slot].descriptor
        guard descriptor >= 0 else { return nil }
        if fcntl(descriptor, Tailer.setLease, F_RDLCK) == 0 {
            _ = fcntl(descriptor, Tailer.setLease, F_UNLCK)
            return false
        }
        return errno == EAGAIN ? true : nil
    }

    /// F_SETLEASE, which the Glibc module does not have.
    private static let setLease: Int32 = 1024

    /// Evidence to store with offset `committed`. The head is taken again while it does not cover its full length yet.
    /// A file whose descriptor was given up is opened for a moment.
    package func evidence(_ slot: Int, committed: UInt64) -> FileEvidence {
        let file = files[slot]
        if file.isRemote || file.isArchived {
            let isAtHand = file.hasAnchor && file.anchorEnd == committed
            files[slot].evidence.tailChecksum = isAtHand ? file.anchor : FileEvidence.unknownTail
        } else if file.descriptor >= 0 {
            takeEvidence(slot, file.descriptor, committed)
        } else if file.hasAnchor, file.anchorEnd == committed, file.evidence.headLength >= EvidenceReader.headSize {
            files[slot].evidence.tailChecksum = file.anchor
        } else if let path = presentPath(slot), case .success(let descriptor) = openSame(slot, path) {
            takeEvidence(slot, descriptor, committed)
            close(descriptor)
        } else if file.hasAnchor, file.anchorEnd == committed {
            files[slot].evidence.tailChecksum = file.anchor
        }
        return files[slot].evidence
    }

    /// The content may have changed since it was read: then evidence of what is there now would let a restart take it for
    /// what was read.
    private func takeEvidence(_ slot: Int, _ descriptor: Int32, _ committed: UInt64) {
        let file = files[slot]
        let isSame = !file.hasAnchor || EvidenceReader.tail(descriptor, before: file.anchorEnd) == file.anchor
        guard isSame, !file.isCut, EvidenceReader.headFits(descriptor, file.evidence) else {
            if file.hasAnchor { files[slot].evidence.tailChecksum = file.anchor }
            return
        }
        let behindBad = files[slot].unreadableEnd
        if behindBad > 0, committed >= behindBad, committed < behindBad + UInt64(Tailer.anchorSize) {
            // A disk may take seconds to say again what it cannot read.
            files[slot].evidence.tailChecksum = FileEvidence.unknownTail
        } else if Int(files[slot].evidence.headLength) < EvidenceReader.headSize {
            files[slot].evidence = EvidenceReader.evidence(
                descriptor, size: max(committed, UInt64(files[slot].evidence.headLength)), committed: committed)
        } else if let tail = EvidenceReader.tail(descriptor, before: committed) {
            files[slot].evidence.tailChecksum = tail
        } else if DiskRead.isMediaError(errno) {
            files[slot].evidence.tailChecksum = FileEvidence.unknownTail
        }
    }

    /// Opens a file again whose descriptor was given up while it was idle; it must still be the same one. Nil: opened.
    func reopen(_ slot: Int, _ now: Int64) -> ReadOutcome? {
        guard let path = presentPath(slot) else { return .endOfFile }
        makeRoomForDescriptor()
        switch openSame(slot, path) {
        // The event that tells of its end is on its way.
        case .failure(let error) where error.errno == ENOENT: return .endOfFile
        case .failure(let error) where error.errno == ESTALE:
            // Another file has its name: it was renamed, which an event will tell, or it is gone.
            loseName(Int32(slot), now)
            return .endOfFile
        case .failure(let error): return .failed(error)
        case .success(let descriptor):
            files[slot].descriptor = descriptor
            openCount += 1
            files[slot].size = max(files[slot].size, presentSize(slot))
            files[slot].grew = false
            return nil
        }
    }

    /// True when the slot has a descriptor, or has got one again by its name: also under a name that nobody declares, by
    /// which it would not be found again.
    func hasSight(_ slot: Int) -> Bool {
        let file = files[slot]
        if file.descriptor >= 0 { return true }
        guard file.phase == .active, !file.isRemote, !file.isArchived, let path = presentPath(slot) else {
            return false
        }
        makeRoomForDescriptor()
        guard case .success(let descriptor) = openSame(slot, path) else { return false }
        files[slot].descriptor = descriptor
        openCount += 1
        return true
    }

    /// Opens `path` when it still leads to the slot's file, else fails with ESTALE.
    func openSame(_ slot: Int, _ path: RawPath) -> Result<Int32, SystemError> {
        view(ofSlot: slot).open(path).flatMap { descriptor in
            if case .success(let status) = FileSystem.status(descriptor: descriptor),
                status.inode == files[slot].identity.inode, status.device == files[slot].device,
                status.born_ns == files[slot].identity.born
            {
                return .success(descriptor)
            }
            close(descriptor)
            return .failure(SystemError("open", printable(path), errno: ESTALE))
        }
    }

    /// Gives up the descriptor of a file that still has its name, when the limit is reached: of one that is read to its
    /// end if one is found soon, else of any, since running out of descriptors would stop everything.
    func makeRoomForDescriptor() {
        guard openCount >= options.openLimit, !files.isEmpty else { return }
        let (eager, patient) = (64, 4096)
        var fallback = -1
        for looked in 0..<files.count {
            openCursor = (openCursor + 1) % files.count
            let file = files[openCursor]
            guard file.descriptor >= 0, file.hasName else { continue }
            // Of a polled directory no event tells in time that its file is deleted.
            let isPolled = directories[Int(file.directory)].isPolled
            if !isPolled, file.phase == .active, !file.signalled, !file.waits, file.anchorEnd == file.size {
                return closeDescriptor(openCursor)
            }
            if fallback < 0 || !isPolled { fallback = openCursor }
            if looked >= (isPolled ? patient : eager) { break }
        }
        if fallback >= 0 { closeDescriptor(fallback) }
    }
}
