// Files that are not read now: what there is of them is noted, so that it can be announced when it goes.
internal import CLinux
internal import Core
internal import Glibc
internal import LinuxIO

extension Tailer {
    /// Something tells that a file changed which is not to be read yet: it waits for its turn, its topic, or its
    /// predecessor. Its size is taken, so that the gap says how much there was when it is cut off before it is read; and
    /// whether it was cut off is seen now, since its next content may be gone as well when the topic takes records again.
    func noteUnread(_ slot: Int) {
        let file = files[slot]
        guard file.phase == .registering || file.phase == .active, !file.isRemote, !file.isArchived,
            !file.isCut
        else { return }
        guard file.descriptor < 0 else { return noteUnread(slot, file.descriptor) }
        guard let path = presentPath(slot), case .success(let descriptor) = openSame(slot, path) else { return }
        noteUnread(slot, descriptor)
        close(descriptor)
    }

    /// The size of a file now, for somebody who looks: what he is told is known from then on, whether an event tells of it
    /// or not, and whether the file waits for its turn or is not to be read. `isParked`: that it was cut off is seen as well
    /// where its next content is as long.
    package func tellSize(_ slot: Int, isParked: Bool) -> UInt64 {
        let size = presentSize(slot)
        let known = files[slot].size
        guard isParked || size != known else { return size }
        noteUnread(slot)
        // It counts as looked at now, but was not read: the next poll would find nothing new.
        if size != known { markReady(Int32(slot)) }
        return files[slot].isCut ? size : max(size, files[slot].size)
    }

    private func noteUnread(_ slot: Int, _ descriptor: Int32) {
        let file = files[slot]
        guard case .success(let status) = FileSystem.status(descriptor: descriptor) else { return }
        if status.size < file.size || !hasReadContent(slot, descriptor) {
            files[slot].isCut = true
            return
        }
        if status.size > file.size {
            files[slot].size = status.size
            files[slot].lastGrowth = Clock.monotonic()
        }
        guard !file.hasAnchor || file.anchorEnd == 0,
            UInt64(file.evidence.headLength) < min(status.size, UInt64(EvidenceReader.headSize))
        else { return }
        let head = EvidenceReader.evidence(descriptor, size: status.size, committed: 0)
        files[slot].evidence.headLength = head.headLength
        files[slot].evidence.headChecksum = head.headChecksum
    }

    /// The content under a source that is not read was cut off or replaced: its generation is over, and what is there
    /// now is another one. The size last seen; nil when nothing of the kind was seen, or the way to what is there now is still
    /// to be told by an event.
    package func wasCut(_ slot: Int) -> UInt64? {
        guard files[slot].phase == .active, files[slot].isCut else { return nil }
        let isWithoutWay = files[slot].isRemote || files[slot].isArchived || !files[slot].hasName
        guard isWithoutWay || hasSight(slot) else { return nil }
        return files[slot].size
    }

    /// What was read last is still there; of a file of which nothing was read, what it began with.
    func hasReadContent(_ slot: Int, _ descriptor: Int32) -> Bool {
        let file = files[slot]
        if file.hasAnchor, file.anchorEnd > 0 {
            return EvidenceReader.tail(descriptor, before: file.anchorEnd) == file.anchor
        }
        return EvidenceReader.headFits(descriptor, file.evidence)
    }
}
