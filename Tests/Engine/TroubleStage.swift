// An engine under load on a mock cluster that tests break, and the judgement at the end.
import Core
import Engine
import Glibc
import KafkaSink
import LinuxIO
import TestSupport
import Testing

/// Owns the fixture, a writer into several files of several topics, and a reader along. Used by one test at a time.
final class TroubleStage {
    let fixture: EngineFixture
    let engine: Engine
    let topics: [String]
    private let writer: PacedWriter
    private let records: KafkaReader<Arrival>
    private let audit: KafkaReader<KafkaRecord>
    private var taken = 0
    private var checker = SequenceChecker()
    private var coverage = CoverageChecker<Identifier128>()
    private var fileOfGeneration: [Identifier128: UInt32] = [:]

    var cluster: MockCluster { fixture.cluster }

    /// Topics "one", "two", … of `partitions` partitions each, each with `files` files that get lines all the time.
    /// `arrange` sees the cluster before the engine starts.
    init(
        brokers: Int = 1, topics count: Int = 1, partitions: Int = 2, files: Int = 2, linesPerSecond: Int = 2_000,
        options change: (inout EngineOptions) -> Void = { _ in }, arrange: (MockCluster) throws -> Void = { _ in }
    ) async throws {
        fixture = try EngineFixture(brokers: brokers)
        topics = Array(["one", "two", "three", "four"].prefix(count))
        for topic in topics + ["audit"] {
            try fixture.cluster.createTopic(topic, partitions: partitions, replication: brokers)
        }
        try arrange(fixture.cluster)
        var paths: [String] = []
        for topic in topics {
            let directory = try fixture.directory.makeDirectory("logs/\(topic)")
            paths += (0..<files).map { "\(directory)/\($0).log" }
        }
        records = try KafkaReader(arrivalsOf: Set(topics), fixture.cluster.bootstrap)
        audit = try KafkaReader(fixture.cluster.bootstrap, topic: "audit")
        engine = try fixture.start(
            fixture.options { [fixture, topics] options in
                options.declarations = topics.map { fixture.declaration($0, "logs/\($0)/*.log", topic: $0) }
                // Short waits in librdkafka: what is tested is what it reports and what is made of it.
                options.kafka.passthrough = [
                    (key: "retry.backoff.ms", value: "20"), (key: "reconnect.backoff.ms", value: "20"),
                    (key: "reconnect.backoff.max.ms", value: "100"),
                    (key: "topic.metadata.refresh.fast.interval.ms", value: "50"),
                ]
                change(&options)
            })
        writer = try PacedWriter(paths: paths, linesPerSecond: linesPerSecond)
        try await waitForMore(100)
    }

    /// Takes what has arrived; gives how many different lines that are.
    @discardableResult
    func takeArrivals() -> UInt64 {
        let news = records.items(from: taken)
        taken += news.count
        for arrival in news {
            let summary = arrival.summary
            coverage.record(
                summary.fileID, offset: summary.offset, byteCount: summary.byteCount, skipped: summary.skippedBytes,
                partition: summary.partition)
            guard let line = summary.line else { continue }
            checker.arrived(line, partition: summary.partition, at: arrival.produced)
            fileOfGeneration[summary.fileID] = line.file
        }
        return checker.distinct
    }

    /// Waits until `lines` more different lines have arrived.
    func waitForMore(_ lines: UInt64) async throws {
        let goal = takeArrivals() + lines
        try await waitUntil(timeout: .seconds(60), "\(goal) lines; \(checker.distinct) came") {
            takeArrivals() >= goal
        }
    }

    func topic(_ name: String) async throws -> TopicStatus {
        let report = try #require(await engine.status())
        return try #require(report.kafka.topics.first { $0.name == name })
    }

    func waitForStatus(_ what: String, _ fits: @escaping @Sendable (StatusReport) -> Bool) async throws {
        do {
            try await fixture.waitForStatus(engine, what, timeout: .seconds(60), fits)
        } catch {
            let status = await engine.status()
            let sources = status?.sources.map { "\($0.topic) \($0.state) \($0.reason ?? "") \($0.ledger.unread)" } ?? []
            let topics =
                status?.kafka.topics.map { "\($0.name) \($0.state) \($0.inFlight) \($0.credit) \($0.failed)" } ?? []
            throw FixtureError("\(error); \(sources), \(topics)")
        }
    }

