// Asking brokers for the largest record batch a topic takes.
internal import CRdKafka
internal import Core

/// DescribeConfigs (protocol guide, API key 32) through librdkafka's admin API. Used on the thread "kafka-metadata" only:
/// each question blocks until its answer, or for a second.
struct TopicLimit {
    private let client: OpaquePointer
    /// After a question without an answer: not before (monotonic ns), so that a broker that is silent about configurations
    /// does not hold up the questions for partitions by a second each.
    private var silentUntil: Int64 = 0
    /// The first question stands between a start and its first record, and brokers that do not know it say nothing; later
    /// ones may take longer.
    private var timeoutMilliseconds: Int32 = 250
    private static let laterTimeoutMilliseconds: Int32 = 1_000
    private static let silence = 60 * nanosecondsPerSecond

    init(client: OpaquePointer) { self.client = client }

    /// The topic's max.message.bytes; nil when it cannot be known: the broker does not know the question, does not allow
    /// it, or does not answer.
    mutating func ask(_ topic: String) -> Int? {
        guard Clock.monotonic() >= silentUntil else { return nil }
        let queue = rd_kafka_queue_new(client)
        let options = rd_kafka_AdminOptions_new(client, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS)
        var resource = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic)
        defer {
            rd_kafka_ConfigResource_destroy(resource)
            rd_kafka_AdminOptions_destroy(options)
            rd_kafka_queue_destroy(queue)
        }
        var text = [CChar](repeating: 0, count: 128)
        rd_kafka_AdminOptions_set_request_timeout(options, timeoutMilliseconds, &text, text.count)
        rd_kafka_DescribeConfigs(client, &resource, 1, options, queue)
        guard let event = rd_kafka_queue_poll(queue, timeoutMilliseconds + 100) else { return fallSilent() }
        defer { rd_kafka_event_destroy(event) }
        switch rd_kafka_event_error(event) {
        case RD_KAFKA_RESP_ERR_NO_ERROR: return TopicLimit.value(in: event)
        case RD_KAFKA_RESP_ERR__TIMED_OUT, RD_KAFKA_RESP_ERR__TRANSPORT: return fallSilent()
        default: return nil
        }
    }

    private mutating func fallSilent() -> Int? {
        silentUntil = Clock.monotonic() + TopicLimit.silence
        timeoutMilliseconds = TopicLimit.laterTimeoutMilliseconds
        return nil
    }

    private static func value(in event: OpaquePointer) -> Int? {
        var count = 0
        guard let result = rd_kafka_event_DescribeConfigs_result(event),
            let resources = rd_kafka_DescribeConfigs_result_resources(result, &count), count == 1,
            rd_kafka_ConfigResource_error(resources[0]) == RD_KAFKA_RESP_ERR_NO_ERROR
        else { return nil }
        var entries = 0
        guard let configs = rd_kafka_ConfigResource_configs(resources[0], &entries) else { return nil }
        for place in 0..<entries {
            guard let name = rd_kafka_ConfigEntry_name(configs[place]), String(cString: name) == "max.message.bytes",
                let value = rd_kafka_ConfigEntry_value(configs[place])
            else { continue }
            // Kafka's type is a 32-bit integer; what is not one is no answer.
            return Int32(String(cString: value)).flatMap { $0 > 0 ? Int($0) : nil }
        }
        return nil
    }
}
