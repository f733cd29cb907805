// Keeping one message that repeats from flooding the log.
package import Logging

/// Lets the same message (logger label, level, text; metadata does not count) pass 10 times in 10 s, counts the rest and
/// says how many they were. Bounded: 256 messages are remembered. A plain value: its owner has the lock and the clock.
package struct RateLimiter: Sendable {
    package static let linesPerWindow = 10
    package static let windowNanoseconds: Int64 = 10_000_000_000
    package static let capacity = 256

    /// What to do with one line.
    package enum Decision: Sendable, Equatable {
        case pass
        /// `first` is true for the first suppressed line of its window: from then on a summary is owed.
        case suppress(first: Bool)
    }

    /// "count similar messages suppressed", owed to the log.
    package struct Summary: Sendable, Equatable {
        package let label: String
        package let level: Logger.Level
        /// The beginning of the message, 128 bytes at most.
        package let sample: String
        package let count: UInt64
    }

    private struct Key: Hashable {
        let label: String
        let level: Logger.Level
        let sample: String
        /// Of the whole text: the table does not keep long messages.
        let hash: Int
    }

    private struct Window {
        var end: Int64
        var lines = 0
        var suppressed: UInt64 = 0
    }

    private var windows: [Key: Window] = [:]
    /// Windows with suppressed lines.
    private var owing = 0

    package init() {}

    /// How many messages are remembered.
    var count: Int { windows.count }

    /// Decides about one line at `now` (monotonic nanoseconds) and gives the summaries that are due before it.
    package mutating func admit(
        label: String, level: Logger.Level, message: String, now: Int64
    ) -> (decision: Decision, due: [Summary]) {
        let key = Key(
            label: label, level: level, sample: String(decoding: message.utf8.prefix(128), as: UTF8.self),
            hash: message.hashValue)
        var due: [Summary] = []
        if let window = windows[key], window.end <= now { close(key, into: &due) }
        if windows[key] == nil {
            if windows.count >= RateLimiter.capacity { makeRoom(now: now, into: &due) }
            windows[key] = Window(end: now + RateLimiter.windowNanoseconds)
        }
        return (count(key), due)
    }

    /// The summaries of the windows that have ended at `now`.
    package mutating func expire(now: Int64) -> [Summary] {
        var due: [Summary] = []
        for (key, window) in windows where window.end <= now { close(key, into: &due) }
        return due.sorted { ($0.label, $0.sample) < ($1.label, $1.sample) }
    }

    /// When the next summary is due; nil while none is owed, so that an idle log needs no timer.
    package var nextDeadline: Int64? {
        owing == 0 ? nil : windows.values.lazy.filter { $0.suppressed > 0 }.map(\.end).min()
    }

    private mutating func count(_ key: Key) -> Decision {
        guard windows[key]!.lines >= RateLimiter.linesPerWindow else {
            windows[key]!.lines += 1
            return .pass
        }
        windows[key]!.suppressed += 1
        let first = windows[key]!.suppressed == 1
        if first { owing += 1 }
        return .suppress(first: first)
    }

    private mutating func close(_ key: Key, into due: inout [Summary]) {
        guard let window = windows.removeValue(forKey: key), window.suppressed > 0 else { return }
        owing -= 1
        due.append(Summary(label: key.label, level: key.level, sample: key.sample, count: window.suppressed))
    }

    /// Forgets what has ended, else the oldest message, with its summary.
    private mutating func makeRoom(now: Int64, into due: inout [Summary]) {
        due += expire(now: now)
        if windows.count >= RateLimiter.capacity, let oldest = windows.min(by: { $0.value.end < $1.value.end })?.key {
            close(oldest, into: &due)
        }
    }
}
