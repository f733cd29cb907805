// Letting containers go: what a stopped one left is read to its end, then nothing of it is held any more.
internal import Checkpoint
internal import Core
internal import FileSource
internal import Glibc
internal import LinuxIO
internal import Logging
internal import Resolver

extension PipelineLoop {
    /// How long a volume that is a mount of its own may be read after its container's death, and after how long, when it
    /// is still mounted, for as long again.
    static let mountDrain: Int64 = 2 * nanosecondsPerSecond
    static let mountPause: Int64 = 30 * nanosecondsPerSecond
    private static let drainCheck: Int64 = 250 * nanosecondsPerMillisecond

    /// The container has stopped: a last look at its directories, then every source of it is read to its end.
    func drain(_ id: String, _ now: Int64) {
        guard var state = containers[id], !state.views.isEmpty, state.phase == .followed else { return }
        // Events first: they tell of files that are gone by now.
        tailer.handleEvents(now: now)
        state.waitsForOutput = hasOpenOutput(state)
        for view in state.views where !(state.waitsForOutput && declarations[view].isOutput) {
            tailer.retire(containerOf: view, true, now: now)
        }
        collectNews(now)
        state.phase = .draining(since: now)
        state.isLookedAt = false
        containers[id] = state
        endLook(id)
        drainSlots(id)
        nextDrainCheck = now
    }

    /// True when the last look at the container's directories is over; then what it could not see is announced, once.
    @discardableResult
    private func endLook(_ id: String) -> Bool {
        guard let state = containers[id], !state.waitsForOutput,
            !state.views.contains(where: { tailer.isLooking(containerOf: $0) })
        else {
            return false
        }
        guard !state.isLookedAt else { return true }
        containers[id]!.isLookedAt = true
        announceUnknown(state)
        return true
    }

    /// A slot that was freed meanwhile may be another container's by now.
    private func isDraining(_ slot: Int32, of state: ContainerState) -> Bool {
        let index = Int(slot)
        return sources[index].isOpen && sources[index].isDraining && state.numbers.contains(tailer.declaration(index))
    }

    /// It runs again before it was let go.
    func cancelDrain(_ id: String, _ now: Int64) {
        guard let state = containers[id], case .draining = state.phase else { return }
        for slot in state.draining where isDraining(slot, of: state) && sources[Int(slot)].endSize == nil {
            sources[Int(slot)].isDraining = false
            sources[Int(slot)].isFinal = false
            sources[Int(slot)].isSuspended = false
            enqueue(Int(slot))
        }
        containers[id]!.draining = []
        containers[id]!.suspended = []
        containers[id]!.waitsForOutput = false
        containers[id]!.phase = .followed
        for view in state.views { tailer.retire(containerOf: view, false, now: now) }
        collectNews(now)
    }

    /// Marks the open sources of the container, but for those that another container goes on writing.
    func drainSlots(_ id: String) {
        for slot in containers[id]!.views.flatMap({ tailer.slots(ofContainerOf: $0) }) {
            guard slot < sources.count, sources[slot].isOpen, !tailer.isShared(slot), !sources[slot].isDraining,
                !(containers[id]!.waitsForOutput && declarations[tailer.declaration(slot)].isOutput)
            else { continue }
            sources[slot].isDraining = true
            containers[id]!.draining.append(Int32(slot))
            guard sources[slot].endSize == nil else { continue }
            sources[slot].isFinal = true
            enqueue(slot)
        }
    }

    /// Another container has come to a file that is being drained, and may write to it: it is not let go. It stays with
    /// its container until that is, then it is handed over.
    func keepShared(_ slot: Int) {
        guard sources[slot].isDraining, sources[slot].endSize == nil, tailer.isShared(slot) else { return }
        sources[slot].isDraining = false
        sources[slot].isFinal = false
        sources[slot].isSuspended = false
    }

    /// After acknowledgements: drained sources that are read to their end are closed in their next turn.
    func settleDrains() {
        guard nextDrainCheck != .max else { return }
        for state in containers.values {
            for slot in state.draining where sources[Int(slot)].isOpen && sources[Int(slot)].isDraining {
                let index = Int(slot)
                if sources[index].isCaughtUp, sources[index].endSize == nil, ledger.inFlight(index) == 0 {
                    enqueue(index)
                }
            }
        }
    }

