// When /readyz says no, and in which words.
internal import Core

/// Ready means that what is read now reaches Kafka and is remembered. Reasons may be read by anybody who can reach the
/// metrics port: they name topics and errors, as metrics do, and no paths, containers or labels.
enum ReadinessReasons {
    /// Longer than any leader election or rolling restart of brokers takes: a topic that acknowledges nothing for that long
    /// is in trouble, also when no error says so.
    static let staleSeconds = 300.0
    /// Topics that are named.
    private static let namedTopics = 20

    /// Empty when it is ready.
    static func reasons(_ report: StatusReport) -> [String] {
        var reasons: [String] = []
        if report.kafka.embedded { reasons.append("the embedded broker keeps records in memory only") }
        if !report.kafka.up { reasons.append("no Kafka broker answers") }
        if !report.store.ok { reasons.append("the state directory cannot be written") }
        if report.ledgerImbalances > 0 { reasons.append("a ledger is out of balance: see longshore status") }
        // Without brokers no topic can be had: that is one reason, not one for each.
        // Nor does it concern what is read now whether dead letters can be sent: those there are wait, and are a problem.
        if report.kafka.up { reasons += topics(report.kafka.topics.filter { $0.name != report.kafka.deadLetterTopic }) }
        return reasons
    }

    /// What does not make it unready: records that were given up, by topic.
    static func notes(_ report: StatusReport) -> [String] {
        let told = report.kafka.topics.filter { $0.quarantinedRecords > 0 }
        let notes = told.prefix(namedTopics).map { topic in
            let letters = report.kafka.deadLetterTopic.map { ", \(topic.deadLetters) of them to topic \($0)" } ?? ""
            return "note: topic \(topic.name) refused \(topic.quarantinedRecords) records for what they are\(letters)"
        }
        let left = told.count - min(told.count, namedTopics)
        return notes + (left > 0 ? ["note: \(left) more topics refused records"] : [])
    }

    private static func topics(_ topics: [TopicStatus]) -> [String] {
        let told = topics.compactMap(reason)
        let left = told.count - min(told.count, namedTopics)
        return told.prefix(namedTopics) + (left > 0 ? ["\(left) more topics take no records"] : [])
    }

    private static func reason(_ topic: TopicStatus) -> String? {
        if topic.isInTrouble {
            let seconds = topic.parkedSeconds.map { " for \(humanDuration($0))" } ?? ""
            return "topic \(topic.name) takes no records\(seconds): \(topic.reason ?? "unknown")"
        }
        if topic.leaderless > 0 {
            return "topic \(topic.name): \(topic.leaderless) of \(topic.partitions) partitions have no leader"
        }
        guard let oldest = topic.oldest, oldest.seconds > staleSeconds else { return nil }
        return
            "topic \(topic.name): its oldest record waits for an acknowledgement for \(humanDuration(oldest.seconds))"
    }
}
