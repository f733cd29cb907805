// `longshore verify` as a program: on planted topics, and on what a daemon that is killed has shipped.
import Core
import TestSupport
import Testing

@Suite("Verify", .serialized, .timeLimit(.minutes(10)))
struct VerifyScenarios {
    private static let stream = "0000000000000000000000000000000a"

    private static func record(
        _ offset: Int, _ bytes: Int, file: Int = 1, skipped: Int = 0, stream: String = stream
    ) -> String {
        let id = "000000000000000000000000000000\(file < 10 ? "0" : "")\(file)"
        let skip = skipped > 0 ? #","log.skipped.bytes":\#(skipped)"# : ""
        return
            #"{"message":"{\"log.file.offset\":3}","host.name":"node","container.id":"c0ffee","container.name":"shop\u001b[31m","log.declaration":"app","log.stream.id":"\#(stream)","log.file.path":"/l/a.log","log.file.id":"\#(id)","log.file.offset":\#(offset),"log.record.bytes":\#(bytes)\#(skip)}"#
    }

    private static func event(_ kind: String, file: Int, _ members: String) -> String {
        #"{"event":"\#(kind)","@timestamp":"2026-11-21T19:45:00.000000000Z","host.name":"node","container.id":"c0ffee","log.declaration":"app","log.stream.id":"\#(stream)","log.file.path":"/l/a.log","topic":"logs","log.file.id":"0000000000000000000000000000000\#(file)",\#(members)}"#
    }

    /// Everything that can be wrong with a topic, once.
    private static let planted: [(key: String, value: String)] =
        [
            record(0, 10), record(13, 7, skipped: 3), record(20, 10), record(20, 10),  // one repeated
            record(40, 10),  // a hole before it
            record(45, 10),  // an overlap
            record(80, 10), record(70, 10),  // a gap before them; they changed places
            record(0, 5, file: 2), "hello", #"{"message":"of somebody else"}"#,
            record(-1, 5), record(5, 5).replacing("\"log.file.offset\":5,", with: ""),
        ].map { (stream, $0) } + [("someone", record(30, 10))]

