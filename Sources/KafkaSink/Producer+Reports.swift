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
            case RD_KAFKA_EVENT_ERROR: takeError(event, now)
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
                let error = Producer.error(of: message)
                reports[place] = DeliveryReport(opaque: UInt(bitPattern: message.pointee._private), error: error)
                let topic = topicIndex(message.pointee.rkt)
                topics[topic].cameBack(
                    from: message.pointee.partition, isAcknowledged: error == 0, now: now)
                inFlight &-= 1
                topics[topic].sizes.settled(
                    message.pointee.partition,
                    message.pointee.len &+ message.pointee.key_len &+ RequestSizes.recordOverhead)
                if error == 0 {
                    topics[topic].acknowledgedRecords &+= 1
                    topics[topic].acknowledgedBytes &+= UInt64(message.pointee.len)
                    tookRecord(topic, now)
                    if topics[topic].caution != nil, topics[topic].inFlight == topics[topic].stuck {
                        topics[topic].growBolder()
                    }
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

    /// 0 for what a broker has acknowledged. librdkafka also reports success for records of a refused request when a later
    /// one of the same partition succeeded: "the broker checks sequences, so they must have been there". A broker without
    /// a state of this producer for the partition (new producers, new topics) takes any sequence, and they are not. Such
    /// records have no offset.
    @inline(__always)
    private static func error(of message: UnsafePointer<rd_kafka_message_t>) -> Int32 {
        let error = message.pointee.err.rawValue
        return error == 0 && message.pointee.offset == Int64(RD_KAFKA_OFFSET_INVALID) ? Outcome.unproven : error
    }

    /// Ends the topic's trouble. Not while it is parked: other partitions acknowledge what was sent before it was.
    @inline(__always)
    private func tookRecord(_ topic: Int, _ now: Int64) {
        if case .parked = topics[topic].state { return }
        topics[topic].failuresInARow = 0
        if let trouble = topics[topic].spell { recovered(topic, trouble, now) }
    }

    private func recovered(_ topic: Int, _ trouble: TopicTrouble, _ now: Int64) {
        topics[topic].spell = nil
        let seconds = (now - trouble.since) / nanosecondsPerSecond
        notice(.recovered(topic: topics[topic].name, seconds: seconds))
    }

    /// Reports of one event mostly belong to one topic: the last answer is tried first.
    @inline(__always)
    private func topicIndex(_ handle: OpaquePointer?) -> Int {
        if topics[lastTopic].handle == handle { return lastTopic }
        lastTopic = topics.firstIndex { $0.handle == handle }!
        return lastTopic
    }

    private func takeError(_ event: OpaquePointer, _ now: Int64) {
        let code = rd_kafka_event_error(event)
        let reason = rd_kafka_event_error_string(event).map { String(cString: $0) } ?? "unknown"
        // The code of a fatal event is that of its cause.
        if rd_kafka_event_error_is_fatal(event) != 0 {
            notice(.fatal(reason: reason))
        } else {
            if code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN { brokersAreDown() } else { askAboutAll(now: now) }
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

    /// The partitions of a topic and their leaders; true when it became writable.
    private func apply(_ result: TopicResolution) -> Bool {
        let index = result.topic
        let before = topics[index].leaderless
        topics[index].apply(partitions: result.partitions, leaderless: result.leaderless)
        let missing = topics[index].leaderless
        let withoutLeader = Outcome(error: RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE.rawValue)
        if missing != before {
            notice(.leaders(topic: topics[index].name, missing: missing, partitions: result.partitions))
        }
        switch topics[index].state {
        case .resolving where missing == result.partitions:
            topics[index].isInTrouble(withoutLeader, now: Clock.monotonic())
        case .resolving:
            topics[index].state = .healthy
            topics[index].spell?.triedAt = Clock.monotonic()
            // Its partitions were all that was missing, unless it refused records before.
            if topics[index].failuresInARow == 0 { topics[index].spell = nil }
            return true
        case .healthy where missing == result.partitions:
            _ = park(index, for: withoutLeader, now: Clock.monotonic())
        case .healthy, .parked: break
        }
        return false
    }

    private func applyResolutions() -> [Int] {
        var writable: [Int] = []
        for result in client?.resolver.takeResults() ?? [] {
            if result.error == 0 {
                if !isUp { lastError = nil }
                isUp = true
                apply(limit: result.maximumBytes, to: result.topic, now: Clock.monotonic())
                if apply(result) { writable.append(result.topic) }
            } else if case .resolving = topics[result.topic].state {
                let reason = String(cString: rd_kafka_err2str(rd_kafka_resp_err_t(rawValue: result.error)))
                topics[result.topic].isInTrouble(Outcome(error: result.error), now: Clock.monotonic())
                lastError = "topic \(topics[result.topic].name): \(reason)"
            } else if case .parked = topics[result.topic].state, Outcome(error: result.error).kind == .topicTrouble {
                // Records would be refused again, and each refusal makes librdkafka drain all partitions of all topics.
                topics[result.topic].partitions = 0
            }
        }
        return writable
    }
}
