// Reading files of network volumes: what is wanted, what has come, and letting go of it.
internal import CLinux
internal import Core
internal import Glibc
internal import LinuxIO

extension Tailer {
    /// As `read`, for a slot on a network volume: what the worker has read for this offset, else `.pending`.
    func readRemote(
        _ slot: Int, at offset: UInt64, into buffer: UnsafeMutablePointer<UInt8>, capacity: Int, now: Int64
    ) -> ReadOutcome {
        guard let volume = volume(ofSlot: slot), volume.files[Int32(slot)] != nil else { return .endOfFile }
        let before = anchorLength(slot, offset)
        guard let chunk = volume.chunk, chunk.slot == slot else {
            return want(slot, offset, before: before, capacity, volume)
        }
        volume.chunk = nil
        defer { pump(volume) }
        guard chunk.offset == offset, chunk.capacity <= capacity else {
            return want(slot, offset, before: before, capacity, volume)
        }
        if let failure = chunk.failure { return failed(slot, failure, offset, now) }
        if let status = chunk.status { volume.files[Int32(slot)]!.size = status.size }
        volume.files[Int32(slot)]!.nextData = chunk.nextData
        chunk.bytes.withUnsafeBufferPointer { bytes in
            if let base = bytes.baseAddress { buffer.update(from: base, count: bytes.count) }
        }
        if chunk.anchorFailed { passUnreadable(slot, to: offset) }
        let place = ReadPlace(offset: offset, before: chunk.before, capacity: chunk.capacity)
        let outcome = interpret(
            slot, place, buffer, chunk.bytes.count, now, failure: chunk.broken, headFits: { chunk.headFits },
            status: { chunk.status })
        switch outcome {
        case .bytes, .endOfFile: if let head = chunk.head { takeHead(slot, head) }
        default: break
        }
        return outcome
    }

    private func takeHead(_ slot: Int, _ head: FileEvidence) {
        guard head.headLength > files[slot].evidence.headLength else { return }
        files[slot].evidence.headLength = head.headLength
        files[slot].evidence.headChecksum = head.headChecksum
    }

    private func failed(_ slot: Int, _ error: SystemError, _ offset: UInt64, _ now: Int64) -> ReadOutcome {
        switch error.errno {
        // The next listing tells of its new name, or that it has none.
        case ENOENT: return nowhere(slot, offset, now)
        case ESTALE:
            loseName(Int32(slot), now)
            return nowhere(slot, offset, now)
        default: return .failed(error)
        }
    }

    /// Asks the worker for bytes; the slot becomes ready when they have come.
    func want(_ slot: Int, _ offset: UInt64, before: Int, _ capacity: Int, _ volume: NetworkVolume) -> ReadOutcome {
        guard volume.reading != Int32(slot) else { return .pending }
        let wish = NetworkVolume.Wish(slot: Int32(slot), offset: offset, before: before, capacity: capacity)
        if let place = volume.wishes.firstIndex(where: { $0.slot == slot }) {
            volume.wishes[place] = wish
        } else {
            volume.wishes.append(wish)
        }
        pump(volume)
        return .pending
    }

    func reading(_ wish: NetworkVolume.Wish, _ volume: NetworkVolume) -> NetworkReading {
        let file = files[Int(wish.slot)]
        return NetworkReading(
            slot: wish.slot, handle: volume.files[wish.slot]!.handle,
            view: networkView(declarations[Int(file.declaration)].view, volume), path: presentPath(Int(wish.slot)),
            device: file.device, identity: file.identity, offset: wish.offset, before: wish.before,
            capacity: wish.capacity,
            headToFit: file.hasAnchor && file.anchorEnd == wish.offset ? nil : file.evidence,
            wantsHead: file.evidence.headLength < EvidenceReader.headSize)
    }

    /// The slot does not read now: what there is of it is noted; what was read for it makes room for others of its volume.
    package func dropChunk(_ slot: Int) {
        if files[slot].isArchived { return dropArchiveChunk(slot) }
        noteUnread(slot)
        guard let volume = volume(ofSlot: slot) else { return }
        volume.drop(Int32(slot))
        pump(volume)
    }

    /// Bytes of chunks that wait for their slots.
    package var chunkBytes: Int {
        volumes.values.reduce(archives.chunk?.bytes.count ?? 0) { $0 + ($1.chunk?.bytes.count ?? 0) }
    }
}
