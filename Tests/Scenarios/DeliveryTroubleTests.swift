// Records and topics that the broker refuses: what is lost is announced, everything else and every other topic goes on.
import Core
import TestSupport
import Testing

extension DeliveryScenarios {
    @Suite("Refused records and topics", .serialized, .timeLimit(.minutes(2)))
    struct Trouble {
        @Test("A refused request is tried again in smaller ones, a record refused alone is announced, the rest arrives")
        func refusedRequest() async throws {
            let bench = try DeliveryBench(partitions: 1)
            try bench.directory.write(lines(0..<10), to: "logs/0.log")
            try await bench.daemon.start()
            try await bench.waitForLines(10)
            try await bench.waitForAcknowledgement()

            bench.cluster.pushRequestErrors(.produce, [.messageTooLarge])
            try bench.directory.append(lines(10..<60), to: "logs/0.log")
            try await bench.waitForLines(60)
            try await bench.waitForAcknowledgement()
            #expect(try bench.event("gap").isEmpty)

            // One refusal per request: seven bring it down to a record at a time, the others hit records alone.
            bench.cluster.pushRequestErrors(.produce, Array(repeating: .messageTooLarge, count: 12))
            try bench.directory.append(lines(60..<160), to: "logs/0.log")
            try await bench.waitForAcknowledgement()
            let size = UInt64(try bench.directory.read("logs/0.log").count)
            try await bench.daemon.waitForStatus("nothing in flight") {
                let totals = $0["totals"]
                return totals?["acknowledged"]?.uint64.map { acknowledged in
                    acknowledged + (totals?["gap"]?.uint64 ?? 0) == size
                } == true
            }
            try await bench.waitForAcknowledgement()
            try bench.directory.append(lines(160..<180), to: "logs/0.log")
            try await waitUntil("the last line") { bench.holdsLine(179) }
            let end = UInt64(try bench.directory.read("logs/0.log").count)
            let lost = 180 - Int(bench.takeArrivals())
            try await waitUntil("\(lost) gap events") { try bench.event("gap").count >= lost }
            let judgement = try await bench.coverageWithGaps(size: end)
            #expect(judgement.isComplete && judgement.contiguousEnd == end, "\(judgement)")
            let gaps = try bench.event("gap")
            #expect(gaps.allSatisfy { $0.string("reason") == "record_rejected" })
            #expect(gaps.count == lost && (1...12).contains(lost))
            #expect(try await bench.daemon.terminate() == .exited(0))
            print("delivery/refused request: 180 lines, 13 refusals, \(lost) given up and announced, \(judgement)")
        }

        @Test("A record beyond the topic's max.message.bytes is announced as a gap, and its neighbours arrive")
        func oversizeRecord() async throws {
            let broker = try await NoidaBroker.start()
            try await broker.createTopic("logs", partitions: 1, settings: ["max.message.bytes": "4000"])
            try await broker.createTopic("audit", partitions: 1)
            let directory = try TemporaryDirectory()
            try directory.makeDirectory("logs")
            let before = lines(0..<40)
            let large = String(repeating: "x", count: 10_000) + "\n"
            try directory.write(before + large + lines(40..<80), to: "logs/0.log")
            var options = DaemonOptions(
                brokers: broker.bootstrap, topic: "logs", paths: [directory.path("logs/*.log")])
            options.kafkaLines.append("compression: none")
            let daemon = try Daemon(options, in: directory)
            let audit = try KafkaReader(broker.bootstrap, topic: "audit")
            let records = try KafkaReader(arrivalsOf: ["logs"], broker.bootstrap)
            try await daemon.start()
            try await daemon.waitForStatus("everything acknowledged or a gap") {
                let totals = $0["totals"]
                return (totals?["size"]?.uint64 ?? 0) > 0 && totals?["unread"]?.uint64 == 0
                    && totals?["inFlight"]?.uint64 == 0 && $0["store"]?["outboxEvents"]?.uint64 == 0
            }
            try await audit.waitForCount(2)
            let gaps = try audit.items().map { try $0.fields() }.filter { $0.string("event") == "gap" }
            #expect(
                gaps.map { [$0.uint64("from"), $0.uint64("to")] }
                    == [[UInt64(before.utf8.count), UInt64(before.utf8.count + large.utf8.count)]])
            #expect(gaps.allSatisfy { $0.string("reason") == "record_rejected" })
            try await records.waitForCount(80)
            let sequences = records.items().compactMap(\.summary.line?.sequence)
            #expect(Set(sequences) == Set(0..<80))
            #expect(try await daemon.terminate() == .exited(0))
            print("delivery/oversize: 81 lines, \(gaps.count) gap, \(sequences.count) records")
        }

        @Test("A topic that refuses writing is parked, others go on, and it recovers with its last occurrence in order")
        func refusedTopic() async throws {
            let bench = try DeliveryBench(partitions: 1)
            try bench.cluster.createTopic("other", partitions: 1)
            let other = try KafkaReader(arrivalsOf: ["other"], bench.cluster.bootstrap)
            try bench.directory.makeDirectory("other")
            var options = DaemonOptions(
                brokers: bench.cluster.bootstrap, topic: "logs", paths: [bench.directory.path("logs/*.log")])
            options.moreFiles = [
                "{name: other, paths: [\"\(bench.directory.path("other/*.log"))\"], topic: other}"
            ]
            try bench.daemon.configure(options)
            try bench.directory.write(lines(0..<10), to: "logs/0.log")
            try bench.directory.write(lines(0..<10), to: "other/0.log")
            try await bench.daemon.start()
            try await bench.waitForLines(10)
            try await other.waitForCount(10)
            try await bench.waitForAcknowledgement()

            for refusal in 0..<3 {
                bench.cluster.pushRequestErrors(.produce, [.topicAuthorizationFailed])
                if refusal == 0 { try bench.directory.append(lines(10..<200), to: "logs/0.log") }
                try await bench.daemon.waitForStatus("the topic parked for the \(refusal + 1). time") {
                    let topic = $0["kafka"]?["topics"]?.array?.first { $0["name"]?.string == "logs" }
                    return topic?["state"]?.string == "parked"
                        && topic?["failed"]?["topic_authorization_failed"]?.uint64 == UInt64(refusal + 1)
                }
                let from = 10 + UInt64(refusal) * 10
                try bench.directory.append(lines(from..<from + 10), to: "other/0.log")
                try await other.waitForCount(Int(from) + 10)
                #expect(bench.takeArrivals() < 200)
                #expect(try await bench.daemon.metrics("/readyz").status == 503)
            }
            try await bench.waitForLines(200)
            try await bench.waitForAcknowledgement()
            #expect(try await bench.daemon.metrics("/readyz").status == 200)
            let size = UInt64(try bench.directory.read("logs/0.log").count)
            let report = bench.expectComplete(PacedWriter.Written(lines: [200], bytes: [size]))
            #expect(try bench.events().allSatisfy { $0.string("event") != "gap" })
            #expect(other.items().compactMap(\.summary.line?.sequence) == Array(0..<40))
            #expect(try await bench.daemon.terminate() == .exited(0))
            print("delivery/refused topic: 3 refusals, \(report); the other topic had \(other.count) lines meanwhile")
        }
    }
}

/// Numbered lines of file 0, each with its newline.
func lines(_ sequences: Range<UInt64>, file: UInt32 = 0) -> String {
    sequences.map { String(decoding: NumberedLines.line(file: file, sequence: $0), as: UTF8.self) + "\n" }.joined()
}
