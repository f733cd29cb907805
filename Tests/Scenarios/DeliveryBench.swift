// What every delivery scenario stands on: a mock cluster that outlives the daemon, live readers, and the judgement.
import Core
import TestSupport
import Testing

/// All delivery scenarios, one after the other: each loads both cores.
@Suite("Delivery", .serialized)
enum DeliveryScenarios {}

/// One daemon on a mock cluster in this process, with readers of the topic and of the audit topic that run throughout.
final class DeliveryBench {
    let directory: TemporaryDirectory
    /// The mock cluster; traps where a real broker is used.
    var cluster: MockCluster { mock! }
    private let mock: MockCluster?
    /// Keeps the real broker, where there is one.
    let broker: NoidaBroker?
    /// Between the daemon and its brokers, when asked for; the readers go to the brokers themselves.
    let proxy: KafkaProxy?
    let records: KafkaReader<Arrival>
    let audit: KafkaReader<KafkaRecord>
    let daemon: Daemon
    private let options: DaemonOptions
    private var checker = SequenceChecker()
    private var coverage = CoverageChecker<Identifier128>()
    private var fileOfGeneration: [Identifier128: UInt32] = [:]
    private var partitionOfStream: [Identifier128: Set<Int32>] = [:]
    private var wrongKeys = 0
    private var taken = 0
    /// When each record was produced (ns since 1970), in the order of arrival.
    private(set) var times: [Int64] = []
    private let partitions: Int
    /// In memory: how long a shared disk takes for an fsync is no property of the daemon, and decides how old the last
    /// checkpoint is at a kill.
    private let stateDirectory: TemporaryDirectory

    /// Makes `logs` (the topic), `audit` and the configuration; starts no daemon. `declare` may change the options.
    convenience init(
        partitions: Int = 16, pattern: String = "*.log", brokers: Int = 1, isProxied: Bool = false,
        _ declare: (inout DaemonOptions) -> Void = { _ in }
    ) throws {
        let cluster = try MockCluster(brokers: brokers)
        try cluster.createTopic("logs", partitions: partitions, replication: brokers)
        try cluster.createTopic("audit", partitions: 1, replication: brokers)
        try self.init(
            mock: cluster, broker: nil, bootstrap: cluster.bootstrap, partitions: partitions, pattern: pattern,
            isProxied: isProxied, declare)
    }

    /// The same on a real broker of its own, behind a proxy.
    static func onRealBroker(partitions: Int) async throws -> DeliveryBench {
        let broker = try await NoidaBroker.start()
        try await broker.createTopic("logs", partitions: partitions)
        try await broker.createTopic("audit", partitions: 1)
        return try DeliveryBench(
            mock: nil, broker: broker, bootstrap: broker.bootstrap, partitions: partitions, pattern: "*.log",
            isProxied: true)
    }

    private init(
        mock: MockCluster?, broker: NoidaBroker?, bootstrap: String, partitions: Int, pattern: String,
        isProxied: Bool, _ declare: (inout DaemonOptions) -> Void = { _ in }
    ) throws {
        self.partitions = partitions
        self.mock = mock
        self.broker = broker
        proxy = isProxied ? try KafkaProxy(bootstrap) : nil
        directory = try TemporaryDirectory()
        stateDirectory = try TemporaryDirectory(in: "/dev/shm")
        try directory.makeDirectory("logs")
        records = try KafkaReader(arrivalsOf: ["logs"], bootstrap)
        audit = try KafkaReader(bootstrap, topic: "audit")
        var options = DaemonOptions(
            brokers: proxy?.bootstrap ?? bootstrap, topic: "logs", paths: [directory.path("logs/\(pattern)")])
        options.stateDirectory = stateDirectory.path("state")
        declare(&options)
        self.options = options
        daemon = try Daemon(options, in: directory)
    }

    /// Writes the configuration again with other options, before the daemon starts.
    func configure(_ change: (inout DaemonOptions) -> Void) throws {
        var options = options
        change(&options)
        try daemon.configure(options)
    }

    func logs(_ count: Int) -> [String] { (0..<count).map { directory.path("logs/\($0).log") } }

    /// Takes in what has arrived since the last call; gives the number of different lines so far.
    @discardableResult
    func takeArrivals() -> UInt64 {
        let arrivals = records.items(from: taken)
        taken += arrivals.count
        for arrival in arrivals {
            let summary = arrival.summary
            times.append(arrival.produced)
            coverage.record(summary)
            if !arrival.keyIsStream { wrongKeys += 1 }
            if let stream = arrival.stream { partitionOfStream[stream, default: []].insert(summary.partition) }
            guard let line = summary.line else { continue }
            checker.arrived(line, partition: summary.partition, at: arrival.produced)
            fileOfGeneration[summary.fileID] = line.file
        }
        return checker.distinct
    }

