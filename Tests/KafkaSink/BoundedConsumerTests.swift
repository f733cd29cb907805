// The bounded consumer reads what there was when it was asked, and ends.
import Core
import TestSupport
import Testing

@testable import KafkaSink

@Suite(.serialized, .ownThread) struct BoundedConsumerTests {
    @Test func readsEveryPartitionToItsEndAndEnds() async throws {
        let cluster = try MockCluster()
        // More than are read at a time.
        try cluster.createTopic("logs", partitions: 40)
        try await write(cluster.bootstrap, 4_000, partitions: 40)
        let consumer = try BoundedConsumer(brokers: [cluster.bootstrap], properties: [])
        defer { consumer.close() }
        #expect(try consumer.topics(milliseconds: 5_000) == ["logs": 40])
        let ranges = try consumer.extents("logs", partitions: 0..<40)
        #expect(ranges == (0..<40).map { PartitionRange(topic: "logs", partition: $0, from: 0, to: 100) })
        for (number, range) in ranges.enumerated() { consumer.read(range, number: number) }
        var offsets = [Int32: [Int64]]()
        try drain(consumer) { number, record in
            #expect(number == Int(record.partition))
            offsets[record.partition, default: []].append(record.offset)
        }
        #expect(offsets.count == 40 && offsets.values.allSatisfy { $0 == Array(0..<100) })
        #expect(consumer.passed == 4_000)
    }

    @Test func doesNotFollowWhatComesLater() async throws {
        let cluster = try MockCluster()
        try cluster.createTopic("logs", partitions: 1)
        try await write(cluster.bootstrap, 100, partitions: 1)
        let consumer = try BoundedConsumer(brokers: [cluster.bootstrap], properties: [])
        defer { consumer.close() }
        let range = try consumer.extents("logs", partitions: 0..<1)[0]
        try await write(cluster.bootstrap, 100, partitions: 1)
        consumer.read(range, number: 0)
        var count = 0
        try drain(consumer) { _, _ in count += 1 }
        #expect(count == 100)
        // And goes on where it ended.
        consumer.read(PartitionRange(topic: "logs", partition: 0, from: 100, to: 200), number: 0)
        try drain(consumer) { _, record in
            #expect(record.offset >= 100)
            count += 1
        }
        #expect(count == 200)
    }

    @Test func aRangeBeyondTheEndOfItsPartitionEndsThere() async throws {
        let cluster = try MockCluster()
        try cluster.createTopic("logs", partitions: 2)
        try await write(cluster.bootstrap, 10, partitions: 1)
        let consumer = try BoundedConsumer(brokers: [cluster.bootstrap], properties: [])
        defer { consumer.close() }
        consumer.read(PartitionRange(topic: "logs", partition: 0, from: 0, to: 50), number: 0)
        consumer.read(PartitionRange(topic: "logs", partition: 1, from: 0, to: 7), number: 1)
        consumer.read(PartitionRange(topic: "logs", partition: 1, from: 0, to: 0), number: 1)
        var count = 0
        try drain(consumer) { _, _ in count += 1 }
        #expect(count == 10 && consumer.passed == 57)
    }

    @Test func whatTheBrokerDroppedIsNotPartOfTheExtent() async throws {
        // The mock keeps 5 MB of a partition.
        let cluster = try MockCluster()
        try cluster.createTopic("logs", partitions: 1)
        let writer = try KafkaWriter(cluster.bootstrap)
        let value = [UInt8](repeating: 0x61, count: 100_000)
        for _ in 0..<100 { try writer.produce("logs", partition: 0, key: [], value: value) }
        try await writer.flush()
        let consumer = try BoundedConsumer(brokers: [cluster.bootstrap], properties: [])
        defer { consumer.close() }
        let range = try consumer.extents("logs", partitions: 0..<1)[0]
        #expect(range.from > 0 && range.to == 100)
    }

    @Test func asksForOffsetsByTime() async throws {
        let broker = try await NoidaBroker.start()
        try await broker.createTopic("logs", partitions: 2)
        try await write(broker.bootstrap, 20, partitions: 1)
        let consumer = try BoundedConsumer(brokers: [broker.bootstrap], properties: [])
        let ranges = try consumer.extents("logs", partitions: 0..<2)
        #expect(ranges.map(\.to) == [20, 0])
        let now = Clock.wall() / nanosecondsPerMillisecond
        #expect(try consumer.offsets(of: ranges, at: now - 3_600_000) == [0, nil])
        #expect(try consumer.offsets(of: ranges, at: now + 3_600_000) == [nil, nil])
        consumer.close()
        try await broker.stop()
    }

    @Test func withoutABrokerItSaysSo() throws {
        let consumer = try BoundedConsumer(brokers: ["127.0.0.1:1"], properties: [])
        defer { consumer.close() }
        let failure = #expect(throws: KafkaFailure.self) { _ = try consumer.topics(milliseconds: 500) }
        #expect(failure?.message.contains("no broker answers") == true)
        #expect(throws: KafkaFailure.self) { _ = try BoundedConsumer(brokers: ["b:1"], properties: [("no.such", "1")]) }
    }

    private func write(_ bootstrap: String, _ count: Int, partitions: Int) async throws {
        let writer = try KafkaWriter(bootstrap)
        for number in 0..<count {
            try writer.produce(
                "logs", partition: Int32(number % partitions), key: [], value: Array("\(number)".utf8))
        }
        try await writer.flush()
    }

    private func drain(_ consumer: BoundedConsumer, _ body: (Int, ConsumedRecord) -> Void) throws {
        let deadline = Clock.monotonic() + 20 * nanosecondsPerSecond
        while !consumer.isAtEnd {
            guard Clock.monotonic() < deadline else {
                throw FixtureError("not all was read within 20 s; \(consumer.lastError ?? "no error")")
            }
            try consumer.poll(milliseconds: 20, body)
        }
    }
}
