// The events of one destination, from the moment they are collected until Kafka has them.
internal import Core

/// Entries in the order of their events: first those with a row, ascending by its id, then the fresh ones. Owned by the
/// pipeline thread through `AuditOutbox`.
struct OutboxLine {
    let destination: AuditDestination
    let host: String
    let limits: OutboxLimits
    let isEnabled: Bool
    var entries: [OutboxEntry] = []
    /// Entries that are not gone, and what they cost.
    private(set) var count = 0
    private(set) var bytes = 0
    /// Fresh and changed ones.
    private(set) var unstored = 0
    private(set) var inFlight = 0
    private var inFlightBytes = 0
    private(set) var gone = 0
    /// Nothing before it may be produced.
    private var cursor = 0
    /// What is in flight was refused together with others: nothing else goes meanwhile.
    private var isAlone = false
    /// Rows to delete with the next transaction, and with the one under way.
    private(set) var removed: [Int64] = []
    private var removing: [Int64] = []
    /// Left out for want of room, or because Kafka refuses them, by kind.
    var dropped: [String: UInt64] = [:]
    /// Gap events that are told in sum only.
    var summarized: UInt64 = 0

    init(_ destination: AuditDestination, host: String, isEnabled: Bool, limits: OutboxLimits, stored: [AuditEvent]) {
        self.destination = destination
        self.host = host
        self.limits = limits
        self.isEnabled = isEnabled
        guard isEnabled else {
            removed = stored.map(\.id)
            return
        }
        for event in stored { append(OutboxEntry(event, .stored)) }
        makeRoom()
    }

    /// Monotonic ns since when its oldest event waits.
    var oldest: Int64? { entries.first { $0.state != .gone }?.since }

    var needsStore: Bool { unstored > 0 || !removed.isEmpty }
    var hasWaiting: Bool { count > inFlight }
    /// Gaps that Kafka refuses: kept, and tried again from time to time.
    var refused: Int { entries.reduce(0) { $0 + ($1.state != .gone && $1.refusedUntil > 0 ? 1 : 0) } }

    private mutating func append(_ entry: OutboxEntry) {
        entries.append(entry)
        count += 1
        bytes += entry.cost
        if entry.state == .fresh { unstored += 1 }
    }

    mutating func collect(_ event: AuditEvent) {
        let entry = OutboxEntry(event, .fresh)
        // The first dead letters tell most: later ones do not take their place.
        if destination == .deadLetter, !limits.high.holds(events: count + 1, bytes: bytes + entry.cost) {
            dropped[entry.name, default: 0] += 1
            return
        }
        append(entry)
        makeRoom()
    }

    /// Every change of an entry goes through here: it keeps the sums.
    mutating func change(_ index: Int, _ body: (inout OutboxEntry) -> Void) {
        tally(entries[index], -1)
        body(&entries[index])
        tally(entries[index], 1)
    }

    private mutating func tally(_ entry: OutboxEntry, _ sign: Int) {
        guard entry.state != .gone else { return gone += sign }
        count += sign
        bytes += sign * entry.cost
        if entry.state == .fresh || entry.state == .changed { unstored += sign }
        if entry.state == .inFlight {
            inFlight += sign
            inFlightBytes += sign * entry.cost
        }
    }

    /// The entry is over, and so is its row.
    mutating func remove(_ index: Int) {
        if entries[index].event.id != 0 { removed.append(entries[index].event.id) }
        change(index) { $0.state = .gone }
    }

    mutating func compact() {
        guard gone > 0 else { return }
        entries.removeAll { $0.state == .gone }
        gone = 0
        cursor = 0
    }

    // MARK: The store

    /// Adds what the next transaction has to write and to delete.
    mutating func takeForStore(_ events: inout [AuditEvent], _ deleted: inout [Int64]) {
        // No entry without an id may stay between those that get one.
        compact()
        deleted += removed
        removing = removed
        removed = []
        guard unstored > 0 else { return }
        for index in entries.indices where entries[index].state == .fresh || entries[index].state == .changed {
            events.append(entries[index].event)
            change(index) { $0.state = .storing }
        }
    }

