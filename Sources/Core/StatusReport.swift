// What the daemon says of itself: the one value behind `status`, /metrics, /healthz and /readyz.

/// A snapshot of the engine, filled by the pipeline thread when asked and encoded as JSON for `longshore status --json`.
package struct StatusReport: Codable, Sendable, Equatable {
    package var version = ""
    package var host = ""
    package var processID: Int32 = 0
    /// Seconds since the pipeline started.
    package var uptimeSeconds: Double = 0
    package var configuration = ""
    package var kafka = KafkaStatus()
    package var store = StoreStatus()
    package var totals = LedgerStatus()
    /// The books of this run of the pipeline: what it took over unacknowledged or found since, closed sources included.
    /// Like `totals` they balance at every moment; unlike them they do not shrink when a source is closed.
    package var books = LedgerStatus()
    /// Sources whose ledger was found out of balance since the start; anything but 0 is a defect.
    package var ledgerImbalances: UInt64 = 0
    package var counters = CounterStatus()
    package var memory = MemoryStatus()
    package var watching = WatchStatus()
    /// Runtimes, containers and declarations by state, behind the metrics of these names.
    package var discovery = DiscoveryStatus()
    package var sources: [SourceStatus] = []
    /// Standing problems an operator should act on, each with what to do.
    package var problems: [String] = []

    package init() {}
}

/// How much a status report costs: metrics are asked for every few seconds, with tens of thousands of sources.
package enum StatusDetail: Sendable {
    /// Everything.
    case full
    /// Sources without names and identifiers (but for deleted files' ids).
    case summary
}

/// The broker side: reachability and each topic's state.
package struct KafkaStatus: Codable, Sendable, Equatable {
    package var brokers = ""
    package var embedded = false
    /// True while at least one broker connection is up.
    package var up = false
    package var lastError: String?
    /// Seconds since 1970 of the newest acknowledgement; nil when there was none yet.
    package var lastAcknowledgement: Double?
    /// The record that waits longest for its acknowledgement; nil when nothing is in flight.
    package var oldest: OldestStatus?
    /// How often the producer was ended by a fatal error and made anew, and why the last time.
    package var rebuilds: UInt64 = 0
    package var lastFatal: String?
    /// Records that may be in flight over all topics, without control records.
    package var queueRecords = 0
    package var topics: [TopicStatus] = []
    /// Where dead letters go; nil: nowhere. Those that were refused there themselves are dropped.
    package var deadLetterTopic: String?
    package var deadLettersDropped: UInt64 = 0
    package init() {}
}

/// What waits longest for an acknowledgement: its age, and the source and topic it belongs to.
package struct OldestStatus: Codable, Sendable, Equatable {
    /// Since it was produced.
    package var seconds: Double = 0
    package var topic = ""
    package var declaration = ""
    /// Full id of the container; nil for host files.
    package var container: String?
    /// Live path of the source, as text; empty in a summary.
    package var path = ""
    package init() {}
}

/// One topic: its state, its trouble if it has any, and its counters.
package struct TopicStatus: Codable, Sendable, Equatable {
    package var name = ""
    /// resolving | healthy | slow | parked
    package var state = ""
    /// Short name of the error it is in trouble for, as in longshore_failed_records_total.
    package var reason: String?
    /// The same error as text, and what an operator should do about it.
    package var why: String?
    package var remedy: String?
    /// Seconds since 1970 of the first failure without an acknowledgement since; nil when it is not in trouble. Tries in
    /// between that fail do not move it.
    package var parkedSince: Double?
    /// The same as an age.
    package var parkedSeconds: Double?
    /// Seconds until the next try; 0 while it is being tried; nil when it is not parked.
    package var nextTrySeconds: Double?
    /// How often it was parked since the start.
    package var timesParked: UInt64 = 0
    /// What waits longest for this topic's acknowledgement.
    package var oldest: OldestStatus?
    package var partitions = 0
    /// Those of them without a leader: what belongs to them waits, the others go on.
    package var leaderless = 0
    package var credit = 0
    package var inFlight = 0
    package var acknowledgedRecords: UInt64 = 0
    package var acknowledgedBytes: UInt64 = 0
    /// The topic's max.message.bytes; nil while its brokers did not say.
    package var maximumMessageBytes: Int?
    /// Records that were given up because the topic refused each of them alone, and their raw bytes: all are gaps.
    package var quarantinedRecords: UInt64 = 0
    package var quarantinedBytes: UInt64 = 0
    /// Those of them of which a dead letter was made.
    package var deadLetters: UInt64 = 0
    /// Failed records by reason.
    package var failed: [String: UInt64] = [:]
    package init() {}

    /// It takes no records: parked, or its partitions cannot be had.
    package var isInTrouble: Bool { state == "parked" || (state == "resolving" && reason != nil) }
}

