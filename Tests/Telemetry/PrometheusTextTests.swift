// The metrics page against a strict parser.
import Core
import Testing

@testable import Telemetry

struct PrometheusTextTests {
    /// A report with a different value in each field that metrics show.
    static func report() -> StatusReport {
        var report = StatusReport()
        report.version = "0.1.0"
        report.counters.readBytes = 1001
        report.counters.readRecords = 1002
        report.counters.skippedBytes = ["filter": 11, "hole": 12]
        report.counters.gapBytes = ["deleted": 21, "truncated": 22]
        report.counters.latencyBuckets = (1...15).map { UInt64($0 * $0) }
        report.counters.latencySumSeconds = 33.25
        report.counters.wakeups = 77
        report.totals.unread = 31
        report.memory.bufferBytes = 41
        report.memory.residentBytes = 42
        report.store.outboxBytes = 51
        report.store.outboxEvents = 52
        report.store.outboxOldestSeconds = 53.5
        report.counters.outboxDropped = ["generation_opened": 54]
        report.kafka.rebuilds = 55
        report.ledgerImbalances = 2
        report.books.size = 1_000_063
        report.books.acknowledged = 1_000_000
        report.books.inFlight = 1
        report.books.spooled = 2
        report.books.skipped = 4
        report.books.gap = 8
        report.books.unread = 48
        report.watching.polled = 3
        report.watching.overflows = 4
        report.kafka.up = true
        report.kafka.lastAcknowledgement = 1_795_290_300.5
        report.kafka.topics = [
            topic("logs", "healthy", 61, 62, ["too_large": 63]), topic("other", "parked", 64, 65, [:]),
            topic("third", "resolving", 0, 0, [:]), topic("new", "resolving", 0, 0, [:]),
        ]
        report.kafka.topics[0].oldest = OldestStatus()
        report.kafka.topics[0].oldest?.seconds = 7.5
        report.kafka.topics[0].oldest?.path = "/srv/secret-tenant/app.log"
        report.kafka.topics[0].oldest?.declaration = "secret-tenant"
        report.kafka.topics[0].deadLetters = 66
        report.kafka.topics[0].quarantinedBytes = 67
        report.kafka.topics[1].reason = "topic_authorization_failed"
        report.kafka.topics[1].parkedSeconds = 68.5
        report.kafka.topics[1].timesParked = 69
        report.kafka.topics[1].leaderless = 70
        report.kafka.topics[2].reason = "unknown_topic_or_part"
        var docker = RuntimeReport()
        docker.name = "docker"
        docker.isUp = true
        var podman = RuntimeReport()
        podman.name = "podman"
        report.discovery.runtimes = [docker, podman]
        report.discovery.containers = ["docker": 91, "podman": 0]
        report.discovery.declarations = ["active": 92, "no match yet": 93]
        report.sources = [source("a", "active", 1.5, 0, false), source("b", "parked", 9.5, 100, true)]
        report.sources += [source("b", "parked", nil, 100, true), source("c", "idle", nil, 7, true)]
        return report
    }

    private static func topic(
        _ name: String, _ state: String, _ records: UInt64, _ bytes: UInt64, _ failed: [String: UInt64]
    ) -> TopicStatus {
        var topic = TopicStatus()
        topic.name = name
        topic.state = state
        topic.acknowledgedRecords = records
        topic.acknowledgedBytes = bytes
        topic.failed = failed
        return topic
    }

    private static func source(
        _ file: String, _ state: String, _ oldest: Double?, _ size: UInt64, _ deleted: Bool
    ) -> SourceStatus {
        var source = SourceStatus()
        source.file = file
        source.path = "/srv/secret-tenant/app.log"
        source.declaration = "secret-tenant"
        source.state = state
        source.oldestUnacknowledgedSeconds = oldest
        source.ledger.size = size
        source.deleted = deleted
        return source
    }

