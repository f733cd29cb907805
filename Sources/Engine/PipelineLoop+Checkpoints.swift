// Offsets and audit events into the store, in one transaction; audit events out to Kafka.
internal import Checkpoint
internal import Core
internal import FileSource
internal import KafkaSink
internal import Logging

/// What is on its way into the store. One transaction at a time: what comes meanwhile goes into the next.
struct CheckpointState {
    var pending: StoreTransaction?
    /// Slots whose counts are in the pending transaction.
    var pendingSlots: [Int] = []
    var nextTicket: UInt64 = 1
    /// New generations that are not durable yet.
    var opened: [(slot: Int, record: GenerationRecord)] = []
    var pendingOpened: [Int] = []
    /// Slots whose generations go on in another file.
    var moved: [Int] = []
    var pendingMoved: [Int] = []
    var closed: [FileID] = []
    /// Rows of sources that were let go: they stay.
    var released: [GenerationUpdate] = []
    var pendingReleased: [GenerationUpdate] = []
    var containers: [StoredContainer] = []
    var removedContainers: [String] = []
    /// Declarations that the store does not know as followed yet.
    var declared: [String] = []
    /// Monotonic ns at which the last transaction was made, and the last one that succeeded.
    var lastSubmitted: Int64 = 0
    var lastSucceeded: Int64?
    /// After a failure: not before.
    var retryAt: Int64 = 0
    var lastError: String?
}

extension PipelineLoop {
    /// Acknowledged bytes after which a checkpoint does not wait for its interval.
    private static let earlyBytes: UInt64 = 4 << 20
    private static let retryAfter: Int64 = nanosecondsPerSecond

    /// When the next transaction is due (monotonic ns); nil when there is nothing to store or one is under way.
    var checkpointDue: Int64? {
        guard checkpoint.pending == nil else { return nil }
        if !checkpoint.opened.isEmpty || !checkpoint.declared.isEmpty { return checkpoint.retryAt }
        guard hasToStore else { return nil }
        let early = ledger.acknowledgedSinceCheckpoint >= PipelineLoop.earlyBytes || stopDeadline != nil
        return max(
            checkpoint.retryAt,
            early || !checkpoint.moved.isEmpty ? 0 : checkpoint.lastSubmitted + options.checkpointInterval)
    }

    var hasToStore: Bool {
        ledger.hasDirty || !checkpoint.moved.isEmpty || outbox.needsStore || !checkpoint.closed.isEmpty
            || !checkpoint.released.isEmpty
            || !checkpoint.containers.isEmpty || !checkpoint.removedContainers.isEmpty
    }

    func submitCheckpoint(_ now: Int64) {
        guard let due = checkpointDue, due <= now else { return }
        submit(now, durable: !checkpoint.opened.isEmpty)
    }

    private func submit(_ now: Int64, durable: Bool) {
        var transaction = StoreTransaction(ticket: checkpoint.nextTicket, durable: durable)
        checkpoint.nextTicket += 1
        checkpoint.pendingOpened = checkpoint.opened.map(\.slot)
        transaction.opened = checkpoint.opened.map(\.record)
        checkpoint.opened = []
        checkpoint.pendingSlots = ledger.takeDirty()
        verifyLedger(checkpoint.pendingSlots)
        announceGaps()
        // First: a source that was let go may have been taken up again since.
        transaction.updated = checkpoint.released
        for slot in checkpoint.pendingSlots where sources[slot].isOpen {
            let counts = ledger.counts(slot)
            transaction.updated.append(
                GenerationUpdate(
                    file: tailer.file(slot), evidence: tailer.evidence(slot, committed: counts.committed),
                    counts: counts))
        }
        checkpoint.pendingMoved = checkpoint.moved.filter { sources[$0].isOpen }
        checkpoint.moved = []
        transaction.moved = checkpoint.pendingMoved.map { record($0) }
        checkpoint.pendingReleased = checkpoint.released
        checkpoint.released = []
        transaction.containers = checkpoint.containers
        checkpoint.containers = []
        transaction.removedContainers = checkpoint.removedContainers
        checkpoint.removedContainers = []
        transaction.declared = checkpoint.declared
        checkpoint.declared = []
        transaction.closed = checkpoint.closed
        checkpoint.closed = []
        (transaction.events, transaction.delivered) = outbox.takeForStore()
        checkpoint.lastSubmitted = now
        checkpoint.pending = transaction
        store.submit(transaction)
    }

