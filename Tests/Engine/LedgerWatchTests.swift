// A ledger that does not add up in a release build: said in the log, in the status and at the end, never silent.
import Core
import FileSource
import KafkaSink
import LinuxIO
import Logging
import Synchronization
import TestSupport
import Testing

@testable import Checkpoint
@testable import Engine

@Suite struct LedgerWatchTests {
    /// A pipeline loop that no thread runs, with logs/a.log found, and what it logs.
    private func withLoop(_ body: (PipelineLoop, LogLines) throws -> Void) throws {
        let fixture = try EngineFixture()
        defer { fixture.directory.remove() }
        try fixture.directory.write("one\n", to: "logs/a.log")
        let options = fixture.options()
        let (store, state) = try Store.open(options.store)
        defer { store.close() }
        let lines = LogLines()
        let loop = try PipelineLoop(
            options, store: store, state: state, commands: CommandQueue(),
            logger: Logger(label: "engine", factory: { _ in lines }))
        defer { loop.producer.close() }
        loop.findFiles()
        loop.ledger.trapsWhenOutOfBalance = false
        try body(loop, lines)
    }

    @Test func aWrongLedgerIsSaidInTheStatusWithTheSourceAndWhatToDo() throws {
        try withLoop { loop, lines in
            #expect(imbalances(loop.status(.full, Clock.monotonic())).isEmpty)
            loop.ledger.sources[0].counts.acknowledged += 3
            for detail in [StatusDetail.full, .summary, .full] {
                let report = loop.status(detail, Clock.monotonic())
                #expect(report.ledgerImbalances == 1 && !imbalances(report).isEmpty)
                let problem = report.problems.first { $0.hasPrefix("ledger out of balance: ") }
                #expect(problem?.contains("logs/a.log") == true && problem?.contains("restart the daemon") == true)
            }
            #expect(lines.texts.filter { $0.contains("ledger out of balance") }.count == 1)
        }
    }

    @Test func aCheckpointFindsItToo() throws {
        try withLoop { loop, lines in
            loop.ledger.sources[0].reserved += 1
            loop.ledger.touch(0)
            loop.submitFinalCheckpoint()
            #expect(lines.texts.contains { $0.contains("ledger out of balance") && $0.contains("logs/a.log") })
        }
    }

    @Test func theEndOfTheRunFindsItToo() throws {
        try withLoop { loop, lines in
            loop.ledger.sources[0].inFlight += 1
            loop.verifyWholeLedger()
            #expect(loop.ledger.imbalanceCount == 1 && lines.texts.count { $0.contains("out of balance") } == 1)
        }
    }
}

/// Remembers what is logged, one line with its metadata each.
private final class LogLines: LogHandler {
    private let lines = Mutex<[String]>([])
    var texts: [String] { lines.withLock { $0 } }
    var metadata: Logger.Metadata {
        get { [:] }
        set { _ = newValue }
    }
    var logLevel: Logger.Level {
        get { .trace }
        set { _ = newValue }
    }

    subscript(metadataKey _: String) -> Logger.Metadata.Value? {
        get { nil }
        set { _ = newValue }
    }

    func log(event: LogEvent) {
        lines.withLock { $0.append("\(event.message) \(event.metadata ?? [:])") }
    }
}
