// What the memory scenarios stand on: hundreds of files, several topics, one cluster whose brokers go and come.
import Core
import Glibc
import LinuxIO
import Synchronization
import TestSupport
import Testing

/// When a record came to the consumer.
struct TimedArrival: Sendable {
    /// Nil where only the time of arrival matters: a reader that parses everything would be slower than the daemon.
    let summary: RecordSummary?
    /// Wall clock ns at which it was handed to the producer (to the millisecond), and at which the reader had it.
    let produced: Int64
    let read: Int64
}

/// The streams whose records are parsed: those of the first so many records.
private final class ParsedStreams: Sendable {
    private let keys = Mutex<Set<UInt64>>([])
    private let count: Int

    init(_ count: Int) { self.count = count }

    func contains(_ view: KafkaRecordView) -> Bool {
        guard let key = view.key, key.count >= 8 else { return true }
        let start = UnsafeRawPointer(key.baseAddress!).loadUnaligned(as: UInt64.self)
        return keys.withLock { keys in
            if keys.count < count { keys.insert(start) }
            return keys.contains(start)
        }
    }
}

/// A daemon on `files` files spread over `topics` topics, and a reader of all of them.
final class MemoryBench {
    let directory: TemporaryDirectory
    let cluster: MockCluster
    let reader: KafkaReader<TimedArrival>
    let daemon: Daemon
    let paths: [String]
    static let memoryLimit: UInt64 = 32 << 20
    /// Bytes and lines of all floods.
    private(set) var written: UInt64 = 0
    private(set) var lines = 0
    private let stateDirectory: TemporaryDirectory
    private var round: UInt64 = 0

    /// `parsed`: records of the first so many streams are parsed, for others only the time is kept; nil: all are parsed.
    init(files: Int, topics: Int, parsed: Int? = nil) throws {
        let directory = try TemporaryDirectory(in: "/dev/shm")
        self.directory = directory
        stateDirectory = try TemporaryDirectory(in: "/dev/shm")
        cluster = try MockCluster()
        let names = (0..<topics).map { "logs\($0)" }
        for name in names { try cluster.createTopic(name, partitions: 32) }
        try cluster.createTopic("audit", partitions: 1)
        let streams = parsed.map { ParsedStreams($0) }
        reader = try KafkaReader(cluster.bootstrap, topics: Set(names)) {
            let isParsed = streams?.contains($0) ?? true
            return TimedArrival(
                summary: isParsed ? try RecordSummary($0) : nil, produced: ms($0.timestamp), read: Clock.wall())
        }
        var options = DaemonOptions(brokers: cluster.bootstrap, topic: "logs0", paths: [])
        options.stateDirectory = stateDirectory.path("state")
        options.topLevelLines = ["limits: {memory: 32MiB}"]
        options.files = names.enumerated().map { index, name in
            "{name: n\(index), paths: [\"\(directory.path("\(index)/**/*.log"))\"], topic: \(name)}"
        }
        for index in 0..<topics { try directory.makeDirectory("\(index)") }
        try directory.makeDirectory("0/quiet")
        paths = (0..<files).map { directory.path("\($0 % topics)/\($0).log") }
        for path in paths { close(try retryingInterrupts("open", path) { open(path, O_WRONLY | O_CREAT, 0o644) }) }
        daemon = try Daemon(options, in: directory)
    }

    /// Appends about `bytes` to each file as fast as it goes: lines of 6,000 bytes, which fill the memory before the queue,
    /// or numbered lines of about 200 bytes, which fill the queue first.
    func flood(_ bytes: Int, longLines: Bool) throws {
        let long = [UInt8](repeating: 0x78, count: 5_999) + [0x0A]
        for (index, path) in paths.enumerated() {
            var buffer: [UInt8] = []
            if longLines {
                while buffer.count < bytes { buffer += long }
            } else {
                var sequence = round << 32
                while buffer.count < bytes {
                    NumberedLines.append(file: UInt32(index), sequence: sequence, to: &buffer)
                    buffer.append(0x0A)
                    sequence += 1
                }
            }
            let file = try retryingInterrupts("open", path) { open(path, O_WRONLY | O_APPEND) }
            defer { close(file) }
            try writeAll(buffer, to: file)
            written += UInt64(buffer.count)
            lines += buffer.count { $0 == 0x0A }
        }
        round += 1
    }