    /// Looks at everything that is being drained; lets go what is done.
    func checkDrains(_ now: Int64) {
        nextDrainCheck = .max
        settleDrains()
        let end = Clock.monotonic() + PipelineLoop.serveBudget
        for (id, state) in containers {
            guard case .draining(let since) = state.phase else { continue }
            nextDrainCheck = now + PipelineLoop.drainCheck
            if state.waitsForOutput { endOutput(id, since: since, now) }
            // A large directory takes a while: what was found so far is drained meanwhile.
            guard endLook(id) else {
                drainSlots(id)
                if now - since >= PipelineLoop.mountDrain { releaseMounts(id, now) }
                continue
            }
            for slot in state.draining { keepShared(Int(slot)) }
            containers[id]!.draining.removeAll { !isDraining($0, of: state) }
            if now - since >= PipelineLoop.mountDrain { releaseMounts(id, now) }
            for slot in containers[id]!.draining where sources[Int(slot)].scheduling == .idle { enqueue(Int(slot)) }
            // What a worker is still to tell may be drained too: for as long as a volume of its own is read.
            let isSearching = state.views.contains { tailer.isSearching(containerOf: $0) }
            if isSearching, now - since < PipelineLoop.mountDrain { continue }
            guard containers[id]!.draining.isEmpty else { continue }
            letGo(id, now)
            // The rest after the sources' turns: what is let go is not looked at again.
            if Clock.monotonic() >= end {
                nextDrainCheck = now
                break
            }
        }
        if nextDrainCheck != .max { settleEnds(now) }
    }

    private func letGo(_ id: String, _ now: Int64) {
        // What was found a moment ago is still its own.
        collectNews(now)
        // What another container handed over meanwhile is drained too.
        drainSlots(id)
        guard containers[id]!.draining.isEmpty else { return }
        for number in containers[id]!.views.flatMap({ tailer.unsearched(containerOf: $0) }) {
            announceUnknown(number, containers[id]!, "a volume did not answer before its container was let go")
        }
        for view in containers[id]!.views { tailer.remove(containerOf: view, now: now) }
        containers[id]!.numbers = []
        containers[id]!.views = []
        containers[id]!.phase = .letGo
        collectNews(now)
        forgetIfDone(id, now)
    }

    /// A removed container that is let go: its row goes, and those of files that went with it.
    func forgetIfDone(_ id: String, _ now: Int64) {
        guard let state = containers[id], state.isGone, state.views.isEmpty else { return }
        let layout = state.container.layout
        for record in tailer.takeKnown(ofContainer: id) {
            let view = ContainerView(layout: layout, policy: options.resolver, mounts: HostMounts(text: []))
            let stays = view.mountIndex(of: record.path).map { layout.mounts[$0].kind != .tmpfs } ?? false
            // On a volume it may be continued by another container.
            if stays, record.detached != 0 {
                checkpoint.closed += tailer.keepOrphan(record)
            } else {
                announceLoss(of: record)
            }
        }
        containers[id] = nil
        knownContainers.remove(id)
        checkpoint.containers.removeAll { $0.id == id }
        checkpoint.removedContainers.append(id)
    }

    /// Keeps the row of a source that ends although its file stays, and the record for whoever follows it next.
    func release(_ slot: Int, _ counts: LedgerCounts) {
        let update = GenerationUpdate(
            file: tailer.file(slot), evidence: sources[slot].lastEvidence, counts: counts, detached: Clock.wall())
        checkpoint.released.append(update)
        tailer.keep(record(slot, update.evidence, detached: update.detached))
    }

    /// A root file system that went away before the last look at it: what it had then cannot be known.
    private func announceUnknown(_ state: ContainerState) {
        for number in state.numbers where number >= 0 && tailer.isUncertain(number) {
            announceUnknown(number, state, "a container was removed before its last files could be looked at")
        }
    }

    private func announceUnknown(_ number: Int, _ state: ContainerState, _ what: Logger.Message) {
        let name = declarations[number].files.name
        counters.gapBytes[GapReason.deleted.rawValue, default: 0] += 0
        outbox.collect(
            audit.unknown(container: state.container.id, declaration: name, reason: .deleted))
        logger.warning(
            what, metadata: ["container": "\(state.container.id.prefix(12))", "declaration": "\(name)"])
    }
}
