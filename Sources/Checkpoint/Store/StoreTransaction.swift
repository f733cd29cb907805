// What the pipeline thread hands to the store, and what comes back.
package import Core

/// The values of a known generation that change while it is read.
package struct GenerationUpdate: Hashable, Sendable {
    package var file: FileID
    package var evidence: FileEvidence
    package var counts: LedgerCounts
    /// As `GenerationRecord.detached`: 0 while it is followed.
    package var detached: Int64

    package init(file: FileID, evidence: FileEvidence, counts: LedgerCounts, detached: Int64 = 0) {
        self.file = file
        self.evidence = evidence
        self.counts = counts
        self.detached = detached
    }
}

/// Everything that becomes visible together or not at all. Applied in the order of the properties.
package struct StoreTransaction: Sendable {
    /// Chosen by the caller, ascending; comes back in the completion.
    package var ticket: UInt64
    /// Containers that are known from now on; a row of the same id is replaced.
    package var containers: [StoredContainer]
    /// New rows; their ids are new to the store.
    package var opened: [GenerationRecord]
    /// Rows of generations that go on in another file: replaced as a whole, before their new values below.
    package var moved: [GenerationRecord]
    /// New values of rows that are there or opened by this transaction; an unknown file fails the transaction.
    package var updated: [GenerationUpdate]
    /// Rows to delete; a row that is gone already is no error.
    package var closed: [FileID]
    /// Into the outbox, in this order: those without an id are appended, one with an id takes the place of that row. Their
    /// ids are in the completion.
    package var events: [AuditEvent]
    /// Outbox rows that Kafka has acknowledged, or that others say as well: deleted.
    package var delivered: [Int64]
    /// Names of declarations that are followed from now on; known ones are no error.
    package var declared: [String]
    /// Ids of containers to forget; an unknown one is no error.
    package var removedContainers: [String]
    /// Completes only after an fsync; else one follows within `StoreOptions.fsyncInterval`.
    package var durable: Bool

    package init(
        ticket: UInt64, containers: [StoredContainer] = [], opened: [GenerationRecord] = [],
        moved: [GenerationRecord] = [], updated: [GenerationUpdate] = [], closed: [FileID] = [],
        events: [AuditEvent] = [], delivered: [Int64] = [],
        declared: [String] = [], removedContainers: [String] = [], durable: Bool = false
    ) {
        self.ticket = ticket
        self.containers = containers
        self.opened = opened
        self.moved = moved
        self.updated = updated
        self.closed = closed
        self.events = events
        self.delivered = delivered
        self.declared = declared
        self.removedContainers = removedContainers
        self.durable = durable
    }

    var isEmpty: Bool {
        containers.isEmpty && opened.isEmpty && moved.isEmpty && updated.isEmpty && closed.isEmpty && events.isEmpty
            && delivered.isEmpty && declared.isEmpty && removedContainers.isEmpty
    }
}

/// The outcome of one transaction. Completions come in the order of submission, one for each.
package struct StoreCompletion: Sendable {
    package let ticket: UInt64
    /// Outbox rows of the transaction's events, in their order; empty after a failure.
    package let eventIDs: [Int64]
    /// nil: committed. Else nothing of the transaction was kept, and later ones are tried again.
    package let failure: StoreFailure?
}