/// The durable side: whether checkpoints succeed.
package struct StoreStatus: Codable, Sendable, Equatable {
    package var path = ""
    package var ok = true
    package var lastError: String?
    /// Seconds since the last successful checkpoint was made: what was acknowledged before then is stored. Nil when there
    /// was none yet.
    package var secondsSinceCheckpoint: Double?
    /// Something acknowledged or announced is not stored yet: a kill now would repeat it.
    package var isBehind = false
    package var outboxEvents = 0
    package var outboxBytes = 0
    /// Age of the oldest event in the outbox; nil when it is empty.
    package var outboxOldestSeconds: Double?
    package init() {}
}

/// The ledger, of one source or summed: size = acknowledged + skipped + gap + inFlight + unread (spooled is always 0 yet).
package struct LedgerStatus: Codable, Sendable, Equatable {
    package var size: UInt64 = 0
    package var acknowledged: UInt64 = 0
    package var inFlight: UInt64 = 0
    package var spooled: UInt64 = 0
    package var skipped: UInt64 = 0
    package var gap: UInt64 = 0
    package var unread: UInt64 = 0
    package init() {}

    /// Adds another source's ledger: sums balance when their parts do. One that does not may hold any number.
    package mutating func add(_ other: LedgerStatus) {
        size &+= other.size
        acknowledged &+= other.acknowledged
        inFlight &+= other.inFlight
        spooled &+= other.spooled
        skipped &+= other.skipped
        gap &+= other.gap
        unread &+= other.unread
    }

    package var balances: Bool { size == acknowledged &+ inFlight &+ spooled &+ skipped &+ gap &+ unread }
}

/// Counters since start, behind the Prometheus metrics of the same names.
package struct CounterStatus: Codable, Sendable, Equatable {
    package var readBytes: UInt64 = 0
    package var readRecords: UInt64 = 0
    /// Lines of runtimes' logs that are none of their entries: shipped as they stand.
    package var unparsedLines: UInt64 = 0
    package var skippedBytes: [String: UInt64] = [:]
    package var gapBytes: [String: UInt64] = [:]
    /// Cumulative counts of acknowledged records per bucket of `DeliveryLatency.boundsSeconds`, the last is +Inf.
    package var latencyBuckets: [UInt64] = []
    package var latencySumSeconds: Double = 0
    /// Events that were left out of the outbox, by kind.
    package var outboxDropped: [String: UInt64] = [:]
    /// Gap events that are announced in sum only.
    package var outboxSummarized: UInt64 = 0
    /// Wake-ups of the pipeline thread.
    package var wakeups: UInt64 = 0
    package init() {}
}

/// Upper bounds of the delivery latency histogram.
package enum DeliveryLatency {
    package static let boundsSeconds: [Double] = [
        0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300,
    ]
}

package struct MemoryStatus: Codable, Sendable, Equatable {
    package var limitBytes: UInt64 = 0
    package var bufferBytes: UInt64 = 0
    package var residentBytes: UInt64 = 0
    /// Resident beside the buffers, and the most it may be: a constant for a configuration and a number of files.
    package var overheadBytes: UInt64 = 0
    package var overheadLimitBytes: UInt64 = 0
    package init() {}
}

package struct WatchStatus: Codable, Sendable, Equatable {
    package var directories = 0
    package var watches = 0
    /// Directories that are polled because inotify gave no more watches.
    package var polled = 0
    package var overflows: UInt64 = 0
    /// Network and user-space file systems that do not answer.
    package var hanging = 0
    package init() {}
}

/// What discovery knows, counted.
package struct DiscoveryStatus: Codable, Sendable, Equatable {
    package var runtimes: [RuntimeReport] = []
    /// Containers by runtime.
    package var containers: [String: Int] = [:]
    /// Declarations of containers by state, as in DeclarationReport.
    package var declarations: [String: Int] = [:]
    package init() {}
}

/// One source: a file generation on its declaration.
package struct SourceStatus: Codable, Sendable, Equatable {
    package var declaration = ""
    /// Full id of the container; nil for host files.
    package var container: String?
    /// Live path of the stream, as text.
    package var path = ""
    /// Where the file is now, when rotation moved it away.
    package var currentPath: String?
    /// On the host, for files of containers.
    package var resolvedPath: String?
    package var stream = ""
    package var file = ""
    package var topic = ""
    /// active | idle | waiting | parked | draining | registering | hanging | refused | unreadable
    package var state = ""
    package var reason: String?
    package var kind = "file"
    /// End of the acknowledged contiguous prefix.
    package var offset: UInt64 = 0
    package var ledger = LedgerStatus()
    package var records: UInt64 = 0
    /// Seconds since the oldest record in flight was produced; nil when nothing is in flight.
    package var oldestUnacknowledgedSeconds: Double?
    /// True when the file has no name any more but is still read.
    package var deleted = false
    package init() {}
}
