// Records that Kafka refuses for what they are: alone given up, with a dead letter and a gap; all others arrive.
import Core
import Glibc
import TestSupport
import Testing

extension DeliveryScenarios {
    @Suite("Dead letters", .serialized, .timeLimit(.minutes(3)))
    struct DeadLetters {
        @Test(
            "A record that is refused alone is a gap and a dead letter; its neighbours arrive",
            arguments: [KafkaErrorCode.invalidRecord, .messageTooLarge])
        func oneBadRecord(code: KafkaErrorCode) async throws {
            let bench = try await DeadLetterBench()
            let before = lines(0..<100)
            let bad = Array("POISON \"quoted\" \\ and ".utf8) + [0xFF, 0x09] + Array(" é 😀\n".utf8)
            bench.proxy.refuseProduce("logs", containing: "POISON", code)
            try bench.write(Array(before.utf8) + bad + Array(lines(100..<200).utf8))
            try await bench.daemon.start()
            try await bench.settle()
            let from = UInt64(before.utf8.count)
            let letters = try await bench.expectRefused([from..<from + UInt64(bad.count)], lines: 200)
            let letter = try #require(letters.first)
            #expect(letter.message == "POISON \"quoted\" \\ and \u{FFFD}\t é 😀")
            #expect(letter["message.truncated"] == nil && letter["message.missing"] == nil)
            #expect(letter.string("topic") == "logs" && letter.string("log.declaration") == "test")
            #expect(letter.string("reason") == (code == .invalidRecord ? "invalid_record" : "msg_size_too_large"))
            #expect(letter.string("error")?.isEmpty == false && letter.string("host.name") != nil)
            #expect(letter.string("log.file.path") == bench.directory.path("logs/0.log"))
            let topic = try await bench.topic("logs")
            #expect(topic?["quarantinedRecords"]?.uint64 == 1 && topic?["deadLetters"]?.uint64 == 1)
            #expect(topic?["quarantinedBytes"]?.uint64 == UInt64(bad.count))
            let metrics = try await bench.daemon.metrics("/metrics").text
            #expect(metrics.contains("longshore_dead_letters_total{topic=\"logs\"} 1"))
            #expect(try await bench.daemon.terminate() == .exited(0))
            print("delivery/dead letter \(code): \(bench.proxy.tally.refused) refused requests for one bad record")
        }

        @Test("A dead letter carries the first 64 KiB of a long record")
        func longRecord() async throws {
            let bench = try await DeadLetterBench()
            let text = "POISON " + String(repeating: "0123456789é", count: 10_000)
            bench.proxy.refuseProduce("logs", containing: "POISON", .invalidRecord)
            try bench.write(Array((lines(0..<5) + text + "\n" + lines(5..<10)).utf8))
            try await bench.daemon.start()
            try await bench.settle()
            let from = UInt64(lines(0..<5).utf8.count)
            let letters = try await bench.expectRefused([from..<from + UInt64(text.utf8.count) + 1], lines: 10)
            let letter = try #require(letters.first)
            let message = try #require(letter.message)
            #expect(text.hasPrefix(message) && (65_533...65_536).contains(message.utf8.count))
            #expect(letter["message.truncated"]?.bool == true)
            #expect(try await bench.daemon.terminate() == .exited(0))
        }

        @Test("Several bad records between good ones are found one by one while another source of the topic is busy")
        func busyNeighbour() async throws {
            let bench = try await DeadLetterBench()
            bench.proxy.refuseProduce("logs", containing: "POISON", .invalidRecord)
            var content = ""
            var bad: [Range<UInt64>] = []
            for index in 0..<120 {
                content += lines(UInt64(index)..<UInt64(index) + 1)
                guard index % 40 == 20 else { continue }
                let start = UInt64(content.utf8.count)
                content += "POISON \(index)\n"
                bad.append(start..<UInt64(content.utf8.count))
            }
            try bench.write(Array(content.utf8))
            try bench.directory.write(lines(0..<50, file: 1), to: "logs/1.log")
            try await bench.daemon.start()
            // The other source has more to send whenever it is looked at.
            var written: UInt64 = 50
            let goal = bad.count
            while bench.dead.count < goal {
                try bench.directory.append(lines(written..<written + 50, file: 1), to: "logs/1.log")
                written += 50
                try #require(written < 1_000_000, "the bad records are never found")
                try await waitUntil("records of the busy source") { bench.count(ofFile: 1) + 50 >= written }
            }
            try await bench.settle()
            _ = try await bench.expectRefused(bad, lines: 120)
            #expect(bench.count(ofFile: 1) == written)
            #expect(try await bench.daemon.terminate() == .exited(0))
            print("delivery/dead letter: 3 bad records, \(written) lines of a busy neighbour meanwhile")
        }

