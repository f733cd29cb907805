// Reading from archives, letting go of them, and what the engine asks about them.
internal import Core
package import LinuxIO

extension Tailer {
    /// As `read`, for a slot that continues in an archive: what the worker has inflated for this offset, else `.pending`.
    func readArchive(
        _ slot: Int, at offset: UInt64, into buffer: UnsafeMutablePointer<UInt8>, capacity: Int, now: Int64
    ) -> ReadOutcome {
        guard let archived = archives.files[Int32(slot)] else { return .endOfFile }
        switch archived.phase {
        case .searching: return .pending
        case .missing(let outcome): return outcome
        case .found: break
        }
        if let end = archived.end, offset == end.size { return .endOfFile }
        guard let chunk = archives.chunk, chunk.slot == slot else { return want(slot, offset, capacity, now) }
        archives.chunk = nil
        defer { pumpArchives(now) }
        guard chunk.offset == offset, chunk.capacity <= capacity else { return want(slot, offset, capacity, now) }
        // It was opened again and is not there any more, or holds less than was read.
        guard chunk.failure == nil, chunk.bytes.count >= chunk.before else { return .lost }
        chunk.bytes.withUnsafeBufferPointer { bytes in
            if let base = bytes.baseAddress { buffer.update(from: base, count: bytes.count) }
        }
        return interpret(slot, chunk, buffer, now)
    }

    private func interpret(
        _ slot: Int, _ chunk: ArchiveChunk, _ buffer: UnsafeMutablePointer<UInt8>, _ now: Int64
    ) -> ReadOutcome {
        let count = chunk.bytes.count - chunk.before
        if let end = chunk.end {
            archives.files[Int32(slot)]!.end = end
            files[slot].size = end.size
        } else {
            files[slot].size = max(files[slot].size, chunk.offset + UInt64(count))
        }
        if count > 0 { return .bytes(UnsafePointer(buffer + chunk.before), count: count, atEnd: chunk.end != nil) }
        if files[slot].anchorEnd != chunk.offset {
            remember(slot, offset: chunk.offset, before: buffer + chunk.before)
        }
        return .endOfFile
    }

    private func want(_ slot: Int, _ offset: UInt64, _ capacity: Int, _ now: Int64) -> ReadOutcome {
        guard archives.reading != Int32(slot), archives.unfinished?.slot != Int32(slot) else { return .pending }
        let wish = ArchiveQueue.Wish(slot: Int32(slot), offset: offset, capacity: capacity)
        if let place = archives.wishes.firstIndex(where: { $0.slot == slot }) {
            archives.wishes[place] = wish
        } else {
            archives.wishes.append(wish)
        }
        pumpArchives(now)
        return .pending
    }

    // MARK: Letting go

    /// The slot does not read now: what was inflated for it makes room for others.
    func dropArchiveChunk(_ slot: Int) {
        if archives.chunk?.slot == Int32(slot) { archives.chunk = nil }
        if archives.unfinished?.slot == Int32(slot) { archives.unfinished = nil }
        archives.wishes.removeAll { $0.slot == slot }
        pumpArchives(Clock.monotonic())
    }

    /// Closes the archive for now: the next read opens it again.
    func closeArchive(_ slot: Int) {
        guard let archived = archives.files[Int32(slot)] else { return }
        archives.closes.append(archived.handle)
        dropArchiveChunk(slot)
    }

    /// The slot has ended: nothing of the archive is needed any more.
    func forgetArchive(_ slot: Int) {
        guard let archived = archives.files.removeValue(forKey: Int32(slot)) else { return }
        if archives.searches.first == Int32(slot) { archives.hasBegun = false }
        archives.searches.removeAll { $0 == slot }
        archives.loaded[archived.handle] = nil
        archives.drops.append(archived.handle)
        dropArchiveChunk(slot)
    }

    /// The declarations go: what is searched for them is kept as it was, for whoever comes next.
    func cancelSearches(of gone: [Int32]) {
        for slot in archives.searches where gone.contains(files[Int(slot)].declaration) {
            guard let pending = archives.files[slot]!.pending else { continue }
            remember(pending.record)
            free(Int(slot))
        }
    }

    /// True while a container's generation is looked for in archives.
    func isSearchingArchives(ofView view: Int32) -> Bool {
        archives.searches.contains { declarations[Int(files[Int($0)].declaration)].view == view }
    }

    /// Asks the worker whether the archive was deleted while it is held.
    func lookAtArchive(_ slot: Int, _ now: Int64) {
        guard let archived = archives.files[Int32(slot)], archived.place != nil, !files[slot].deleted else { return }
        archives.looks.insert(archived.handle)
        pumpArchives(now)
    }

    // MARK: What the engine asks

    /// True for a slot that the engine does not know: it is there for a search only.
    func isUnannounced(_ slot: Int) -> Bool {
        files[slot].isArchived && archives.files[Int32(slot)]?.pending != nil
    }

    /// True for a slot whose generation continues inside an archive: complete as it is.
    package func isInArchive(_ slot: Int) -> Bool {
        files[slot].isArchived && archives.files[Int32(slot)]?.place != nil
    }

    /// The archive that a slot's generation continues in; nil: none.
    package func archivePath(_ slot: Int) -> RawPath? {
        files[slot].isArchived ? archives.files[Int32(slot)]?.place?.path : nil
    }

    /// Why there is nothing to read behind the end that was met in the slot's archive, when that is damaged.
    package func archiveDamage(_ slot: Int) -> String? {
        files[slot].isArchived ? archives.files[Int32(slot)]?.end?.damage : nil
    }

    /// Generations found in archives since the last call.
    package func takeContinued() -> [ContinuedGeneration] {
        guard !archives.continued.isEmpty else { return [] }
        defer { archives.continued = [] }
        return archives.continued
    }
}
