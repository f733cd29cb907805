// What opening the store found.
package import Core

/// The durable state as of opening.
package struct StoreState: Sendable {
    /// Without those that were detached for more than 30 days.
    package let generations: [GenerationRecord]
    /// Events Kafka has not acknowledged, ascending by id.
    package let outbox: [AuditEvent]
    /// Names of declarations that were followed before: their files are not seen for the first time ever.
    package let declarations: Set<String>
    /// Containers whose records may still have to be shipped, ascending by id.
    package let containers: [StoredContainer]
    /// Not nil when state was lost. It is told again at every opening until a transaction with events is committed:
    /// put the state_lost event in the first one.
    package let recovery: StoreRecovery?
}

/// A damaged store was replaced.
package struct StoreRecovery: Sendable, Equatable {
    package enum Source: Sendable, Equatable {
        /// The previous snapshot, taken at this wall-clock instant (nanoseconds): what came later is lost.
        case snapshot(takenAt: Int64)
        /// There was no usable snapshot: all state is lost.
        case empty
    }

    package let what: Source
    /// What was wrong, for people.
    package let reason: String
    /// Path of the damaged copy; empty when there was nothing to keep.
    package let setAside: String

    package init(what: Source, reason: String, setAside: String) {
        self.what = what
        self.reason = reason
        self.setAside = setAside
    }
}