        @Test("Lines larger than the topic's max.message.bytes become records that fit: nothing is refused")
        func knownLimit() async throws {
            let bench = try await DeadLetterBench(limit: 4_000)
            let large = (0..<20).map { index in String(repeating: "\(index % 10)", count: 3_000 * index + 1) }
            var content = ""
            for (index, line) in large.enumerated() {
                content += lines(UInt64(index * 40)..<UInt64(index * 40 + 40)) + line + "\n"
            }
            try bench.write(Array(content.utf8))
            try await bench.daemon.start()
            try await bench.settle()
            let records = try bench.records.items().map { try $0.fields() }
            let others = records.filter { NumberedLines.check(Array(($0.message ?? "").utf8)) == nil }
            #expect(others.count > 3 * large.count && others.contains { $0["log.partial.id"] != nil })
            #expect(others.map { $0.message ?? "" }.joined() == large.joined())
            #expect(try await bench.expectRefused([], lines: 800).isEmpty)
            let topic = try #require(try await bench.topic("logs"))
            #expect(topic["maximumMessageBytes"]?.uint64 == 4_000)
            #expect(topic["failed"]?.object?.isEmpty == true, "\(topic)")
            #expect(try await bench.daemon.terminate() == .exited(0))
        }

        @Test("A limit that is lowered while records flow is noticed with the first refusal: nothing is lost")
        func loweredLimit() async throws {
            let bench = try await DeadLetterBench(limit: 900_000)
            try bench.write(Array(lines(0..<100).utf8))
            try await bench.daemon.start()
            try await bench.settle()
            #expect(try await bench.topic("logs")?["maximumMessageBytes"]?.uint64 == 900_000)
            try await bench.broker.alterTopic("logs", settings: ["max.message.bytes": "3000"])
            let large = String(repeating: "y", count: 10_000)
            try bench.directory.append(lines(100..<200) + large + "\n" + lines(200..<300), to: "logs/0.log")
            try await bench.settle()
            #expect(try await bench.expectRefused([], lines: 300).isEmpty)
            let topic = try #require(try await bench.topic("logs"))
            #expect(topic["maximumMessageBytes"]?.uint64 == 3_000)
            #expect(topic["failed"]?["msg_size_too_large"] != nil)
            #expect(try await bench.daemon.terminate() == .exited(0))
        }

        @Test("A dead letter that could not be sent survives kill -9, and data goes on meanwhile")
        func killBetween() async throws {
            let bench = try await DeadLetterBench()
            bench.proxy.refuseProduce("logs", containing: "POISON", .invalidRecord)
            bench.proxy.refuseProduce("dead", .topicAuthorizationFailed)
            let bad = "POISON\n"
            try bench.write(Array((lines(0..<20) + bad + lines(20..<40)).utf8))
            try await bench.daemon.start()
            try await waitUntil("the gap; \(bench.daemon.process.errorTail)") { try bench.gaps().count == 1 }
            try bench.directory.append(lines(40..<60), to: "logs/0.log")
            try await waitUntil("the data that follows") { bench.count(ofFile: 0) == 60 }
            try await bench.daemon.waitForStatus("one event in the outbox, all else acknowledged") {
                $0["store"]?["outboxEvents"]?.uint64 == 1 && $0["totals"]?["inFlight"]?.uint64 == 0
                    && $0["totals"]?["unread"]?.uint64 == 0 && $0["store"]?["isBehind"]?.bool == false
            }
            #expect(bench.dead.count == 0)
            try await bench.daemon.kill9()
            bench.proxy.refuseProduce("dead", nil)
            try await bench.daemon.start()
            try await bench.settle()
            let from = UInt64(lines(0..<20).utf8.count)
            _ = try await bench.expectRefused([from..<from + UInt64(bad.utf8.count)], lines: 60)
            #expect(try await bench.daemon.terminate() == .exited(0))
        }

        @Test("A dead letter that is refused itself is dropped and counted; its gap is announced")
        func refusedLetter() async throws {
            let bench = try await DeadLetterBench()
            bench.proxy.refuseProduce("logs", containing: "POISON", .invalidRecord)
            bench.proxy.refuseProduce("dead", .messageTooLarge)
            try bench.write(Array((lines(0..<20) + "POISON\n" + lines(20..<40)).utf8))
            try await bench.daemon.start()
            try await bench.daemon.waitForStatus("a dropped dead letter") {
                $0["kafka"]?["deadLettersDropped"]?.uint64 == 1
            }
            try await bench.settle()
            #expect(bench.dead.count == 0 && bench.count(ofFile: 0) == 40)
            #expect(try bench.gaps().count == 1)
            try await bench.daemon.kill9()
            bench.proxy.refuseProduce("dead", nil)
            try await bench.daemon.start()
            try await bench.settle()
            #expect(bench.dead.count == 0)
            #expect(try await bench.daemon.terminate() == .exited(0))
        }
    }
}