    @Test func everyMetricEqualsTheReport() throws {
        let page = try PrometheusParser(PrometheusText.render(Self.report()))
        #expect(page.value("longshore_read_bytes_total") == 1001)
        #expect(page.value("longshore_read_records_total") == 1002)
        #expect(page.value("longshore_skipped_bytes_total", ["reason": "filter"]) == 11)
        #expect(page.value("longshore_skipped_bytes_total", ["reason": "hole"]) == 12)
        #expect(page.value("longshore_gap_bytes_total", ["reason": "deleted"]) == 21)
        #expect(page.value("longshore_gap_bytes_total", ["reason": "truncated"]) == 22)
        #expect(page.value("longshore_unread_bytes") == 31)
        #expect(page.value("longshore_buffer_bytes") == 41)
        #expect(page.value("process_resident_memory_bytes") == 42)
        #expect(page.value("longshore_outbox_bytes") == 51)
        #expect(page.value("longshore_directories_polled") == 3)
        #expect(page.value("longshore_inotify_overflows_total") == 4)
        #expect(page.value("longshore_pipeline_wakeups_total") == 77)
        #expect(page.value("longshore_acknowledged_records_total", ["topic": "logs"]) == 61)
        #expect(page.value("longshore_acknowledged_bytes_total", ["topic": "logs"]) == 62)
        #expect(page.value("longshore_failed_records_total", ["topic": "logs", "reason": "too_large"]) == 63)
        #expect(page.value("longshore_acknowledged_records_total", ["topic": "other"]) == 64)
        #expect(page.value("longshore_acknowledged_bytes_total", ["topic": "other"]) == 65)
        #expect(page.value("longshore_kafka_up") == 1)
        #expect(page.value("longshore_topics_parked") == 2)
        #expect(
            page.value(
                "longshore_topic_parked_seconds", ["topic": "other", "reason": "topic_authorization_failed"]) == 68.5)
        #expect(
            page.value("longshore_topic_parked_seconds", ["topic": "third", "reason": "unknown_topic_or_part"]) == 0)
        #expect(page.samples("longshore_topic_parked_seconds").count == 2, "topics that are well are absent")
        #expect(page.value("longshore_topic_parkings_total", ["topic": "other"]) == 69)
        #expect(page.value("longshore_topic_leaderless_partitions", ["topic": "other"]) == 70)
        #expect(page.value("longshore_topic_oldest_unacknowledged_seconds", ["topic": "logs"]) == 7.5)
        #expect(page.samples("longshore_topic_oldest_unacknowledged_seconds").count == 1)
        #expect(page.value("longshore_dead_letters_total", ["topic": "logs"]) == 66)
        #expect(page.value("longshore_dead_letter_bytes_total", ["topic": "logs"]) == 67)
        #expect(page.value("longshore_producer_rebuilds_total") == 55)
        #expect(page.value("longshore_outbox_events") == 52)
        #expect(page.value("longshore_outbox_oldest_seconds") == 53.5)
        #expect(page.value("longshore_outbox_dropped_total", ["event": "generation_opened"]) == 54)
        #expect(page.value("longshore_ledger_imbalances_total") == 2)
        #expect(page.value("longshore_ledger_size_bytes") == 1_000_063)
        let parts = ["acknowledged", "in_flight", "spooled", "skipped", "gap", "unread"].map {
            page.value("longshore_ledger_bytes", ["part": $0])
        }
        #expect(parts == [1_000_000, 1, 2, 4, 8, 48])
        #expect(page.value("longshore_last_acknowledgement_timestamp_seconds") == 1_795_290_300.5)
        #expect(page.value("longshore_oldest_unacknowledged_seconds") == 9.5)
        #expect(page.value("longshore_build_info", ["version": "0.1.0"]) == 1)
    }

    @Test func theNamesAreExactlyTheContracts() throws {
        let page = try PrometheusParser(PrometheusText.render(Self.report()))
        let contract: Set<String> = [
            "longshore_read_bytes_total", "longshore_read_records_total", "longshore_unparsed_lines_total",
            "longshore_acknowledged_records_total",
            "longshore_acknowledged_bytes_total", "longshore_failed_records_total", "longshore_skipped_bytes_total",
            "longshore_gap_bytes_total", "longshore_unread_bytes", "longshore_oldest_unacknowledged_seconds",
            "longshore_deleted_open_bytes", "longshore_sources", "longshore_kafka_up", "longshore_topics_parked",
            "longshore_last_acknowledgement_timestamp_seconds", "longshore_buffer_bytes", "longshore_outbox_bytes",
            "longshore_delivery_latency_seconds", "longshore_build_info", "longshore_containers",
            "longshore_declarations", "longshore_runtime_up",
        ]
        let more: Set<String> = [
            "process_resident_memory_bytes", "longshore_directories_polled", "longshore_volumes_hanging",
            "longshore_inotify_overflows_total", "longshore_pipeline_wakeups_total",
            "longshore_topic_parked_seconds", "longshore_topic_parkings_total",
            "longshore_topic_leaderless_partitions",
            "longshore_topic_oldest_unacknowledged_seconds", "longshore_dead_letters_total",
            "longshore_dead_letter_bytes_total", "longshore_producer_rebuilds_total", "longshore_outbox_events",
            "longshore_outbox_oldest_seconds", "longshore_outbox_dropped_total",
            "longshore_outbox_summarized_gaps_total", "longshore_ledger_bytes",
            "longshore_ledger_size_bytes", "longshore_ledger_imbalances_total",
        ]
        #expect(Set(page.families.map(\.name)) == contract.union(more))
    }

    @Test func containersAndDeclarationsAreCounted() throws {
        var report = Self.report()
        let page = try PrometheusParser(PrometheusText.render(report))
        #expect(page.value("longshore_containers", ["runtime": "docker"]) == 91)
        #expect(page.value("longshore_declarations", ["state": "active"]) == 92)
        #expect(page.value("longshore_declarations", ["state": "no match yet"]) == 93)
        #expect(page.samples("longshore_runtime_up").map(\.labels) == [["runtime": "docker"]], "podman is not expected")
        #expect(page.value("longshore_runtime_up", ["runtime": "docker"]) == 1)
        report.discovery.runtimes[1].isExpected = true
        let next = try PrometheusParser(PrometheusText.render(report))
        #expect(next.value("longshore_runtime_up", ["runtime": "podman"]) == 0)
    }

    @Test func sourcesAreCountedByKindAndState() throws {
        let page = try PrometheusParser(PrometheusText.render(Self.report()))
        #expect(page.value("longshore_sources", ["kind": "file", "state": "parked"]) == 2)
        #expect(page.value("longshore_sources", ["kind": "file", "state": "active"]) == 1)
        #expect(page.value("longshore_sources", ["kind": "file", "state": "refused"]) == 0)
        #expect(page.samples("longshore_sources").map(\.value).reduce(0, +) == 4)
    }

    @Test func aDeletedFileThatTwoRoutesReadCountsOnce() throws {
        let page = try PrometheusParser(PrometheusText.render(Self.report()))
        #expect(page.value("longshore_deleted_open_bytes") == 107)
    }

    @Test func theHistogramIsCumulativeWithTheBoundsOfTheEngine() throws {
        let page = try PrometheusParser(PrometheusText.render(Self.report()))
        let buckets = page.samples("longshore_delivery_latency_seconds_bucket")
        #expect(buckets.map(\.value) == (1...15).map { Double($0 * $0) })
        #expect(buckets.dropLast().map { Double($0.labels["le"]!)! } == DeliveryLatency.boundsSeconds)
        #expect(page.value("longshore_delivery_latency_seconds_count") == 225)
        #expect(page.value("longshore_delivery_latency_seconds_sum") == 33.25)
    }

    @Test func anEmptyReportIsAValidPageToo() throws {
        let page = try PrometheusParser(PrometheusText.render(StatusReport()))
        #expect(page.value("longshore_delivery_latency_seconds_count") == 0)
        #expect(page.value("longshore_kafka_up") == 0)
        #expect(page.value("longshore_oldest_unacknowledged_seconds") == 0)
        #expect(page.value("longshore_last_acknowledgement_timestamp_seconds") == nil)
    }

    @Test func nothingOfTenantsIsShown() {
        var report = Self.report()
        report.problems = ["secret-tenant has a problem"]
        report.sources[0].reason = "secret-tenant"
        report.sources[0].topic = "secret-tenant"
        report.kafka.lastError = "secret-tenant"
        report.kafka.lastFatal = "secret-tenant"
        report.kafka.oldest = report.kafka.topics[0].oldest
        report.kafka.topics[1].why = "secret-tenant"
        report.kafka.topics[1].remedy = "secret-tenant"
        #expect(!PrometheusText.render(report).contains("secret-tenant"))
    }

    @Test func labelValuesSurviveWhateverTheyHold() throws {
        let seed = UInt64.random(in: 0 ... .max)
        var generator = SplitMix(state: seed)
        let alphabet: [Unicode.Scalar] = ["a", "\"", "\\", "\n", "n", "{", "}", ",", "=", " ", "日", "\u{301}", "\r"]
        for _ in 0..<200 {
            var name = ""
            for _ in 0..<Int.random(in: 0...8, using: &generator) {
                name.unicodeScalars.append(alphabet.randomElement(using: &generator)!)
            }
            var report = Self.report()
            report.kafka.topics = [
                Self.topic(name, "healthy", 5, 6, [name: 7]), Self.topic(name, "healthy", 5, 6, [:]),
            ]
            let page = try PrometheusParser(PrometheusText.render(report))
            #expect(
                page.value("longshore_failed_records_total", ["topic": name, "reason": name]) == 7, "seed \(seed)")
            #expect(page.value("longshore_acknowledged_records_total", ["topic": name]) == 10, "seed \(seed)")
        }
    }
}

/// A seeded generator (SplitMix64), so that a failure can be repeated.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
