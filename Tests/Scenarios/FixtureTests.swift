// The brokers, readers and writers the tests stand on.
import Core
import LinuxIO
import Testing
import TestSupport

@Suite("Fixtures: brokers and readers", .timeLimit(.minutes(2)))
struct BrokerFixtureTests {
    @Test("A thousand records written by kcat come back from noida-db exactly")
    func noidaRoundTrip() async throws {
        let broker = try await NoidaBroker.start()
        try await broker.createTopic("numbers", partitions: 3)
        let directory = try TemporaryDirectory()
        let lines = (0..<1000).map { "k\($0 % 7)|value \($0) äö \\ \"" }
        let input = try directory.write(lines.joined(separator: "\n") + "\n", to: "input")
        try await run("kcat", ["-P", "-b", broker.bootstrap, "-t", "numbers", "-K", "|", "-l", input])

        let records = try await readRecords(broker.bootstrap, topic: "numbers", until: .count(1000))
        let read = records.map { "\(String(decoding: $0.key ?? [], as: UTF8.self))|\($0.text)" }
        #expect(read.sorted() == lines.sorted())
        #expect(Set(records.map(\.partition)).isSubset(of: [0, 1, 2]))
        for partition in Int32(0)..<3 {
            let offsets = records.filter { $0.partition == partition }.map(\.offset)
            #expect(offsets == Array(0..<Int64(offsets.count)))
        }
    }