/// A daemon on a real broker behind a proxy, with readers of `logs`, `audit` and `dead`.
final class DeadLetterBench: Sendable {
    let broker: NoidaBroker
    let proxy: KafkaProxy
    let directory: TemporaryDirectory
    let daemon: Daemon
    let records: KafkaReader<KafkaRecord>
    let audit: KafkaReader<KafkaRecord>
    let dead: KafkaReader<KafkaRecord>

    /// `limit`: max.message.bytes of `logs`; nil: the broker's own.
    init(limit: Int? = nil) async throws {
        broker = try await NoidaBroker.start()
        try await broker.createTopic(
            "logs", partitions: 1, settings: limit.map { ["max.message.bytes": String($0)] } ?? [:])
        for topic in ["audit", "dead"] { try await broker.createTopic(topic, partitions: 1) }
        proxy = try KafkaProxy(broker.bootstrap)
        directory = try TemporaryDirectory()
        try directory.makeDirectory("logs")
        var options = DaemonOptions(
            brokers: proxy.bootstrap, topic: "logs", paths: [directory.path("logs/*.log")])
        // The proxy looks into batches.
        options.kafkaLines += ["compression: none", "dead_letter_topic: dead"]
        daemon = try Daemon(options, in: directory)
        records = try KafkaReader(broker.bootstrap, topic: "logs")
        audit = try KafkaReader(broker.bootstrap, topic: "audit")
        dead = try KafkaReader(broker.bootstrap, topic: "dead")
    }

    func write(_ bytes: [UInt8]) throws { try directory.write(bytes: bytes, to: "logs/0.log") }

    /// Waits until all that was written is acknowledged or a gap, and all events and dead letters are delivered.
    func settle() async throws {
        let size = try directory.read("logs/0.log").count
        try await daemon.waitForStatus(timeout: .seconds(60), "everything settled") {
            let totals = $0["totals"]
            return (totals?["size"]?.uint64 ?? 0) >= UInt64(size) && totals?["unread"]?.uint64 == 0
                && totals?["inFlight"]?.uint64 == 0 && $0["store"]?["outboxEvents"]?.uint64 == 0
                && $0["store"]?["isBehind"]?.bool == false
        }
        for reader in [records, audit, dead] { try await reader.waitForEnds() }
    }

    func topic(_ name: String) async throws -> JSONValue? {
        try await daemon.status()["kafka"]?["topics"]?.array?.first { $0["name"]?.string == name }
    }

    func gaps() throws -> [RecordFields] {
        try audit.items().map { try $0.fields() }.filter { $0.string("event") == "gap" }
    }

    /// Different numbered lines of a file that arrived.
    func count(ofFile file: UInt32) -> UInt64 {
        let sequences = records.items().compactMap { item -> UInt64? in
            guard let line = (try? item.fields())?.message.flatMap({ NumberedLines.check(Array($0.utf8)) }),
                line.file == file
            else { return nil }
            return line.sequence
        }
        return UInt64(Set(sequences).count)
    }

    /// File 0 has `lines` numbered lines, all arrived, and beside them exactly these ranges were refused: each is one gap
    /// and one dead letter. Gives the dead letters.
    func expectRefused(_ ranges: [Range<UInt64>], lines: UInt64) async throws -> [RecordFields] {
        #expect(count(ofFile: 0) == lines)
        let gaps = try gaps()
        #expect(gaps.map { [$0.uint64("from"), $0.uint64("to")] } == ranges.map { [$0.lowerBound, $0.upperBound] })
        #expect(gaps.allSatisfy { $0.string("reason") == "record_rejected" })
        #expect(gaps.allSatisfy { $0.string("dead_letter_topic") == "dead" })
        let letters = try dead.items().map { try $0.fields() }
        #expect(
            letters.map { [$0.offset, $0.byteCount] }
                == ranges.map { [$0.lowerBound, $0.upperBound - $0.lowerBound] })
        for (item, letter) in zip(dead.items(), letters) {
            #expect(item.key == Array((letter.streamID ?? "").utf8))
        }
        var coverage = CoverageChecker<String>()
        for item in records.items() { _ = coverage.record(try item.fields(), partition: 0) }
        for gap in gaps { _ = coverage.gap(gap) }
        let path = directory.path("logs/0.log")
        let generation = try records.items().lazy.map { try $0.fields() }.first { $0.string("log.file.path") == path }
        let file = try #require(generation?.fileID)
        coverage.expect(file, size: UInt64(try directory.read("logs/0.log").count))
        let judgement = coverage.coverage(of: file)
        #expect(judgement.isComplete, "\(judgement)")
        #expect(proxy.problems.isEmpty, "\(proxy.problems)")
        return letters
    }
}
