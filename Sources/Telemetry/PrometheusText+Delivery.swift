// Metrics of delivery: topics, their trouble, the ledger, the outbox.
internal import Core

extension PrometheusText {
    static func topics(_ kafka: KafkaStatus, _ text: inout MetricText) {
        let topics = kafka.topics
        text.family("longshore_acknowledged_records_total", .counter, "Records acknowledged by Kafka.")
        text.samples(["topic"], sum(topics.map { ([$0.name], $0.acknowledgedRecords) }))
        text.family(
            "longshore_acknowledged_bytes_total", .counter,
            "Bytes of encoded records acknowledged by Kafka, before compression.")
        text.samples(["topic"], sum(topics.map { ([$0.name], $0.acknowledgedBytes) }))
        text.family(
            "longshore_failed_records_total", .counter,
            "Failed deliveries by reason; what failed is tried again or announced as a gap.")
        text.samples(
            ["topic", "reason"], sum(topics.flatMap { topic in topic.failed.map { ([topic.name, $0], $1) } }))
        text.family(
            "longshore_dead_letters_total", .counter,
            "Records that Kafka refuses for what they are: sent to the dead-letter topic, and announced as gaps.")
        text.samples(["topic"], sum(topics.map { ([$0.name], $0.deadLetters) }))
        text.family("longshore_dead_letter_bytes_total", .counter, "Bytes of the files that these records stand for.")
        text.samples(["topic"], sum(topics.map { ([$0.name], $0.quarantinedBytes) }))
        text.family("longshore_kafka_up", .gauge, "1 while at least one broker connection is up.")
        text.sample(kafka.up ? 1 : 0 as UInt64)
        text.family(
            "longshore_last_acknowledgement_timestamp_seconds", .gauge,
            "When Kafka last acknowledged a record; absent before the first.")
        if let last = kafka.lastAcknowledgement { text.sample(last) }
        text.family(
            "longshore_producer_rebuilds_total", .counter, "Fatal errors after which the producer was made anew.")
        text.sample(kafka.rebuilds)
    }

    static func trouble(_ kafka: KafkaStatus, _ text: inout MetricText) {
        let ill = kafka.topics.filter(\.isInTrouble)
        text.family("longshore_topics_parked", .gauge, "Topics that take no records.")
        text.sample(UInt64(ill.count))
        text.family(
            "longshore_topic_parked_seconds", .gauge,
            "Since when a topic takes no records, and why; absent while it does.")
        text.ages(
            ["topic", "reason"],
            greatest(ill.map { ([$0.name, $0.reason ?? "unknown"], $0.parkedSeconds ?? 0) }))
        text.family("longshore_topic_parkings_total", .counter, "How often a topic was parked.")
        text.samples(["topic"], sum(kafka.topics.map { ([$0.name], $0.timesParked) }))
        text.family(
            "longshore_topic_leaderless_partitions", .gauge, "Partitions of a topic that have no leader.")
        text.samples(["topic"], sum(kafka.topics.map { ([$0.name], UInt64(clamping: $0.leaderless)) }))
        text.family(
            "longshore_topic_oldest_unacknowledged_seconds", .gauge,
            "Age of the topic's oldest record that is not acknowledged, since it was produced first; absent without one."
        )
        text.ages(
            ["topic"], greatest(kafka.topics.compactMap { topic in topic.oldest.map { ([topic.name], $0.seconds) } }))
    }

    static func ledger(_ report: StatusReport, _ text: inout MetricText) {
        let books = report.books
        text.family(
            "longshore_ledger_bytes", .gauge,
            "Where the bytes are that were found or taken over since the start; the parts add up to the size.")
        text.samples(
            "part",
            [
                "acknowledged": books.acknowledged, "in_flight": books.inFlight, "spooled": books.spooled,
                "skipped": books.skipped, "gap": books.gap, "unread": books.unread,
            ])
        text.family("longshore_ledger_size_bytes", .gauge, "Bytes that were found or taken over since the start.")
        text.sample(books.size)
        text.family(
            "longshore_ledger_imbalances_total", .counter,
            "Sources whose ledger did not add up; anything but 0 is a defect of longshore.")
        text.sample(report.ledgerImbalances)
    }

    static func outbox(_ store: StoreStatus, _ counters: CounterStatus, _ text: inout MetricText) {
        text.family("longshore_outbox_bytes", .gauge, "Audit events that wait in the durable outbox.")
        text.sample(UInt64(clamping: store.outboxBytes))
        text.family("longshore_outbox_events", .gauge, "How many audit events wait in the durable outbox.")
        text.sample(UInt64(clamping: store.outboxEvents))
        text.family(
            "longshore_outbox_oldest_seconds", .gauge, "Age of the oldest audit event that waits; 0 without one.")
        text.sample(store.outboxOldestSeconds ?? 0)
        text.family(
            "longshore_outbox_dropped_total", .counter,
            "Events, never gaps, that were left out of the outbox because it was full or Kafka refused them.")
        text.samples("event", counters.outboxDropped)
        text.family(
            "longshore_outbox_summarized_gaps_total", .counter,
            "Gap events that are announced in sum only (gap_summary) because the outbox was full.")
        text.sample(counters.outboxSummarized)
    }

    /// The greatest of what has the same labels: one sample twice would make a scraper refuse the whole page.
    private static func greatest(_ samples: [([String], Double)]) -> [[String]: Double] {
        Dictionary(samples, uniquingKeysWith: max)
    }
}