    /// The transaction is committed; takes the ids of its events.
    mutating func stored(_ ids: inout ArraySlice<Int64>) {
        removing = []
        for index in entries.indices where entries[index].state == .storing {
            let id = ids.removeFirst()
            change(index) { $0.isNow(stored: id) }
        }
        cursor = 0
        makeRoom()
    }

    /// Nothing of the transaction was kept.
    mutating func notStored() {
        removed = removing + removed
        removing = []
        for index in entries.indices where entries[index].state == .storing {
            change(index) { $0.state = $0.event.id == 0 ? .fresh : .changed }
        }
        makeRoom()
    }

    // MARK: Kafka

    /// Produces what waits, in order, until `produce` says no or enough is in flight. `now`: monotonic ns.
    mutating func send(_ now: Int64, _ produce: (AuditEvent, UInt) -> Bool) {
        while !isAlone, cursor < entries.count {
            let entry = entries[cursor]
            switch entry.state {
            // What follows a changed one waits with it: the order stays.
            case .fresh, .changed, .storing: return
            case .inFlight, .gone: break
            case .stored:
                if entry.refusedUntil > now { break }
                if entry.isSuspect, inFlight > 0 { return }
                guard inFlight == 0 || window.holds(events: inFlight + 1, bytes: inFlightBytes + entry.cost),
                    produce(entry.event, AuditOutbox.opaqueBit | UInt(entry.event.id))
                else { return }
                isAlone = entry.isSuspect
                change(cursor) { $0.state = .inFlight }
            }
            cursor += 1
        }
    }

    private var window: OutboxLimits { OutboxLimits.window }

    /// Takes the report of a record; nil when the record is none of this destination.
    mutating func complete(_ id: Int64, _ outcome: OutboxOutcome, _ now: Int64) -> OutboxAnswer? {
        guard let index = place(of: id), entries[index].state == .inFlight else { return nil }
        let wasAlone = isAlone
        isAlone = false
        if case .delivered = outcome {
            remove(index)
            if gone > max(64, entries.count / 2) { compact() }
            return .delivered
        }
        cursor = min(cursor, index)
        change(index) { $0.state = .stored }
        guard case .refused = outcome else { return .again }
        if !wasAlone {
            entries[index].isSuspect = true
            return .alone
        }
        return refuse(index, now)
    }

    /// It is refused for what it is. A gap is never given up: it waits for a topic that takes it.
    private mutating func refuse(_ index: Int, _ now: Int64) -> OutboxAnswer {
        guard entries[index].rank != .optional else {
            let name = entries[index].name
            dropped[name, default: 0] += 1
            remove(index)
            return .givenUp(name)
        }
        entries[index].refusedUntil = now + OutboxLine.refusedPause
        return .kept(entries[index].name)
    }

    private static let refusedPause: Int64 = 600 * nanosecondsPerSecond

    /// The client is gone, with whatever it had: all of it is to be produced again.
    mutating func returnInFlight() {
        for index in entries.indices where entries[index].state == .inFlight { change(index) { $0.state = .stored } }
        isAlone = false
        cursor = 0
    }

    /// The entry of a row. Entries without a row are behind all others.
    private func place(of id: Int64) -> Int? {
        var (low, high) = (0, entries.count)
        while low < high {
            let middle = (low + high) / 2
            let here = entries[middle].event.id
            if here != 0, here < id { low = middle + 1 } else { high = middle }
        }
        return low < entries.count && entries[low].event.id == id ? low : nil
    }
}

/// What came of a record, for the outbox.
enum OutboxOutcome {
    case delivered
    /// Refused for what it, or a neighbour in its request, is.
    case refused
    /// Not now.
    case failed
}

/// What the outbox made of a report.
enum OutboxAnswer: Equatable {
    case delivered
    /// It waits again, in its place.
    case again
    /// The same, and then it goes alone: a neighbour may be to blame.
    case alone
    /// Refused alone: kept, and tried again much later. The kind of the event.
    case kept(String)
    /// Refused alone, and left out. The kind of the event.
    case givenUp(String)
}
