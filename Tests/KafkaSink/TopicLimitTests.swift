// max.message.bytes of topics: asked for, applied, noticed when it changes; unknown is no trouble.
import Core
import TestSupport
import Testing

@testable import KafkaSink

@Suite(.serialized, .ownThread, .timeLimit(.minutes(2))) struct TopicLimitTests {
    @Test func theLimitIsKnownWhenATopicBecomesWritableAndItsChangesAreNoticed() async throws {
        let broker = try await NoidaBroker.start()
        try await broker.createTopic("small", partitions: 1, settings: ["max.message.bytes": "5000"])
        let fixture = try ProducerFixture(broker.bootstrap) { $0.refreshInterval = 200 * nanosecondsPerMillisecond }
        let topic = try fixture.open("small")
        #expect(fixture.producer.topics[topic].maximumBytes == 5_000)
        #expect((4_500..<5_000).contains(fixture.producer.maximumValueBytes(topic)))
        try await broker.alterTopic("small", settings: ["max.message.bytes": "9000"])
        try fixture.wait("the raised limit") { fixture.producer.topics[topic].maximumBytes == 9_000 }
        try await broker.alterTopic("small", settings: ["max.message.bytes": "3000"])
        try fixture.wait("the lowered limit") { fixture.producer.topics[topic].maximumBytes == 3_000 }
        #expect(fixture.producer.topics[topic].state == .healthy)
    }

    @Test func aRecordOfTheLargestSizeIsTakenAlone() async throws {
        let broker = try await NoidaBroker.start()
        try await broker.createTopic("small", partitions: 1, settings: ["max.message.bytes": "5000"])
        let fixture = try ProducerFixture(broker.bootstrap) { $0.compression = "none" }
        let topic = try fixture.open("small")
        let largest = String(repeating: "x", count: fixture.producer.maximumValueBytes(topic))
        fixture.send(topic, key: String(repeating: "k", count: 32), [largest])
        try fixture.waitForReports(1)
        fixture.send(topic, key: String(repeating: "k", count: 32), [largest + String(repeating: "x", count: 200)])
        try fixture.waitForReports(2)
        #expect(fixture.reports[1] == 0)
        #expect(fixture.reports[2].map { Outcome(error: $0).isTooLarge } == true)
    }

    @Test func whatMayBeInFlightToAPartitionIsNoMoreThanOneBatchMayHold() async throws {
        let broker = try await NoidaBroker.start()
        try await broker.createTopic("small", partitions: 2, settings: ["max.message.bytes": "5000"])
        let fixture = try ProducerFixture(broker.bootstrap) { $0.lingerMilliseconds = 200 }
        let topic = try fixture.open("small")
        let room = fixture.producer.room(topic, partition: 0)
        #expect((4_500..<5_000).contains(room) && fixture.producer.hasRoom(topic, partition: 0))
        fixture.send(topic, partition: 0, [String(repeating: "x", count: 3_000)])
        #expect(fixture.producer.room(topic, partition: 0) < 2_000)
        #expect(!fixture.producer.hasRoom(topic, partition: 0) && !fixture.producer.isEmpty(topic, partition: 0))
        #expect(fixture.producer.room(topic, partition: 1) == room)
        try fixture.waitForReports(1)
        #expect(fixture.producer.room(topic, partition: 0) == room && fixture.producer.isEmpty(topic, partition: 0))
    }

    @Test func aBrokerThatDoesNotKnowTheQuestionIsNoTrouble() throws {
        let cluster = try MockCluster()
        let fixture = try ProducerFixture(cluster.bootstrap)
        let topic = try fixture.open("logs")
        #expect(fixture.producer.topics[topic].maximumBytes == nil && fixture.producer.lastError == nil)
        #expect(fixture.producer.room(topic, partition: 0) == .max)
        #expect(fixture.producer.maximumValueBytes(topic) == .max)
        fixture.send(topic, ["x"])
        try fixture.waitForReports(1)
        #expect(fixture.reports[1] == 0 && fixture.notices.allSatisfy { if case .error = $0 { false } else { true } })
    }

    @Test func aRefusalOfACrowdSaysNothingOfOneRecordAndHalvesWhatGoesTogetherOnce() throws {
        let cluster = try MockCluster()
        try cluster.createTopic("logs", partitions: 1)
        let fixture = try ProducerFixture(cluster.bootstrap)
        let topic = try fixture.open("logs")
        let now = Clock.monotonic()
        cluster.pushRequestErrors(.produce, [.invalidRecord, .invalidRecord, .invalidRecord])
        fixture.send(topic, ["a", "b"])
        try fixture.waitForReports(2)
        // Many sources may have had records in it.
        for _ in 0..<10 { #expect(!fixture.producer.refused(topic, partition: 0, isTooLarge: false, now: now)) }
        #expect(fixture.producer.topics[topic].caution == Topic.firstCaution)
        fixture.send(topic, ["a", "b"])
        #expect(fixture.producer.credit(topic, now: now) == 0)
        try fixture.waitForReports(4)
        for _ in 0..<10 { #expect(!fixture.producer.refused(topic, partition: 0, isTooLarge: false, now: now)) }
        #expect(fixture.producer.topics[topic].caution == Topic.firstCaution / 2)
        #expect(fixture.producer.takeRefused(topic) == nil)
        fixture.send(topic, ["lone"])
        try fixture.waitForReports(5)
        #expect(fixture.producer.refused(topic, partition: 0, isTooLarge: false, now: now))
        #expect(fixture.producer.takeRefused(topic) == Array("lone".utf8))
        #expect(fixture.producer.takeRefused(topic) == nil)
    }

    @Test func onlyTheSuspectsOwnSuccessEndsTheCaution() throws {
        let cluster = try MockCluster()
        try cluster.createTopic("logs", partitions: 1)
        let fixture = try ProducerFixture(cluster.bootstrap)
        let topic = try fixture.open("logs")
        cluster.pushRequestErrors(.produce, [.invalidRecord])
        fixture.send(topic, ["a", "b"])
        try fixture.waitForReports(2)
        #expect(!fixture.producer.refused(topic, partition: 0, isTooLarge: false, now: Clock.monotonic()))
        fixture.producer.addSuspect(topic)
        func success(ofSuspect: Bool) throws {
            fixture.producer.announceFlight(topic, ofSuspect: ofSuspect)
            let before = fixture.reports.count
            fixture.send(topic, ["x"])
            try fixture.waitForReports(before + 1)
        }
        try success(ofSuspect: false)
        #expect(fixture.producer.topics[topic].caution == Topic.firstCaution)
        try success(ofSuspect: true)
        #expect(fixture.producer.topics[topic].caution == 2 * Topic.firstCaution)
        fixture.producer.removeSuspect(topic)
        for _ in 0..<5 { try success(ofSuspect: false) }
        #expect(fixture.producer.topics[topic].caution == nil)
    }

    @Test func whatWasRefusedForItsSizeIsNotSentAgainInOneUnderAnUnknownLimit() throws {
        let cluster = try MockCluster()
        try cluster.createTopic("logs", partitions: 1)
        let fixture = try ProducerFixture(cluster.bootstrap)
        let topic = try fixture.open("logs")
        let now = Clock.monotonic()
        for count in [20, 40] {
            cluster.pushRequestErrors(.produce, [.messageTooLarge])
            let before = fixture.reports.count
            fixture.send(topic, Array(repeating: String(repeating: "x", count: 4_000), count: count))
            try fixture.waitForReports(before + count)
            #expect(!fixture.producer.refused(topic, partition: 0, isTooLarge: true, now: now))
        }
        // Half of the forty of the cautious flight.
        #expect((79_000..<83_000).contains(fixture.producer.room(topic, partition: 0)))
        for _ in 0..<8 {
            let before = fixture.reports.count
            fixture.send(topic, ["x"])
            try fixture.waitForReports(before + 1)
        }
        #expect(fixture.producer.topics[topic].caution == nil)
        #expect((79_000..<83_000).contains(fixture.producer.room(topic, partition: 0)))
        // A while later more is tried again.
        try cluster.setRoundTripTime(milliseconds: 1_000)
        fixture.send(topic, ["x"])
        fixture.producer.checkPartitions(now: now + 61 * nanosecondsPerSecond)
        #expect((158_000..<166_000).contains(fixture.producer.room(topic, partition: 0)))
    }

    @Test func aSmallRequestThatWasRefusedForItsSizeDoesNotSlowItsTopicDown() throws {
        let cluster = try MockCluster()
        try cluster.createTopic("logs", partitions: 1)
        let fixture = try ProducerFixture(cluster.bootstrap)
        let topic = try fixture.open("logs")
        for _ in 0..<2 {
            cluster.pushRequestErrors(.produce, [.messageTooLarge])
            let before = fixture.reports.count
            fixture.send(topic, ["x", "y"])
            try fixture.waitForReports(before + 2)
            #expect(!fixture.producer.refused(topic, partition: 0, isTooLarge: true, now: Clock.monotonic()))
        }
        #expect(fixture.producer.room(topic, partition: 0) > 60_000)
    }
}
