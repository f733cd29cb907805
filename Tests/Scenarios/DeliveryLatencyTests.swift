// What nineteen topics feel of the twentieth's trouble: their latency from the written line to the consumer.
import Core
import Glibc
import LinuxIO
import Synchronization
import TestSupport
import Testing

/// How a topic fails: what Produce is answered, and what Metadata says.
enum TopicTrouble: String, CaseIterable, Sendable, CustomTestStringConvertible {
    case unknown, forbidden, leaderless

    var produce: KafkaErrorCode {
        switch self {
        case .unknown: .unknownTopic
        case .forbidden: .topicAuthorizationFailed
        case .leaderless: .notLeader
        }
    }

    var metadata: KafkaErrorCode { self == .leaderless ? .leaderNotAvailable : produce }
    var testDescription: String { rawValue }
}

extension DeliveryScenarios {
    /// `LONGSHORE_TROUBLE_SECONDS=60` for the minute of trouble that is promised; 15 s by default.
    @Suite("One of twenty topics in trouble", .serialized, .timeLimit(.minutes(12)))
    struct Latency {
        /// Below it a difference is the test's own: threads that wait for a core.
        private static let floor = ms(10)

        @Test(
            "The p99 delivery latency of the others stays within 1.5 times its value before",
            arguments: TopicTrouble.allCases)
        func others(feel trouble: TopicTrouble) async throws {
            let seconds = environmentNumber("LONGSHORE_TROUBLE_SECONDS") ?? 15
            // A second daemon with brokers of its own that have no trouble feels what the machine does in the same seconds.
            let stage = try LatencyStage(topics: 20)
            let control = try LatencyStage(topics: 20)
            for stage in [stage, control] { try await stage.start(linesPerSecond: 500) }
            try await pass(2, stage, control)
            // What else the machine does only ever adds to a latency: a true effect is there in every round.
            var isWithin = false
            for round in 1...3 where !isWithin {
                isWithin = try await measure(trouble, round, seconds, stage, control)
            }
            #expect(isWithin)
            for stage in [stage, control] { try await stage.stopWriting() }
            for stage in [stage, control] {
                let report = stage.report()
                #expect(report.isComplete && stage.proxy.problems.isEmpty, "\(report) \(stage.proxy.problems)")
                #expect(try await stage.daemon.terminate() == .exited(0))
            }
        }

        /// One span in peace, one with the trouble, one to recover; true when the others did not feel the trouble.
        private func measure(
            _ trouble: TopicTrouble, _ round: Int, _ seconds: Int, _ stage: LatencyStage, _ control: LatencyStage
        ) async throws -> Bool {
            let start = Clock.monotonic()
            try await pass(seconds, stage, control)
            let broken = Clock.monotonic()
            stage.proxy.refuseProduce("t7", trouble.produce)
            stage.proxy.setMetadataError("t7", trouble.metadata)
            try await pass(seconds, stage, control, except: 7)
            let topics = try await stage.daemon.status()["kafka"]?["topics"]?.array ?? []
            let mended = Clock.monotonic()
            stage.proxy.refuseProduce("t7", nil)
            stage.proxy.setMetadataError("t7", nil)
            try await pass(2, stage, control)

            for topic in topics {
                #expect((topic["state"]?.string == "healthy") == (topic["name"]?.string != "t7"), "\(topic)")
            }
            let before = stage.latencies(from: start, to: broken, except: 7)
            let during = stage.latencies(from: broken, to: mended, except: 7)
            let calm = control.latencies(from: broken, to: mended, except: 7)
            #expect(before.count > 300 * seconds && during.count > 300 * seconds)
            let reference = max(before.p99, calm.p99)
            let stalls = stage.stalls(from: broken, to: mended, except: 7, over: reference * 3 / 2)
            print(
                "delivery/one of 20 topics \(trouble), round \(round): \(seconds) s each; before \(before); during "
                    + "\(during); a daemon without trouble during the same seconds \(calm); longer waits in ms, by "
                    + "second: [\(stalls)]; \(stage.proxy.tally)")
            return during.p99 <= max(reference * 3 / 2, reference + Self.floor)
        }

        /// Lets time pass, and waits until what was written by then has been read.
        private func pass(
            _ seconds: Int, _ stage: LatencyStage, _ control: LatencyStage, except file: UInt32? = nil
        ) async throws {
            let end = Clock.monotonic() + Int64(seconds) * nanosecondsPerSecond
            try await waitUntil(timeout: .seconds(seconds + 60), "the time to pass") { Clock.monotonic() >= end }
            try await stage.waitForLines(except: file)
            try await control.waitForLines(except: file)
        }
    }
}

/// A daemon with a declaration and a topic for each of many files, behind a proxy, and a reader that notes when it reads.
private final class LatencyStage {
    private struct Read: Sendable {
        let line: NumberedLine
        let partition: Int32
        /// Monotonic ns.
        let time: Int64
    }
    let daemon: Daemon
    let proxy: KafkaProxy
    let paths: [String]
    private let directory: TemporaryDirectory
    private let stateDirectory: TemporaryDirectory
    private let cluster: MockCluster
    private let reader: KafkaReader<Read>
    private var writer: TimedWriter!

    init(topics: Int) throws {
        directory = try TemporaryDirectory()
        stateDirectory = try TemporaryDirectory(in: "/dev/shm")
        cluster = try MockCluster()
        let names = (0..<topics).map { "t\($0)" }
        for name in names { try cluster.createTopic(name, partitions: 2) }
        try cluster.createTopic("audit", partitions: 1)
        proxy = try KafkaProxy(cluster.bootstrap)
        try directory.makeDirectory("logs")
        paths = names.map { [directory] in directory.path("logs/\($0).log") }
        reader = try KafkaReader(cluster.bootstrap, topics: Set(names)) { view in
            try RecordSummary(view).line.map { Read(line: $0, partition: view.partition, time: Clock.monotonic()) }
        }
        var options = DaemonOptions(brokers: proxy.bootstrap, topic: "t0", paths: [])
        options.stateDirectory = stateDirectory.path("state")
        options.files = zip(names, paths).map { "{name: \($0), paths: [\"\($1)\"], topic: \($0)}" }
        daemon = try Daemon(options, in: directory)
    }

