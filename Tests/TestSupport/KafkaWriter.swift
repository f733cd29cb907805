// Producing a few records by hand, to test the fixtures and readers.
internal import CRdKafka

/// A plain producer for tests, not the daemon's. Safe on any thread.
package final class KafkaWriter: Sendable {
    private let client: KafkaClient

    package init(_ bootstrap: String) throws {
        client = try KafkaClient(
            RD_KAFKA_PRODUCER, ["bootstrap.servers": bootstrap, "linger.ms": "5", "acks": "all"])
    }

    /// Queues a record; waits for room when librdkafka's queue is full.
    package func produce(_ topic: String, partition: Int32, key: [UInt8], value: [UInt8]) throws {
        let handle = rd_kafka_topic_new(client.handle, topic, nil)
        defer { rd_kafka_topic_destroy(handle) }
        var value = value
        while rd_kafka_produce(
            handle, partition, Int32(RD_KAFKA_MSG_F_COPY), &value, value.count, key, key.count, nil) != 0
        {
            let code = rd_kafka_last_error()
            guard code == RD_KAFKA_RESP_ERR__QUEUE_FULL else { throw FixtureError("produce: \(errorText(code))") }
            rd_kafka_poll(client.handle, 10)
        }
    }

    /// Waits until all queued records are acknowledged.
    package func flush(timeout: Duration = .seconds(20)) async throws {
        let client = client
        try await onOwnThread("test-flush") {
            let code = rd_kafka_flush(client.handle, Int32(timeout.components.seconds) * 1000)
            guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { throw FixtureError("flush: \(errorText(code))") }
        }
    }
}
