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
