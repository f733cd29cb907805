// Topics that are forbidden, deleted and made again: they alone wait, and recover without a restart.
import Core
import TestSupport
import Testing

extension DeliveryScenarios {
    @Suite("Topics in trouble", .serialized, .timeLimit(.minutes(4)))
    struct TroubledTopics {
        @Test("Authorization that is taken away and given back parks that topic alone", arguments: [true, false])
        func authorization(inMetadataToo: Bool) async throws {
            let bench = try TwoTopics()
            let proxy = try #require(bench.proxy)
            try await bench.daemon.start()
            let writer = try PacedWriter(paths: bench.base.logs(4), linesPerSecond: 1_000)
            let other = try PacedWriter(paths: bench.otherLogs(4), linesPerSecond: 1_000)
            try await bench.base.waitForLines(1_000)

            for round in 0..<2 {
                proxy.refuseProduce("logs", .topicAuthorizationFailed)
                if inMetadataToo { proxy.setMetadataError("logs", .topicAuthorizationFailed) }
                try await bench.daemon.waitForStatus("the topic parked, and no other") { status in
                    let topics = status["kafka"]?["topics"]?.array ?? []
                    return topics.allSatisfy { ($0["state"]?.string == "healthy") == ($0["name"]?.string != "logs") }
                        && topics.contains { $0["name"]?.string == "logs" }
                }
                let readiness = try await bench.daemon.metrics("/readyz")
                #expect(readiness.status == 503 && readiness.text.contains("logs"), "\(readiness.text)")
                // The other topic gets all its lines while this one gets none.
                let records = bench.base.records
                try await bench.daemon.waitForStatus("all that its brokers took has been read") { status in
                    let topic = status["kafka"]?["topics"]?.array?.first { $0["name"]?.string == "logs" }
                    guard let taken = topic?["acknowledgedRecords"]?.uint64 else { return false }
                    return topic?["inFlight"]?.uint64 == 0 && UInt64(records.count) >= taken
                }
                let here = bench.base.takeArrivals()
                let goal = Int(other.written.total) + 2_000
                try await bench.other.waitForCount(goal)
                #expect(bench.base.takeArrivals() == here, "round \(round)")

                proxy.refuseProduce("logs", nil)
                proxy.setMetadataError("logs", nil)
                try await bench.base.waitForLines(writer.written.total)
            }
            let written = try writer.stop()
            let otherWritten = try other.stop()
            try await bench.base.waitForLines(written.total)
            try await bench.other.waitForCount(Int(otherWritten.total))
            try await bench.base.waitForAcknowledgement()
            #expect(try await bench.daemon.metrics("/readyz").status == 200)
            #expect(try await bench.daemon.terminate() == .exited(0))
            let report = bench.base.expectComplete(written)
            var others = SequenceChecker()
            for arrival in bench.other.items() {
                guard let line = arrival.summary.line else { continue }
                others.arrived(line, partition: arrival.summary.partition, at: 0)
            }
            let expected = otherWritten.lines.enumerated().map { (UInt32($0), $1) }
            let otherReport = others.report(expected: Dictionary(uniqueKeysWithValues: expected))
            #expect(otherReport.isComplete, "\(otherReport)")
            #expect(try bench.base.events().allSatisfy { $0.string("event") != "gap" })
            print("delivery/authorization (metadata \(inMetadataToo)): \(report); the other topic: \(otherReport)")
        }

        @Test("A topic that is deleted and made again with fewer partitions goes on without a restart")
        func deletedTopic() async throws {
            let bench = try await DeliveryBench.onRealBroker(partitions: 6)
            let proxy = try #require(bench.proxy)
            let broker = try #require(bench.broker)
            proxy.forbidTopicCreation()
            try await bench.daemon.start()
            let writer = try PacedWriter(paths: bench.logs(8), linesPerSecond: 1_000)
            try await bench.waitForLines(2_000)

            // At rest for a moment: what the topic holds when it is deleted has been read, so all else must come after.
            proxy.holdRequests(true)
            try await waitUntil("the broker at rest: \(proxy.tally)") { proxy.tally.unanswered == 0 }
            try await bench.records.waitForEnds()
            let first = bench.records
            let before = try await onOwnThread("test-stop") { first.stop() }
            try await broker.deleteTopic("logs")
            proxy.holdRequests(false)
            try await writer.waitForTotal(writer.written.total + 3_000)
            try await broker.createTopic("logs", partitions: 2)

            let after = try KafkaReader(arrivalsOf: ["logs"], broker.bootstrap)
            try await writer.waitForTotal(writer.written.total + 3_000)
            let written = try writer.stop()
            var checker = SequenceChecker()
            for arrival in before { checker.arrived(try #require(arrival.summary.line), partition: 0, at: 0) }
            var taken = 0
            try await waitUntil(
                timeout: .seconds(90),
                "\(written.total) lines; \(before.count) before, \(checker.distinct) in all; "
                    + "\(bench.daemon.process.errorTail)"
            ) {
                let arrivals = after.items(from: taken)
                taken += arrivals.count
                for arrival in arrivals {
                    checker.arrived(try #require(arrival.summary.line), partition: 0, at: 0)
                    let key = try #require(arrival.stream?.description)
                    #expect(arrival.summary.partition == defaultPartition(of: Array(key.utf8), partitions: 2))
                }
                return checker.distinct >= written.total
            }
            try await bench.waitForAcknowledgement()
            #expect(try await bench.daemon.terminate() == .exited(0))
            let expected = written.lines.enumerated().map { (UInt32($0), $1) }
            let report = checker.report(expected: Dictionary(uniqueKeysWithValues: expected))
            #expect(report.isComplete, "\(report)")
            #expect(try bench.event("gap").isEmpty)
            #expect(proxy.problems.isEmpty, "\(proxy.problems)")
            print("delivery/deleted topic: \(before.count) records in the deleted one, \(taken) in the new; \(report)")
        }
    }
}

/// A bench with a second topic, `other`, and a reader of it.
private struct TwoTopics {
    let base: DeliveryBench
    let other: KafkaReader<Arrival>
    var daemon: Daemon { base.daemon }
    var proxy: KafkaProxy? { base.proxy }

    init() throws {
        base = try DeliveryBench(partitions: 4, isProxied: true)
        try base.cluster.createTopic("other", partitions: 4)
        other = try KafkaReader(arrivalsOf: ["other"], base.cluster.bootstrap)
        try base.directory.makeDirectory("other")
        let paths = base.directory.path("other/*.log")
        try base.configure { $0.moreFiles = ["{name: other, paths: [\"\(paths)\"], topic: other}"] }
    }

    func otherLogs(_ count: Int) -> [String] { (0..<count).map { base.directory.path("other/\($0).log") } }
}
