// Topics and the oldest records, as status, metrics and readiness show them.
internal import Checkpoint
internal import Core
internal import FileSource
internal import KafkaSink

extension PipelineLoop {
    func kafkaStatus(_ now: Int64) -> KafkaStatus {
        var status = KafkaStatus()
        status.brokers = options.kafka.brokers.joined(separator: ",")
        status.embedded = options.isEmbedded
        status.up = producer.isUp
        status.lastError = producer.lastError
        status.deadLetterTopic = options.deadLetterTopic
        status.deadLettersDropped = outbox[.deadLetter].dropped.values.reduce(0, &+)
        status.rebuilds = producer.rebuilds
        status.lastFatal = producer.lastFatal
        status.queueRecords = options.kafka.queueMessages
        if producer.lastAcknowledgement > 0 { status.lastAcknowledgement = seconds(producer.lastAcknowledgement) }
        status.topics = producer.topics.indices.map { topicStatus($0, now) }
        return status
    }

    private func topicStatus(_ index: Int, _ now: Int64) -> TopicStatus {
        let topic = producer.topics[index]
        var entry = TopicStatus()
        entry.name = topic.name
        switch topic.state {
        case .resolving: entry.state = "resolving"
        case .parked(let until):
            entry.state = "parked"
            entry.nextTrySeconds = max(0, seconds(until - now))
        case .healthy: entry.state = topic.isSlow(now: now) ? "slow" : "healthy"
        }
        if let trouble = topic.presentTrouble(now: now) { tell(trouble, of: topic, in: &entry, now) }
        entry.timesParked = topic.timesParked
        entry.partitions = topic.partitions
        entry.leaderless = topic.leaderless
        entry.credit = producer.credit(index, now: now)
        entry.inFlight = topic.inFlight
        entry.acknowledgedRecords = topic.acknowledgedRecords
        entry.acknowledgedBytes = topic.acknowledgedBytes
        entry.failed = topic.failed
        entry.maximumMessageBytes = topic.maximumBytes
        entry.quarantinedRecords = topic.quarantinedRecords
        entry.quarantinedBytes = topic.quarantinedBytes
        entry.deadLetters = topic.deadLetters
        return entry
    }

    private func tell(_ trouble: TopicTrouble, of topic: Topic, in entry: inout TopicStatus, _ now: Int64) {
        // Tried again, and neither acknowledged nor refused yet: the trouble is not over.
        if topic.state == .healthy {
            entry.state = "parked"
            entry.nextTrySeconds = 0
        }
        entry.reason = trouble.outcome.reason
        entry.why = trouble.outcome.cause
        entry.remedy = trouble.outcome.remedy(topic: topic.name)
        entry.parkedSince = seconds(trouble.sinceWall)
        entry.parkedSeconds = seconds(now - trouble.since)
    }

    /// The standing problems of all topics.
    static func problems(_ topics: [TopicStatus]) -> [String] {
        topics.compactMap { topic in
            if topic.isInTrouble { return problem(topic) }
            guard topic.leaderless > 0 else { return nil }
            return "\(topic.leaderless) of \(topic.partitions) partitions of topic \(topic.name) have no leader: "
                + "bring their brokers back, or elect other leaders (kafka-leader-election)"
        }
    }

    /// One standing problem for a topic in trouble: since when, why, and what to do.
    private static func problem(_ topic: TopicStatus) -> String {
        let age = topic.parkedSeconds.map { " for \(humanDuration($0))" } ?? ""
        let why = [topic.reason, topic.why].compactMap(\.self).joined(separator: ": ")
        return "topic \(topic.name) takes no records\(age) (\(why)): \(topic.remedy ?? "see the log")"
    }

    /// What waits longest for its acknowledgement, of all and of each topic.
    func addOldest(_ detail: StatusDetail, to report: inout StatusReport, _ now: Int64) {
        var slots = [Int?](repeating: nil, count: producer.topics.count)
        var produced = [Int64](repeating: .max, count: producer.topics.count)
        for slot in sources.indices where sources[slot].isOpen {
            let topic = Int(sources[slot].topic)
            guard let since = ledger.oldestProduced(slot), since < produced[topic] else { continue }
            (produced[topic], slots[topic]) = (since, slot)
        }
        for (topic, slot) in slots.enumerated() {
            guard let slot else { continue }
            let oldest = oldest(slot, detail, seconds(now - produced[topic]))
            report.kafka.topics[topic].oldest = oldest
            if oldest.seconds > report.kafka.oldest?.seconds ?? -1 { report.kafka.oldest = oldest }
        }
    }

    private func oldest(_ slot: Int, _ detail: StatusDetail, _ seconds: Double) -> OldestStatus {
        var oldest = OldestStatus()
        oldest.seconds = max(0, seconds)
        oldest.topic = producer.topics[Int(sources[slot].topic)].name
        let declared = declarations[tailer.declaration(slot)].files
        oldest.declaration = declared.name
        if !declared.container.isEmpty { oldest.container = declared.container }
        if detail == .full { oldest.path = escapingInvalidUTF8(tailer.livePath(slot)) }
        return oldest
    }
}
