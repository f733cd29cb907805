// The status report in Prometheus text exposition format 0.0.4.
package import Core

/// Renders the metrics of the contract. Holds no paths, no tenants' labels and no log text, by construction: only what
/// is read here from the report gets out.
package enum PrometheusText {
    /// The Content-Type of what `render` gives.
    package static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    /// States of a source that always have a sample, so that an alert can tell zero from absent.
    private static let states = [
        "active", "idle", "waiting", "parked", "draining", "registering", "refused", "unreadable",
    ]

    package static func render(_ report: StatusReport) -> String {
        var text = MetricText()
        flow(report, &text)
        sources(report, &text)
        discovery(report.discovery, &text)
        kafka(report, &text)
        process(report, &text)
        return text.text
    }

    private static func flow(_ report: StatusReport, _ text: inout MetricText) {
        let counters = report.counters
        text.family("longshore_read_bytes_total", .counter, "Bytes read from sources.")
        text.sample(counters.readBytes)
        text.family("longshore_read_records_total", .counter, "Records framed from what was read.")
        text.sample(counters.readRecords)
        text.family("longshore_skipped_bytes_total", .counter, "Bytes dropped on purpose, by reason.")
        text.samples("reason", counters.skippedBytes)
        text.family(
            "longshore_gap_bytes_total", .counter, "Bytes that could not be shipped and were announced, by reason.")
        text.samples("reason", counters.gapBytes)
        text.family("longshore_unread_bytes", .gauge, "Bytes of declared logs that are not read yet.")
        text.sample(report.totals.unread)
        text.family(
            "longshore_delivery_latency_seconds", .histogram,
            "Time from producing a record to its acknowledgement by Kafka.")
        text.histogram(
            bounds: DeliveryLatency.boundsSeconds, cumulative: counters.latencyBuckets, sum: counters.latencySumSeconds)
    }

    private static func sources(_ report: StatusReport, _ text: inout MetricText) {
        let oldest = report.sources.compactMap(\.oldestUnacknowledgedSeconds).max() ?? 0
        text.family(
            "longshore_oldest_unacknowledged_seconds", .gauge, "Age of the oldest record in flight; 0 without one.")
        text.sample(oldest)
        // A file that several routes read occupies its bytes once.
        let held = Dictionary(report.sources.filter(\.deleted).map { ($0.file, $0.ledger.size) }, uniquingKeysWith: max)
        text.family("longshore_deleted_open_bytes", .gauge, "Bytes of deleted files that are still open to be read.")
        text.sample(held.values.reduce(0, &+))
        var counts: [[String]: UInt64] = [:]
        for state in states { counts[["file", state]] = 0 }
        for source in report.sources { counts[[source.kind, source.state], default: 0] += 1 }
        text.family("longshore_sources", .gauge, "Sources by kind and state.")
        text.samples(["kind", "state"], counts)
        text.family(
            "longshore_directories_polled", .gauge, "Directories that are polled because inotify gave no more watches.")
        text.sample(UInt64(clamping: report.watching.polled))
        text.family(
            "longshore_volumes_hanging", .gauge, "Network and user-space file systems that do not answer.")
        text.sample(UInt64(clamping: report.watching.hanging))
        text.family("longshore_inotify_overflows_total", .counter, "Times the kernel's inotify queue overflowed.")
        text.sample(report.watching.overflows)
    }

    private static func discovery(_ discovery: DiscoveryStatus, _ text: inout MetricText) {
        text.family("longshore_containers", .gauge, "Containers that are there, by runtime.")
        text.samples("runtime", discovery.containers.mapValues { UInt64(clamping: $0) })
        text.family("longshore_declarations", .gauge, "Declarations of containers by state.")
        text.samples("state", discovery.declarations.mapValues { UInt64(clamping: $0) })
        text.family(
            "longshore_runtime_up", .gauge,
            "1 while the runtime answers; absent for one that is only looked for and never answered.")
        let expected = discovery.runtimes.filter { $0.isUp || $0.isExpected }
        text.samples(["runtime"], Dictionary(expected.map { ([$0.name], $0.isUp ? 1 : 0) }, uniquingKeysWith: max))
    }

    private static func kafka(_ report: StatusReport, _ text: inout MetricText) {
        let topics = report.kafka.topics
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
            "Dead letters made of records that the topic refused each alone; the records are gaps.")
        text.samples(["topic"], sum(topics.map { ([$0.name], $0.deadLetters) }))
        text.family("longshore_kafka_up", .gauge, "1 while at least one broker connection is up.")
        text.sample(report.kafka.up ? 1 : 0 as UInt64)
        text.family("longshore_topics_parked", .gauge, "Topics that nothing is produced to for now.")
        text.sample(UInt64(topics.count { $0.state == "parked" }))
        text.family(
            "longshore_last_acknowledgement_timestamp_seconds", .gauge,
            "When Kafka last acknowledged a record; absent before the first.")
        if let last = report.kafka.lastAcknowledgement { text.sample(last) }
    }

    private static func process(_ report: StatusReport, _ text: inout MetricText) {
        text.family("longshore_buffer_bytes", .gauge, "Memory in record buffers.")
        text.sample(report.memory.bufferBytes)
        text.family("longshore_outbox_bytes", .gauge, "Audit events that wait in the durable outbox.")
        text.sample(UInt64(clamping: report.store.outboxBytes))
        text.family(
            "longshore_outbox_dropped_total", .counter,
            "Events, never gaps, that were left out of the outbox because it was full or Kafka refused them.")
        text.samples("event", report.counters.outboxDropped)
        text.family(
            "longshore_outbox_summarized_gaps_total", .counter,
            "Gap events that are announced in sum only (gap_summary) because the outbox was full.")
        text.sample(report.counters.outboxSummarized)
        text.family("longshore_pipeline_wakeups_total", .counter, "Wake-ups of the pipeline thread.")
        text.sample(report.counters.wakeups)
        text.family("process_resident_memory_bytes", .gauge, "Resident memory of the process.")
        text.sample(report.memory.residentBytes)
        text.family("longshore_build_info", .gauge, "Always 1; the version is the label.")
        text.samples(["version"], [[report.version]: 1])
    }

    /// Adds up what has the same labels: one sample twice would make a scraper refuse the whole page.
    private static func sum(_ samples: [([String], UInt64)]) -> [[String]: UInt64] {
        Dictionary(samples, uniquingKeysWith: &+)
    }
}
