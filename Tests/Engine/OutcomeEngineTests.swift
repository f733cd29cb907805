// What each class of error leads to under load: nothing is lost, and only what must wait does.
import Core
import TestSupport
import Testing

@testable import Engine

@Suite(.serialized, .timeLimit(.minutes(3))) struct OutcomeEngineTests {
    /// Codes that librdkafka gets over by itself: nothing of them reaches the engine. (46 would be a lie of the mock: it
    /// says that the records are there already.)
    @Test func whatLibrdkafkaTriesAgainByItselfIsSeenByNobody() async throws {
        let stage = try await TroubleStage()
        for code: Int32 in [6, 7, 8, 9, 19, 20, 56, -195] {
            try stage.cluster.pushAnswer(.produce, broker: 1, number: code)
            try await waitUntil("code \(code) answered") {
                try stage.cluster.waitingAnswers(.produce, broker: 1) == 0
            }
            try await stage.waitForMore(50)
        }
        // But for requests whose followers were taken while they were refused: nobody has acknowledged those.
        let failed = try await stage.topic("one").failed
        #expect(Set(failed.keys).isSubset(of: ["unproven_acknowledgement"]), "\(failed)")
        try await stage.finish()
    }

    /// Reported at once by librdkafka: the source goes back, the topic pauses, and its records come again in order. 105 is
    /// a code that librdkafka 2.0 does not know.
    @Test(arguments: [
        (Int32(-1), "unknown", "produced again"), (13, "network_exception", "produced again"),
        (89, "throttling_quota_exceeded", "produced again"), (105, "err_105", "produced again"),
        (25, "unknown_member_id", "produced again"),
        (29, "topic_authorization_failed", "refuses"), (31, "cluster_authorization_failed", "refuses"),
        (17, "topic_exception", "refuses"), (44, "policy_violation", "refuses"),
        (76, "unsupported_compression_type", "refuses"),
    ])
    func aFailureThatMustWaitParksTheTopicAndSaysWhy(code: Int32, reason: String, words: String) async throws {
        // Announcements would take some of the answers.
        let stage = try await TroubleStage(topics: 2, linesPerSecond: 1_000, options: { $0.auditTopic = nil })
        for round in 0..<2 {
            // Whichever of the two topics is hit is the one that has it. Until it was seen: on a busy machine a look may
            // come after a single pause.
            stage.cluster.pushRequestErrors(.produce, numbers: [Int32](repeating: code, count: 8))
            try await stage.waitForStatus("a source parked for \(reason), round \(round)") { report in
                report.sources.contains { source in
                    source.state == "parked" && source.reason?.contains(reason) == true
                        && source.reason?.contains(words) == true
                }
            }
            stage.cluster.clearRequestErrors(.produce)
            try await stage.waitForMore(100)
        }
        try await stage.finish()
    }

    /// A refused batch is tried in smaller ones; only what is refused alone is announced, and the rest arrives.
    @Test(arguments: [Int32(10), 18, 87, 32])
    func aRefusedBatchIsTakenApartAndNothingButTheRefusedIsLost(code: Int32) async throws {
        // Announcements go to a broker of their own: one that is refused alone would wait for minutes.
        let stage = try await TroubleStage(
            brokers: 2,
            arrange: { cluster in
                for partition: Int32 in 0..<2 {
                    try cluster.setLeader("one", partition: partition, broker: 1)
                    try cluster.setLeader("audit", partition: partition, broker: 2)
                }
            })
        for refusals in [1, 3, 12] {
            for _ in 0..<refusals { try stage.cluster.pushAnswer(.produce, broker: 1, number: code) }
            try await stage.waitForMore(300)
        }
        try await stage.finish(mayLose: true)
    }

    /// A wrong checksum may have come about on the way: a lone record is given up at the third refusal only.
    @Test func aRecordWhoseChecksumWasWrongIsNotBlamedBeforeItFailedAloneThreeTimes() async throws {
        let fixture = try EngineFixture()
        defer { fixture.directory.remove() }
        try fixture.cluster.createTopic("logs", partitions: 1)
        try fixture.directory.write("first\n", to: "logs/a.log")
        let engine = try fixture.start(fixture.options { $0.auditTopic = nil })
        try await fixture.waitForStatus(engine, "the first line") { $0.totals.acknowledged == 6 }
        fixture.cluster.pushRequestErrors(.produce, numbers: [2, 2])
        try fixture.directory.append("second\n", to: "logs/a.log")
        try await fixture.waitForStatus(engine, "the second line, or a gap") {
            $0.totals.unread == 0 && $0.totals.inFlight == 0 && $0.totals.size == 13
        }
        #expect(try #require(await engine.status()).totals.acknowledged == 13, "two refusals prove nothing")
        fixture.cluster.pushRequestErrors(.produce, numbers: [2, 2, 2])
        try fixture.directory.append("third\n", to: "logs/a.log")
        try await fixture.waitForStatus(engine, "the third line given up") { $0.totals.gap == 6 }
        try fixture.directory.append("fourth\n", to: "logs/a.log")
        try await fixture.waitForStatus(engine, "the fourth line") { $0.totals.acknowledged == 20 }
        #expect(await fixture.stop(engine).failure == nil)
        #expect(try await fixture.records(count: 3).map(\.message) == ["first", "second", "fourth"])
    }

    @Test(arguments: [Int32(45), 47, 49, 90])
    func afterAFatalErrorANewProducerSendsEverythingAgain(code: Int32) async throws {
        let stage = try await TroubleStage(topics: 2)
        for round: UInt64 in 0..<2 {
            try await waitUntil(timeout: .seconds(60), "producer \(round + 1) made anew") {
                let rebuilds = await stage.engine.status()?.kafka.rebuilds ?? 0
                if rebuilds > round { return true }
                // A refused request that is not the next in line is only tried again.
                stage.cluster.pushRequestErrors(.produce, numbers: [code])
                return false
            }
            stage.cluster.clearRequestErrors(.produce)
            try await stage.waitForMore(200)
        }
        try await stage.finish()
    }

    @Test func anAuditTopicThatFailsIsParkedAloneAndEveryEventArrives() async throws {
        let fixture = try EngineFixture(brokers: 2)
        defer { fixture.directory.remove() }
        for (topic, broker) in [("logs", Int32(1)), ("audit", 2)] {
            try fixture.cluster.createTopic(topic, partitions: 1, replication: 2)
            try fixture.cluster.setLeader(topic, partition: 0, broker: broker)
        }
        for code: Int32 in [29, -1, 10, 105] { try fixture.cluster.pushAnswer(.produce, broker: 2, number: code) }
        let engine = try fixture.start(fixture.options())
        try fixture.directory.write("one\n", to: "logs/a.log")
        try await fixture.waitForStatus(engine, "the audit topic parked") { report in
            report.kafka.topics.contains { $0.name == "audit" && $0.state == "parked" }
        }
        try await fixture.waitForStatus(engine, "the line") { $0.totals.acknowledged == 4 }
        let report = try #require(await engine.status())
        #expect(report.kafka.topics.contains { $0.name == "logs" && $0.failed.isEmpty })
        #expect(report.kafka.topics.contains { $0.name == "audit" && !$0.failed.isEmpty })
        try await fixture.waitForStatus(engine, "every event delivered", timeout: .seconds(60)) {
            $0.store.outboxEvents == 0
        }
        #expect(await fixture.stop(engine) == EngineEnd())
        let events = try await fixture.records("audit", count: 1)
        #expect(events.first?.string("event") == "generation_opened")
    }
}
