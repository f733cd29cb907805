// The idempotent producer: batches in without copying, delivery reports out through an eventfd.
internal import CRdKafka
package import Core
internal import Glibc
package import LinuxIO

/// Something librdkafka says that is not about one record.
package enum KafkaNotice: Sendable, Equatable {
    /// Its own log line; level as in syslog(3).
    case log(level: Int32, facility: String, text: String)
    /// A client error: brokers down, authentication; librdkafka keeps trying.
    case error(reason: String, allBrokersDown: Bool)
    /// The producer can do nothing more.
    case fatal(reason: String)
}

/// Owns one librdkafka producer and its topics. Everything but `init` and `close` is called on the pipeline thread.
package final class Producer {
    private let client: OpaquePointer
    private let queue: OpaquePointer
    private let resolver: TopicResolver
    /// Readable when reports, notices or topic resolutions wait.
    package let ready: EventDescriptor
    package private(set) var topics: [Topic] = []
    /// The largest record librdkafka takes, in bytes, key and framing included.
    package let maximumMessageBytes: Int
    package private(set) var isUp = false
    package private(set) var lastError: String?
    /// Wall clock ns of the newest acknowledgement; 0 before the first.
    package private(set) var lastAcknowledgement: Int64 = 0
    package private(set) var notices: [KafkaNotice] = []
    private let options: KafkaOptions
    private let messages: UnsafeMutablePointer<rd_kafka_message_t>
    private let reported: UnsafeMutablePointer<UnsafePointer<rd_kafka_message_t>?>
    private let reports: UnsafeMutablePointer<DeliveryReport>
    private var lastTopic = 0
    /// Records in flight over all topics.
    private var inFlight = 0
    private static let reportCapacity = 1024
    private static let maximumNotices = 100

    /// Makes the client; does not wait for a broker. Throws when a setting is not valid.
    package init(_ options: KafkaOptions) throws(KafkaFailure) {
        self.options = options
        let configuration = try ClientConfiguration.make(options.settings)
        rd_kafka_conf_set_events(configuration, RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_LOG)
        maximumMessageBytes = Producer.integer("message.max.bytes", in: configuration)
        client = try ClientConfiguration.client(RD_KAFKA_PRODUCER, configuration)
        queue = rd_kafka_queue_get_main(client)!
        rd_kafka_set_log_queue(client, queue)
        do {
            ready = try EventDescriptor()
            resolver = try TopicResolver(
                client: client, ready: ready, refreshInterval: options.refreshInterval)
        } catch {
            rd_kafka_queue_destroy(queue)
            rd_kafka_destroy(client)
            throw KafkaFailure(message: "cannot start the Kafka client: \(error)")
        }
        var one: UInt64 = 1
        rd_kafka_queue_io_event_enable(queue, ready.raw, &one, 8)
        messages = .allocate(capacity: RecordBatch.capacity)
        messages.initialize(repeating: rd_kafka_message_t(), count: RecordBatch.capacity)
        reported = .allocate(capacity: Producer.reportCapacity)
        reports = .allocate(capacity: Producer.reportCapacity)
    }

    /// Makes a topic known and asks the brokers for its partitions. Returns its index; the same name gives the same index.
    package func openTopic(_ name: String) -> Int {
        if let known = topics.firstIndex(where: { $0.name == name }) { return known }
        // No topic configuration of its own: it would silently discard the topic-level settings of the client's.
        guard let handle = rd_kafka_topic_new(client, name, nil) else {
            preconditionFailure("rd_kafka_topic_new refused \(name): names are validated before")
        }
        topics.append(Topic(name: name, handle: handle))
        resolver.resolve(topic: topics.count - 1, handle: handle)
        return topics.count - 1
    }

    /// How many records may be produced to a topic now: its share of the queue, less when it is slow, and never more than
    /// the queue has places, whatever other topics had in flight before this one was opened.
    package func credit(_ index: Int, now: Int64) -> Int {
        let topic = topics[index]
        guard topic.state == .healthy else { return 0 }
        if topic.caution != nil, topic.inFlight > 0 { return 0 }
        let share = min(topic.caution ?? .max, max(1, options.queueMessages / topics.count))
        let allowed = topic.isSlow(now: now) ? min(Topic.slowCredit, share) : share
        return max(0, min(allowed - topic.inFlight, options.queueMessages - inFlight))
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
        for slotIndex in 0..<batch.count {
            let slot = batch.slots[slotIndex]
            guard let payload = slot.payload else { continue }
            messages[count].payload = UnsafeMutableRawPointer(payload)
            messages[count].len = slot.length
            messages[count].key = UnsafeMutableRawPointer(mutating: key.baseAddress)
            messages[count].key_len = key.count
            messages[count]._private = UnsafeMutableRawPointer(bitPattern: opaques[count])
            messages[count].err = RD_KAFKA_RESP_ERR_NO_ERROR
            count += 1
        }
        guard count > 0 else { return }
        topics[index].isLone = count == 1 && topics[index].inFlight == 0
        if topics[index].inFlight == 0 { topics[index].lastProgress = now }
        let taken = Int(rd_kafka_produce_batch(topics[index].handle, partition, 0, messages, Int32(count)))
        topics[index].inFlight += taken
        inFlight += taken
        guard taken < count else { return }
        var failed = 0
        for place in 0..<count where messages[place].err != RD_KAFKA_RESP_ERR_NO_ERROR {
            reports[failed] = DeliveryReport(
                opaque: UInt(bitPattern: messages[place]._private), error: messages[place].err.rawValue)
            failed += 1
        }
        rejected(UnsafeBufferPointer(start: reports, count: failed))
    }

    /// Produces one small control record (an audit event), copied. False when the queue has no place now.
    package func produceCopy(_ index: Int, key: [UInt8], value: [UInt8], opaque: UInt) -> Bool {
        guard topics[index].state == .healthy, topics[index].inFlight < KafkaOptions.queueMargin else { return false }
        let partition = key.withUnsafeBytes { self.partition(index, key: $0) }
        let code = key.withUnsafeBytes { key in
            value.withUnsafeBytes { value in
                rd_kafka_produce(
                    topics[index].handle, partition, RD_KAFKA_MSG_F_COPY,
                    UnsafeMutableRawPointer(mutating: value.baseAddress), value.count, key.baseAddress, key.count,
                    UnsafeMutableRawPointer(bitPattern: opaque))
            }
        }
        guard code == 0 else { return false }
        if topics[index].inFlight == 0 { topics[index].lastProgress = Clock.monotonic() }
        topics[index].inFlight += 1
        inFlight += 1
        return true
    }

    /// Takes what waits: calls `body` with the reports of records, remembers notices, applies topic resolutions.
    /// Returns the indices of topics that became writable.
    package func drain(now: Int64, _ body: (UnsafeBufferPointer<DeliveryReport>) -> Void) -> [Int] {
        ready.drain()
        while let event = rd_kafka_queue_poll(queue, 0) {
            switch rd_kafka_event_type(event) {
            case RD_KAFKA_EVENT_DR: takeReports(event, now, body)
            case RD_KAFKA_EVENT_ERROR: takeError(event)
            case RD_KAFKA_EVENT_LOG: takeLog(event)
            default: break
            }
            rd_kafka_event_destroy(event)
        }
        return applyResolutions()
    }

    package func takeNotices() -> [KafkaNotice] {
        guard !notices.isEmpty else { return [] }
        defer { notices.removeAll() }
        return notices
    }

    /// Parks a topic after trouble: nothing is produced to it for a while that doubles up to 30 s. Returns until when
    /// (monotonic ns). Meanwhile its partitions are asked for again: it may have been made anew with fewer of them.
    package func park(_ index: Int, reason: String, now: Int64) -> Int64 {
        if case .parked(_, _, let until) = topics[index].state { return until }
        resolver.refresh(topic: index)
        topics[index].failuresInARow += 1
        let backOff = min(30_000, 250 << min(topics[index].failuresInARow, 7)) * nanosecondsPerMillisecond
        topics[index].state = .parked(reason: reason, since: now, until: now + backOff)
        return now + backOff
    }

    /// Ends the parking of topics whose time has come; returns them.
    package func unpark(now: Int64) -> [Int] {
        topics.indices.filter { index in
            guard case .parked(_, _, let until) = topics[index].state, until <= now else { return false }
            topics[index].state = topics[index].partitions > 0 ? .healthy : .resolving(reason: nil)
            return topics[index].partitions > 0
        }
    }

    /// Monotonic ns of the next end of a parking; nil when no topic is parked.
    package var nextUnpark: Int64? {
        var next: Int64?
        for topic in topics {
            if case .parked(_, _, let until) = topic.state { next = min(next ?? until, until) }
        }
        return next
    }

    /// A record was refused for what it is. True when it was alone in its request: it is to be given up. Else one of its
    /// neighbours may be to blame, or their sum: from now on fewer go at once, in the end each alone.
    package func refused(_ index: Int) -> Bool {
        if topics[index].isLone { return true }
        topics[index].caution = topics[index].caution.map { max(1, $0 / 2) } ?? Topic.firstCaution
        return false
    }

    package func countFailure(_ index: Int, reason: String) { topics[index].failed[reason, default: 0] += 1 }

    /// Ends the client: what is still queued is given up (its source was not committed, so it is read again next time).
    package func close() {
        resolver.stop()
        rd_kafka_purge(client, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT | RD_KAFKA_PURGE_F_NON_BLOCKING)
        rd_kafka_queue_io_event_enable(queue, -1, nil, 0)
        for topic in topics { rd_kafka_topic_destroy(topic.handle) }
        rd_kafka_queue_destroy(queue)
        rd_kafka_destroy(client)
        messages.deallocate()
        reported.deallocate()
        reports.deallocate()
    }

    private func takeReports(
        _ event: OpaquePointer, _ now: Int64, _ body: (UnsafeBufferPointer<DeliveryReport>) -> Void
    ) {
        while true {
            let count = rd_kafka_event_message_array(event, reported, Producer.reportCapacity)
            if count == 0 { return }
            var acknowledged = false
            for place in 0..<count {
                let message = reported[place]!
                let error = message.pointee.err
                reports[place] = DeliveryReport(
                    opaque: UInt(bitPattern: message.pointee._private), error: error.rawValue)
                let topic = topicIndex(message.pointee.rkt)
                topics[topic].inFlight &-= 1
                inFlight &-= 1
                if error == RD_KAFKA_RESP_ERR_NO_ERROR {
                    topics[topic].acknowledgedRecords &+= 1
                    topics[topic].acknowledgedBytes &+= UInt64(message.pointee.len)
                    topics[topic].lastProgress = now
                    topics[topic].failuresInARow = 0
                    if topics[topic].caution != nil, topics[topic].inFlight == 0 { topics[topic].growBolder() }
                    acknowledged = true
                }
            }
            if acknowledged {
                isUp = true
                lastError = nil
                lastAcknowledgement = Clock.wall()
            }
            body(UnsafeBufferPointer(start: reports, count: count))
        }
    }

    /// Reports of one event mostly belong to one topic: the last answer is tried first.
    @inline(__always)
    private func topicIndex(_ handle: OpaquePointer?) -> Int {
        if topics[lastTopic].handle == handle { return lastTopic }
        lastTopic = topics.firstIndex { $0.handle == handle }!
        return lastTopic
    }

    private func takeError(_ event: OpaquePointer) {
        let code = rd_kafka_event_error(event)
        let reason = rd_kafka_event_error_string(event).map { String(cString: $0) } ?? "unknown"
        // The code of a fatal event is that of its cause.
        if rd_kafka_event_error_is_fatal(event) != 0 {
            notice(.fatal(reason: reason))
        } else {
            if code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN { brokersAreDown() }
            notice(.error(reason: reason, allBrokersDown: code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN))
        }
        lastError = reason
    }

    /// Asks until a broker answers, so that an idle daemon knows as well.
    private func brokersAreDown() {
        isUp = false
        if !topics.isEmpty { resolver.refresh(topic: 0) }
    }

    private func takeLog(_ event: OpaquePointer) {
        var facility: UnsafePointer<CChar>?
        var text: UnsafePointer<CChar>?
        var level: Int32 = 0
        guard rd_kafka_event_log(event, &facility, &text, &level) == 0, let facility, let text else { return }
        notice(.log(level: level, facility: String(cString: facility), text: String(cString: text)))
    }

    private func notice(_ notice: KafkaNotice) {
        var isFatal = false
        if case .fatal = notice { isFatal = true }
        if isFatal || notices.count < Producer.maximumNotices { notices.append(notice) }
    }

    private func applyResolutions() -> [Int] {
        var writable: [Int] = []
        for result in resolver.takeResults() {
            if result.error == 0 {
                if !isUp { lastError = nil }
                isUp = true
                topics[result.topic].partitions = result.partitions
                if case .resolving = topics[result.topic].state {
                    topics[result.topic].state = .healthy
                    writable.append(result.topic)
                }
            } else if case .resolving = topics[result.topic].state {
                let reason = String(cString: rd_kafka_err2str(rd_kafka_resp_err_t(rawValue: result.error)))
                topics[result.topic].state = .resolving(reason: reason)
                lastError = "topic \(topics[result.topic].name): \(reason)"
            }
        }
        return writable
    }

    private static func integer(_ key: String, in configuration: OpaquePointer) -> Int {
        var text = [CChar](repeating: 0, count: 32)
        var size = text.count
        rd_kafka_conf_get(configuration, key, &text, &size)
        return Int(ClientConfiguration.string(text)) ?? 1_000_000
    }
}