    /// Gaps that committed offsets have passed since the last transaction: announced in the same transaction.
    func announceGaps() {
        for gap in ledger.takeGaps() {
            counters.gapBytes[gap.reason.rawValue, default: 0] += gap.to - gap.from
            outbox.collect(
                audit.gap(
                    subject(gap.source), from: gap.from, to: gap.to, reason: gap.reason,
                    deadLetter: gap.reason == .recordRejected ? options.deadLetterTopic : nil))
            logger.warning(
                "bytes could not be shipped and are announced as a gap",
                metadata: [
                    "path": "\(displayPath(gap.source))", "from": "\(gap.from)", "to": "\(gap.to)",
                    "reason": "\(gap.reason.rawValue)", "remedy": "\(gap.reason.remedy)",
                ])
        }
    }

    func takeCompletions(_ now: Int64) {
        for completion in store.takeCompletions() {
            guard let transaction = checkpoint.pending, transaction.ticket == completion.ticket else { continue }
            checkpoint.pending = nil
            if let failure = completion.failure {
                storeFailed(transaction, failure, now)
            } else {
                storeSucceeded(transaction, completion.eventIDs)
            }
        }
    }

    private func storeSucceeded(_ transaction: StoreTransaction, _ ids: [Int64]) {
        if checkpoint.lastError != nil { logger.notice("the state directory can be written again") }
        checkpoint.lastError = nil
        // As of when it was made: what was acknowledged before is in it, what came meanwhile is not.
        checkpoint.lastSucceeded = checkpoint.lastSubmitted
        outbox.stored(ids: ids)
        // A slot that was given up meanwhile may be another file's by now.
        for (slot, record) in zip(checkpoint.pendingOpened, transaction.opened)
        where tailer.file(slot) == record.file { tailer.activate(slot) }
        checkpoint.pendingOpened = []
    }

    /// Nothing of the transaction is stored: all of it goes into the next one. Shipping goes on; new files wait, because
    /// a generation must be durable before its first record.
    private func storeFailed(_ transaction: StoreTransaction, _ failure: StoreFailure, _ now: Int64) {
        checkpoint.lastError = failure.message
        checkpoint.retryAt = now + PipelineLoop.retryAfter
        let opened = zip(checkpoint.pendingOpened, transaction.opened).filter { tailer.file($0) == $1.file }
        checkpoint.opened = Array(opened) + checkpoint.opened
        checkpoint.pendingOpened = []
        checkpoint.moved =
            zip(checkpoint.pendingMoved, transaction.moved).compactMap { slot, record in
                sources[slot].isOpen && tailer.file(slot) == record.file ? slot : nil
            } + checkpoint.moved
        checkpoint.closed = transaction.closed + checkpoint.closed
        checkpoint.released = checkpoint.pendingReleased + checkpoint.released
        let newer = Set(checkpoint.containers.map(\.id))
        checkpoint.containers = transaction.containers.filter { !newer.contains($0.id) } + checkpoint.containers
        checkpoint.removedContainers =
            transaction.removedContainers.filter { !newer.contains($0) } + checkpoint.removedContainers
        checkpoint.declared = transaction.declared + checkpoint.declared
        for slot in checkpoint.pendingSlots where sources[slot].isOpen { ledger.touch(slot) }
        outbox.notStored()
        logger.error(
            "a checkpoint failed; shipping goes on, a restart now would repeat records",
            metadata: ["error": "\(failure.message)"])
        if failure.code == .damaged { fail("the store is damaged: \(failure.message)") }
    }

    /// The last transaction of a run, after whatever is under way; `store.close` makes it durable.
    func submitFinalCheckpoint() {
        // Its outcome decides what the last one has to say: offsets must not pass gaps of a transaction that failed.
        if checkpoint.pending != nil {
            store.waitForCompletion()
            takeCompletions(Clock.monotonic())
        }
        // Generations that wait for the store go with their declarations: those alone would let `start: end` count as
        // applied, and the next start would ship what was to be skipped.
        guard hasToStore || !checkpoint.opened.isEmpty else { return }
        submit(Clock.monotonic(), durable: true)
    }

    func announce(_ recovery: StoreRecovery) {
        var snapshot: Int64?
        if case .snapshot(let takenAt) = recovery.what { snapshot = takenAt }
        outbox.collect(
            audit.stateLost(reason: recovery.reason, setAside: recovery.setAside, snapshot: snapshot))
        let what = snapshot.map { "the snapshot of \(Timestamp(nanoseconds: $0)) is used" } ?? "an empty store is used"
        problems["state_lost"] =
            "the store was damaged and set aside as \(recovery.setAside); \(what): records may be repeated"
        logger.error(
            "the store was damaged; records may be repeated",
            metadata: ["reason": "\(recovery.reason)", "set_aside": "\(recovery.setAside)", "instead": "\(what)"])
    }
}
