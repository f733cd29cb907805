// The idempotent producer: batches in without copying, delivery reports out through an eventfd.
internal import CRdKafka
package import Core
internal import Glibc
package import LinuxIO

/// Owns one librdkafka producer and its topics. Everything but `init` and `close` is called on the pipeline thread.
/// The extensions hold one concern each: Credits (how much may be in flight), Parking (topics in trouble), Reports (what
/// comes back), Rebuilding (after fatal errors), Partitions (those that do not move).
package final class Producer {
    var life: Life
    /// Nil while it is made anew after a fatal error.
    var client: ProducerClient? {
        if case .working(let client) = life { return client }
        return nil
    }
    /// Readable when reports, notices or topic resolutions wait.
    package let ready: EventDescriptor
    package internal(set) var topics: [Topic] = []
    /// Topics that share the queue's places and the memory for records: all but those for control records.
    package private(set) var dataTopicCount = 0
    /// The largest record librdkafka takes, in bytes, key and framing included.
    package let maximumMessageBytes: Int
    /// librdkafka's bound for one batch, which holds for all topics.
    let batchBytes: Int
    package internal(set) var isUp = false
    package internal(set) var lastError: String?
    /// Wall clock ns of the newest acknowledgement; 0 before the first.
    package internal(set) var lastAcknowledgement: Int64 = 0
    package internal(set) var notices: [KafkaNotice] = []
    let options: KafkaOptions
    let messages: UnsafeMutablePointer<rd_kafka_message_t>
    let reported: UnsafeMutablePointer<UnsafePointer<rd_kafka_message_t>?>
    let reports: UnsafeMutablePointer<DeliveryReport>
    var lastTopic = 0
    /// Fatal errors since the last acknowledgement; decides about the pause before the next client.
    var fatalsInARow = 0
    /// How often the client was ended by a fatal error, and the last one.
    package internal(set) var rebuilds: UInt64 = 0
    package internal(set) var lastFatal: String?
    /// Records in flight over all topics.
    var inFlight = 0
    /// Monotonic ns of the last look for partitions that do not move.
    var lastCheck: Int64 = 0
    /// Topics of control records, which are copied and have places of their own.
    var controlTopics: [Int] = []
    static let reportCapacity = 1024

    /// Makes the client; does not wait for a broker. Throws when a setting is not valid.
    package init(_ options: KafkaOptions) throws(KafkaFailure) {
        self.options = options
        let configuration = try ClientConfiguration.make(options.settings)
        maximumMessageBytes = Producer.integer("message.max.bytes", in: configuration)
        batchBytes = Producer.integer("batch.size", in: configuration)
        rd_kafka_conf_destroy(configuration)
        do {
            ready = try EventDescriptor()
        } catch {
            throw KafkaFailure(message: "cannot start the Kafka client: \(error)")
        }
        life = .working(try ProducerClient(options, ready: ready))
        messages = .allocate(capacity: RecordBatch.capacity)
        messages.initialize(repeating: rd_kafka_message_t(), count: RecordBatch.capacity)
        reported = .allocate(capacity: Producer.reportCapacity)
        reports = .allocate(capacity: Producer.reportCapacity)
    }

    /// Makes a topic known and asks the brokers for its partitions. Returns its index; the same name gives the same index.
    /// `forControl`: for `produceCopy` only.
    package func openTopic(_ name: String, forControl: Bool = false) -> Int {
        if let known = topics.firstIndex(where: { $0.name == name }) {
            if topics[known].isForControl, !forControl {
                topics[known].isForControl = false
                controlTopics.removeAll { $0 == known }
                dataTopicCount += 1
            }
            return known
        }
        if forControl { controlTopics.append(topics.count) } else { dataTopicCount += 1 }
        topics.append(Topic(name: name, isForControl: forControl))
        topics[topics.count - 1].handle = client?.open(name, index: topics.count - 1)
        return topics.count - 1
    }

    /// The partition of `key` in a topic whose partitions are known.
    package func partition(_ index: Int, key: UnsafeRawBufferPointer) -> Int32 {
        Murmur2.partition(key, of: topics[index].partitions)
    }

    /// Produces the records of `batch` that have a payload, in order, to one partition, without copying them: payloads
    /// stay untouched until their report. Records that librdkafka does not take come back at once in `rejected`.
    package func produce(
        _ index: Int, partition: Int32, key: UnsafeRawBufferPointer, batch: borrowing RecordBatch,
        opaques: UnsafeMutablePointer<UInt>, now: Int64, rejected: (UnsafeBufferPointer<DeliveryReport>) -> Void
    ) {
        var count = 0
        var bytes = 0
        for slotIndex in 0..<batch.count {
            let slot = batch.slots[slotIndex]
            guard let payload = slot.payload else { continue }
            messages[count].payload = UnsafeMutableRawPointer(payload)
            messages[count].len = slot.length
            messages[count].key = UnsafeMutableRawPointer(mutating: key.baseAddress)
            messages[count].key_len = key.count
            messages[count]._private = UnsafeMutableRawPointer(bitPattern: opaques[count])
            messages[count].err = RD_KAFKA_RESP_ERR_NO_ERROR
            bytes += slot.length + key.count + RequestSizes.recordOverhead
            count += 1
        }
        guard count > 0 else { return }
        beginFlight(index, isLone: count == 1, partition, now)
        let isFirst = topics[index].inFlight == topics[index].stuck
        let taken = Int(rd_kafka_produce_batch(topics[index].handle!, partition, 0, messages, Int32(count)))
        topics[index].sizes.sent(partition, bytes, isFirst: isFirst)
        if taken > 0 { topics[index].sent(taken, to: partition, now: now) }
        inFlight += taken
        guard taken < count else { return }
        var failed = 0
        for place in 0..<count where messages[place].err != RD_KAFKA_RESP_ERR_NO_ERROR {
            keepRefused(index, messages[place])
            topics[index].sizes.settled(partition, messages[place].len + key.count + RequestSizes.recordOverhead)
            reports[failed] = DeliveryReport(
                opaque: UInt(bitPattern: messages[place]._private), error: messages[place].err.rawValue)
            failed += 1
        }
        rejected(UnsafeBufferPointer(start: reports, count: failed))
    }

    /// Produces one small control record (an audit event), copied. False when the queue has no place now.
    package func produceCopy(_ index: Int, key: [UInt8], value: [UInt8], opaque: UInt) -> Bool {
        guard topics[index].state == .healthy, takesControlRecord else { return false }
        let partition = key.withUnsafeBytes { self.partition(index, key: $0) }
        let bytes = key.count + value.count + RequestSizes.recordOverhead
        guard bytes <= room(index, partition: partition) || isEmpty(index, partition: partition) else { return false }
        let code = key.withUnsafeBytes { key in
            value.withUnsafeBytes { value in
                rd_kafka_produce(
                    topics[index].handle!, partition, RD_KAFKA_MSG_F_COPY,
                    UnsafeMutableRawPointer(mutating: value.baseAddress), value.count, key.baseAddress, key.count,
                    UnsafeMutableRawPointer(bitPattern: opaque))
            }
        }
        guard code == 0 else { return false }
        let now = Clock.monotonic()
        beginFlight(index, isLone: true, partition, now)
        topics[index].sizes.sent(partition, bytes, isFirst: topics[index].inFlight == topics[index].stuck)
        topics[index].sent(1, to: partition, now: now)
        inFlight += 1
        return true
    }

    private func beginFlight(_ index: Int, isLone: Bool, _ partition: Int32, _ now: Int64) {
        topics[index].flights &+= 1
        // Requests are made of one partition's records: those of others, which may be stuck, are no company.
        topics[index].lone = isLone && isEmpty(index, partition: partition) ? partition : nil
        if topics[index].inFlight == topics[index].stuck { topics[index].flightFailed = false }
    }

    /// Ends the client: what is still queued is given up (its source was not committed, so it is read again next time).
    package func close() {
        switch life {
        case .working(let client): client.destroy()
        case .retiring(let retiring): retiring.join()
        case .absent: break
        }
        messages.deallocate()
        reported.deallocate()
        reports.deallocate()
    }

    private static func integer(_ key: String, in configuration: OpaquePointer) -> Int {
        var text = [CChar](repeating: 0, count: 32)
        var size = text.count
        rd_kafka_conf_get(configuration, key, &text, &size)
        return Int(ClientConfiguration.string(text)) ?? 1_000_000
    }
}