    private static let announced = [
        event("generation_opened", file: 1, #""from":0"#),
        event("gap", file: 1, #""from":55,"to":70,"reason":"oversize""#),
        event("gap", file: 1, #""from":55,"to":70,"reason":"oversize""#),
        event("generation_closed", file: 1, #""size":90,"acknowledged":1,"skipped":3,"gap_bytes":15,"records":9"#),
        event("generation_opened", file: 3, #""from":0"#),
        event("generation_closed", file: 3, #""size":77,"acknowledged":77,"skipped":0,"gap_bytes":0,"records":9"#),
    ]

    private func plant(_ cluster: MockCluster) async throws {
        try cluster.createTopic("logs", partitions: 2)
        try cluster.createTopic("longshore.audit", partitions: 1)
        let writer = try KafkaWriter(cluster.bootstrap)
        for (key, value) in Self.planted {
            try writer.produce("logs", partition: 1, key: Array(key.utf8), value: Array(value.utf8))
        }
        for value in Self.announced {
            try writer.produce(
                "longshore.audit", partition: 0, key: Array(Self.stream.utf8), value: Array(value.utf8))
        }
        try await writer.flush()
    }

    @Test("A planted topic is reported exactly, as JSON")
    func planted() async throws {
        let cluster = try MockCluster()
        try await plant(cluster)
        let (end, output, error) = try await runLongshore(
            ["verify", "--brokers", cluster.bootstrap, "--topic", "logs", "--json"])
        #expect(end == .exited(1), "\(error)")
        let report = try JSONValue(parsing: Array(output.utf8))
        #expect(report["verdict"]?.string == "fail" && report["version"]?.uint64 == 1)
        #expect(report["foreign"]?["count"]?.uint64 == 2 && report["malformed"]?["count"]?.uint64 == 2)
        #expect(report["forged"]?["count"]?.uint64 == 1 && report["bad_events"]?["count"]?.uint64 == 0)
        #expect(report["forged"]?["examples"]?.array?.first?["offset"]?.uint64 == UInt64(Self.planted.count - 1))
        let generations = try #require(report["generations"]?.array)
        #expect(generations.map { $0["log.file.id"]?.string?.last } == ["1", "3", "2"])
        let first = try #require(generations.first)
        #expect(ranges(first["holes"]) == [[30, 40]] && first["hole_bytes"]?.uint64 == 10)
        #expect(ranges(first["covered"]) == [[0, 30], [40, 55], [70, 90]])
        #expect(first["duplicates"]?.uint64 == 1 && first["overlaps"]?.uint64 == 1)
        #expect(first["overlap_bytes"]?.uint64 == 5 && first["skipped_bytes"]?.uint64 == 3)
        #expect(first["gap_bytes"]?.uint64 == 15 && first["gaps"]?.array?.count == 1)
        #expect(first["out_of_order_at"]?.array?.compactMap(\.uint64) == [80])
        #expect(first["state"]?.string == "closed" && first["partition"]?.uint64 == 1)
        #expect(first["container.name"]?.string == "shop\u{1b}[31m")
        #expect(ranges(generations[1]["holes"]) == [[0, 77]])
        #expect(generations[2]["state"]?.string == "open" && generations[2]["hole_bytes"]?.uint64 == 0)
        #expect(report["totals"]?["holes"]?.uint64 == 2 && report["totals"]?["hole_bytes"]?.uint64 == 87)
        #expect(!output.utf8.contains(0x1B), "names do not drive the terminal")
    }

    private func ranges(_ value: JSONValue?) -> [[UInt64]]? {
        value?.array?.map { ($0.array ?? []).compactMap(\.uint64) }
    }

    @Test("The same for people: tables, the files with holes, and a verdict")
    func text() async throws {
        let cluster = try MockCluster()
        try await plant(cluster)
        let (end, output, error) = try await runLongshore(
            ["verify", "--brokers", cluster.bootstrap, "--topic", "lo*"])
        #expect(end == .exited(1), "\(error)")
        for part in [
            "FAIL: 2 unannounced holes, 87 bytes, in 3 files", "hole      30-40  (10 bytes)",
            "gap       55-70  (15 bytes, oversize)", "messages of others, left alone: 2",
            "malformed records, not counted: 2", "logs/1@13: its key is not its log.stream.id",
            "there is no topic longshore.dead", "shop\\u{1b}[31m",
        ] { #expect(output.contains(part), "\(part) is not in \(output)") }
        #expect(!output.utf8.contains(0x1B) && error.isEmpty)
    }

    @Test("Without an audit topic each missing byte is a hole, and it is said why")
    func withoutAudit() async throws {
        let cluster = try MockCluster()
        try await plant(cluster)
        let (end, output, _) = try await runLongshore(
            ["verify", "--brokers", cluster.bootstrap, "--topic", "logs", "--audit-topic", "none"])
        #expect(end == .exited(1))
        #expect(output.contains("FAIL: 2 holes, 25 bytes, in 2 files (no audit topic read"), "\(output)")
    }

    @Test("What cannot be done is said with what to do: 1; wrong usage: 2")
    func refusals() async throws {
        let cluster = try MockCluster()
        try cluster.createTopic("logs", partitions: 1)
        let brokers = ["verify", "--brokers", cluster.bootstrap, "--patience", "2"]
        let cases: [([String], Int32, String)] = [
            (brokers + ["--topic", "lgs"], 1, #"no topic "lgs", did you mean "logs"?"#),
            (brokers + ["--topic", "x*"], 1, #"no topic of the brokers fits "x*": they have "logs""#),
            (brokers + ["--topic", "logs", "--audit-topic", "gone"], 1, #"no topic "gone""#),
            (brokers + ["--topic", "logs", "--audit-topic", "logs"], 1, "name it once"),
            (["verify", "--brokers", "127.0.0.1:1", "--patience", "1", "--topic", "t"], 1, "no broker answers"),
            (brokers + ["--topic", "logs", "-X", "no.such=1"], 1, "no.such"),
            (["verify", "--topic", "t"], 2, "--brokers"),
            (brokers, 2, "--topic"), (brokers + ["--topic", "t", "--since", "yesterday"], 2, "--since takes"),
            (brokers + ["--topic", "t", "--since", "1h", "--until", "2h"], 2, "not before --until"),
            (brokers + ["--topic", "t", "-X", "x"], 2, "NAME=VALUE"),
            (brokers + ["--topic", ","], 2, "--topic is empty"),
        ]
        for (arguments, status, message) in cases {
            let (end, _, error) = try await runLongshore(arguments)
            #expect(end == .exited(status), "\(arguments): \(error)")
            #expect(error.contains(message), "\(arguments): \(error)")
        }
        #expect(try await runLongshore(brokers + ["--topic", "logs"]).end == .exited(0), "an empty topic is fine")
    }

    @Test("What a daemon ships over kills and rotations passes; without one of its records it fails")
    func daemon() async throws {
        let broker = try await NoidaBroker.start()
        try await broker.createTopic("logs", partitions: 4)
        try await broker.createTopic("audit", partitions: 1)
        let directory = try TemporaryDirectory()
        defer { directory.remove() }
        try directory.makeDirectory("logs")
        var options = DaemonOptions(
            brokers: broker.bootstrap, topic: "logs", paths: [directory.path("logs/*.log")])
        options.topLevelLines = [Daemon.noContainers]
        let daemon = try Daemon(options, in: directory)
        let writer = try PacedWriter(
            paths: (0..<4).map { directory.path("logs/\($0).log") }, linesPerSecond: 4_000, limit: 12_000)
        for kill in 0..<5 {
            try await daemon.start()
            try await writer.waitForTotal(UInt64(kill + 1) * 2_000)
            try writer.rotate(kill % 4, to: directory.path("logs/\(kill).rotated"))
            try await daemon.kill9()
        }
        try await daemon.start()
        try await writer.waitForTotal(12_000)
        let written = try writer.stop()
        try await daemon.waitForStatus("everything acknowledged") { status in
            status["totals"]?["unread"]?.uint64 == 0 && status["totals"]?["inFlight"]?.uint64 == 0
                && status["store"]?["outboxEvents"]?.uint64 == 0
        }
        let (end, output, error) = try await runLongshore(
            ["verify", "--config", daemon.configurationPath, "--json"])
        let report = try JSONValue(parsing: Array(output.utf8))
        #expect(end == .exited(0), "\(error) \(output.suffix(3000))")
        #expect(report["verdict"]?.string == "pass" && report["totals"]?["generations"]?.uint64 == 9)
        #expect(report["totals"]?["bytes"]?.uint64 == written.bytes.reduce(0, +))
        #expect(report["totals"]?["out_of_order"]?.uint64 == 0)
        for name in ["foreign", "malformed", "forged", "bad_events"] {
            #expect(report[name]?["count"]?.uint64 == 0, "\(name)")
        }
        #expect(try await daemon.terminate() == .exited(0))
        try await expectHole(broker, report)
        try await broker.stop()
    }

    /// Copies the topic without one of its records, which came once: exactly its bytes are missing.
    private func expectHole(_ broker: NoidaBroker, _ report: JSONValue) async throws {
        let records = try await readRecords(broker.bootstrap, topic: "logs")
        let ranges = try records.map { record -> String in
            let fields = try record.fields()
            return "\(fields.fileID ?? "") \(fields.offset ?? 0)"
        }
        let times = Dictionary(ranges.map { ($0, 1) }, uniquingKeysWith: +)
        let victim = try #require(ranges.indices.dropFirst(ranges.count / 2).first { times[ranges[$0]] == 1 })
        try await broker.createTopic("copy", partitions: 4)
        let writer = try KafkaWriter(broker.bootstrap)
        for (index, record) in records.enumerated() where index != victim {
            try writer.produce("copy", partition: record.partition, key: record.key ?? [], value: record.value)
        }
        try await writer.flush()
        let (end, output, error) = try await runLongshore(
            ["verify", "--brokers", broker.bootstrap, "--topic", "copy", "--audit-topic", "audit", "--json"])
        #expect(end == .exited(1), "\(error)")
        let holed = try JSONValue(parsing: Array(output.utf8))
        let missing = try records[victim].fields()
        #expect(holed["totals"]?["holes"]?.uint64 == 1)
        #expect(holed["totals"]?["hole_bytes"]?.uint64 == missing.byteCount)
        let generation = holed["generations"]?.array?.first { $0["hole_bytes"]?.uint64 != 0 }
        #expect(generation?["log.file.id"]?.string == missing.fileID)
        #expect(generation?["holes"]?.array?.first?.array?.first?.uint64 == missing.offset)
    }
}