    func start(linesPerSecond: Int64) async throws {
        try await daemon.start()
        writer = try TimedWriter(paths: paths, linesPerSecond: linesPerSecond)
    }

    /// Waits until all lines that are written now have been read, but those of one file.
    func waitForLines(except file: UInt32? = nil) async throws {
        let goal = writer.lines.map { UInt64($0.count) }
        var next = [UInt64](repeating: 0, count: goal.count)
        var taken = 0
        try await waitUntil(timeout: .seconds(60), "the lines so far; \(daemon.process.errorTail)") {
            let reads = reader.items(from: taken)
            taken += reads.count
            for read in reads { next[Int(read.line.file)] = max(next[Int(read.line.file)], read.line.sequence + 1) }
            return goal.indices.allSatisfy { UInt32($0) == file || next[$0] >= goal[$0] }
        }
    }

    func stopWriting() async throws {
        writer.stop()
        try await waitForLines()
    }

    func report() -> SequenceReport {
        var checker = SequenceChecker()
        for read in reader.items() { checker.arrived(read.line, partition: read.partition, at: read.time) }
        let expected = writer.lines.enumerated().map { (UInt32($0), UInt64($1.count)) }
        return checker.report(expected: Dictionary(uniqueKeysWithValues: expected))
    }

    /// From the write to the first reading, of the lines written within a span, but of one file.
    func latencies(from start: Int64, to end: Int64, except file: UInt32) -> Latencies {
        let written = writer.lines
        var seen: Set<NumberedLine> = []
        var values: [Int64] = []
        for read in reader.items() where read.line.file != file {
            let time = written[Int(read.line.file)][Int(read.line.sequence)]
            if time >= start, time < end, seen.insert(read.line).inserted { values.append(read.time - time) }
        }
        return Latencies(values)
    }

    /// The moments at which the others waited longest, for people who look for the reason: each tenth of a second with
    /// more than `limit` ns.
    func stalls(from start: Int64, to end: Int64, except file: UInt32, over limit: Int64)
        -> String
    {
        let written = writer.lines
        var worst: [Int64: Int64] = [:]
        for read in reader.items() where read.line.file != file {
            let time = written[Int(read.line.file)][Int(read.line.sequence)]
            guard time >= start, time < end, read.time - time > limit else { continue }
            worst[(time - start) / ms(100), default: 0] = max(worst[(time - start) / ms(100)] ?? 0, read.time - time)
        }
        return worst.sorted { $0.key < $1.key }.map { "\(Double($0.key) / 10)s: \($0.value / ms(1))" }.joined(
            separator: ", ")
    }
}

/// Latencies of one span, in ns.
private struct Latencies: CustomStringConvertible {
    private let sorted: [Int64]
    var count: Int { sorted.count }
    var p99: Int64 { at(0.99) }

    init(_ values: [Int64]) { sorted = values.sorted() }

    private func at(_ share: Double) -> Int64 { sorted.isEmpty ? 0 : sorted[Int(Double(sorted.count - 1) * share)] }

    var description: String {
        func text(_ value: Int64) -> String { "\(value / ms(1)).\(value / 100_000 % 10)" }
        return "p50 \(text(at(0.5))), p99 \(text(p99)), p99.9 \(text(at(0.999))), max \(text(at(1))) ms of \(count)"
    }
}

/// Writes one numbered line after the other, round-robin, and remembers when. Deinit ends its thread.
private final class TimedWriter: Sendable {
    private struct Content {
        /// When each line was written (monotonic ns), per file.
        var lines: [[Int64]]
        var isStopping = false
    }
    private final class State: Sendable {
        let content: Mutex<Content>
        init(_ files: Int) { content = Mutex(Content(lines: Array(repeating: [], count: files))) }
    }
    private let state: State
    private let thread: Thread

    init(paths: [String], linesPerSecond: Int64) throws {
        let files = try paths.map { path in
            try retryingInterrupts("open", path) { open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644) }
        }
        let state = State(files.count)
        self.state = state
        thread = try Thread(name: "test-writer") {
            TimedWriter.run(state, files, pause: nanosecondsPerSecond / linesPerSecond)
            for raw in files { close(raw) }
        }
    }

    deinit { stop() }

    var lines: [[Int64]] { state.content.withLock { $0.lines } }

    func stop() {
        state.content.withLock { $0.isStopping = true }
        thread.join()
    }

    private static func run(_ state: State, _ files: [Int32], pause: Int64) {
        var due = Clock.monotonic()
        var number = 0
        while !state.content.withLock({ $0.isStopping }) {
            let file = number % files.count
            let line = NumberedLines.line(file: UInt32(file), sequence: UInt64(number / files.count)) + [0x0A]
            let now = Clock.monotonic()
            // The time first: a line must not be read before its time is known.
            state.content.withLock { $0.lines[file].append(now) }
            precondition(write(files[file], line, line.count) == line.count, "a write into a test's own file")
            number += 1
            due += pause
            let left = due - Clock.monotonic()
            if left > 0 { usleep(UInt32(left / 1_000)) }
        }
    }
}

/// A whole number of the environment; nil when it is not set.
private func environmentNumber(_ name: String) -> Int? { getenv(name).flatMap { Int(String(cString: $0)) } }
