// Which directories the recent inotify events came from.
internal import CLinux
internal import Glibc
package import LinuxIO

/// Counts the events that were taken, by watch; what is older than some 30,000 events counts ever less. The kernel's queue
/// holds 16,384 (fs.inotify.max_queued_events), so that when it overflows at least half of what is counted was in it.
/// Owned by the tailer.
struct EventTally {
    struct Count {
        /// Writes and changes of attributes.
        var writes = 0
        /// Names that were made, renamed or deleted.
        var names = 0
        var all: Int { writes + names }
    }

    private static let horizon = 32_768
    /// More directories than these together are no single cause.
    private static let maximumCulprits = 8
    private var counts: [Int32: Count] = [:]
    private var total = 0

    mutating func add(_ event: Inotify.Event) {
        if event.mask & UInt32(IN_MODIFY | IN_ATTRIB) != 0 {
            counts[event.watch, default: Count()].writes += 1
        } else {
            counts[event.watch, default: Count()].names += 1
        }
        total += 1
        if total >= EventTally.horizon { halve() }
    }

    private mutating func halve() {
        counts = counts.mapValues { Count(writes: $0.writes / 2, names: $0.names / 2) }.filter { $0.value.all > 0 }
        total = counts.values.reduce(0) { $0 + $1.all }
    }

    /// The busiest watches that together caused over half of the recent events, the busiest first; none when that takes
    /// more than a few.
    func culprits() -> [(watch: Int32, count: Count)] {
        var found: [(watch: Int32, count: Count)] = []
        var sum = 0
        for (watch, count) in counts.sorted(by: { $0.value.all > $1.value.all }).prefix(EventTally.maximumCulprits) {
            found.append((watch, count))
            sum += count.all
            if sum * 2 > total { return found }
        }
        return []
    }

    mutating func reset() { self = EventTally() }
}

/// A directory that made the queue of events overflow, as long as it is polled instead.
struct Flood {
    enum Kind {
        /// Its files are written to too often: of names it still tells.
        case writes
        /// Names come and go too often: it tells of its own end only.
        case names
    }

    var kind: Kind
    /// Its watch on the gauge; -1: none.
    var gauge: Int32 = -1
    /// Events that the gauge has counted since the last poll.
    var count = 0
    /// Events a second at the last poll; nil: it was not measured yet.
    var rate: Int?
    /// Polls in a row at which it was calm, and how many it takes to be watched again.
    var calm = 0
    let calmNeeded: Int
    /// Declared names that were made since the last poll, and are not deleted.
    var made: Set<EntryName> = []
}

/// What changed with a directory that floods, for the log.
package enum FloodNews: Sendable {
    case began(RawPath)
    case ended(RawPath)
}
