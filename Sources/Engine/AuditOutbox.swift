// Audit events on their way: first durable in the store, then to Kafka, then forgotten.
internal import Core

/// The pipeline thread's view of the outbox. An event is collected, stored in the transaction whose offsets it
/// explains, produced, and deleted from the store once Kafka has acknowledged it.
struct AuditOutbox {
    /// Opaque values of audit records have this bit, which no in-flight entry of the ledger uses.
    static let opaqueBit: UInt = 1 << 63
    /// Beyond this many stored events, opened and closed generations are no longer announced (gaps always are).
    static let capacity = 10_000

    let isEnabled: Bool
    /// Collected and not stored yet.
    private(set) var collected: [AuditEvent] = []
    /// Stored and not produced yet, in order.
    private(set) var waiting: [AuditEvent] = []
    private var next = 0
    private var inFlight: [Int64: AuditEvent] = [:]
    /// Acknowledged, to be deleted from the store.
    private var delivered: [Int64] = []
    private(set) var dropped: UInt64 = 0
    private(set) var bytes = 0

    init(isEnabled: Bool, stored: [AuditEvent]) {
        self.isEnabled = isEnabled
        waiting = isEnabled ? stored : []
        bytes = waiting.reduce(0) { $0 + $1.payload.count }
        if !isEnabled { delivered = stored.map(\.id) }
    }

    /// Events that are neither delivered nor given up.
    var count: Int { collected.count + waiting.count - next + inFlight.count }
    var hasInFlight: Bool { !inFlight.isEmpty }
    var hasWaiting: Bool { next < waiting.count }
    var needsStore: Bool { !collected.isEmpty || !delivered.isEmpty }

    /// Takes a new event. `mayDrop`: it is no gap and goes first when the outbox is full.
    mutating func collect(_ make: @autoclosure () -> AuditEvent, mayDrop: Bool) {
        guard isEnabled else { return }
        let event = make()
        if mayDrop, count >= AuditOutbox.capacity {
            dropped += 1
            return
        }
        collected.append(event)
        bytes += event.payload.count
    }

    /// What goes into the next transaction.
    mutating func takeForStore() -> (events: [AuditEvent], delivered: [Int64]) {
        defer {
            collected = []
            delivered = []
        }
        return (collected, delivered)
    }

    /// The transaction failed: its events are collected again, before newer ones.
    mutating func putBack(_ events: [AuditEvent], delivered ids: [Int64]) {
        collected = events + collected
        delivered = ids + delivered
    }

    /// The transaction succeeded: its events may be produced.
    mutating func stored(_ events: [AuditEvent], ids: [Int64]) {
        for (event, id) in zip(events, ids) {
            waiting.append(AuditEvent(id: id, key: event.key, payload: event.payload))
        }
    }

    /// Produces what waits until `produce` says no.
    mutating func send(_ produce: (AuditEvent, UInt) -> Bool) {
        while next < waiting.count {
            let event = waiting[next]
            guard produce(event, AuditOutbox.opaqueBit | UInt(event.id)) else { break }
            inFlight[event.id] = event
            next += 1
        }
        // What failed is appended again and again: what lies before `next` must not pile up.
        if next > waiting.count / 2 {
            waiting.removeFirst(next)
            next = 0
        }
    }

    /// Takes the report of an audit record; one that failed waits again, at the end.
    mutating func complete(_ report: DeliveryReport) {
        guard let event = inFlight.removeValue(forKey: Int64(report.opaque & ~AuditOutbox.opaqueBit)) else { return }
        if report.error == 0 {
            delivered.append(event.id)
            bytes -= event.payload.count
        } else {
            waiting.append(event)
        }
    }

    /// The producer is gone: whether Kafka has what was in flight will never be known, so it is sent again.
    mutating func returnInFlight() {
        waiting += inFlight.values.sorted { $0.id < $1.id }
        inFlight.removeAll()
    }
}