    @Test("noida-db keeps its port and its records over a restart")
    func noidaRestart() async throws {
        let broker = try await NoidaBroker.start()
        try await broker.createTopic("t", partitions: 1)
        let writer = try KafkaWriter(broker.bootstrap)
        try writer.produce("t", partition: 0, key: [1], value: Array("before".utf8))
        try await writer.flush()
        try await broker.stop()
        await #expect(throws: FixtureError.self) {
            try await readRecords(broker.bootstrap, topic: "t", timeout: .milliseconds(300))
        }
        try await broker.restart()
        #expect(try await readRecords(broker.bootstrap, topic: "t", until: .count(1)).map(\.text) == ["before"])
        try writer.produce("t", partition: 0, key: [1], value: Array("after".utf8))
        try await writer.flush()
        #expect(
            try await readRecords(broker.bootstrap, topic: "t", until: .count(2)).map(\.text) == ["before", "after"])
    }

    @Test("A reader that was there first gets everything from a topic and partitions made later")
    func liveReader() async throws {
        let cluster = try MockCluster(brokers: 2)
        let reader = try KafkaReader(cluster.bootstrap, topic: "late")
        let writer = try KafkaWriter(cluster.bootstrap)
        try cluster.createTopic("late", partitions: 2)
        for number in 0..<1000 {
            try writer.produce("late", partition: Int32(number % 2), key: [], value: Array("\(number)".utf8))
        }
        try await writer.flush()
        try await reader.waitForCount(1000)
        let records = reader.stop()
        #expect(records.map(\.text).compactMap { Int($0) }.sorted() == Array(0..<1000))
        #expect(records.filter { $0.partition == 0 }.map(\.text) == (0..<500).map { "\($0 * 2)" })
        #expect(reader.missedMessages == 0)
        #expect(reader.problems.isEmpty)
    }

    @Test("A bounded read ends at the end of all partitions, and fails for a topic that is not there")
    func boundedRead() async throws {
        let cluster = try MockCluster()
        try cluster.createTopic("few", partitions: 3)
        let writer = try KafkaWriter(cluster.bootstrap)
        try writer.produce("few", partition: 1, key: [7], value: [1, 2, 3])
        try await writer.flush()
        let records = try await readRecords(cluster.bootstrap, topic: "few")
        #expect(records.map(\.value) == [[1, 2, 3]])
        #expect(records.map(\.key) == [[7]])
        await #expect(throws: FixtureError.self) {
            try await readRecords(cluster.bootstrap, topic: "none", timeout: .seconds(1))
        }
    }

    @Test("What the mock cluster dropped before it was read is counted as missed")
    func missedMessages() async throws {
        let cluster = try MockCluster()
        try cluster.createTopic("big", partitions: 1)
        let writer = try KafkaWriter(cluster.bootstrap)
        let value = [UInt8](repeating: 0x61, count: 100_000)
        for _ in 0..<100 { try writer.produce("big", partition: 0, key: [], value: value) }
        try await writer.flush()
        let reader = try KafkaReader(cluster.bootstrap, topic: "big")
        try await reader.waitForCount(1)
        try await reader.waitForEnds()
        reader.stop()
        #expect(reader.missedMessages > 0)
        #expect(Int64(reader.count) + reader.missedMessages == 100)
    }

    @Test("A mock broker that is down takes nothing until it is up again; pushed errors fail single requests")
    func downAndUp() async throws {
        let cluster = try MockCluster()
        try cluster.createTopic("t", partitions: 1)
        let writer = try KafkaWriter(cluster.bootstrap)
        try writer.produce("t", partition: 0, key: [], value: [1])
        try await writer.flush()
        try cluster.setDown()
        try writer.produce("t", partition: 0, key: [], value: [2])
        await #expect(throws: FixtureError.self) { try await writer.flush(timeout: .seconds(1)) }
        try cluster.setUp()
        try await writer.flush()
        cluster.pushRequestErrors(.produce, [.notLeader])
        try writer.produce("t", partition: 0, key: [], value: [3])
        try await writer.flush()
        #expect(try await readRecords(cluster.bootstrap, topic: "t", until: .count(3)).map(\.value) == [[1], [2], [3]])
    }

    @Test("Summaries of records are read along while these are written, without missing one")
    func keepsUp() async throws {
        let cluster = try MockCluster()
        try cluster.createTopic("fast", partitions: 4)
        let reader = try KafkaReader(summariesOf: "fast", cluster.bootstrap)
        let writer = try KafkaWriter(cluster.bootstrap)
        let file = FileID.random()
        var offset: UInt64 = 0
        for sequence in 0..<UInt64(40_000) {
            let line = NumberedLines.line(file: 3, sequence: sequence)
            let json = sampleRecord(file: file, offset: offset, line: line)
            offset += UInt64(line.count) + 1
            try writer.produce("fast", partition: 2, key: [], value: json)
            // The cluster keeps some megabytes: the reader may be this far behind, however slow the machine is.
            if sequence % 200 == 0 { try await reader.waitForCount(Int(sequence) - 4_000) }
        }
        try await writer.flush()
        try await reader.waitForCount(40_000)
        let summaries = reader.stop()
        #expect(reader.missedMessages == 0)
        #expect(reader.problems.isEmpty)
        #expect(summaries.map(\.line) == (0..<40_000).map { NumberedLine(file: 3, sequence: $0) })
        var checker = CoverageChecker<Identifier128>()
        for summary in summaries { checker.record(summary) }
        checker.expect(file.value, size: offset)
        #expect(checker.coverage(of: file.value).isComplete, "\(checker.coverage(of: file.value))")
        #expect(checker.coverage(of: file.value).contiguousEnd == offset)
    }

    private func sampleRecord(file: FileID, offset: UInt64, line: [UInt8]) -> [UInt8] {
        var json = JSONText()
        json.begin()
        json.member("@timestamp", Timestamp.now().description)
        json.member("host.name", "node-17.dc1.example.com")
        json.member("log.declaration", "bench")
        json.member("log.file.path", "/var/log/containers/some/application/with/a/long/path.log")
        json.member("log.file.id", file.description)
        json.member("log.file.offset", offset)
        json.member("log.record.bytes", UInt64(line.count) + 1)
        json.member("message", String(decoding: line, as: UTF8.self))
        json.end()
        return json.bytes
    }
}
