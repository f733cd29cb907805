// A million lines through the daemon into noida-db, read back by kcat: a consumer that shares no code with Longshore.
import Core
import Glibc
import TestSupport
import Testing

extension DeliveryScenarios {
    @Suite("Volume", .serialized, .timeLimit(.minutes(4)))
    struct Volume {
        /// A million lz4-compressed records cost noida-db 300 MiB.
        @Test("100 files of 10,000 lines, read back from noida-db by kcat, arrived once, in order, under their keys")
        func kcat() async throws {
            let broker = try await NoidaBroker.start()
            try await broker.createTopic("logs", partitions: 6)
            let directory = try TemporaryDirectory()
            try directory.makeDirectory("logs")
            let start = Clock.monotonic()
            let written = try writeFiles((0..<100).map { directory.path("logs/\($0).log") }, lines: 10_000)
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
            let kcat = try ChildProcess(
                "kcat",
                [
                    "-C", "-q", "-e", "-b", broker.bootstrap, "-t", "logs", "-o", "beginning", "-X",
                    "receive.message.max.bytes=1500000000", "-f", "%p %o %k %s\\n",
                ], directory: directory)
            #expect(try await kcat.wait(timeout: .seconds(120)) == .exited(0))
            try judgement.take(contentsOf: kcat.standardOutputPath)
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
    private var expectedPartition: [Identifier128: Int32] = [:]

    init(partitions: Int) { self.partitions = partitions }

    /// Takes a file of such lines, a piece at a time.
    mutating func take(contentsOf path: String) throws {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        defer { close(descriptor) }
        var rest: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        while true {
            let count = read(descriptor, &buffer, buffer.count)
            guard count > 0 else { break }
            rest.append(contentsOf: buffer[..<count])
            guard let end = rest.lastIndex(of: 0x0A) else { continue }
            for line in rest[..<end].split(separator: 0x0A) { try take(line) }
            rest.removeFirst(end + 1)
        }
        #expect(rest.isEmpty && expectedPartition.count == 100)
    }

    private mutating func take(_ line: ArraySlice<UInt8>) throws {
        let parts = line.split(separator: 0x20, maxSplits: 3)
        guard parts.count == 4, let partition = Int32(String(decoding: parts[0], as: UTF8.self)),
            let offset = Int64(String(decoding: parts[1], as: UTF8.self))
        else { throw FixtureError("kcat wrote: \(String(decoding: line.prefix(200), as: UTF8.self))") }
        let arrival = try parts[2].withUnsafeBufferPointer { key in
            try parts[3].withUnsafeBufferPointer { value in
                try Arrival(
                    KafkaRecordView(
                        topic: "logs", partition: partition, offset: offset, timestamp: -1, key: key, value: value))
            }
        }
        guard arrival.keyIsStream, let stream = arrival.stream, let numbered = arrival.summary.line else {
            throw FixtureError("no record of a numbered line: \(String(decoding: line.prefix(200), as: UTF8.self))")
        }
        let expected =
            expectedPartition[stream] ?? defaultPartition(of: Array(parts[2]), partitions: partitions)
        expectedPartition[stream] = expected
        guard partition == expected else { throw FixtureError("key \(stream) in \(partition), not in \(expected)") }
        coverage.record(arrival.summary)
        checker.arrived(numbered, partition: partition, at: 0)
        sizes[arrival.summary.fileID] = numbered.file
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
