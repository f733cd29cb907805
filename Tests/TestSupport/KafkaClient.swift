// Making librdkafka handles for the fixtures.
internal import CRdKafka

/// Owns one librdkafka client; used by the fixtures only. Thread-safe, as librdkafka's handle is.
final class KafkaClient: @unchecked Sendable {
    let handle: OpaquePointer

    /// A client with `properties`; silent, since brokers that go down are part of the tests.
    init(_ type: rd_kafka_type_t, _ properties: [String: String]) throws {
        let configuration = rd_kafka_conf_new()!
        var reason = [CChar](repeating: 0, count: 512)
        for (name, value) in properties.merging(["log_level": "0"], uniquingKeysWith: { given, _ in given }) {
            guard rd_kafka_conf_set(configuration, name, value, &reason, reason.count) == RD_KAFKA_CONF_OK else {
                rd_kafka_conf_destroy(configuration)
                throw FixtureError("librdkafka refuses \(name): \(text(reason))")
            }
        }
        guard let handle = rd_kafka_new(type, configuration, &reason, reason.count) else {
            rd_kafka_conf_destroy(configuration)
            throw FixtureError("no Kafka client: \(text(reason))")
        }
        self.handle = handle
    }

    deinit { rd_kafka_destroy_flags(handle, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE) }

    /// Number of partitions of every topic the broker has now. Asks for all topics, which creates none. Blocks.
    func partitionCounts(timeout milliseconds: Int32) throws -> [String: Int32] {
        var metadata: UnsafePointer<rd_kafka_metadata>?
        let code = rd_kafka_metadata(handle, 1, nil, &metadata, milliseconds)
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR, let metadata else { throw FixtureError(errorText(code)) }
        defer { rd_kafka_metadata_destroy(metadata) }
        var counts: [String: Int32] = [:]
        for index in 0..<Int(metadata.pointee.topic_cnt) {
            let topic = metadata.pointee.topics[index]
            if topic.err == RD_KAFKA_RESP_ERR_NO_ERROR { counts[String(cString: topic.topic)] = topic.partition_cnt }
        }
        return counts
    }
}

func errorText(_ code: rd_kafka_resp_err_t) -> String { String(cString: rd_kafka_err2str(code)) }

private func text(_ buffer: [CChar]) -> String {
    String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
}
