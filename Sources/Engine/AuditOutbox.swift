// Audit events and dead letters on their way: first durable in the store, then to Kafka, then forgotten.
internal import Core

/// The pipeline thread's view of the outbox. An event is collected, stored in the transaction whose offsets it
/// explains, produced, and deleted from the store once Kafka has acknowledged it. Each destination has a waiting list of
/// its own: a topic that takes nothing never holds up the events of another.
struct AuditOutbox {
    /// Opaque values of audit records have this bit, which no in-flight entry of the ledger uses.
    static let opaqueBit: UInt = 1 << 63
    /// Beyond this many stored events, opened and closed generations are no longer announced (gaps always are).
    static let capacity = 10_000

    /// Stored events of one destination.
    private struct Line {
        var isEnabled = false
        /// Not produced yet, in order, from `next` on.
        var waiting: [AuditEvent] = []
        var next = 0
    }

    /// Collected and not stored yet.
    private(set) var collected: [AuditEvent] = []
    private var lines = Array(repeating: Line(), count: AuditDestination.allCases.count)
    private var inFlight: [Int64: AuditEvent] = [:]
    /// Acknowledged, to be deleted from the store.
    private var delivered: [Int64] = []
    private(set) var dropped: UInt64 = 0
    /// Events that their topic refused for good.
    private(set) var refused: UInt64 = 0
    private(set) var bytes = 0

    /// `stored`: what the store held; what is for a destination that is not `enabled` is forgotten.
    init(enabled: Set<AuditDestination>, stored: [AuditEvent]) {
        for destination in enabled { lines[Int(destination.rawValue)].isEnabled = true }
        for event in stored {
            if isEnabled(event.destination) {
                lines[Int(event.destination.rawValue)].waiting.append(event)
                bytes += event.payload.count
            } else {
                delivered.append(event.id)
            }
        }
    }

    func isEnabled(_ destination: AuditDestination) -> Bool { lines[Int(destination.rawValue)].isEnabled }
    /// Events that are neither delivered nor given up.
    var count: Int { lines.reduce(collected.count + inFlight.count) { $0 + $1.waiting.count - $1.next } }
    var hasInFlight: Bool { !inFlight.isEmpty }
    var needsStore: Bool { !collected.isEmpty || !delivered.isEmpty }

    func hasWaiting(_ destination: AuditDestination) -> Bool {
        let line = lines[Int(destination.rawValue)]
        return line.next < line.waiting.count
    }

    /// Takes a new event; one whose destination is switched off is nothing.
    mutating func collect(_ event: AuditEvent) {
        guard isEnabled(event.destination) else { return }
        if !AuditOutbox.isGap(event), count >= AuditOutbox.capacity {
            dropped += 1
            return
        }
        collected.append(event)
        bytes += event.payload.count
    }

    private static func isGap(_ event: AuditEvent) -> Bool {
        event.destination == .audit && event.payload.starts(with: #"{"event":"gap""#.utf8)
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
            var event = event
            event.id = id
            lines[Int(event.destination.rawValue)].waiting.append(event)
        }
    }

    /// Produces what waits for one destination until `produce` says no.
    mutating func send(_ destination: AuditDestination, _ produce: (AuditEvent, UInt) -> Bool) {
        var line = lines[Int(destination.rawValue)]
        lines[Int(destination.rawValue)].waiting = []
        while line.next < line.waiting.count {
            let event = line.waiting[line.next]
            guard produce(event, AuditOutbox.opaqueBit | UInt(event.id)) else { break }
            inFlight[event.id] = event
            line.next += 1
        }
        // What failed is appended again and again: what lies before `next` must not pile up.
        if line.next > line.waiting.count / 2 {
            line.waiting.removeFirst(line.next)
            line.next = 0
        }
        lines[Int(destination.rawValue)] = line
    }

    /// Where the event of a report was sent; nil: it is none of the outbox's.
    func destination(of report: DeliveryReport) -> AuditDestination? {
        inFlight[Int64(report.opaque & ~AuditOutbox.opaqueBit)]?.destination
    }

    func key(of report: DeliveryReport) -> [UInt8] {
        Array((inFlight[Int64(report.opaque & ~AuditOutbox.opaqueBit)]?.key ?? "").utf8)
    }

    /// The event of a report is refused whenever it is sent: it is forgotten, and counted.
    mutating func giveUp(_ report: DeliveryReport) {
        guard let event = inFlight.removeValue(forKey: Int64(report.opaque & ~AuditOutbox.opaqueBit)) else { return }
        delivered.append(event.id)
        bytes -= event.payload.count
        refused += 1
    }

    /// Takes the report of a record of the outbox; one that failed waits again, at the end. Its destination; nil: it was
    /// none of them.
    mutating func complete(_ report: DeliveryReport) -> AuditDestination? {
        guard let event = inFlight.removeValue(forKey: Int64(report.opaque & ~AuditOutbox.opaqueBit)) else { return nil }
        if report.error == 0 {
            delivered.append(event.id)
            bytes -= event.payload.count
        } else {
            lines[Int(event.destination.rawValue)].waiting.append(event)
        }
        return event.destination
    }

    /// The producer is gone: whether Kafka has what was in flight will never be known, so it is sent again.
    mutating func returnInFlight() {
        for event in inFlight.values.sorted(by: { $0.id < $1.id }) {
            lines[Int(event.destination.rawValue)].waiting.append(event)
        }
        inFlight.removeAll()
    }
}
