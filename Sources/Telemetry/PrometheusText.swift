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
        topics(report.kafka, &text)
        trouble(report.kafka, &text)
        ledger(report, &text)
        outbox(report.store, report.counters, &text)
        process(report, &text)
        return text.text
    }

    private static func flow(_ report: StatusReport, _ text: inout MetricText) {
        let counters = report.counters
        text.family("longshore_read_bytes_total", .counter, "Bytes read from sources.")
        text.sample(counters.readBytes)
        text.family("longshore_read_records_total", .counter, "Records framed from what was read.")
        text.sample(counters.readRecords)
        text.family(
            "longshore_unparsed_lines_total", .counter,
            "Lines of container runtimes' logs that are no entries of theirs; shipped as they stand.")
        text.sample(counters.unparsedLines)
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
            "longshore_oldest_unacknowledged_seconds", .gauge,
            "Age of the oldest record that is not acknowledged, since it was produced first; 0 without one.")
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

    private static func process(_ report: StatusReport, _ text: inout MetricText) {
        text.family("longshore_buffer_bytes", .gauge, "Memory in record buffers.")
        text.sample(report.memory.bufferBytes)
        text.family("longshore_pipeline_wakeups_total", .counter, "Wake-ups of the pipeline thread.")
        text.sample(report.counters.wakeups)
        text.family("process_resident_memory_bytes", .gauge, "Resident memory of the process.")
        text.sample(report.memory.residentBytes)
        text.family("longshore_build_info", .gauge, "Always 1; the version is the label.")
        text.samples(["version"], [[report.version]: 1])
    }

    /// Adds up what has the same labels: one sample twice would make a scraper refuse the whole page.
    static func sum(_ samples: [([String], UInt64)]) -> [[String]: UInt64] {
        Dictionary(samples, uniquingKeysWith: &+)
    }
}
