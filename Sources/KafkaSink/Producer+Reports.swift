// What comes back from librdkafka: delivery reports, its errors and log lines, answers about topics.
internal import CRdKafka
package import Core
internal import LinuxIO

extension Producer {
    private static let maximumNotices = 100

    /// Takes what waits: calls `body` with the reports of records, remembers notices, applies topic resolutions.
    /// Returns the indices of topics that became writable.
    package func drain(now: Int64, _ body: (UnsafeBufferPointer<DeliveryReport>) -> Void) -> [Int] {
        ready.drain()
        while let client, let event = rd_kafka_queue_poll(client.queue, 0) {
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
                topics[topic].sizes.settled(
                    message.pointee.partition,
                    message.pointee.len &+ message.pointee.key_len &+ RequestSizes.recordOverhead)
                if error == RD_KAFKA_RESP_ERR_NO_ERROR {
                    topics[topic].acknowledgedRecords &+= 1
                    topics[topic].acknowledgedBytes &+= UInt64(message.pointee.len)
                    topics[topic].lastProgress = now
                    topics[topic].failuresInARow = 0
                    if topics[topic].caution != nil, topics[topic].inFlight == 0 { topics[topic].growBolder() }
                    acknowledged = true
                } else {
                    topics[topic].flightFailed = true
                    keepRefused(topic, message.pointee)
                }
            }
            if acknowledged {
                fatalsInARow = 0
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
        if !topics.isEmpty { client?.resolver.refresh(topic: 0) }
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
        for result in client?.resolver.takeResults() ?? [] {
            if result.error == 0 {
                if !isUp { lastError = nil }
                isUp = true
                topics[result.topic].partitions = result.partitions
                apply(limit: result.maximumBytes, to: result.topic, now: Clock.monotonic())
                if case .resolving = topics[result.topic].state {
                    topics[result.topic].state = .healthy
                    writable.append(result.topic)
                }
            } else if case .resolving = topics[result.topic].state {
                let reason = String(cString: rd_kafka_err2str(rd_kafka_resp_err_t(rawValue: result.error)))
                topics[result.topic].state = .resolving(reason: reason)
                topics[result.topic].trouble = Outcome(error: result.error)
                lastError = "topic \(topics[result.topic].name): \(reason)"
            }
        }
        return writable
    }
}
