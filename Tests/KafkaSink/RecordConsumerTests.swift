// The consumer reads whole topics from their beginning, whenever they appear.
import Core
import TestSupport
import Testing

@testable import KafkaSink

@Suite(.serialized, .ownThread) struct RecordConsumerTests {
    @Test func readsAllPartitionsFromTheBeginningInOrderWithKeysAndTimes() throws {
        let cluster = try MockCluster()
        try cluster.createTopic("logs", partitions: 3)
        expectComplete(try readAll(cluster.bootstrap, write: 3_000), count: 3_000)
    }

    @Test func readsFromARealBroker() async throws {
        let broker = try await NoidaBroker.start()
        try await broker.createTopic("logs", partitions: 3)
        let bootstrap = broker.bootstrap
        let consumed = try await onOwnThread("test-consume") { try readAll(bootstrap, write: 2_000) }
        expectComplete(consumed, count: 2_000)
        try await broker.stop()
    }

    @Test func picksUpATopicThatIsMadeLaterAndMakesNone() async throws {
        let cluster = try MockCluster()
        let consumer = try RecordConsumer(brokers: [cluster.bootstrap], topics: ["later"], properties: [:])
        defer { consumer.close() }
        #expect(consumer.poll(milliseconds: 10) { _ in } == 0)
        #expect(consumer.lastError?.contains("later") == true)
        #expect(!consumer.isAtEnd)
        // A topic that the consumer had made would have 4 partitions, and this would fail.
        try cluster.createTopic("later", partitions: 2)
        let writer = try KafkaWriter(cluster.bootstrap)
        try writer.produce("later", partition: 1, key: Array("k".utf8), value: Array("v".utf8))
        try await writer.flush()
        var texts: [String] = []
        try poll(consumer, until: { texts.count == 1 && consumer.isAtEnd }) {
            texts.append("\($0.partition) \(String(decoding: $0.key, as: UTF8.self))")
        }
        #expect(texts == ["1 k"])
    }

    @Test func withoutABrokerAPollReturnsSoonAndReadingStartsWhenOneComes() throws {
        let cluster = try MockCluster()
        try cluster.createTopic("logs", partitions: 1)
        try cluster.setDown()
        let consumer = try RecordConsumer(
            brokers: [cluster.bootstrap], topics: ["logs", "others"], properties: ["reconnect.backoff.max.ms": "100"])
        defer { consumer.close() }
        let start = Clock.monotonic()
        #expect(consumer.poll(milliseconds: 50) { _ in } == 0)
        #expect(Clock.monotonic() - start < 1_500 * nanosecondsPerMillisecond)
        try cluster.setUp()
        let writer = try KafkaWriter(cluster.bootstrap)
        try writer.produce("logs", partition: 0, key: [], value: Array("v".utf8))
        var count = 0
        try poll(consumer, until: { count == 1 }) { _ in count += 1 }
    }

    @Test func closingWithADeadBrokerReturnsSoon() throws {
        let cluster = try MockCluster()
        try cluster.createTopic("logs", partitions: 4)
        let consumer = try RecordConsumer(brokers: [cluster.bootstrap], topics: ["logs"], properties: [:])
        try poll(consumer, until: { consumer.isAtEnd }) { _ in }
        try cluster.setDown()
        let start = Clock.monotonic()
        consumer.close()
        consumer.close()
        #expect(Clock.monotonic() - start < 3 * nanosecondsPerSecond)
    }

    @Test func emptyKeysAndValuesAreEmpty() throws {
        let cluster = try MockCluster()
        try cluster.createTopic("logs", partitions: 1)
        let writer = try KafkaWriter(cluster.bootstrap)
        try writer.produce("logs", partition: 0, key: [], value: [])
        let consumer = try RecordConsumer(brokers: [cluster.bootstrap], topics: ["logs"], properties: [:])
        defer { consumer.close() }
        var sizes: [Int] = []
        try poll(consumer, until: { !sizes.isEmpty }) { sizes += [$0.key.count, $0.value.count] }
        #expect(sizes == [0, 0])
    }

    @Test func settingsAndTopicNamesThatAreNotValidAreNamed() {
        let setting = #expect(throws: KafkaFailure.self) {
            _ = try RecordConsumer(brokers: ["127.0.0.1:1"], topics: ["t"], properties: ["fetch.wait.max.ms": "x"])
        }
        #expect(setting?.message.contains("fetch.wait.max.ms") == true)
        let topic = #expect(throws: KafkaFailure.self) {
            _ = try RecordConsumer(
                brokers: ["127.0.0.1:1"], topics: ["good", String(repeating: "t", count: 600)], properties: [:])
        }
        #expect(topic?.message.contains("ttt") == true)
    }
}

/// What a record was, copied out of the consumer.
private struct Seen: Sendable {
    let partition: Int32
    let offset: Int64
    let timestamp: Int64
    let key: String
    let value: String
}

private func readAll(_ bootstrap: String, write count: Int) throws -> [Seen] {
    let writer = try KafkaWriter(bootstrap)
    for number in 0..<count {
        try writer.produce(
            "logs", partition: Int32(number % 3), key: Array("key \(number % 3)".utf8), value: Array("\(number)".utf8))
    }
    let consumer = try RecordConsumer(
        brokers: [bootstrap], topics: ["logs", "logs"], properties: ["receive.message.max.bytes": "1500000000"])
    defer { consumer.close() }
    var seen: [Seen] = []
    try poll(consumer, until: { seen.count >= count && consumer.isAtEnd }) { record in
        seen.append(
            Seen(
                partition: record.partition, offset: record.offset, timestamp: record.timestampMilliseconds,
                key: String(decoding: record.key, as: UTF8.self), value: String(decoding: record.value, as: UTF8.self)))
    }
    return seen
}

private func expectComplete(_ seen: [Seen], count: Int) {
    #expect(seen.count == count)
    let now = Clock.wall() / nanosecondsPerMillisecond
    for partition in Int32(0)..<3 {
        let records = seen.filter { $0.partition == partition }
        #expect(records.map(\.value) == stride(from: Int(partition), to: count, by: 3).map { String($0) })
        #expect(records.map(\.offset) == records.indices.map { Int64($0) })
        #expect(records.allSatisfy { $0.key == "key \(partition)" && abs(now - $0.timestamp) < 60_000 })
    }
}
