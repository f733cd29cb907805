// Where every logger of the process ends: level, rate limit, format, queue.
internal import Core
package import LinuxIO
package import Logging
internal import Synchronization

/// The process's log. Made once at start; every `LongshoreLogHandler` holds it. Usable from any thread, never waits.
package final class LogOutput: Sendable {
    /// The limiter behind its lock: shared by the threads that log and the log thread, which says what was suppressed.
    private final class Limiter: Sendable {
        let state = Mutex(RateLimiter())
    }

    private let formatter: LogFormatter
    private let limiter = Limiter()
    private let levelIndex: Atomic<Int>
    private let writer: LogWriter
    private let monotonic: @Sendable () -> Int64
    private let wall: @Sendable () -> Int64

    /// Logs to `descriptor`, which stays the caller's. `journal` says whether it is a stream to journald
    /// (`JournalStream.isConnected`). The clocks, in nanoseconds, are for tests.
    package init(
        descriptor: Int32 = 2, format: LogFormat, level: Logger.Level, journal: Bool,
        monotonic: @escaping @Sendable () -> Int64 = { Clock.monotonic() },
        wall: @escaping @Sendable () -> Int64 = { Clock.wall() }
    ) throws(SystemError) {
        let formatter = LogFormatter(format: format, journal: journal)
        let limiter = self.limiter
        self.formatter = formatter
        self.monotonic = monotonic
        self.wall = wall
        levelIndex = Atomic(LogOutput.index(level))
        writer = try LogWriter(
            descriptor: descriptor,
            report: { count in
                formatter.line(
                    wall: wall(), level: .warning, label: "log", message: "log lines were dropped: stderr is too slow",
                    metadata: ["dropped": "\(count)"])
            },
            turn: {
                let (due, next) = limiter.state.withLock { ($0.expire(now: monotonic()), $0.nextDeadline) }
                return (due.map { LogOutput.line($0, formatter, wall()) }, next)
            })
    }

    /// The least level that is logged, for all loggers at once; may be set at any time.
    package var level: Logger.Level {
        get { Logger.Level.allCases[levelIndex.load(ordering: .relaxed)] }
        set { levelIndex.store(LogOutput.index(newValue), ordering: .relaxed) }
    }

    /// Lines that never reached the descriptor.
    package var droppedLines: UInt64 { writer.droppedLines }

    /// Makes this the backend of every `Logger(label:)` of the process. Call it once, before the first logger is made.
    package func bootstrap() {
        LoggingSystem.bootstrap(
            { label, provider in LongshoreLogHandler(label: label, output: self, metadataProvider: provider) },
            metadataProvider: nil)
    }

    /// A logger that ends here, whatever the process's backend is.
    package func logger(_ label: String) -> Logger {
        Logger(label: label) { LongshoreLogHandler(label: $0, output: self) }
    }

    /// One line, unless too many like it were logged just now.
    package func log(level: Logger.Level, label: String, message: String, metadata: Logger.Metadata) {
        let (decision, due) = limiter.state.withLock {
            $0.admit(label: label, level: level, message: message, now: monotonic())
        }
        for summary in due { writer.submit(LogOutput.line(summary, formatter, wall())) }
        switch decision {
        case .pass:
            writer.submit(
                formatter.line(wall: wall(), level: level, label: label, message: message, metadata: metadata))
        case .suppress(first: true): writer.wake()
        case .suppress(first: false): break
        }
    }

    /// See `LogWriter.flush`.
    @discardableResult
    package func flush(milliseconds: Int64 = 1000) -> Bool { writer.flush(milliseconds: milliseconds) }

    /// See `LogWriter.close`.
    @discardableResult
    package func close(milliseconds: Int64 = 2000) -> Bool { writer.close(milliseconds: milliseconds) }

    private static func line(_ summary: RateLimiter.Summary, _ formatter: LogFormatter, _ wall: Int64) -> [UInt8] {
        formatter.line(
            wall: wall, level: summary.level, label: summary.label,
            message: "\(summary.count) similar messages suppressed", metadata: ["similar": "\(summary.sample)"])
    }

    private static func index(_ level: Logger.Level) -> Int { Logger.Level.allCases.firstIndex(of: level)! }
}
