// What the proxy in front of brokers does to a client, before scenarios stand on it.
import TestSupport
import Testing

@Suite("Fixtures: a proxy in front of brokers", .timeLimit(.minutes(2)))
struct ProxyFixtureTests {
    @Test("A client that knows only the proxy reaches every broker through it, and nothing is changed on the way")
    func passes() async throws {
        let cluster = try MockCluster(brokers: 3)
        try cluster.createTopic("t", partitions: 6)
        let proxy = try KafkaProxy(cluster.bootstrap)
        let writer = try KafkaWriter(proxy.bootstrap)
        for number in 0..<600 {
            try writer.produce("t", partition: Int32(number % 6), key: [], value: Array("\(number)".utf8))
        }
        try await writer.flush()
        let records = try await readRecords(proxy.bootstrap, topic: "t", until: .count(600))
        #expect(records.map(\.text).compactMap { Int($0) }.sorted() == Array(0..<600))
        let tally = proxy.tally
        #expect(tally.produced >= 6 && tally.connections >= 3 && tally.refused == 0, "\(tally)")
        #expect(proxy.problems.isEmpty, "\(proxy.problems)")
    }

    @Test("A dropped answer is one of a record that was written: a producer without idempotence writes it twice")
    func dropsAnswers() async throws {
        let broker = try await NoidaBroker.start()
        try await broker.createTopic("t", partitions: 1)
        let proxy = try KafkaProxy(broker.bootstrap)
        let writer = try KafkaWriter(proxy.bootstrap)
        proxy.dropProduceResponses(1)
        try writer.produce("t", partition: 0, key: [], value: Array("once".utf8))
        try await writer.flush()
        let records = try await readRecords(broker.bootstrap, topic: "t", until: .count(2))
        #expect(records.map(\.text) == ["once", "once"])
        #expect(proxy.tally.dropped == 1 && proxy.problems.isEmpty, "\(proxy.tally) \(proxy.problems)")
    }

    @Test("A stalled proxy and held requests let nothing arrive, and all of it afterwards")
    func stalls() async throws {
        let broker = try await NoidaBroker.start()
        try await broker.createTopic("t", partitions: 1)
        let proxy = try KafkaProxy(broker.bootstrap)
        let writer = try KafkaWriter(proxy.bootstrap)
        try writer.produce("t", partition: 0, key: [], value: [0x30])
        try await writer.flush()
        for (place, halt) in [proxy.stall, proxy.holdRequests].enumerated() {
            halt(true)
            try writer.produce("t", partition: 0, key: [], value: [0x31 + UInt8(place)])
            await #expect(throws: FixtureError.self) { try await writer.flush(timeout: .seconds(1)) }
            // Waited for: what the broker acknowledged a moment ago need not be in its first answer.
            #expect(try await readRecords(broker.bootstrap, topic: "t", until: .count(place + 1)).count == place + 1)
            halt(false)
            try await writer.flush()
        }
        let records = try await readRecords(broker.bootstrap, topic: "t", until: .count(3))
        #expect(records.map(\.text) == ["0", "1", "2"])
    }
}
