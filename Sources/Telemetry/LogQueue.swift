// The bounded queue between the threads that log and the one that writes.
internal import LinuxIO
internal import Synchronization

/// Lines on their way to the log thread. Every method holds the lock for a few assignments only and none waits.
final class LogQueue: Sendable {
    /// What the log thread should do next.
    enum Work {
        /// Whole lines joined, `ends` the offset behind each; `reported` is the number of dropped lines that the last
        /// of them announces, 0 when none does.
        case write(bytes: [UInt8], ends: [Int], reported: UInt64)
        case sleep
        case end
    }

    private struct State {
        var lines: [[UInt8]] = []
        /// Lines and bytes that wait or are being written: what the bounds count.
        var heldLines = 0
        var heldBytes = 0
        var submitted: UInt64 = 0
        var settled: UInt64 = 0
        var unreported: UInt64 = 0
        var dropped: UInt64 = 0
        /// The last write failed: the report about dropped lines waits for the next line, or it would be tried for ever.
        var failed = false
        var asleep = false
        var closing = false
        var ended = false
        var waiters: [Waiter] = []
    }

    /// Someone in `flush` (until `target` lines are settled) or `close` (until the end: `target` is the maximum).
    private struct Waiter {
        let target: UInt64
        let event: EventDescriptor
    }

    private let state = Mutex(State())
    private let lineCapacity: Int
    private let byteCapacity: Int
    /// Readable when the log thread should look again.
    let event: EventDescriptor

    init(lineCapacity: Int, byteCapacity: Int) throws(SystemError) {
        self.lineCapacity = lineCapacity
        self.byteCapacity = byteCapacity
        event = try EventDescriptor()
    }

    /// Lines that were lost since the start, reported or not.
    var dropped: UInt64 { state.withLock { $0.dropped } }

    /// Queues one line, or counts it as dropped when the queue is full or closed.
    func submit(_ line: [UInt8]) {
        let wakes = state.withLock { state -> Bool in
            if state.closing || state.heldLines >= lineCapacity || state.heldBytes + line.count > byteCapacity {
                state.dropped += 1
                state.unreported += 1
                return false
            }
            state.lines.append(line)
            state.heldLines += 1
            state.heldBytes += line.count
            state.submitted += 1
            state.failed = false
            defer { state.asleep = false }
            return state.asleep
        }
        if wakes { event.signal() }
    }

    /// Up to `limit` bytes of whole lines (one at least). Behind the last line that waits, `report` adds a line for the
    /// dropped ones. Called by the log thread.
    func take(limit: Int, report: (UInt64) -> [UInt8]) -> Work {
        state.withLock { state in
            if state.lines.isEmpty && (state.unreported == 0 || state.failed) {
                state.asleep = !state.closing
                return state.closing ? .end : .sleep
            }
            var bytes: [UInt8] = []
            var ends: [Int] = []
            for line in state.lines {
                if !bytes.isEmpty && bytes.count + line.count > limit { break }
                bytes += line
                ends.append(bytes.count)
            }
            state.lines.removeFirst(ends.count)
            guard state.lines.isEmpty, state.unreported > 0 else {
                return .write(bytes: bytes, ends: ends, reported: 0)
            }
            let reported = state.unreported
            state.unreported = 0
            bytes += report(reported)
            return .write(bytes: bytes, ends: ends, reported: reported)
        }
    }

    /// Accounts for a batch: `lines` of `bytes` bytes left the queue, `lost` of them unwritten, and so was the report
    /// about `unreported` dropped lines.
    func settle(lines: Int, bytes: Int, lost: UInt64, unreported: UInt64) {
        finish { state in
            state.heldLines -= lines
            state.heldBytes -= bytes
            state.settled += UInt64(lines)
            state.dropped += lost
            state.unreported += lost + unreported
            state.failed = lost + unreported > 0
        }
    }

    /// No more lines are taken; the thread ends when it has written what waits.
    func close() {
        state.withLock { $0.closing = true }
        event.signal()
    }

    /// Called by the log thread as its last act.
    func end() { finish { $0.ended = true } }

    /// An event that is signalled once all lines submitted so far are settled; nil when they are.
    func settledEvent() throws(SystemError) -> EventDescriptor? {
        let event = try EventDescriptor()
        return state.withLock { state in
            if state.settled == state.submitted || state.ended { return nil }
            state.waiters.append(Waiter(target: state.submitted, event: event))
            return event
        }
    }

    /// An event that is signalled when the thread has ended; nil when it has.
    func endedEvent() throws(SystemError) -> EventDescriptor? {
        let event = try EventDescriptor()
        return state.withLock { state in
            if state.ended { return nil }
            state.waiters.append(Waiter(target: .max, event: event))
            return event
        }
    }

    private func finish(_ change: (inout State) -> Void) {
        state.withLock { state in
            change(&state)
            for waiter in state.waiters where state.ended || state.settled >= waiter.target { waiter.event.signal() }
            state.waiters.removeAll { [ended = state.ended, settled = state.settled] in ended || settled >= $0.target }
        }
    }
}
