// Brokers that are gone, slow, or refuse: what the producer tells, and that it never blocks its caller.
import Core
import TestSupport
import Testing

@testable import KafkaSink

@Suite(.serialized, .ownThread) struct ProducerTroubleTests {
    /// A call that asks the brokers and waits takes a second; one that does not takes less also on a busy machine.
    private static let blocked = 900
    private static let forbidden = Outcome(error: KafkaErrorCode.topicAuthorizationFailed.rawValue)

    @Test func withoutABrokerNothingBlocksAndTopicsBecomeHealthyWhenOneComes() throws {
        let cluster = try MockCluster()
        try cluster.setDown()
        var made: ProducerFixture?
        #expect(try milliseconds { made = try ProducerFixture(cluster.bootstrap) } < Self.blocked)
        let fixture = try #require(made)
        var topics: [Int] = []
        #expect(milliseconds { topics = (0..<5).map { fixture.producer.openTopic("topic\($0)") } } < Self.blocked)
        #expect(milliseconds { fixture.drain() } < Self.blocked)
        #expect(fixture.producer.credit(topics[0], now: Clock.monotonic()) == 0)
        #expect(!fixture.producer.produceCopy(topics[0], key: [], value: [], opaque: 1))
        // One time-out is enough to know it of all topics.
        try fixture.wait("a reason") {
            topics.allSatisfy { fixture.producer.topics[$0].spell != nil }
        }
        #expect(!fixture.producer.isUp)
        #expect(fixture.producer.lastError != nil)
        try cluster.setUp()
        try fixture.wait("healthy topics") { topics.allSatisfy { fixture.producer.topics[$0].state == .healthy } }
        #expect(Set(fixture.writable) == Set(topics))
        #expect(fixture.producer.isUp && fixture.producer.lastError == nil)
    }

    @Test func producingWhileTheBrokerIsGoneDoesNotBlockAndArrivesOnceItIsBack() async throws {
        let cluster = try MockCluster()
        let fixture = try ProducerFixture(cluster.bootstrap)
        let topic = try fixture.open("logs")
        try cluster.setDown()
        #expect(milliseconds { fixture.send(topic, (0..<500).map { "\($0)" }) } < Self.blocked)
        try fixture.wait("the news that no broker answers") { !fixture.producer.isUp }
        #expect(fixture.reports.isEmpty)
        try cluster.setUp()
        try fixture.waitForReports(500)
        #expect(fixture.reports.values.allSatisfy { $0 == 0 })
        let records = try await readRecords(cluster.bootstrap, topic: "logs", until: .count(500))
        #expect(records.map(\.text) == (0..<500).map { "\($0)" })
    }

    @Test func anIdleProducerLearnsThatTheBrokerIsBack() throws {
        let cluster = try MockCluster()
        let fixture = try ProducerFixture(cluster.bootstrap)
        _ = try fixture.open("logs")
        try cluster.setDown()
        try fixture.wait("the news that no broker answers") { !fixture.producer.isUp }
        try cluster.setUp()
        try fixture.wait("the news that one does") { fixture.producer.isUp && fixture.producer.lastError == nil }
    }

    @Test(arguments: [KafkaErrorCode.unknownTopic, .topicAuthorizationFailed])
    func aTopicThatIsRefusedStaysUnresolvedWithAReasonUntilItIsThere(code: KafkaErrorCode) throws {
        let cluster = try MockCluster()
        try cluster.createTopic("logs")
        cluster.setTopicError("logs", code)
        let fixture = try ProducerFixture(cluster.bootstrap)
        let topic = fixture.producer.openTopic("logs")
        let good = try fixture.open("other")
        try fixture.wait("a reason") { fixture.producer.lastError != nil }
        #expect(fixture.producer.topics[topic].state == .resolving)
        let trouble = try #require(fixture.producer.topics[topic].presentTrouble(now: Clock.monotonic()))
        #expect(trouble.outcome == Outcome(error: code.rawValue))
        #expect(fixture.producer.lastError?.contains("logs") == true)
        fixture.send(good, ["x"])
        try fixture.waitForReports(1)
        cluster.setTopicError("logs", .none)
        try fixture.wait("a healthy topic") { fixture.producer.topics[topic].state == .healthy }
    }

    @Test(arguments: [
        [KafkaErrorCode.notLeader], [.requestTimedOut], [.notEnoughReplicas], [.disconnect],
        [.notLeader, .requestTimedOut, .disconnect, .notEnoughReplicas],
    ])
    func transportTroubleIsRetriedInOrderWithoutDuplicates(codes: [KafkaErrorCode]) async throws {
        let cluster = try MockCluster()
        try cluster.createTopic("logs", partitions: 1)
        let fixture = try ProducerFixture(cluster.bootstrap)
        let topic = try fixture.open("logs")
        cluster.pushRequestErrors(.produce, codes)
        for start in stride(from: 0, to: 100, by: 10) { fixture.send(topic, (start..<start + 10).map { "\($0)" }) }
        try fixture.waitForReports(100)
        #expect(fixture.reports.values.allSatisfy { $0 == 0 })
        let records = try await readRecords(cluster.bootstrap, topic: "logs", until: .count(100))
        #expect(records.map(\.text) == (0..<100).map { "\($0)" })
    }

