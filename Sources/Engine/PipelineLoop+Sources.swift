// Beginning and end of sources: generations that appear, vanish, are truncated, deleted, complete.
internal import Checkpoint
internal import Core
internal import FileSource
internal import LinuxIO
internal import Logging
internal import Pipeline

extension PipelineLoop {
    /// How long a file without a name must not have grown before it counts as complete: its writer may still have it open.
    static let deletedQuiet: Int64 = 5 * nanosecondsPerSecond
    static let movedQuiet: Int64 = 300 * nanosecondsPerSecond

    /// Takes what the tailer found.
    func collectNews(_ now: Int64) {
        guard tailer.hasNews else { return }
        for appeared in tailer.takeAppeared() { open(appeared) }
        for vanished in tailer.takeVanished() { announce(vanished) }
        for slot in tailer.takeMoved() where slot < sources.count && sources[slot].isOpen { noteMoved(slot) }
        for slot in tailer.takeDiscarded() where sources[slot].isOpen { finish(slot, size: 0, reason: .replaced) }
        for (slot, size) in tailer.takePassed() where sources[slot].isOpen { pass(slot, size, now) }
        for continued in tailer.takeContinued() { tell(continued) }
        for slot in tailer.takeReady() where slot < sources.count && sources[slot].isOpen {
            // A parked source takes nothing now: others of its volume may read.
            if sources[slot].scheduling.isParked { putOff(slot, now) } else { enqueue(slot) }
        }
    }

    private func open(_ appeared: AppearedFile) {
        let slot = appeared.slot
        while sources.count <= slot { sources.append(SourceState()) }
        // The slot's former source may have ended in a list.
        waiting.remove(slot)
        sources[slot] = SourceState()
        sources[slot].isOpen = true
        sources[slot].topic = topicOfDeclaration[appeared.declaration]
        sources[slot].line = PipelineLoop.lineState(appeared.record.counts)
        if described == slot { described = -1 }
        ledger.open(slot, counts: appeared.record.counts, isNew: appeared.isNew)
        guard appeared.isNew else {
            // It goes on in a file that nobody writes to: a copy.
            sources[slot].isFinal = tailer.presentPath(slot) == nil
            if appeared.record.detached != 0 {
                ledger.touch(slot)
                outbox.collect(
                    audit.opened(AuditText.Subject(appeared.record), counts: appeared.record.counts))
            }
            return tailer.activate(slot)
        }
        if let reason = appeared.skipped {
            counters.skippedBytes[reason.rawValue, default: 0] += appeared.record.counts.skipped
        }
        checkpoint.opened.append((slot, appeared.record))
        outbox.collect(
            audit.opened(AuditText.Subject(appeared.record), counts: appeared.record.counts))
    }

    /// Its generation goes on in another file: a restart must find it there.
    private func noteMoved(_ slot: Int) {
        // A row that is still to be made is made with what it is now.
        if let place = checkpoint.opened.firstIndex(where: { $0.slot == slot }) {
            checkpoint.opened[place].record = record(slot)
        } else {
            checkpoint.moved.append(slot)
        }
    }

    /// The row of an open source as it is now.
    func record(_ slot: Int) -> GenerationRecord {
        record(slot, tailer.evidence(slot, committed: ledger.counts(slot).committed), detached: 0)
    }

    func record(_ slot: Int, _ evidence: FileEvidence, detached: Int64) -> GenerationRecord {
        let declared = declarations[tailer.declaration(slot)].files
        return GenerationRecord(
            file: tailer.file(slot), stream: tailer.stream(slot), container: declared.container,
            declaration: declared.name, route: declared.route, path: tailer.livePath(slot),
            identity: tailer.identity(slot), evidence: evidence, counts: ledger.counts(slot),
            opened: tailer.opened(slot),
            detached: detached)
    }

    /// A generation that its container took with it. One that was drained before lost nothing.
    func announceLoss(of record: GenerationRecord) {
        guard record.detached != 0 else { return announce(VanishedGeneration(record: record, reason: .deleted)) }
        checkpoint.closed.append(record.file)
    }

    /// A generation of the store whose rest cannot be read any more: announced, and forgotten.
    private func announce(_ vanished: VanishedGeneration) {
        let record = vanished.record
        if record.detached != 0, vanished.reason == .deleted { return checkpoint.closed.append(record.file) }
        if record.identity.inode == 0, !record.container.isEmpty {
            switch unseen.take(record.container, record.declaration, now: Clock.monotonic()) {
            case .name: break
            case .summarize:
                return outbox.collect(
                    audit.unknown(container: record.container, declaration: record.declaration, reason: .deleted))
            case .said: return
            }
        }
        let subject = AuditText.Subject(record)
        counters.gapBytes[vanished.reason.rawValue, default: 0] += 0
        outbox.collect(
            audit.gap(subject, from: record.counts.committed, to: nil, reason: vanished.reason))
        outbox.collect(audit.closed(subject, counts: record.counts, size: nil))
        checkpoint.closed.append(record.file)
        logger.warning(
            "a file of the last run is gone or replaced; what it had beyond its offset cannot be known",
            metadata: [
                "path": "\(printable(record.path))", "offset": "\(record.counts.committed)",
                "reason": "\(vanished.reason.rawValue)", "remedy": "\(vanished.reason.remedy)",
            ])
    }