    /// Waits until the topic has failed for this reason more than `count` times.
    func waitForFailure(_ reason: String, of topic: String = "one", beyond count: UInt64 = 0) async throws {
        try await waitForStatus("\(topic) fails with \(reason)") { report in
            report.kafka.topics.contains { $0.name == topic && ($0.failed[reason] ?? 0) > count }
        }
    }

    /// Ends the load, waits for its end, and judges: every byte of every file acknowledged or announced as a gap, once;
    /// the last occurrence in order; nothing in flight; a balanced ledger. Gives the report for the figures.
    @discardableResult
    func finish(mayLose: Bool = false, _ context: @autoclosure () -> String = "") async throws -> SequenceReport {
        let written = try writer.stop()
        let bytes = written.bytes.reduce(0, +)
        do {
            try await waitForStatus("everything acknowledged or announced") { report in
                report.totals.size == bytes && report.totals.acknowledged + report.totals.gap == bytes
                    && report.counters.gapBytes.values.reduce(0, +) == report.totals.gap
                    && !report.store.isBehind && report.store.outboxEvents == 0
                    && report.kafka.topics.allSatisfy { $0.inFlight == 0 }
            }
        } catch {
            let status = await engine.status()
            throw FixtureError("\(error); \(status?.totals as Any), \(status?.kafka as Any), \(context())")
        }
        let report = try #require(await engine.status())
        #expect(report.sources.allSatisfy { $0.ledger.balances && $0.ledger.inFlight == 0 && $0.ledger.unread == 0 })
        #expect(report.sources.allSatisfy { $0.oldestUnacknowledgedSeconds == nil })
        #expect(report.totals.balances && report.totals.skipped == 0, "\(report.totals)")
        #expect(mayLose || report.totals.gap == 0, "\(report.totals), \(context())")
        #expect(await fixture.stop(engine) == EngineEnd())
        let sequence = try await judge(written, report, mayLose, context())
        fixture.directory.remove()
        return sequence
    }

    private func judge(
        _ written: PacedWriter.Written, _ status: StatusReport, _ mayLose: Bool, _ context: String
    ) async throws -> SequenceReport {
        let gaps = try await announcedGaps(bytes: status.totals.gap)
        var lines: [UInt32: UInt64] = [:]
        for (index, count) in written.lines.enumerated() { lines[UInt32(index)] = count }
        try await waitUntil("all acknowledged lines read: \(checker.report(expected: lines)); \(gaps), \(context)") {
            takeArrivals() >= written.total - (mayLose ? UInt64(gaps.lines) : 0)
        }
        #expect(records.missedMessages == 0 && records.problems.isEmpty, "\(records.problems)")
        for (generation, file) in fileOfGeneration {
            coverage.expect(generation, size: written.bytes[Int(file)])
        }
        #expect(Set(fileOfGeneration.values).count == written.lines.count)
        for (generation, judgement) in coverage.report() {
            #expect(judgement.isComplete, "\(generation): \(judgement), \(context)")
        }
        let sequence = checker.report(expected: lines)
        #expect(sequence.missing == UInt64(gaps.lines), "\(sequence), \(gaps), \(context)")
        #expect(sequence.foreign == 0 && sequence.outOfOrder == 0 && sequence.scattered == 0, "\(sequence), \(context)")
        return sequence
    }

    /// The gaps of the audit topic, each of which is one line here, put into the coverage; as many bytes as are told.
    private func announcedGaps(bytes: UInt64) async throws -> (lines: Int, bytes: UInt64) {
        var seen: Set<[UInt64]> = []
        var gaps: [(file: Identifier128, from: UInt64, to: UInt64)] = []
        try await waitUntil("gaps of \(bytes) bytes announced") {
            gaps = []
            seen = []
            for event in try audit.items().map({ try $0.fields() }) where event.string("event") == "gap" {
                guard let file = event.fileID.flatMap({ Identifier128(hexadecimal: $0) }),
                    let from = event.uint64("from"),
                    let to = event.uint64("to")
                else { throw FixtureError("a gap without its place: \(event)") }
                // The same event again after a replay is no second gap.
                if seen.insert([file.high, file.low, from, to]).inserted { gaps.append((file, from, to)) }
            }
            return gaps.reduce(0) { $0 + $1.to - $1.from } >= bytes
        }
        for gap in gaps { coverage.gap(gap.file, from: gap.from, to: gap.to) }
        return (gaps.count, gaps.reduce(0) { $0 + $1.to - $1.from })
    }
}
