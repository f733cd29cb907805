// Loggers down to the bytes on the descriptor.
import Core
import Glibc
import Logging
import Synchronization
import Testing

@testable import Telemetry

struct LogOutputTests {
    private static func output(
        _ pipe: Pipe, _ format: LogFormat = .text, level: Logger.Level = .info,
        monotonic: @escaping @Sendable () -> Int64 = { Clock.monotonic() }
    ) throws -> LogOutput {
        try LogOutput(
            descriptor: pipe.writeEnd, format: format, level: level, journal: false, monotonic: monotonic, wall: { 0 })
    }

    @Test func aLoggerWritesItsMetadataAndTheEvents() throws {
        let pipe = Pipe()
        let output = try Self.output(pipe)
        var logger = output.logger("engine")
        logger[metadataKey: "zone"] = "dmz"
        logger[metadataKey: "topic"] = "logs"
        logger.info("opened", metadata: ["topic": "other", "path": "/a b"])
        #expect(pipe.line() == "1970-01-01T00:00:00.000Z info  engine: opened path=\"/a b\" topic=other zone=dmz")
        #expect(output.close(milliseconds: 10_000))
    }

    @Test func anErrorOfAnEventIsWritten() throws {
        struct Broken: Error, CustomStringConvertible { var description: String { "disk\nfull" } }
        let pipe = Pipe()
        let output = try Self.output(pipe)
        LongshoreLogHandler(label: "store", output: output).log(
            event: LogEvent(
                level: .error, message: "no checkpoint", error: Broken(), metadata: nil, source: nil, file: "",
                function: "",
                line: 0))
        #expect(pipe.line() == #"1970-01-01T00:00:00.000Z error store: no checkpoint error.message="disk\nfull""#)
        #expect(output.close(milliseconds: 10_000))
    }

    @Test func theLevelChangesForAllLoggersAtOnce() throws {
        let pipe = Pipe()
        let output = try Self.output(pipe, level: .warning)
        let first = output.logger("first")
        let second = output.logger("second")
        first.info("no")
        second.debug("no")
        output.level = .debug
        first.info("yes")
        second.debug("yes")
        second.trace("no")
        output.level = .error
        first.warning("no")
        second.error("yes")
        #expect(output.close(milliseconds: 10_000))
        #expect(
            pipe.lines(3).map { String($0.dropFirst(25)) } == [
                "info  first: yes", "debug second: yes", "error second: yes",
            ])
        #expect(output.level == .error)
    }

    @Test func repeatedMessagesAreSummedUpAtTheNextPass() throws {
        let pipe = Pipe()
        let time = Mutex<Int64>(0)
        let now: @Sendable () -> Int64 = { time.withLock { $0 } }
        let output = try Self.output(pipe, monotonic: now)
        let logger = output.logger("kafka")
        for index in 0..<14 { logger.warning("broker down", metadata: ["try": "\(index)"]) }
        #expect(pipe.lines(10).last == "1970-01-01T00:00:00.000Z warning kafka: broker down try=9")
        time.withLock { $0 = 11_000_000_000 }
        logger.warning("broker down", metadata: ["try": "14"])
        // This thread or the log thread tells it, whoever sees first that the window has closed.
        #expect(
            Set(pipe.lines(2).map { String($0.dropFirst(25)) }) == [
                "warning kafka: 4 similar messages suppressed similar=\"broker down\"",
                "warning kafka: broker down try=14",
            ])
        #expect(output.close(milliseconds: 10_000))
    }

    @Test func theLogThreadTellsWhatWasSuppressedWhenTheWindowCloses() throws {
        let pipe = Pipe()
        // The window began long ago, seen from the clock that the log thread sleeps by: it ends in 50 ms.
        let lead = 10_000 * nanosecondsPerMillisecond - 50 * nanosecondsPerMillisecond
        let calls = Mutex(0)
        let output = try Self.output(pipe) {
            // The first 11 lines see the window's beginning; afterwards time runs as it does.
            let early = calls.withLock {
                $0 += 1; return $0 <= 12
            }
            return early ? Clock.monotonic() - lead : Clock.monotonic()
        }
        let logger = output.logger("kafka")
        for _ in 0..<11 { logger.warning("broker down") }
        #expect(pipe.lines(10).count == 10)
        #expect(pipe.line()?.dropFirst(25) == "warning kafka: 1 similar messages suppressed similar=\"broker down\"")
        #expect(output.close(milliseconds: 10_000))
    }

    @Test func theJournalStreamIsRecognisedByDeviceAndInode() {
        let pipe = Pipe()
        var status = stat()
        #expect(fstat(pipe.writeEnd, &status) == 0)
        let value = "\(status.st_dev):\(status.st_ino)"
        #expect(JournalStream.matches(descriptor: pipe.writeEnd, value: value))
        #expect(!JournalStream.matches(descriptor: pipe.writeEnd, value: "\(status.st_dev):\(status.st_ino + 1)"))
        for value in [nil, "", ":", "1", "a:b", value + ":1"] {
            #expect(!JournalStream.matches(descriptor: pipe.writeEnd, value: value))
        }
    }
}