    /// A new file is the copy of what another source has read already.
    private func pass(_ slot: Int, _ size: UInt64, _ now: Int64) {
        ledger.reserveSkipped(slot, count: size, now: now)
        sources[slot].line = PipelineLoop.lineState(ledger.counts(slot))
        counters.skippedBytes[SkipReason.copied.rawValue, default: 0] += size
    }

    /// The content under a source was cut off or replaced: what was unread is continued in a copy of it, if there is one,
    /// else it is a gap; what is there now is a new generation.
    func truncated(_ slot: Int, _ lastSize: UInt64, _ now: Int64) {
        if let size = tailer.goOnInCopy(slot, at: ledger.reserved(slot), now: now) {
            goOn(slot, inCopyOf: size, lastSize)
            return collectNews(now)
        }
        logger.notice(
            "a file was truncated: its new content is a new generation",
            metadata: ["path": "\(displayPath(slot))", "offset": "\(ledger.reserved(slot))", "size": "\(lastSize)"])
        ledger.reserveGap(slot, to: lastSize, reason: .truncated, now: now)
        tailer.startOver(slot, now: now)
        finish(slot, size: max(lastSize, ledger.reserved(slot)), reason: .truncated)
        collectNews(now)
    }

    /// A source does not read now. That its content was cut off is taken over all the same: while a topic is in trouble for
    /// hours its file may be cut off several times, and each content is a generation of its own.
    func putOff(_ slot: Int, _ now: Int64) {
        tailer.dropChunk(slot)
        guard sources[slot].isOpen, sources[slot].endSize == nil, !sources[slot].needsRewind,
            let lastSize = tailer.wasCut(slot)
        else { return }
        truncated(slot, lastSize, now)
    }

    /// What was written between the copier's last read and its truncation is in no file any more.
    private func goOn(_ slot: Int, inCopyOf size: UInt64, _ lastSize: UInt64) {
        logger.notice(
            "a file was truncated: what was not read of it is read from its copy",
            metadata: [
                "path": "\(displayPath(slot))", "offset": "\(ledger.reserved(slot))", "size": "\(size)",
                "copy":
                    "\(tailer.resolvedPath(slot).map { printable($0) } ?? tailer.presentPath(slot).map { printable($0) } ?? "")",
            ])
        described = -1
        // Reading goes on behind what was looked at already, which must not be behind the copy's end.
        sources[slot].line.forgetHole()
        if let oversize = sources[slot].line.oversize {
            sources[slot].line.oversize = min(oversize, size - ledger.reserved(slot))
        }
        // Nobody writes to a copy that has no declared name: its last line is complete.
        sources[slot].isFinal = tailer.presentPath(slot) == nil
        enqueue(slot)
        guard size < lastSize else { return }
        outbox.collect(audit.gap(subject(slot), from: size, to: lastSize, reason: .truncated))
        sources[slot].beyondCopy = lastSize - size
        counters.gapBytes[GapReason.truncated.rawValue, default: 0] += lastSize - size
        logger.warning(
            "bytes that were written after a file was copied and before it was truncated are lost and announced as a gap",
            metadata: [
                "path": "\(displayPath(slot))", "from": "\(size)", "to": "\(lastSize)",
                "remedy": "rotate by renaming: nothing is written between two steps then",
            ])
    }

    /// A file was deleted while its descriptor was given up for others: what was unread cannot be known, and is said so.
    func lost(_ slot: Int) {
        let offset = ledger.reserved(slot)
        outbox.collect(audit.gap(subject(slot), from: offset, to: nil, reason: .deleted))
        counters.gapBytes[GapReason.deleted.rawValue, default: 0] += 0
        logger.warning(
            "a file was deleted before it was read to its end, for lack of descriptors; raise LimitNOFILE of the service",
            metadata: ["path": "\(displayPath(slot))", "offset": "\(offset)"])
        finish(slot, size: offset, reason: .deleted)
    }

    /// Nothing more is read from the source: it is closed once everything in flight is acknowledged.
    func finish(_ slot: Int, size: UInt64, reason: GapReason) {
        guard sources[slot].endSize == nil else { return }
        sources[slot].endReason = reason
        sources[slot].endSize = size
        ledger.giveUpHeld(slot, reason: reason)
        if sources[slot].isReleased {
            sources[slot].lastEvidence = tailer.evidence(slot, committed: ledger.counts(slot).committed)
        }
        tailer.end(slot)
        ending.append(Int32(slot))
        settleEnds(Clock.monotonic())
    }

