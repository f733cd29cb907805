// Audit events and dead letters on their way: first durable in the store, then to Kafka, then forgotten.
internal import Core

/// The pipeline thread's view of the outbox. An event is collected, stored in the transaction whose offsets it
/// explains, produced, and deleted from the store once Kafka has acknowledged it. Each destination has a line and bounds
/// of its own: a topic that takes nothing never holds up the events of another, nor do its events take their room.
struct AuditOutbox {
    /// Opaque values of audit records have this bit, which no in-flight entry of the ledger uses.
    static let opaqueBit: UInt = 1 << 63

    private var lines: [OutboxLine]

    /// `stored`: what the store held; what is for a destination that is not `enabled` is forgotten.
    init(
        enabled: Set<AuditDestination>, stored: [AuditEvent], host: String,
        limits: (AuditDestination) -> OutboxLimits = OutboxLimits.of
    ) {
        lines = AuditDestination.allCases.map { destination in
            OutboxLine(
                destination, host: host, isEnabled: enabled.contains(destination), limits: limits(destination),
                stored: stored.filter { $0.destination == destination })
        }
    }

    subscript(_ destination: AuditDestination) -> OutboxLine { lines[Int(destination.rawValue)] }

    func isEnabled(_ destination: AuditDestination) -> Bool { self[destination].isEnabled }
    /// Events that are neither delivered nor given up, and what they take of memory and of the disk.
    var count: Int { lines.reduce(0) { $0 + $1.count } }
    var bytes: Int { lines.reduce(0) { $0 + $1.bytes } }
    /// Monotonic ns since when the oldest event waits; nil: none does.
    var oldest: Int64? { lines.compactMap(\.oldest).min() }
    var hasInFlight: Bool { lines.contains { $0.inFlight > 0 } }
    var needsStore: Bool { lines.contains { $0.needsStore } }
    /// Events that were left out, by kind.
    var dropped: [String: UInt64] { lines.reduce(into: [:]) { $0.merge($1.dropped) { $0 + $1 } } }
    /// Gap events that are told in sum only.
    var summarized: UInt64 { lines.reduce(0) { $0 + $1.summarized } }

    func hasWaiting(_ destination: AuditDestination) -> Bool { self[destination].hasWaiting }

    /// Takes a new event; one whose destination is switched off is nothing.
    mutating func collect(_ event: AuditEvent) {
        guard isEnabled(event.destination) else { return }
        lines[Int(event.destination.rawValue)].collect(event)
    }

    /// What goes into the next transaction: events to write, and ids of rows to delete. One transaction at a time.
    mutating func takeForStore() -> (events: [AuditEvent], deleted: [Int64]) {
        var events: [AuditEvent] = []
        var deleted: [Int64] = []
        for index in lines.indices { lines[index].takeForStore(&events, &deleted) }
        return (events, deleted)
    }

    /// The transaction is committed: its events may be produced. `ids` are theirs, in the order in which they were taken.
    mutating func stored(ids: [Int64]) {
        var rest = ids[...]
        for index in lines.indices { lines[index].stored(&rest) }
    }

    /// The transaction failed: all of it goes into the next one.
    mutating func notStored() { for index in lines.indices { lines[index].notStored() } }

    /// Produces what waits for one destination until `produce` says no. `now`: monotonic ns.
    mutating func send(_ destination: AuditDestination, now: Int64, _ produce: (AuditEvent, UInt) -> Bool) {
        lines[Int(destination.rawValue)].send(now, produce)
    }

    /// Takes the report of a record of the outbox; nil when it is none.
    mutating func complete(
        opaque: UInt, _ outcome: OutboxOutcome, now: Int64
    ) -> (destination: AuditDestination, answer: OutboxAnswer)? {
        let id = Int64(opaque & ~AuditOutbox.opaqueBit)
        for index in lines.indices where lines[index].inFlight > 0 {
            if let answer = lines[index].complete(id, outcome, now) { return (lines[index].destination, answer) }
        }
        return nil
    }

    /// The client is gone, with whatever it had: all of it is to be produced again. Reports that come later are ignored.
    mutating func returnInFlight() { for index in lines.indices { lines[index].returnInFlight() } }
}
