// What the audit topic says: gaps, opened and closed generations, lost state.

/// Why a byte range was not shipped: `reason` of a gap event and of `longshore_gap_bytes_total`.
package enum GapReason: String, Sendable, CaseIterable {
    case truncated, deleted, oversize, unreadable
    /// The volume was unmounted before it was read to its end.
    case unmounted
    case recordRejected = "record_rejected"
    /// The file's content changed under a known identity; what was unread of the old content cannot be known.
    case replaced
}

/// Why bytes were dropped on purpose: `reason` of `longshore_skipped_bytes_total`.
package enum SkipReason: String, Sendable, CaseIterable {
    case startAtEnd = "start_end"
    case ignoredOlder = "ignore_older"
    /// A file that is the copy of one that was read.
    case copied
    /// NULs that no writer wrote: where a line would begin, many of them inside a line, or at the end of a complete file.
    case hole
}

/// The events of the contract.
package enum AuditKind: String, Sendable {
    case generationOpened = "generation_opened"
    case generationClosed = "generation_closed"
    case gap
    /// Gaps of a whole stream, or of the host, in sum: there were more than the outbox holds.
    case gapSummary = "gap_summary"
    case stateLost = "state_lost"
    case containerStarted = "container_started"
    case containerStopped = "container_stopped"
    case declarationProblem = "declaration_problem"
}

/// Which topic an event of the outbox is for. The raw values are in the store: none is ever given to another.
package enum AuditDestination: UInt8, Sendable, CaseIterable {
    case audit = 0
    case deadLetter = 1
}

/// One event, already rendered: the outbox keeps it durable until Kafka has acknowledged it.
package struct AuditEvent: Hashable, Sendable {
    /// Row of the outbox; 0 until it is stored. Ascending in the order of the events.
    package var id: Int64
    package let destination: AuditDestination
    /// Kafka key of the event: the stream id, else the container's id, else the host name.
    package let key: String
    /// The event as JSON (contract, "Audit topic").
    package let payload: [UInt8]
    /// What the outbox itself needs to know of the event after a restart; the store does not look into it.
    package let detail: [UInt8]

    package init(
        id: Int64 = 0, destination: AuditDestination = .audit, key: String, payload: [UInt8], detail: [UInt8] = []
    ) {
        self.id = id
        self.destination = destination
        self.key = key
        self.payload = payload
        self.detail = detail
    }
}
