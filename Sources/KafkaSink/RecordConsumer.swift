// Reading topics from their beginning: what `demo` shows and `verify` checks.
internal import CRdKafka
internal import Core
internal import Glibc

/// Reads all partitions of its topics from the beginning, without a consumer group: no offsets are committed and no group
/// right is needed (librdkafka's simple consumer, one queue over all partitions, to which partitions can be added at any
/// time). Creates no topics; those that appear later are read as well. Used by one thread.
package final class RecordConsumer {
    private struct Topic {
        let name: String
        /// Nil until the brokers know the topic: a handle makes librdkafka ask for it by name, which may create it.
        var handle: OpaquePointer?
        /// Per partition: everything there was has been handed over.
        var ended: [Bool] = []
    }

    private let client: OpaquePointer
    private let queue: OpaquePointer
    private var topics: [Topic] = []
    private let messages: UnsafeMutablePointer<UnsafeMutablePointer<rd_kafka_message_t>?>
    private var nextLook: Int64 = 0
    private var isClosed = false
    /// What librdkafka or a broker last complained about, for people; nil before the first trouble.
    package private(set) var lastError: String?

    private static let batchSize = 1000
    /// How often brokers are asked for topics that are missing, and for partitions that were added.
    private static let missingInterval = nanosecondsPerSecond
    private static let growthInterval = 10 * nanosecondsPerSecond
    private static let minimumCallMilliseconds: Int32 = 100
    private static let maximumCallMilliseconds: Int32 = 1_000

    /// Makes the client; does not wait for a broker. `properties` are librdkafka settings (security and fetching, say).
    /// Throws when a setting or a topic's name is not valid.
    package init(brokers: [String], topics names: [String], properties: [String: String]) throws(KafkaFailure) {
        // Kafka's own limit.
        for name in names where !(1...249).contains(name.utf8.count) {
            throw KafkaFailure(message: "not a topic name: \(name.debugDescription)")
        }
        let configuration = try ClientConfiguration.make(RecordConsumer.settings(brokers, properties))
        // Its log lines would go to standard error; what matters comes with the messages.
        rd_kafka_conf_set_log_cb(configuration, nil)
        client = try ClientConfiguration.client(RD_KAFKA_CONSUMER, configuration)
        queue = rd_kafka_queue_new(client)
        messages = .allocate(capacity: RecordConsumer.batchSize)
        for name in names where !topics.contains(where: { $0.name == name }) { topics.append(Topic(name: name)) }
    }

    deinit { close() }

    /// Hands over what has arrived, waiting up to `milliseconds` for the first record, and returns how many records that
    /// were. While a topic is missing or no broker answers, a call may take up to a second more.
    @discardableResult
    package func poll(milliseconds: Int32, _ body: (ConsumedRecord) -> Void) -> Int {
        precondition(!isClosed, "polled after close")
        if Clock.monotonic() >= nextLook { lookForPartitions(milliseconds) }
        rd_kafka_poll(client, 0)
        let count = rd_kafka_consume_batch_queue(queue, milliseconds, messages, RecordConsumer.batchSize)
        guard count > 0 else { return 0 }
        var handedOver = 0
        for place in 0..<count {
            let message = messages[place]!
            if take(message, body) { handedOver += 1 }
            rd_kafka_message_destroy(message)
        }
        return handedOver
    }

    /// True when every topic exists and the end of all its partitions was reached, with nothing newer seen since.
    package var isAtEnd: Bool { topics.allSatisfy { !$0.ended.isEmpty && $0.ended.allSatisfy { $0 } } }

    /// Ends the client; calling it again is fine.
    package func close() {
        guard !isClosed else { return }
        isClosed = true
        for topic in topics {
            for partition in topic.ended.indices { rd_kafka_consume_stop(topic.handle, Int32(partition)) }
            if let handle = topic.handle { rd_kafka_topic_destroy(handle) }
        }
        rd_kafka_queue_destroy(queue)
        rd_kafka_destroy_flags(client, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE)
        messages.deallocate()
    }

    private static func settings(_ brokers: [String], _ properties: [String: String]) -> [(String, String)] {
        [("client.id", "longshore"), ("fetch.wait.max.ms", "100"), ("reconnect.backoff.max.ms", "1000")]
            + properties.sorted { $0.key < $1.key }.map { ($0.key, $0.value) } + [
                ("bootstrap.servers", brokers.joined(separator: ",")), ("enable.auto.commit", "false"),
                ("enable.partition.eof", "true"), ("auto.offset.reset", "earliest"),
                ("allow.auto.create.topics", "false"),
            ]
    }

    /// Starts the partitions that are not read yet. Asks for all topics there are: brokers, and librdkafka's mock, may
    /// make a topic that is asked for by its name.
    private func lookForPartitions(_ milliseconds: Int32) {
        let patience = min(
            max(milliseconds, RecordConsumer.minimumCallMilliseconds), RecordConsumer.maximumCallMilliseconds)
        var metadata: UnsafePointer<rd_kafka_metadata>?
        let code = rd_kafka_metadata(client, 1, nil, &metadata, patience)
        if code == RD_KAFKA_RESP_ERR_NO_ERROR, let metadata {
            for index in topics.indices where !start(index, metadata.pointee) {
                complain(RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, topics[index].name)
            }
            rd_kafka_metadata_destroy(metadata)
        } else {
            lastError = String(cString: rd_kafka_err2str(code))
        }
        let isMissing = topics.contains { $0.ended.isEmpty }
        nextLook = Clock.monotonic() + (isMissing ? RecordConsumer.missingInterval : RecordConsumer.growthInterval)
    }

    /// Starts the partitions of one topic; false when the brokers do not know it.
    private func start(_ index: Int, _ metadata: rd_kafka_metadata) -> Bool {
        let places = 0..<Int(metadata.topic_cnt)
        guard let place = places.first(where: { strcmp(metadata.topics[$0].topic, topics[index].name) == 0 }) else {
            return false
        }
        let answer = metadata.topics[place]
        if answer.err != RD_KAFKA_RESP_ERR_NO_ERROR { complain(answer.err, topics[index].name) }
        if topics[index].handle == nil { topics[index].handle = rd_kafka_topic_new(client, topics[index].name, nil) }
        while topics[index].ended.count < Int(answer.partition_cnt) {
            let partition = Int32(topics[index].ended.count)
            let begin = Int64(RD_KAFKA_OFFSET_BEGINNING)
            guard rd_kafka_consume_start_queue(topics[index].handle, partition, begin, queue) == 0 else {
                complain(rd_kafka_last_error(), topics[index].name)
                break
            }
            topics[index].ended.append(false)
        }
        return true
    }

    /// True when the message was a record; otherwise it told the end of a partition or an error.
    private func take(
        _ message: UnsafeMutablePointer<rd_kafka_message_t>, _ body: (ConsumedRecord) -> Void
    ) -> Bool {
        let fields = message.pointee
        guard let index = topics.firstIndex(where: { $0.handle == fields.rkt }) else { return false }
        let partition = Int(fields.partition)
        switch fields.err {
        case RD_KAFKA_RESP_ERR_NO_ERROR:
            topics[index].ended[partition] = false
            body(
                ConsumedRecord(
                    topic: topics[index].name, partition: fields.partition, offset: fields.offset,
                    timestampMilliseconds: rd_kafka_message_timestamp(message, nil),
                    key: UnsafeRawBufferPointer(start: fields.key, count: fields.key == nil ? 0 : fields.key_len),
                    value: UnsafeRawBufferPointer(start: fields.payload, count: fields.payload == nil ? 0 : fields.len))
            )
            return true
        case RD_KAFKA_RESP_ERR__PARTITION_EOF: topics[index].ended[partition] = true
        default: complain(fields.err, topics[index].name)
        }
        return false
    }

    private func complain(_ code: rd_kafka_resp_err_t, _ topic: String) {
        lastError = "topic \(topic): " + String(cString: rd_kafka_err2str(code))
    }
}
