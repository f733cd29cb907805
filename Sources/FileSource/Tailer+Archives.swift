// Generations whose file is gone, continued inside the compressed file that rotation made of it.
internal import CLinux
internal import Core
internal import Glibc
internal import LinuxIO
internal import Resolver

extension Tailer {
    /// A generation of the store cannot be continued where it was: looks for its content in an archive, and announces it as
    /// vanished for `reason` when there is none. Until then its slot holds back its stream, and its row stays.
    func giveUp(_ record: GenerationRecord, _ reason: GapReason) {
        let vanished = VanishedGeneration(record: record, reason: reason)
        // One that was let go had been read to its end.
        guard record.detached == 0, let declaration = declaration(of: record),
            let query = query(
                declaration, record.path, record.evidence, tailEnd: record.counts.committed,
                tail: record.evidence.tailChecksum == FileEvidence.unknownTail ? nil : record.evidence.tailChecksum,
                opened: record.opened)
        else { return self.vanished.append(vanished) }
        let slot = newSlot(-1, clinux_stat(), record.identity, declaration, 0)
        untrack(slot)
        files[Int(slot)].file = record.file
        files[Int(slot)].stream = record.stream
        files[Int(slot)].evidence = record.evidence
        files[Int(slot)].livePath = record.path
        files[Int(slot)].opened = record.opened
        files[Int(slot)].size = record.counts.committed
        goBeforeYounger(slot)
        guard search(slot, query, pending: vanished) else {
            free(Int(slot))
            return self.vanished.append(vanished)
        }
    }

    /// The file of a slot is gone before it was read to its end (`outcome` says how that is announced): looks for its content
    /// in an archive first. The slot owns no descriptor and no name any more. `.pending` while the search goes on.
    func continueInArchive(_ slot: Int, otherwise outcome: ReadOutcome) -> ReadOutcome {
        let file = files[slot]
        guard !file.isArchived, !file.isRemote, file.descriptor < 0,
            let query = query(
                file.declaration, livePath(slot), file.evidence, tailEnd: file.hasAnchor ? file.anchorEnd : 0,
                tail: file.hasAnchor && file.anchorEnd > 0 ? file.anchor : nil,
                // It was there when it was born, by the clock of the very file system.
                opened: file.identity.born),
            search(Int32(slot), query, otherwise: outcome)
        else { return outcome }
        untrack(Int32(slot))
        return .pending
    }

    private func declaration(of record: GenerationRecord) -> Int32? {
        declarations.firstIndex { $0.name == record.declaration && $0.container == record.container }.map { Int32($0) }
    }

    private func query(
        _ declaration: Int32, _ path: RawPath, _ evidence: FileEvidence, tailEnd: UInt64, tail: UInt32?, opened: Int64
    ) -> ArchiveQuery? {
        guard evidence.headLength > 0, let slash = path.lastIndex(of: 0x2F) else { return nil }
        let view = views[Int(declarations[Int(declaration)].view)]
        return ArchiveQuery(
            view: archiveView(view), directory: parent(of: path), name: Array(path[(slash + 1)...]),
            headLength: Int(evidence.headLength), headChecksum: evidence.headChecksum, tailEnd: tailEnd,
            tailChecksum: tail, opened: opened)
    }

    private func archiveView(_ view: FileView) -> NetworkView {
        view.container.map { .container($0.separate(mounts: view.mounts)) } ?? .host(view.mounts)
    }

    private func search(
        _ slot: Int32, _ query: ArchiveQuery, pending: VanishedGeneration? = nil, otherwise: ReadOutcome = .lost
    ) -> Bool {
        guard startArchiveWorker() else { return false }
        archives.handleCount += 1
        archives.files[slot] = ArchivedFile(
            handle: archives.handleCount, query: query, pending: pending, outcome: otherwise)
        files[Int(slot)].isArchived = true
        archives.searches.append(slot)
        pumpArchives(Clock.monotonic())
        return true
    }

    private func startArchiveWorker() -> Bool {
        if archives.worker != nil { return true }
        // Safety: made here and used by the worker's thread alone.
        nonisolated(unsafe) let desk = ArchiveDesk()
        archives.worker = try? IOWorker(name: "archives", capacity: 1, ready: networkReady) { desk.perform($0) }
        return archives.worker != nil
    }

    /// Puts a generation whose file is gone before those of its stream that came after it: without birth times before all.
    private func goBeforeYounger(_ slot: Int32) {
        if files[Int(slot)].identity.born > 0 { return follow(slot, .byBirth) }
        guard var oldest = slotOfStream[files[Int(slot)].stream], !hasEnded(Int(oldest)), isInUse(Int(oldest)) else {
            return follow(slot, .byBirth)
        }
        while files[Int(oldest)].predecessor >= 0 { oldest = files[Int(oldest)].predecessor }
        files[Int(slot)].successor = oldest
        files[Int(oldest)].predecessor = slot
        files[Int(oldest)].mayBegin = false
    }

    // MARK: Answers

    /// Takes what the archive worker has answered, and gives it more to do.
    func takeArchiveAnswers(_ now: Int64) {
        guard let worker = archives.worker else { return }
        for answer in worker.takeAnswers() {
            archives.isBusy = false
            noteDeleted(answer.deleted, now)
            switch answer.result {
            case .nothing, .searching: break
            case .found(let handle, let place): found(handle, place, now)
            case .missing(let handle): missed(handle)
            case .readOn(let reading):
                archives.reading = nil
                if archives.files[reading.slot]?.handle == reading.handle { archives.unfinished = reading }
            case .read(let chunk): take(chunk)
            }
        }
        pumpArchives(now)
    }

