// The fixtures find what they are there to find.
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

    @Test("Summaries of 20,000 records a second are read along without missing one")
    func keepsUp() async throws {
        let cluster = try MockCluster()
        try cluster.createTopic("fast", partitions: 4)
        let reader = try KafkaReader(summariesOf: "fast", cluster.bootstrap)
        let writer = try KafkaWriter(cluster.bootstrap)
        let file = FileID.random()
        let start = Clock.monotonic()
        var offset: UInt64 = 0
        for sequence in 0..<UInt64(40_000) {
            let line = NumberedLines.line(file: 3, sequence: sequence)
            let json = sampleRecord(file: file, offset: offset, line: line)
            offset += UInt64(line.count) + 1
            try writer.produce("fast", partition: 2, key: [], value: json)
            let due = start + Int64(sequence) * 50_000
            if sequence % 200 == 0, Clock.monotonic() < due {
                try await Task.sleep(for: .nanoseconds(due - Clock.monotonic()))
            }
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

@Suite("Fixtures: processes and files")
struct ProcessFixtureTests {
    @Test("A temporary directory goes with everything in it, whatever the names, and whatever the test throws")
    func temporaryDirectory() async throws {
        struct Expected: Error {}
        var path = ""
        await #expect(throws: Expected.self) {
            try await withTemporaryDirectory { directory in
                path = directory.path
                try directory.makeDirectory("a/b")
                try directory.write("x", to: "a/b/new\nline")
                try directory.append("y", to: "a/b/new\nline")
                #expect(try directory.read("a/b/new\nline") == Array("xy".utf8))
                throw Expected()
            }
        }
        guard case .failure(let error) = FileSystem.status(Array(path.utf8)) else {
            Issue.record("\(path) is still there")
            return
        }
        #expect(error.reason == "No such file or directory")
    }

    @Test("A child's output, exit status, signal and usage are told")
    func childProcess() async throws {
        let directory = try TemporaryDirectory()
        let child = try ChildProcess(
            "sh", ["-c", "echo out $ADDED; echo err >&2; exit 3"], environment: ["ADDED": "here"], directory: directory)
        #expect(try await child.wait() == .exited(3))
        #expect(child.standardOutput == "out here\n")
        #expect(child.standardError == "err\n")

        let sleeper = try ChildProcess("sleep", ["1000"], directory: directory)
        #expect(sleeper.isRunning)
        let usage = try #require(sleeper.usage())
        #expect(usage.residentBytes > 0 && usage.peakResidentBytes >= usage.residentBytes)
        await #expect(throws: FixtureError.self) { try await sleeper.wait(timeout: .milliseconds(50)) }
        sleeper.signal(15)
        #expect(try await sleeper.wait() == .killed(signal: 15))
        #expect(sleeper.usage() == nil)
    }

    @Test("A child's own children end with it")
    func processGroup() async throws {
        let directory = try TemporaryDirectory()
        let shell = try ChildProcess("sh", ["-c", "sleep 1000 & echo $!; exit 0"], directory: directory)
        #expect(try await shell.wait() == .exited(0))
        let grandchild = try #require(Int32(shell.standardOutput.dropLast()))
        try await waitUntil("the grandchild's end") { processUsage(of: grandchild)?.residentBytes ?? 0 == 0 }
    }

    @Test("Numbered lines tell themselves apart, and a flipped bit in any byte is noticed")
    func numberedLines() {
        for sequence in [UInt64(0), 1, 77, 123_456_789] {
            let line = NumberedLines.line(file: 12, sequence: sequence)
            #expect(NumberedLines.check(line) == NumberedLine(file: 12, sequence: sequence))
            #expect(String(validating: line, as: UTF8.self) != nil)
            for index in line.indices {
                var broken = line
                broken[index] ^= 1 << (index % 8)
                #expect(NumberedLines.check(broken) == nil, "byte \(index) of sequence \(sequence)")
            }
            #expect(NumberedLines.check(line.dropLast()) == nil)
        }
        let lengths = Set((0..<1000).map { NumberedLines.line(file: 1, sequence: $0).count })
        #expect(lengths.count > 200)
    }

    @Test("A paced writer keeps its rate, goes on after a rotation, and says exactly what it wrote")
    func pacedWriter() async throws {
        let directory = try TemporaryDirectory()
        let paths = (0..<3).map { directory.path("\($0).log") }
        let start = ContinuousClock().now
        let writer = try PacedWriter(paths: paths, linesPerSecond: 5000, firstFile: 10)
        try await writer.waitForTotal(500)
        try writer.rotate(1, to: directory.path("1.log.1"))
        try await writer.waitForTotal(2500)
        #expect(ContinuousClock().now - start >= .milliseconds(490))
        let written = try writer.stop()
        for (index, names) in [["0.log"], ["1.log.1", "1.log"], ["2.log"]].enumerated() {
            let content = try names.flatMap { try directory.read($0) }
            let lines = content.split(separator: 0x0A)
            #expect(content.count == Int(written.bytes[index]))
            #expect(
                lines.map { NumberedLines.check($0) }
                    == (0..<written.lines[index]).map { NumberedLine(file: UInt32(10 + index), sequence: $0) })
        }
    }
}

@Suite("Fixtures: judging coverage")
struct CoverageFixtureTests {
    private func coverage(_ build: (inout CoverageChecker<String>) -> Void) -> FileCoverage {
        var checker = CoverageChecker<String>()
        build(&checker)
        return checker.coverage(of: "f")
    }