    @Test(arguments: [
        (KafkaErrorCode.messageTooLarge, OutcomeClass.recordTrouble, "msg_size_too_large"),
        (.invalidRecord, .recordTrouble, "invalid_record"),
    ])
    func refusalsAreReportedWithTheirClass(code: KafkaErrorCode, kind: OutcomeClass, reason: String) throws {
        let cluster = try MockCluster()
        try cluster.createTopic("logs", partitions: 1)
        let fixture = try ProducerFixture(cluster.bootstrap)
        let topic = try fixture.open("logs")
        cluster.pushRequestErrors(.produce, [code])
        let values = fixture.send(topic, ["a", "b"])
        try fixture.waitForReports(2)
        for value in values {
            let outcome = Outcome(error: try #require(fixture.reports[value]))
            #expect(outcome.kind == kind && outcome.reason == reason)
        }
        #expect(fixture.producer.topics[topic].inFlight == 0)
        let next = fixture.send(topic, ["c"])
        try fixture.waitForReports(3)
        #expect(fixture.reports[next[0]] == 0)
    }

    /// librdkafka refuses everything for such a topic until it has asked for it again, which parking sees to.
    @Test func aTopicThatIsForbiddenForAWhileIsWrittenAgainAfterParking() throws {
        let cluster = try MockCluster()
        try cluster.createTopic("logs", partitions: 1)
        let fixture = try ProducerFixture(cluster.bootstrap)
        let topic = try fixture.open("logs")
        cluster.pushRequestErrors(.produce, [.topicAuthorizationFailed])
        let values = fixture.send(topic, ["a", "b"])
        try fixture.waitForReports(2)
        for value in values {
            let outcome = Outcome(error: try #require(fixture.reports[value]))
            #expect(outcome == Outcome(error: KafkaErrorCode.topicAuthorizationFailed.rawValue))
            #expect(outcome.kind == .topicTrouble && outcome.reason == "topic_authorization_failed")
        }
        var now = Clock.monotonic()
        try fixture.wait("an acknowledgement") {
            if fixture.producer.topics[topic].inFlight == 0, fixture.producer.topics[topic].acknowledgedRecords == 0 {
                now = fixture.producer.park(topic, for: Self.forbidden, now: now) ?? now
                _ = fixture.producer.unpark(now: now)
                fixture.send(topic, ["c"])
            }
            return fixture.producer.topics[topic].acknowledgedRecords == 1
        }
        #expect(fixture.rejected.allSatisfy { Outcome(error: $0).kind == .topicTrouble })
    }

    @Test func aSequenceOutOfOrderIsFatalAndTold() throws {
        let cluster = try MockCluster()
        try cluster.createTopic("logs", partitions: 1)
        let fixture = try ProducerFixture(cluster.bootstrap)
        let topic = try fixture.open("logs")
        cluster.pushRequestErrors(.produce, [.outOfOrderSequence])
        fixture.send(topic, ["a"])
        try fixture.wait("a fatal notice") {
            fixture.notices.contains { if case .fatal = $0 { true } else { false } }
        }
        // What is produced afterwards comes back at once.
        fixture.send(topic, ["b", "c"])
        #expect(fixture.rejected.map { Outcome(error: $0).kind } == [.fatal, .fatal])
        try fixture.waitForReports(1)
        #expect(Outcome(error: try #require(fixture.reports.values.first)).kind == .fatal)
        #expect(fixture.producer.topics[topic].inFlight == 0)
    }

    @Test func recordsForAPartitionThatIsNotThereAreTopicTrouble() throws {
        let cluster = try MockCluster()
        try cluster.createTopic("logs", partitions: 2)
        let fixture = try ProducerFixture(cluster.bootstrap)
        let topic = try fixture.open("logs")
        fixture.send(topic, partition: 9, ["a"])
        let error = try #require(fixture.rejected.first)
        #expect(Outcome(error: error).kind == .topicTrouble)
    }

    @Test func aRecordAboveTheClientsLimitIsRecordTroubleAndTheOthersArrive() throws {
        let cluster = try MockCluster()
        let fixture = try ProducerFixture(cluster.bootstrap)
        let topic = try fixture.open("logs")
        fixture.send(topic, ["a", String(repeating: "x", count: fixture.producer.maximumMessageBytes + 1), "b"])
        #expect(fixture.rejected.map { Outcome(error: $0).kind } == [.recordTrouble])
        try fixture.waitForReports(2)
        #expect(fixture.reports.values.allSatisfy { $0 == 0 })
        fixture.send(topic, [String(repeating: "x", count: fixture.producer.maximumMessageBytes - 512)])
        try fixture.waitForReports(3)
        #expect(fixture.rejected.count == 1 && fixture.reports.values.allSatisfy { $0 == 0 })
    }

    @Test func partitionsThatAreAddedArePickedUp() throws {
        // The mock cannot add partitions: another cluster with more of them takes over.
        let small = try MockCluster()
        let large = try MockCluster()
        try small.createTopic("logs", partitions: 2)
        try large.createTopic("logs", partitions: 6)
        try large.setDown()
        let fixture = try ProducerFixture("\(small.bootstrap),\(large.bootstrap)") {
            $0.refreshInterval = 100 * nanosecondsPerMillisecond
        }
        let topic = try fixture.open("logs")
        #expect(fixture.producer.topics[topic].partitions == 2)
        try large.setUp()
        try small.setDown()
        try fixture.wait("six partitions") { fixture.producer.topics[topic].partitions == 6 }
        #expect(fixture.producer.topics[topic].state == .healthy)
    }

    @Test func aTopicWithoutAcknowledgementsFallsToASmallCreditAndRecovers() throws {
        let cluster = try MockCluster()
        let fixture = try ProducerFixture(cluster.bootstrap) { $0.queueMessages = 1_000 }
        let topic = try fixture.open("logs")
        try cluster.setRoundTripTime(milliseconds: 700)
        let start = Clock.monotonic()
        fixture.send(topic, (0..<40).map { "\($0)" }, now: start)
        let before = start + 2 * nanosecondsPerSecond
        #expect(fixture.producer.credit(topic, now: before) > 64)
        #expect(fixture.producer.topics[topic].isSlow(now: before + 1))
        #expect(fixture.producer.credit(topic, now: before + 1) == 24)
        fixture.send(topic, (0..<30).map { "\($0)" }, now: before)
        #expect(fixture.producer.credit(topic, now: before + 1) == 0)
        try fixture.waitForReports(70)
        #expect(fixture.producer.credit(topic, now: Clock.monotonic()) > 64)
        // Idle is not slow.
        #expect(!fixture.producer.topics[topic].isSlow(now: Clock.monotonic() + 100 * nanosecondsPerSecond))
    }

    @Test func parkingBacksOffUpToThirtySecondsAndAnAcknowledgementResetsIt() throws {
        let cluster = try MockCluster()
        let fixture = try ProducerFixture(cluster.bootstrap)
        let topic = try fixture.open("logs")
        var now: Int64 = 1_000
        var pauses: [Int64] = []
        for _ in 0..<9 {
            let until = try #require(fixture.producer.park(topic, for: Self.forbidden, now: now))
            #expect(fixture.producer.park(topic, for: Self.forbidden, now: now + 5) == nil)
            #expect(fixture.producer.credit(topic, now: now) == 0)
            #expect(fixture.producer.nextUnpark == until)
            #expect(fixture.producer.unpark(now: until - 1) == [])
            #expect(fixture.producer.unpark(now: until) == [topic])
            pauses.append((until - now) / nanosecondsPerMillisecond)
            now = until
        }
        #expect(pauses == [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000])
        #expect(fixture.producer.nextUnpark == nil)
        fixture.send(topic, ["a"])
        try fixture.waitForReports(1)
        let pause = try #require(fixture.producer.park(topic, for: Self.forbidden, now: now)) - now
        #expect(pause == 500 * nanosecondsPerMillisecond)
    }

    @Test func aParkedTopicThatTheBrokersDoNotKnowGetsNoRecordsUntilTheyDo() throws {
        let cluster = try MockCluster()
        try cluster.createTopic("logs")
        let fixture = try ProducerFixture(cluster.bootstrap)
        let topic = try fixture.open("logs")
        cluster.setTopicError("logs", .unknownTopic)
        let until = try #require(fixture.producer.park(topic, for: Self.forbidden, now: Clock.monotonic()))
        try fixture.wait("the brokers' answer") { fixture.producer.topics[topic].partitions == 0 }
        #expect(fixture.producer.unpark(now: until) == [])
        #expect(fixture.producer.topics[topic].state == .resolving)
        cluster.setTopicError("logs", .none)
        try fixture.wait("a writable topic") { fixture.producer.topics[topic].state == .healthy }
        #expect(fixture.writable.contains(topic))
    }

    @Test func closingWithRecordsInFlightReturnsSoon() throws {
        let cluster = try MockCluster()
        let fixture = try ProducerFixture(cluster.bootstrap)
        let topic = try fixture.open("logs")
        try cluster.setRoundTripTime(milliseconds: 30_000)
        for _ in 0..<10 { fixture.send(topic, (0..<500).map { "\($0)" }) }
        try fixture.wait("nothing") { true }
        #expect(milliseconds { fixture.close() } < 3_000)
    }

    @Test(arguments: [true, false])
    func closingWithADeadBrokerReturnsSoon(hasRecords: Bool) throws {
        let cluster = try MockCluster()
        let fixture = try ProducerFixture(cluster.bootstrap)
        let topic = try fixture.open("logs")
        try cluster.setDown()
        if hasRecords {
            fixture.send(topic, (0..<500).map { "\($0)" })
        } else {
            _ = fixture.producer.openTopic("never resolved")
        }
        #expect(milliseconds { fixture.close() } < 3_000)
    }
}
