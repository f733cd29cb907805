// A million lines through the daemon, judged by a live reader; a tenth of them read back by kcat from noida-db.
import Core
import TestSupport
import Testing

extension DeliveryScenarios {
    @Suite("Volume", .serialized, .timeLimit(.minutes(4)))
    struct Volume {
        @Test("100 files of 10,000 lines arrive once, in order, covered from 0 to their sizes")
        func million() async throws {
            let bench = try DeliveryBench(partitions: 128)
            let start = Clock.monotonic()
            let written = try writeFiles(bench.logs(100), lines: 10_000)
            let filled = elapsed(since: start)
            let shipping = Clock.monotonic()
            try await bench.daemon.start()
            try await bench.waitForLines(1_000_000, timeout: .seconds(150))
            let shipped = elapsed(since: shipping)
            let report = bench.expectComplete(written)
            #expect(report.duplicates == 0 && report.firstOutOfOrder == 0)
            #expect(try await bench.daemon.terminate() == .exited(0))
            print("delivery/million: \(report); files written in \(filled), shipped and read in \(shipped)")
        }

        /// noida-db keeps everything in memory and in a JSON file: a million records are too many for it.
        @Test("100 files of 1,000 lines, read back from noida-db by kcat, arrived once, in order, under their keys")
        func kcat() async throws {
            let broker = try await NoidaBroker.start()
            try await broker.createTopic("logs", partitions: 6)
            let directory = try TemporaryDirectory()
            try directory.makeDirectory("logs")
            let start = Clock.monotonic()
            let written = try writeFiles((0..<100).map { directory.path("logs/\($0).log") }, lines: 1_000)
            let daemon = try Daemon(
                DaemonOptions(brokers: broker.bootstrap, topic: "logs", paths: [directory.path("logs/*.log")]),
                in: directory)
            try await daemon.start()
            try await daemon.waitForStatus(timeout: .seconds(90), "everything acknowledged") {
                $0["totals"]?["acknowledged"]?.uint64 == written.bytes.reduce(0, +)
            }
            let shipped = elapsed(since: start)
            #expect(try await daemon.terminate() == .exited(0))
            var judgement = KcatJudgement(partitions: 6)
            try judgement.take(
                try await run(
                    "kcat",
                    [
                        "-C", "-q", "-e", "-b", broker.bootstrap, "-t", "logs", "-o", "beginning", "-X",
                        "receive.message.max.bytes=1500000000", "-f", "%p %o %k %s\n",
                    ], timeout: .seconds(90)))
            let report = judgement.expectComplete(written)
            #expect(report.duplicates == 0 && report.firstOutOfOrder == 0)
            print("delivery/kcat: \(report); shipped in \(shipped), with kcat's reading \(elapsed(since: start))")
        }
    }
}

/// Writes file `i` of `paths` with numbered lines of file number `i`.
func writeFiles(_ paths: [String], lines: UInt64) throws -> PacedWriter.Written {
    let writer = try PacedWriter(
        paths: paths, linesPerSecond: 1_000_000_000, limit: lines * UInt64(paths.count))
    while writer.written.total < lines * UInt64(paths.count) {}
    return try writer.stop()
}

/// Judges kcat's output line by line: `partition offset key value`.
struct KcatJudgement {
    let partitions: Int
    private var checker = SequenceChecker()
    private var coverage = CoverageChecker<Identifier128>()
    private var sizes: [Identifier128: UInt32] = [:]

    init(partitions: Int) { self.partitions = partitions }

    mutating func take(_ output: String) throws {
        var expectedPartition: [[UInt8]: Int32] = [:]
        for line in Array(output.utf8).split(separator: 0x0A) {
            let parts = line.split(separator: 0x20, maxSplits: 3)
            guard parts.count == 4, let partition = Int32(String(decoding: parts[0], as: UTF8.self)),
                let offset = Int64(String(decoding: parts[1], as: UTF8.self))
            else { throw FixtureError("kcat wrote: \(String(decoding: line.prefix(200), as: UTF8.self))") }
            let key = Array(parts[2])
            let arrival = try parts[2].withUnsafeBufferPointer { key in
                try parts[3].withUnsafeBufferPointer { value in
                    try Arrival(
                        KafkaRecordView(
                            topic: "logs", partition: partition, offset: offset, timestamp: -1, key: key, value: value))
                }
            }
            #expect(arrival.keyIsStream)
            let expected = expectedPartition[key] ?? defaultPartition(of: key, partitions: partitions)
            expectedPartition[key] = expected
            #expect(partition == expected)
            coverage.record(arrival.summary)
            let numbered = try #require(arrival.summary.line)
            checker.arrived(numbered, partition: partition, at: 0)
            sizes[arrival.summary.fileID] = numbered.file
        }
        #expect(expectedPartition.count == 100)
    }

    /// Every file is one generation, covered from 0 to its size.
    func expectComplete(_ written: PacedWriter.Written) -> SequenceReport {
        var lines: [UInt32: UInt64] = [:]
        for (index, count) in written.lines.enumerated() { lines[UInt32(index)] = count }
        let report = checker.report(expected: lines)
        #expect(report.isComplete, "\(report)")
        #expect(sizes.count == written.bytes.count)
        for (generation, judgement) in coverage.report() {
            #expect(judgement.isComplete && judgement.contiguousEnd == sizes[generation].map { written.bytes[Int($0)] })
        }
        return report
    }
}