    @Test("Contiguous records, a skipped range and a gap are complete")
    func complete() {
        let found = coverage {
            $0.record("f", offset: 5, byteCount: 5, skipped: 5)
            $0.gap("f", from: 10, to: 30)
            $0.record("f", offset: 30, byteCount: 10)
            $0.expect("f", size: 40)
        }
        #expect(found.isComplete && found.contiguousEnd == 40 && found.gapBytes == 20 && found.skippedBytes == 5)
        #expect(found.duplicateRecords == 0 && found.records == 2)
    }

    @Test("Holes at the start, inside and before the expected end are found")
    func holes() {
        let found = coverage {
            $0.record("f", offset: 2, byteCount: 8)
            $0.record("f", offset: 15, byteCount: 5)
            $0.expect("f", size: 30)
        }
        #expect(found.holes == [0..<2, 10..<15, 20..<30])
        #expect(found.contiguousEnd == 0 && !found.isComplete)
        #expect(coverage { $0.expect("f", size: 9) }.holes == [0..<9])
    }

    @Test("A gap of unknown extent covers what is missing from its start on, and nothing before")
    func openGap() {
        let found = coverage {
            $0.record("f", offset: 0, byteCount: 10)
            $0.gap("f", from: 12, to: nil)
            $0.record("f", offset: 20, byteCount: 5)
            $0.expect("f", size: 30)
        }
        #expect(found.holes == [10..<12])
        #expect(found.gapBytes == 13 && found.contiguousEnd == 10)
    }

    @Test("An exact repetition is a duplicate; any other double cover is an overlap")
    func overlaps() {
        let repeated = coverage {
            $0.record("f", offset: 0, byteCount: 10)
            $0.record("f", offset: 10, byteCount: 10)
            $0.record("f", offset: 0, byteCount: 10)
            $0.record("f", offset: 10, byteCount: 10)
        }
        #expect(repeated.duplicateRecords == 2 && repeated.duplicateBytes == 20 && repeated.isComplete)
        let crossed = coverage {
            $0.record("f", offset: 0, byteCount: 10)
            $0.record("f", offset: 8, byteCount: 10)
            $0.gap("f", from: 15, to: 20)
        }
        #expect(crossed.overlaps == [8..<10, 15..<18] && !crossed.isComplete)
    }

    @Test("Disorder is judged by the last arrival: a replay from an earlier offset is fine, overtaking is not")
    func order() {
        let replayed = coverage {
            for start in [0, 10, 20, 10, 20, 30] { $0.record("f", offset: UInt64(start), byteCount: 10) }
        }
        #expect(replayed.orderViolations == 0 && replayed.duplicateRecords == 2 && replayed.isComplete)
        let overtaken = coverage {
            for start in [0, 20, 10, 30] { $0.record("f", offset: UInt64(start), byteCount: 10) }
        }
        #expect(overtaken.orderViolations == 1 && overtaken.firstArrivalViolations == 1 && overtaken.holes.isEmpty)
        let repaired = coverage {
            for start in [0, 20, 10, 20, 30] { $0.record("f", offset: UInt64(start), byteCount: 10) }
        }
        #expect(repaired.orderViolations == 0 && repaired.firstArrivalViolations == 1)
        let half = coverage {
            for start in [0, 10, 20, 10] { $0.record("f", offset: UInt64(start), byteCount: 10) }
        }
        #expect(half.orderViolations == 1)
    }

    @Test("One file on two partitions is not in order, whatever the arrivals")
    func partitions() {
        let found = coverage {
            $0.record("f", offset: 0, byteCount: 10, partition: 1)
            $0.record("f", offset: 10, byteCount: 10, partition: 2)
        }
        #expect(found.partitions == [1, 2] && !found.isComplete)
    }
}

@Suite("Fixtures: JSON")
struct JSONFixtureTests {
    @Test("A record's fields come out with escapes resolved and numbers whole")
    func fields() throws {
        let record = try RecordFields(
            parsing: Array(
                #"{"message":"a\"\\\/\n\u00e9\ud83d\udea2z ü","log.file.offset":18446744073709551615,"b":[1,{"c":null}]}"#
                    .utf8))
        #expect(record.message == "a\"\\/\né🚢z ü")
        #expect(record.offset == .max)
        #expect(record["b"] == .array([.number("1"), .object(["c": .null])]))
        #expect(record.skippedBytes == 0)
    }

    @Test(
        "What RFC 8259 forbids is refused",
        arguments: [
            "", "{", "{}x", "{}{}", "[1,]", #"{"a":1,}"#, #"{"a":1 "b":2}"#, #"{"a"}"#, "{a:1}", "01", "1.", "-", "1e",
            ".5", "+1", "tru", "nul", "'a'", #""a"#, #""\x41""#, #""\u12g4""#, #""\ud83d""#, #""\ude00""#,
            #""\ud83d\u0041""#, "\"a\nb\"", "\"\u{0}\"", #"{"a":1,"a":2}"#, "NaN",
        ])
    func malformed(_ text: String) {
        #expect(throws: JSONError.self) { try JSONValue(parsing: Array(text.utf8)) }
    }

    @Test(
        "Invalid UTF-8 in a string is refused",
        arguments: [
            [0x80], [0xC0, 0x80], [0xC3], [0xE0, 0x80, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xFF],
        ])
    func invalidUTF8(_ bytes: [UInt8]) {
        #expect(throws: JSONError.self) { try JSONValue(parsing: [0x22] + bytes + [0x22]) }
    }

    @Test("Nesting beyond 64 levels is refused, not followed")
    func depth() throws {
        let nested = { (levels: Int) in
            Array((String(repeating: "[", count: levels) + String(repeating: "]", count: levels)).utf8)
        }
        #expect(throws: Never.self) { try JSONValue(parsing: nested(64)) }
        #expect(throws: JSONError.self) { try JSONValue(parsing: nested(100_000)) }
    }
}