    private func take(_ chunk: ArchiveChunk) {
        archives.reading = nil
        guard archives.files[chunk.slot]?.handle == chunk.handle else { return }
        archives.chunk = chunk
        markReady(chunk.slot)
        if !files[Int(chunk.slot)].signalled { archives.chunk = nil }
    }

    private func found(_ handle: UInt64, _ place: ArchivePlace, _ now: Int64) {
        guard let slot = endSearch(handle) else { return archives.drops.append(handle) }
        let index = Int(slot)
        archives.files[slot]!.phase = .found(place)
        if makeRoomForArchive(now) { archives.loaded[handle] = now } else { archives.rests.append(handle) }
        // The content is known to be ours: more of its head can tell it the next time.
        files[index].evidence.headLength = place.headLength
        files[index].evidence.headChecksum = place.headChecksum
        let query = archives.files[slot]!.query
        let pending = archives.files[slot]!.pending
        files[index].size = max(files[index].size, query.tailEnd, place.claimedSize)
        // Without a name, but not deleted: the archive has one.
        files[index].nameless = 0
        if files[index].namelessPlace < 0 { loseName(slot, now) } else { files[index].nameless = now }
        files[index].deleted = false
        archives.continued.append(ContinuedGeneration(slot: index, archive: place.path))
        guard let pending else { return markReady(slot) }
        archives.files[slot]!.pending = nil
        appeared.append(
            AppearedFile(
                slot: index, declaration: Int(files[index].declaration), record: pending.record, isNew: false,
                skipped: nil))
    }

    private func missed(_ handle: UInt64) {
        guard let slot = endSearch(handle) else { return }
        if let pending = archives.files[slot]!.pending {
            vanished.append(pending)
            return free(Int(slot))
        }
        archives.files[slot]!.phase = .missing(archives.files[slot]!.outcome)
        markReady(slot)
    }

    /// The slot whose search is over; nil when it is not wanted any more.
    private func endSearch(_ handle: UInt64) -> Int32? {
        guard let slot = archives.searches.first, archives.files[slot]?.handle == handle else { return nil }
        archives.searches.removeFirst()
        archives.hasBegun = false
        return slot
    }

    private func noteDeleted(_ handles: [UInt64], _ now: Int64) {
        for handle in handles {
            guard let slot = archives.slot(ofHandle: handle), !files[Int(slot)].deleted else { continue }
            files[Int(slot)].deleted = true
            files[Int(slot)].nameless = now
        }
    }

    // MARK: Requests

    /// Gives an idle worker what is due: steps of the search and readings in turn.
    func pumpArchives(_ now: Int64) {
        guard let worker = archives.worker, !archives.isBusy else { return }
        var request = ArchiveRequest()
        request.work = nextArchiveWork(now)
        request.closes = archives.closes
        request.rests = archives.rests
        request.drops = archives.drops
        request.looks = Array(archives.looks)
        if case .nothing = request.work, request.closes.isEmpty, request.rests.isEmpty, request.drops.isEmpty,
            request.looks.isEmpty
        {
            return
        }
        (archives.closes, archives.rests, archives.drops, archives.looks) = ([], [], [], [])
        archives.isBusy = worker.submit(request)
    }

    private func nextArchiveWork(_ now: Int64) -> ArchiveRequest.Work {
        if archives.searches.isEmpty || !archives.isSearchsTurn, let reading = nextArchiveReading(now) {
            archives.isSearchsTurn = true
            archives.reading = reading.slot
            return .read(reading)
        }
        archives.isSearchsTurn = false
        guard let slot = archives.searches.first else { return .nothing }
        let handle = archives.files[slot]!.handle
        if archives.hasBegun { return .searchOn(handle: handle) }
        archives.hasBegun = true
        var query = archives.files[slot]!.query
        query.taken = archives.taken
        return .search(handle: handle, query)
    }

    private func nextArchiveReading(_ now: Int64) -> ArchiveReading? {
        guard archives.chunk == nil else { return nil }
        if let reading = archives.unfinished {
            archives.unfinished = nil
            return reading
        }
        let isLoaded = { (wish: ArchiveQueue.Wish) in
            self.archives.loaded[self.archives.files[wish.slot]!.handle] != nil
        }
        guard !archives.wishes.isEmpty,
            let index = archives.wishes.firstIndex(where: isLoaded) ?? (makeRoomForArchive(now) ? 0 : nil)
        else { return nil }
        let wish = archives.wishes.remove(at: index)
        let archived = archives.files[wish.slot]!
        archives.loaded[archived.handle] = now
        return ArchiveReading(
            slot: wish.slot, handle: archived.handle, view: archived.query.view, place: archived.place!,
            offset: wish.offset, capacity: wish.capacity)
    }

    /// An archive that nobody reads now gives up its inflating state; it is inflated from its beginning when it is read again.
    private func makeRoomForArchive(_ now: Int64) -> Bool {
        guard archives.loaded.count >= ArchiveQueue.maximumLoaded else { return true }
        guard let idle = archives.loaded.min(by: { $0.value < $1.value }), now - idle.value > ArchiveQueue.useTime
        else {
            return false
        }
        archives.loaded[idle.key] = nil
        archives.rests.append(idle.key)
        return true
    }
}