    var repetitions: [Repetition] { checker.repetitions }

    /// Waits until `lines` different lines have arrived.
    func waitForLines(_ lines: UInt64, timeout: Duration = .seconds(90)) async throws {
        try await waitUntil(
            timeout: timeout,
            "\(lines) lines; \(checker.distinct) came, \(records.missedMessages) missed by the reader; "
                + "\(daemon.process.errorTail)"
        ) {
            guard records.missedMessages == 0 else { throw FixtureError("the reader missed what the mock dropped") }
            return takeArrivals() >= lines
        }
    }

    /// Everything that was written, and nothing else, arrived in order, under the right keys, in ranges without a hole.
    /// Gives the report for the figures. `judgesOrder` false: the caller judges the order.
    @discardableResult
    func expectComplete(_ written: PacedWriter.Written, judgesOrder: Bool = true) -> SequenceReport {
        takeArrivals()
        #expect(records.missedMessages == 0 && records.problems.isEmpty, "\(records.problems)")
        #expect(wrongKeys == 0)
        var lines: [UInt32: UInt64] = [:]
        for (index, count) in written.lines.enumerated() { lines[UInt32(index)] = count }
        let report = checker.report(expected: lines)
        var judged = report
        if !judgesOrder { judged.outOfOrder = 0 }
        #expect(judged.isComplete, "\(report)")
        expectRanges(written)
        for (stream, used) in partitionOfStream {
            #expect(used == [defaultPartition(of: Array(stream.description.utf8), partitions: partitions)])
        }
        return report
    }

    /// The generations of each file are covered without hole or overlap from 0, and are together as long as the file.
    private func expectRanges(_ written: PacedWriter.Written) {
        var covered = [UInt64](repeating: 0, count: written.bytes.count)
        for (generation, judgement) in coverage.report() {
            #expect(judgement.isComplete, "\(generation): \(judgement)")
            guard let file = fileOfGeneration[generation], Int(file) < covered.count else {
                Issue.record("a generation of no file: \(generation)")
                continue
            }
            covered[Int(file)] += judgement.contiguousEnd
        }
        #expect(covered == written.bytes)
    }

    /// Waits until the daemon knows that all it found is acknowledged and stored, and its events too.
    func waitForAcknowledgement() async throws {
        try await daemon.waitForStatus(timeout: .seconds(60), "everything acknowledged") { status in
            let totals = status["totals"]
            return totals?["unread"]?.uint64 == 0 && totals?["inFlight"]?.uint64 == 0
                && status["store"]?["outboxEvents"]?.uint64 == 0
        }
    }

    /// Records that were produced within `window` ns before each of `moments` (ns since 1970).
    func produced(within window: Int64, before moments: [Int64]) -> UInt64 {
        moments.reduce(0) { sum, moment in sum + UInt64(times.count { $0 >= moment - window && $0 <= moment }) }
    }

    /// Records and bytes that were read back of one generation.
    func coverage(of generation: String) -> FileCoverage? {
        Identifier128(hexadecimal: generation).map { coverage.coverage(of: $0) }
    }

    /// Whether a line of file 0 has arrived.
    func holdsLine(_ sequence: UInt64) -> Bool {
        records.items().contains { $0.summary.line == NumberedLine(file: 0, sequence: sequence) }
    }

    /// Audit events so far, parsed.
    func events() throws -> [RecordFields] { try audit.items().map { try $0.fields() } }

    /// Audit events of one kind.
    func event(_ kind: String) throws -> [RecordFields] { try events().filter { $0.string("event") == kind } }

    /// The coverage of the one generation there is, with its announced gaps.
    func coverageWithGaps(size: UInt64) async throws -> FileCoverage {
        takeArrivals()
        let generation = try #require(fileOfGeneration.keys.first)
        let gaps = try event("gap")
        for gap in gaps { coverage.gap(generation, from: gap.uint64("from") ?? 0, to: gap.uint64("to")) }
        coverage.expect(generation, size: size)
        return coverage.coverage(of: generation)
    }

    /// Stream and observed time of the first record of a generation that the topic holds.
    func firstRecord(of generation: String) async throws -> (stream: String, observed: String)? {
        let all = try await readRecords(cluster.bootstrap, topic: "logs")
        let first = try all.lazy.map { try $0.fields() }.first { $0.fileID == generation }
        guard let stream = first?.streamID, let observed = first?.string("observed_timestamp") else { return nil }
        return (stream, observed)
    }
}

/// Milliseconds as nanoseconds.
func ms(_ value: Int64) -> Int64 { value * nanosecondsPerMillisecond }

/// Seconds since `start` (monotonic ns), with one digit.
func elapsed(since start: Int64) -> String {
    let tenths = (Clock.monotonic() - start) / (100 * nanosecondsPerMillisecond)
    return "\(tenths / 10).\(tenths % 10) s"
}