    /// Closes the ended sources whose last byte is committed.
    func settleEnds(_ now: Int64) {
        guard !ending.isEmpty else { return }
        let settled = ending.filter { slot in
            let index = Int(slot)
            return !sources[index].needsRewind && ledger.inFlight(index) == 0
                && ledger.counts(index).committed == ledger.reserved(index)
        }
        guard !settled.isEmpty else { return }
        ending.removeAll { settled.contains($0) }
        for slot in settled { close(Int(slot)) }
    }

    /// The source is complete: its row goes, its end is announced, its slot is free. Its gaps are announced before.
    private func close(_ slot: Int) {
        announceGaps()
        let counts = ledger.counts(slot)
        var told = counts
        told.gap += sources[slot].beyondCopy
        let size = sources[slot].endSize.map { $0 + sources[slot].beyondCopy }
        outbox.collect(audit.closed(subject(slot), counts: told, size: size))
        let file = tailer.file(slot)
        checkpoint.opened.removeAll { $0.record.file == file }
        if sources[slot].isReleased { release(slot, counts) } else { checkpoint.closed.append(file) }
        closeInBooks(slot)
        sources[slot].isOpen = false
        if described == slot { described = -1 }
        tailer.free(slot)
    }

    /// Looks at the files without a name, the longest deleted first: more unread bytes of deleted files than the operator
    /// allows are given up.
    func checkNameless(_ now: Int64) {
        let held = deletedUnread
        var excess = held > options.deletedBytes ? held - options.deletedBytes : 0
        for slot in tailer.nameless { checkNameless(slot, &excess, now) }
    }

    /// A file without a name: complete when it is read and quiet, given up beyond the operator's limits.
    private func checkNameless(_ slot: Int, _ excess: inout UInt64, _ now: Int64) {
        guard slot < sources.count, sources[slot].isOpen, sources[slot].endSize == nil else { return }
        let state = tailer.namelessState(slot, now: now)
        let isDeleted = tailer.isDeleted(slot)
        let unread = state.size > ledger.reserved(slot)
        let unsettled = unread || ledger.counts(slot).committed < ledger.reserved(slot)
        if isDeleted, unsettled, state.forNanoseconds > options.deletedFileHold || excess > 0 {
            // How much is unread in a deleted archive only inflating it would tell.
            if tailer.isInArchive(slot) { return lost(slot) }
            if unread { excess -= min(excess, state.size - ledger.reserved(slot)) }
            ledger.reserveGap(slot, to: state.size, reason: .deleted, now: now)
            return finish(slot, size: max(state.size, ledger.reserved(slot)), reason: .deleted)
        }
        // Nothing may be read yet. But while the store cannot be written it is not held for longer either: the space of
        // deleted logs may be the very space the store lacks.
        if tailer.isRegistering(slot) { return }
        if state.quietFor > (isDeleted ? PipelineLoop.deletedQuiet : PipelineLoop.movedQuiet),
            sources[slot].isCaughtUp || !unread, !sources[slot].isFinal
        {
            completeUnlessWritten(slot, state.size, heldFor: isDeleted ? state.forNanoseconds : 0)
        }
        if sources[slot].scheduling == .idle, unread || sources[slot].isFinal { enqueue(slot) }
    }

    /// A quiet file without a name is complete when nobody can write to it any more. A writer that still has it open may
    /// add to it: it is held for as long as the operator allows, then let go with a gap whose end cannot be known.
    private func completeUnlessWritten(_ slot: Int, _ size: UInt64, heldFor: Int64) {
        if tailer.hasWriter(slot) == true {
            guard heldFor > options.deletedFileHold else { return }
            outbox.collect(audit.gap(subject(slot), from: size, to: nil, reason: .deleted))
            logger.warning(
                "a deleted file is let go while a program still has it open for writing",
                metadata: [
                    "path": "\(displayPath(slot))", "offset": "\(size)",
                    "remedy": "let the program open its log again after rotation, or raise limits.deleted_file_hold",
                ])
        }
        sources[slot].isFinal = true
    }

    /// Unread bytes of deleted files that are held open.
    var deletedUnread: UInt64 {
        tailer.nameless.reduce(0) { sum, slot in
            guard slot < sources.count, sources[slot].isOpen, tailer.isDeleted(slot) else { return sum }
            let size = tailer.presentSize(slot)
            return sum + (size > ledger.reserved(slot) ? size - ledger.reserved(slot) : 0)
        }
    }

    func subject(_ slot: Int) -> AuditText.Subject {
        AuditText.Subject(
            container: declarations[tailer.declaration(slot)].files.container,
            declaration: declarations[tailer.declaration(slot)].files.name, stream: tailer.stream(slot),
            path: tailer.livePath(slot), file: tailer.file(slot),
            topic: declarations[tailer.declaration(slot)].files.route)
    }

    func displayPath(_ slot: Int) -> String { printable(tailer.livePath(slot)) }
}
