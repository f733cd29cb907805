// How far the events have been dealt with, so that a reconnect asks for exactly the rest.

/// Numbers events as they come and knows up to which time all of them are dealt with, in whatever order they end.
struct EventProgress {
    private struct Key: Hashable {
        var id: String
        var action: RuntimeEvent.Action
        var time: Int64
    }

    /// Every event up to this time was dealt with; nanoseconds since 1970. nil: none yet.
    var newest: Int64?
    /// Events so far.
    private(set) var count = 0
    /// Time and state of the events from the oldest that is not dealt with; the last has the number `count`.
    private var open: [(time: Int64, isDone: Bool)] = []
    /// A reconnect asks for a little more than the rest, since time stamps of events that come close together are not
    /// always in order.
    private var handled: Set<Key> = []

    /// What `since` of a reconnect is set back by.
    static let overlap: Int64 = 10_000_000

    /// The same event has come before.
    func isRepeat(_ event: RuntimeEvent) -> Bool { event.time > 0 && handled.contains(key(event)) }

    /// Gives the event's number.
    mutating func begin(_ event: RuntimeEvent) -> Int {
        count += 1
        open.append((event.time, false))
        return count
    }

    mutating func end(_ event: RuntimeEvent, _ sequence: Int) {
        open[sequence - (count - open.count) - 1].isDone = true
        handled.insert(key(event))
        let done = open.prefix { $0.isDone }
        if let last = done.map(\.time).max() { newest = max(newest ?? 0, last) }
        open.removeFirst(done.count)
        if handled.count > 8192 { handled = handled.filter { $0.time > (newest ?? 0) - 1_000_000_000 } }
    }

    private func key(_ event: RuntimeEvent) -> Key { Key(id: event.id, action: event.action, time: event.time) }
}