    func setDown() async throws {
        try cluster.setDown()
        try await daemon.waitForStatus("no broker answers") { $0["kafka"]?["up"]?.bool == false }
    }

    /// Waits until the daemon reads no more because its buffers or its queue are full, and gives its status.
    func waitForFull() async throws -> JSONValue {
        var last: JSONValue?
        var since = Clock.monotonic()
        try await waitUntil(timeout: .seconds(60), "a daemon that reads no more; \(daemon.process.errorTail)") {
            let status = try await daemon.status()
            let inFlight = status["totals"]?["inFlight"]?.uint64 ?? 0
            if inFlight == 0 || last?["counters"]?["readBytes"] != status["counters"]?["readBytes"] {
                last = status
                since = Clock.monotonic()
            }
            return Clock.monotonic() - since > ms(1_500)
        }
        return try await daemon.status()
    }

    func waitForDrained() async throws {
        let written = written
        try await daemon.waitForStatus(timeout: .seconds(120), "\(written) bytes acknowledged") {
            $0["totals"]?["acknowledged"]?.uint64 == written && $0["totals"]?["inFlight"]?.uint64 == 0
        }
    }

    /// Every byte of every file arrived, in order, and nothing else.
    func expectComplete() async throws {
        let reader = reader
        var coverage = CoverageChecker<Identifier128>()
        var taken = 0
        var read: UInt64 = 0
        let written = written
        try await waitUntil(timeout: .seconds(60), "\(written) bytes at the consumer; \(read) came") {
            let arrivals = reader.items(from: taken)
            taken += arrivals.count
            for case let summary? in arrivals.lazy.map(\.summary) {
                coverage.record(summary)
                read += summary.byteCount
            }
            return read >= written
        }
        #expect(reader.missedMessages == 0 && reader.problems.isEmpty, "\(reader.problems)")
        let report = coverage.report()
        #expect(report.count == paths.count)
        #expect(report.values.allSatisfy { $0.isComplete })
        #expect(report.values.reduce(0) { $0 + $1.contiguousEnd } == written)
    }
}

/// Records in flight of all topics but the audit topic's stay within the queue.
func expectWithinQueue(_ status: JSONValue) throws {
    let topics = try #require(status["kafka"]?["topics"]?.array)
    let inFlight = topics.filter { $0["name"]?.string != "audit" }.compactMap { $0["inFlight"]?.uint64 }
    let queue = try #require(status["kafka"]?["queueRecords"]?.uint64)
    #expect(inFlight.reduce(0, +) <= queue, "\(inFlight)")
}

/// The memory section of a status: resident, beside the buffers, and the most that may be.
func memory(_ status: JSONValue) throws -> (resident: UInt64, buffers: UInt64, overhead: UInt64, overheadLimit: UInt64)
{
    let memory = try #require(status["memory"])
    return (
        try #require(memory["residentBytes"]?.uint64), try #require(memory["bufferBytes"]?.uint64),
        try #require(memory["overheadBytes"]?.uint64), try #require(memory["overheadLimitBytes"]?.uint64)
    )
}

func mebibytes(_ bytes: UInt64) -> String { "\(bytes >> 20).\(bytes >> 10 % 1024 * 10 / 1024) MiB" }

/// The value below which `share` of `values` lie.
func quantile(_ values: [Int64], _ share: Double) -> Int64 {
    let sorted = values.sorted()
    return sorted.isEmpty ? 0 : sorted[min(sorted.count - 1, Int(Double(sorted.count) * share))]
}
