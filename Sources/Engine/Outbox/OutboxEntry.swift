// One event in the outbox, and how far it has come.
internal import Core

struct OutboxEntry {
    enum State {
        /// Collected, in no row yet.
        case fresh
        /// Its row says less than it does: stored again before it is produced.
        case changed
        /// In the transaction that is under way: left alone until that has ended.
        case storing
        /// Durable as it is: may be produced.
        case stored
        /// Produced, not reported yet: left alone.
        case inFlight
        /// Delivered or given up.
        case gone
    }

    /// What becomes of it when there is no room.
    enum Rank {
        /// Put together with others of its kind, never left out.
        case gap
        /// Left out, the oldest first.
        case optional
        /// Left out last of all.
        case essential
    }

    /// Monotonic ns at which it was collected; of an earlier run's, taken over.
    let since = Clock.monotonic()
    private(set) var event: AuditEvent
    let kind: AuditKind?
    let rank: Rank
    /// Nil also for a gap of an earlier version, of which only its text is known.
    private(set) var gap: GapDetail?
    var state: State
    /// Kafka refused a request that it was part of: it goes alone.
    var isSuspect = false
    /// Monotonic ns before which it is not tried again, since Kafka refused it alone; 0: it was not refused.
    var refusedUntil: Int64 = 0

    init(_ event: AuditEvent, _ state: State) {
        self.event = event
        self.state = state
        let kind = event.destination == .audit ? AuditText.kind(of: event.payload) : nil
        self.kind = kind
        gap = nil
        switch kind {
        case .gap, .gapSummary:
            rank = .gap
            gap = GapDetail(of: event)
        case .generationOpened, .generationClosed, .containerStarted, .containerStopped, .declarationProblem:
            rank = .optional
        case .stateLost: rank = .essential
        case nil: rank = event.destination == .audit ? .essential : .optional
        }
    }

    /// Name of its kind in metrics.
    var name: String { kind?.rawValue ?? (event.destination == .deadLetter ? "dead_letter" : "other") }

    /// Memory and disk it takes, in bytes: its texts, and about what a row and an entry need beside them.
    var cost: Int { event.payload.count + event.key.utf8.count + event.detail.count + OutboxEntry.overhead }
    static let overhead = 256

    /// Neither in a transaction nor on its way to Kafka: may be changed or left out.
    var isFree: Bool {
        switch state {
        case .fresh, .changed, .stored: true
        case .storing, .inFlight, .gone: false
        }
    }

    mutating func isNow(stored id: Int64) {
        event.id = id
        state = .stored
    }

    /// It says more than before, in the same row.
    mutating func say(_ detail: GapDetail, key: String) {
        gap = detail
        event = AuditEvent(
            id: event.id, destination: event.destination, key: key, payload: detail.payload, detail: detail.encoded)
        if state == .stored { state = .changed }
        isSuspect = false
        refusedUntil = 0
    }
}
