// What is produced arrives as it was given, and the queue is never overrun.
import Core
import TestSupport
import Testing

@testable import KafkaSink

@Suite(.serialized, .ownThread) struct ProducerTests {
    @Test func twentyThousandRecordsArriveWithTheirKeysPartitionsAndOrder() async throws {
        let cluster = try MockCluster()
        try cluster.createTopic("logs", partitions: 3)
        try cluster.createTopic("other", partitions: 1)
        let fixture = try ProducerFixture(cluster.bootstrap) { $0.queueMessages = 3_000 }
        let topics = [try fixture.open("logs"), try fixture.open("other")]
        var sent = 0
        var values: [UInt] = []
        while sent < 20_000 {
            let now = Clock.monotonic()
            let inFlight = topics.reduce(0) { $0 + fixture.producer.topics[$1].inFlight }
            #expect(topics.allSatisfy { inFlight + fixture.producer.credit($0, now: now) <= 3_000 })
            let credit = fixture.producer.credit(topics[0], now: now)
            if credit == 0 {
                try fixture.wait("credit") { fixture.producer.credit(topics[0], now: Clock.monotonic()) > 0 }
                continue
            }
            let count = min(credit, 300, 20_000 - sent)
            let partition = Int32(sent / 300 % 3)
            values += fixture.send(
                topics[0], partition: partition, key: "key \(partition)", (sent..<sent + count).map { "\($0)" })
            sent += count
        }
        try fixture.waitForReports(20_000)
        #expect(fixture.rejected == [])
        #expect(fixture.reports.values.allSatisfy { $0 == 0 })
        #expect(Set(values) == Set(fixture.reports.keys))
        #expect(fixture.producer.topics[topics[0]].inFlight == 0)
        #expect(fixture.producer.topics[topics[0]].acknowledgedRecords == 20_000)
        #expect(fixture.producer.isUp && fixture.producer.lastAcknowledgement > 0)

        let records = try await readRecords(cluster.bootstrap, topic: "logs", until: .count(20_000))
        #expect(Set(records.map(\.text)).count == 20_000 && records.count == 20_000)
        for partition in Int32(0)..<3 {
            let numbers = records.filter { $0.partition == partition }.map { Int($0.text)! }
            #expect(numbers == numbers.sorted())
        }
        #expect(records.allSatisfy { $0.key == Array("key \($0.partition)".utf8) })
    }

    @Test func gapsOfABatchAreNotProducedAndEmptyBatchesDoNothing() async throws {
        let cluster = try MockCluster()
        let fixture = try ProducerFixture(cluster.bootstrap)
        let topic = try fixture.open("logs")
        #expect(fixture.send(topic, [nil]) == [])
        let values = fixture.send(topic, ["a", nil, "b", nil])
        try fixture.waitForReports(2)
        #expect(Set(fixture.reports.keys) == Set(values))
        let records = try await readRecords(cluster.bootstrap, topic: "logs", until: .count(2))
        #expect(records.map(\.text) == ["a", "b"])
    }

    @Test func auditEventsAreCopiedAndBoundedByTheirMargin() throws {
        let cluster = try MockCluster()
        let fixture = try ProducerFixture(cluster.bootstrap) { $0.queueMessages = 10 }
        let topic = try fixture.open("audit", forControl: true)
        try cluster.setDown()
        var taken = 0
        while fixture.producer.produceCopy(topic, key: [1], value: [2], opaque: UInt(taken + 1)) { taken += 1 }
        #expect(taken == 1_000)
        let now = Clock.monotonic()
        #expect(fixture.producer.credit(topic, now: now) == 0)
        #expect(!fixture.producer.topics[topic].isSlow(now: now))
        try cluster.setUp()
        try fixture.waitForReports(1_000)
        #expect(fixture.producer.produceCopy(topic, key: [1], value: [2], opaque: 2_000))
    }

    @Test func aTopicThatIsOpenedLaterDoesNotOverrunTheQueue() throws {
        let cluster = try MockCluster()
        try cluster.setRoundTripTime(milliseconds: 300)
        let fixture = try ProducerFixture(cluster.bootstrap) { $0.queueMessages = 400 }
        let first = try fixture.open("first")
        fixture.send(first, (0..<400).map { "\($0)" })
        let second = try fixture.open("second")
        let inFlight = fixture.producer.topics[first].inFlight
        #expect(fixture.producer.credit(second, now: Clock.monotonic()) + inFlight <= 400)
        try fixture.waitForReports(400)
        #expect(fixture.producer.credit(second, now: Clock.monotonic()) >= 50)
    }

    @Test func manyTopicsShareTheQueue() throws {
        let cluster = try MockCluster()
        let fixture = try ProducerFixture(cluster.bootstrap) { $0.queueMessages = 100 }
        let topics = try (0..<20).map { try fixture.open("topic\($0)") }
        #expect(fixture.producer.openTopic("topic3") == topics[3])
        let now = Clock.monotonic()
        var sent = 0
        for topic in topics {
            let credit = fixture.producer.credit(topic, now: now)
            #expect(credit > 0)
            fixture.send(topic, (0..<credit).map { "\($0)" })
            sent += credit
        }
        #expect(sent <= 100)
        try fixture.waitForReports(sent)
        #expect(fixture.rejected == [])
    }

    @Test(arguments: ["lz4", "zstd", "gzip", "snappy", "none"])
    func everyCompressionIsReadableByOthers(compression: String) async throws {
        let cluster = try MockCluster()
        let fixture = try ProducerFixture(cluster.bootstrap) { $0.compression = compression }
        let topic = try fixture.open("logs")
        let values = (0..<200).map { "line \($0) " + String(repeating: "text ", count: 20) }
        fixture.send(topic, values)
        try fixture.waitForReports(200)
        let output = try await run(
            "kcat", ["-C", "-q", "-b", cluster.bootstrap, "-t", "logs", "-o", "beginning", "-c", "200"])
        #expect(output.split(separator: "\n").map { String($0) } == values)
    }

    @Test func aRealBrokerGetsEachRecordOnce() async throws {
        let broker = try await NoidaBroker.start()
        try await broker.createTopic("logs", partitions: 2)
        let fixture = try ProducerFixture(broker.bootstrap)
        let topic = try fixture.open("logs")
        for start in stride(from: 0, to: 2_000, by: 100) {
            fixture.send(topic, partition: Int32(start / 100 % 2), (start..<start + 100).map { "\($0)" })
        }
        try fixture.waitForReports(2_000)
        #expect(fixture.reports.values.allSatisfy { $0 == 0 })
        let records = try await readRecords(broker.bootstrap, topic: "logs", until: .count(2_000))
        #expect(records.count == 2_000 && Set(records.map(\.text)).count == 2_000)
        try await broker.stop()
    }
}
