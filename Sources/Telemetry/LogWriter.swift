// The thread that writes log lines, so that a slow or broken stderr slows nobody else.
internal import Core
internal import Glibc
package import LinuxIO

/// Writes lines to a descriptor from a thread of its own, called "log". Anyone may submit, from any thread, and never
/// waits: when 1,024 lines or 1 MiB are queued, further lines are dropped and a line says how many they were.
/// An idle writer sleeps without a timer. It does not own the descriptor.
package final class LogWriter: Sendable {
    package static let lineCapacity = 1024
    package static let byteCapacity = 1 << 20
    private static let batchBytes = 64 * 1024

    /// What a periodic task asks for: lines to write now, and the monotonic nanoseconds of its next turn (nil: none).
    package typealias Turn = (lines: [[UInt8]], next: Int64?)

    private let queue: LogQueue
    private let thread: Thread

    /// Starts the thread. `report` renders the line about dropped lines; `turn` is called on the log thread before it
    /// sleeps, at the time it asked for and after `wake`.
    package init(
        descriptor: Int32, lineCapacity: Int = LogWriter.lineCapacity, byteCapacity: Int = LogWriter.byteCapacity,
        report: @escaping @Sendable (UInt64) -> [UInt8], turn: @escaping @Sendable () -> Turn = { ([], nil) }
    ) throws(SystemError) {
        let queue = try LogQueue(lineCapacity: lineCapacity, byteCapacity: byteCapacity)
        self.queue = queue
        thread = try Thread(name: "log") {
            LogWriter.run(queue, descriptor: descriptor, report: report, turn: turn)
        }
    }

    deinit { queue.close() }

    /// Lines lost since the start: queued in vain or refused by the descriptor.
    package var droppedLines: UInt64 { queue.dropped }

    /// Queues one line, its newline included. Never waits.
    package func submit(_ line: [UInt8]) { queue.submit(line) }

    /// Makes the thread ask its periodic task again.
    package func wake() { queue.event.signal() }

    /// Waits until what was submitted before is written, `milliseconds` at most; false when it is not. Not for the
    /// cooperative pool.
    @discardableResult
    package func flush(milliseconds: Int64 = 1000) -> Bool {
        do { return LogWriter.wait(for: try queue.settledEvent(), milliseconds) } catch { return false }
    }

    /// Writes what waits and ends the thread; lines submitted later are dropped. False when the descriptor did not take
    /// the lines within `milliseconds`: the thread is then left behind. Not for the cooperative pool, but at exit.
    @discardableResult
    package func close(milliseconds: Int64 = 2000) -> Bool {
        do {
            let ended = try queue.endedEvent()
            queue.close()
            guard LogWriter.wait(for: ended, milliseconds) else { return false }
            thread.join()
            return true
        } catch { return false }
    }

    private static func run(
        _ queue: LogQueue, descriptor: Int32, report: (UInt64) -> [UInt8], turn: () -> Turn
    ) {
        var endsInsideLine = false
        while true {
            let (lines, next) = turn()
            for line in lines { queue.submit(line) }
            switch queue.take(limit: batchBytes, report: report) {
            case .sleep: sleep(queue.event, until: next)
            case .end:
                queue.end()
                return
            case .write(var bytes, let ends, let reported):
                // What a failed write left of a line must not become the beginning of the next one.
                let repair = endsInsideLine ? 1 : 0
                if endsInsideLine { bytes.insert(UInt8(ascii: "\n"), at: 0) }
                let written = write(bytes, to: descriptor)
                if written > 0 { endsInsideLine = bytes[written - 1] != UInt8(ascii: "\n") }
                let lost = ends.count { $0 + repair > written }
                queue.settle(
                    lines: ends.count, bytes: ends.last ?? 0, lost: UInt64(lost),
                    unreported: written < bytes.count ? reported : 0)
            }
        }
    }

    /// Gives how many bytes were written: all, or those before an error (a closed pipe, a full disk). A descriptor that
    /// would block is waited for; SIGPIPE is blocked in every `Thread`.
    private static func write(_ bytes: [UInt8], to descriptor: Int32) -> Int {
        bytes.withUnsafeBytes { buffer in
            var offset = 0
            while offset < buffer.count {
                let count = Glibc.write(descriptor, buffer.baseAddress! + offset, buffer.count - offset)
                if count >= 0 {
                    offset += count
                } else if errno == EAGAIN {
                    var waiting = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                    _ = poll(&waiting, 1, -1)
                } else if errno != EINTR {
                    break
                }
            }
            return offset
        }
    }

    private static func sleep(_ event: EventDescriptor, until deadline: Int64?) {
        let milliseconds = deadline.map { max(0, $0 - Clock.monotonic() + 999_999) / nanosecondsPerMillisecond }
        var waiting = pollfd(fd: event.raw, events: Int16(POLLIN), revents: 0)
        _ = poll(&waiting, 1, milliseconds.map { Int32(clamping: $0) } ?? -1)
        event.drain()
    }

    /// Waits for `event`, already over when nil.
    private static func wait(for event: EventDescriptor?, _ milliseconds: Int64) -> Bool {
        guard let event else { return true }
        let deadline = Clock.monotonic() + milliseconds * nanosecondsPerMillisecond
        while true {
            let left = (deadline - Clock.monotonic()) / nanosecondsPerMillisecond
            var waiting = pollfd(fd: event.raw, events: Int16(POLLIN), revents: 0)
            if poll(&waiting, 1, Int32(clamping: max(0, left))) == 1 { return true }
            if left <= 0 { return false }
        }
    }
}
