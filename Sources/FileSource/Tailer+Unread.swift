// Files that are not read now: what there is of them is noted, so that it can be announced when it goes.
internal import CLinux
internal import Core
internal import LinuxIO

extension Tailer {
    /// Something tells that a file changed which is not to be read yet: it waits for its turn, its topic, or its
    /// predecessor. Its size is taken: when it is cut off before it is read, the gap says how much there was.
    func noteUnread(_ slot: Int) {
        let file = files[slot]
        guard file.phase != .ended, file.phase != .vacant, file.descriptor >= 0,
            case .success(let status) = FileSystem.status(descriptor: file.descriptor)
        else { return }
        if status.size < file.size {
            files[slot].isCut = true
        } else if status.size > file.size {
            files[slot].size = status.size
            files[slot].lastGrowth = Clock.monotonic()
            if !file.isCut, !file.hasAnchor, file.evidence.headLength < EvidenceReader.headSize {
                extendHead(slot, status.size)
            }
        }
    }

    /// Evidence of a file that has grown since it was taken and of which nothing was read.
    private func extendHead(_ slot: Int, _ size: UInt64) {
        let (descriptor, old) = (files[slot].descriptor, files[slot].evidence)
        guard EvidenceReader.headFits(descriptor, old) else {
            files[slot].isCut = true
            return
        }
        let head = EvidenceReader.evidence(descriptor, size: size, committed: 0)
        files[slot].evidence.headLength = head.headLength
        files[slot].evidence.headChecksum = head.headChecksum
    }
}
