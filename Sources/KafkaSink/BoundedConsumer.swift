// Reading what topics have now, and no more: what `verify` stands on.
internal import CRdKafka
internal import Core
internal import Glibc

/// A partition and the offsets to be read of it: from `from` to before `to`.
package struct PartitionRange: Sendable, Equatable {
    package let topic: String
    package let partition: Int32
    package var from: Int64
    package var to: Int64

    package init(topic: String, partition: Int32, from: Int64, to: Int64) {
        self.topic = topic
        self.partition = partition
        self.from = from
        self.to = to
    }

    package var count: Int64 { max(0, to - from) }
}

/// Reads ranges of partitions without a consumer group: no offsets are committed, no group right is needed, no topic is
/// made (librdkafka's simple consumer, as `RecordConsumer`). A range ends at its last offset, or where the partition does:
/// offsets without a record (compaction, transactions) keep nobody waiting. Used by one thread.
package final class BoundedConsumer {
    private struct Reading {
        let range: PartitionRange
        let handle: OpaquePointer
        /// The caller's number of the range.
        let number: Int
        var position: Int64
        var isDone = false
    }

    private let client: OpaquePointer
    private let queue: OpaquePointer
    private var handles: [String: OpaquePointer] = [:]
    private let messages: UnsafeMutablePointer<UnsafeMutablePointer<rd_kafka_message_t>?>
    private var isClosed = false
    /// What is read now, and what waits for its turn.
    private var reading: [Reading] = []
    private var waiting: [(number: Int, range: PartitionRange)] = []
    /// Offsets behind which the reading is, of all ranges together.
    package private(set) var passed: Int64 = 0
    /// What librdkafka or a broker last complained about, for people; nil before the first trouble.
    package private(set) var lastError: String?

    private static let batchSize = 2000
    /// One answer of a broker has something of each: fewer would make more round trips, of many partitions with little.
    private static let parallel = 64
    private static let callMilliseconds: Int32 = 5_000

    /// Makes the client; does not wait for a broker. Throws when a setting is not valid.
    package init(brokers: [String], properties: [(String, String)]) throws(KafkaFailure) {
        let configuration = try ClientConfiguration.make(BoundedConsumer.settings(brokers, properties))
        rd_kafka_conf_set_log_cb(configuration, nil)
        client = try ClientConfiguration.client(RD_KAFKA_CONSUMER, configuration)
        queue = rd_kafka_queue_new(client)
        messages = .allocate(capacity: BoundedConsumer.batchSize)
    }

    deinit { close() }

    private static func settings(_ brokers: [String], _ properties: [(String, String)]) -> [(String, String)] {
        [
            ("client.id", "longshore"), ("reconnect.backoff.max.ms", "1000"), ("fetch.wait.max.ms", "20"),
            ("fetch.error.backoff.ms", "100"),
            // All partitions share one queue. Its limit in bytes counts, and is reached seldom: librdkafka 2.0 looks again
            // after a second only.
            ("queued.min.messages", "1000000"), ("queued.max.messages.kbytes", "65536"),
            ("fetch.message.max.bytes", "1048576"), ("fetch.max.bytes", "16777216"),
            // Some brokers answer with all they have, whatever the client asks for.
            ("receive.message.max.bytes", "1500000000"),
        ] + properties + [
            ("bootstrap.servers", brokers.joined(separator: ",")), ("enable.auto.commit", "false"),
            ("enable.partition.eof", "true"), ("auto.offset.reset", "earliest"), ("allow.auto.create.topics", "false"),
        ]
    }

    /// The number of partitions of every topic there is. Throws when no broker answers for `milliseconds`.
    package func topics(milliseconds: Int32) throws(KafkaFailure) -> [String: Int] {
        var metadata: UnsafePointer<rd_kafka_metadata>?
        let code = rd_kafka_metadata(client, 1, nil, &metadata, milliseconds)
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR, let metadata else { throw failure("no broker answers", code) }
        defer { rd_kafka_metadata_destroy(metadata) }
        var counts: [String: Int] = [:]
        for index in 0..<Int(metadata.pointee.topic_cnt) {
            let topic = metadata.pointee.topics[index]
            guard topic.err == RD_KAFKA_RESP_ERR_NO_ERROR else { continue }
            counts[String(cString: topic.topic)] = Int(topic.partition_cnt)
        }
        return counts
    }

    /// All there is of partitions now: from the first offset that retention has left to the end.
    package func extents(_ topic: String, partitions: Range<Int32>) throws(KafkaFailure) -> [PartitionRange] {
        // Two requests per broker, by the times that stand for the beginning and the end (protocol guide, ListOffsets).
        let all = partitions.map { PartitionRange(topic: topic, partition: $0, from: 0, to: 0) }
        if let lows = try? offsets(of: all, at: Int64(RD_KAFKA_OFFSET_BEGINNING)),
            let highs = try? offsets(of: all, at: Int64(RD_KAFKA_OFFSET_END)), !lows.contains(nil), !highs.contains(nil)
        {
            return zip(all, zip(lows, highs)).map { range, ends in
                PartitionRange(topic: topic, partition: range.partition, from: ends.0 ?? 0, to: ends.1 ?? 0)
            }
        }
        var ranges: [PartitionRange] = []
        for partition in partitions { ranges.append(try extent(topic, partition)) }
        return ranges
    }

    private func extent(_ topic: String, _ partition: Int32) throws(KafkaFailure) -> PartitionRange {
        var (low, high): (Int64, Int64) = (0, 0)
        let code = rd_kafka_query_watermark_offsets(
            client, topic, partition, &low, &high, BoundedConsumer.callMilliseconds)
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { throw failure("topic \(topic), partition \(partition)", code) }
        return PartitionRange(topic: topic, partition: partition, from: max(0, low), to: max(0, high))
    }

    /// Per range the first offset whose record is not older than `milliseconds` since 1970; nil: all are.
    package func offsets(of ranges: [PartitionRange], at milliseconds: Int64) throws(KafkaFailure) -> [Int64?] {
        if ranges.isEmpty { return [] }
        let list = rd_kafka_topic_partition_list_new(Int32(ranges.count))!
        defer { rd_kafka_topic_partition_list_destroy(list) }
        for range in ranges {
            rd_kafka_topic_partition_list_add(list, range.topic, range.partition).pointee.offset = milliseconds
        }
        let code = rd_kafka_offsets_for_times(client, list, BoundedConsumer.callMilliseconds)
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { throw failure("cannot ask for offsets by time", code) }
        var found: [Int64?] = []
        for index in 0..<Int(list.pointee.cnt) {
            let answer = list.pointee.elems[index]
            guard answer.err == RD_KAFKA_RESP_ERR_NO_ERROR else {
                throw failure("topic \(ranges[index].topic): cannot ask for offsets by time", answer.err)
            }
            found.append(answer.offset >= 0 ? answer.offset : nil)
        }
        return found
    }

    /// Adds a range to what is to be read; `number` goes with each of its records.
    package func read(_ range: PartitionRange, number: Int) {
        if range.count > 0 { waiting.append((number, range)) }
    }

    /// True when all ranges were read to their ends.
    package var isAtEnd: Bool { reading.isEmpty && waiting.isEmpty }

    /// Hands over what has arrived, waiting up to `milliseconds` for the first record; returns how many records that were.
    @discardableResult
    package func poll(milliseconds: Int32, _ body: (Int, ConsumedRecord) -> Void) throws(KafkaFailure) -> Int {
        precondition(!isClosed, "polled after close")
        try startWaiting()
        rd_kafka_poll(client, 0)
        let count = rd_kafka_consume_batch_queue(queue, milliseconds, messages, BoundedConsumer.batchSize)
        var handedOver = 0
        for place in 0..<max(0, count) {
            let message = messages[place]!
            if take(message, body) { handedOver += 1 }
            rd_kafka_message_destroy(message)
        }
        for ended in reading where ended.isDone { rd_kafka_consume_stop(ended.handle, ended.range.partition) }
        if reading.contains(where: { $0.isDone }) { reading.removeAll { $0.isDone } }
        return handedOver
    }

    private func startWaiting() throws(KafkaFailure) {
        while reading.count < BoundedConsumer.parallel, !waiting.isEmpty {
            let (number, range) = waiting.removeFirst()
            let handle = try handle(range.topic)
            guard rd_kafka_consume_start_queue(handle, range.partition, range.from, queue) == 0 else {
                throw failure("topic \(range.topic), partition \(range.partition)", rd_kafka_last_error())
            }
            reading.append(Reading(range: range, handle: handle, number: number, position: range.from))
        }
    }

    private func handle(_ topic: String) throws(KafkaFailure) -> OpaquePointer {
        if let known = handles[topic] { return known }
        guard let made = rd_kafka_topic_new(client, topic, nil) else {
            throw failure("topic \(topic)", rd_kafka_last_error())
        }
        handles[topic] = made
        return made
    }

    /// True when the message was a record of its range.
    private func take(
        _ message: UnsafeMutablePointer<rd_kafka_message_t>, _ body: (Int, ConsumedRecord) -> Void
    ) -> Bool {
        let fields = message.pointee
        guard
            let index = reading.firstIndex(where: { $0.handle == fields.rkt && $0.range.partition == fields.partition }
            ),
            !reading[index].isDone
        else { return false }
        switch fields.err {
        case RD_KAFKA_RESP_ERR_NO_ERROR: break
        case RD_KAFKA_RESP_ERR__PARTITION_EOF:
            finish(index)
            return false
        default:
            lastError = "topic \(reading[index].range.topic): " + String(cString: rd_kafka_err2str(fields.err))
            return false
        }
        guard fields.offset < reading[index].range.to else {
            finish(index)
            return false
        }
        passed += fields.offset + 1 - reading[index].position
        reading[index].position = fields.offset + 1
        body(
            reading[index].number,
            ConsumedRecord(
                topic: reading[index].range.topic, partition: fields.partition, offset: fields.offset,
                timestampMilliseconds: rd_kafka_message_timestamp(message, nil),
                key: UnsafeRawBufferPointer(start: fields.key, count: fields.key == nil ? 0 : fields.key_len),
                value: UnsafeRawBufferPointer(start: fields.payload, count: fields.payload == nil ? 0 : fields.len)))
        if fields.offset + 1 >= reading[index].range.to { finish(index) }
        return true
    }

    private func finish(_ index: Int) {
        passed += max(0, reading[index].range.to - reading[index].position)
        reading[index].isDone = true
    }

    /// Ends the client; calling it again is fine.
    package func close() {
        guard !isClosed else { return }
        isClosed = true
        for each in reading { rd_kafka_consume_stop(each.handle, each.range.partition) }
        for handle in handles.values { rd_kafka_topic_destroy(handle) }
        rd_kafka_queue_destroy(queue)
        rd_kafka_destroy_flags(client, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE)
        messages.deallocate()
    }

    private func failure(_ what: String, _ code: rd_kafka_resp_err_t) -> KafkaFailure {
        KafkaFailure(message: "\(what): " + String(cString: rd_kafka_err2str(code)))
    }
}
