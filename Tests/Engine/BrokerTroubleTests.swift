// Brokers, leaders and topics that come and go under load: nothing is lost, the last occurrence is in order.
import Core
import TestSupport
import Testing

@testable import Engine

@Suite(.serialized, .timeLimit(.minutes(3))) struct BrokerTroubleTests {
    /// Topic "one" is led by broker 2 alone, topic "two" by the others.
    private func lead(_ cluster: MockCluster) throws {
        for partition: Int32 in 0..<2 {
            try cluster.setLeader("one", partition: partition, broker: 2)
            try cluster.setLeader("two", partition: partition, broker: partition == 0 ? 1 : 3)
            try cluster.setLeader("audit", partition: partition, broker: 1)
        }
    }

    @Test(arguments: [
        ("retriable", [Int32(-1), 13, 105]), ("by librdkafka", [6, 7, 19, -195]), ("record", [10, 87]),
        ("topic", [29, 17]), ("fatal", [47]),
    ])
    func errorsOfOneOfThreeBrokersConcernItsTopicsOnly(kind: String, codes: [Int32]) async throws {
        let stage = try await TroubleStage(brokers: 3, topics: 2, arrange: lead)
        for code in codes {
            try stage.cluster.pushAnswer(.produce, broker: 2, number: code)
            try await waitUntil(timeout: .seconds(60), "code \(code) answered") {
                try stage.cluster.waitingAnswers(.produce, broker: 2) == 0
            }
            try await stage.waitForMore(200)
        }
        #expect(try await stage.topic("two").failed.isEmpty)
        if kind != "by librdkafka" { #expect(try await !stage.topic("one").failed.isEmpty) }
        try await stage.finish(mayLose: kind == "record")
    }

    @Test func leadersThatMoveInTheMiddleOfTheLoadCostNothing() async throws {
        var random = SeededGenerator(seed: UInt64.random(in: 0...UInt64.max))
        let stage = try await TroubleStage(brokers: 3, topics: 2)
        for _ in 0..<12 {
            let topic = stage.topics.randomElement(using: &random)!
            try stage.cluster.setLeader(
                topic, partition: Int32(random.number(0...1)), broker: Int32(random.number(1...3)))
            try await stage.waitForMore(150)
        }
        for topic in stage.topics {
            let failed = try await stage.topic(topic).failed
            #expect(Set(failed.keys).isSubset(of: ["unproven_acknowledgement"]), "\(failed)")
        }
        try await stage.finish()
    }

    @Test func oneBrokerThatIsDownHoldsUpItsTopicsOnlyAndTheyCatchUp() async throws {
        let stage = try await TroubleStage(brokers: 3, topics: 2, arrange: lead)
        let before = try await stage.topic("one").acknowledgedRecords
        try stage.cluster.setDown(broker: 2)
        let other = try await stage.topic("two").acknowledgedRecords
        try await stage.waitForStatus("the other topic goes on") { report in
            report.kafka.topics.contains { $0.name == "two" && $0.acknowledgedRecords > other + 1_000 }
        }
        try stage.cluster.setUp(broker: 2)
        try await stage.waitForStatus("its topic goes on") { report in
            report.kafka.topics.contains { $0.name == "one" && $0.acknowledgedRecords > before + 1_000 }
        }
        try await stage.finish()
    }

    @Test func brokersThatAreDownInTurnsLoseNothing() async throws {
        let stage = try await TroubleStage(brokers: 3, topics: 2, arrange: lead)
        for broker: Int32 in [1, 2, 3, 2] {
            try stage.cluster.setDown(broker: broker)
            // Its topics stand still, the others go on.
            try await stage.waitForMore(broker == 1 ? 100 : 200)
            try stage.cluster.setUp(broker: broker)
            try await stage.waitForMore(200)
        }
        try await stage.finish()
    }

    @Test func allBrokersDownAndUpAgainIsNoticedAndGotOver() async throws {
        let stage = try await TroubleStage(brokers: 3, topics: 2)
        for _ in 0..<2 {
            try stage.cluster.setDown()
            try await stage.waitForStatus("no broker answers") { !$0.kafka.up }
            try stage.cluster.setUp()
            try await stage.waitForStatus("one does") { $0.kafka.up }
            try await stage.waitForMore(300)
        }
        try await stage.finish()
    }

    @Test func slowBrokersLoseNothingAndNothingIsProducedAgain() async throws {
        let stage = try await TroubleStage(brokers: 3, topics: 2, arrange: lead)
        try stage.cluster.setRoundTripTime(milliseconds: 400, broker: 2)
        try stage.cluster.pushAnswer(.produce, broker: 1, number: 0, milliseconds: 900)
        try await stage.waitForMore(1_500)
        try stage.cluster.setRoundTripTime(milliseconds: 0, broker: 2)
        let report = try await stage.finish()
        #expect(report.duplicates == 0)
    }

    /// The mock writes what it gets and answers late; a connection that breaks before the answer has lost it.
    @Test func acknowledgementsThatAreLostCostDuplicatesInOrderAndNothingElse() async throws {
        let stage = try await TroubleStage(brokers: 3, topics: 2, arrange: lead)
        for broker: Int32 in [2, 1, 3, 2] {
            try stage.cluster.setRoundTripTime(milliseconds: 60_000, broker: broker)
            // They arrive, and nobody is told.
            try await stage.waitForMore(100)
            try stage.cluster.setDown(broker: broker)
            try stage.cluster.setRoundTripTime(milliseconds: 0, broker: broker)
            try stage.cluster.setUp(broker: broker)
            try await stage.waitForMore(300)
        }
        let report = try await stage.finish()
        #expect(report.duplicates > 0)
    }

    /// Authorization taken away and given back; a topic that is gone from the metadata and comes again.
    @Test(arguments: [(KafkaErrorCode.topicAuthorizationFailed, "topic_authorization_failed"), (.unknownTopic, "")])
    func aTopicWhoseMetadataIsAnErrorForAWhileIsWrittenAgain(code: KafkaErrorCode, reason: String) async throws {
        let stage = try await TroubleStage(brokers: 3, topics: 2, arrange: lead)
        for round in 0..<2 {
            stage.cluster.setTopicError("one", code)
            // The broker refuses what comes, and says in its metadata why.
            try stage.cluster.pushAnswer(.produce, broker: 2, number: code.rawValue)
            try await stage.waitForStatus("topic one is in trouble, round \(round)") { report in
                report.kafka.topics.contains { $0.name == "one" && ["parked", "resolving", "slow"].contains($0.state) }
            }
            let other = try await stage.topic("two").acknowledgedRecords
            try await stage.waitForStatus("topic two goes on") { report in
                report.kafka.topics.contains { $0.name == "two" && $0.acknowledgedRecords > other + 500 }
            }
            let before = try await stage.topic("one").acknowledgedRecords
            stage.cluster.setTopicError("one", .none)
            try await stage.waitForStatus("topic one goes on") { report in
                report.kafka.topics.contains { $0.name == "one" && $0.acknowledgedRecords > before + 100 }
            }
        }
        #expect(try await stage.topic("two").failed.isEmpty)
        try await stage.finish()
    }

    @Test func aPartitionWithoutALeaderForAWhileHoldsUpItsTopicOnly() async throws {
        let stage = try await TroubleStage(brokers: 3, topics: 2, arrange: lead)
        for partition: Int32 in 0..<2 { try stage.cluster.setLeader("one", partition: partition, broker: nil) }
        try await stage.waitForStatus("topic one stands still") { report in
            report.kafka.topics.contains { $0.name == "one" && ["slow", "parked"].contains($0.state) }
        }
        let credit = try await stage.topic("one").credit
        #expect(credit <= 64)
        let other = try await stage.topic("two").acknowledgedRecords
        try await stage.waitForStatus("topic two goes on") { report in
            report.kafka.topics.contains { $0.name == "two" && $0.acknowledgedRecords > other + 1_000 }
        }
        for partition: Int32 in 0..<2 { try stage.cluster.setLeader("one", partition: partition, broker: 3) }
        try await stage.waitForStatus("topic one goes on") { report in
            report.kafka.topics.contains { $0.name == "one" && $0.state == "healthy" }
        }
        try await stage.finish()
    }
}
