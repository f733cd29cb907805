// One topic as the producer sees it: partitions, credit, state, counters.
internal import Core

/// State of one topic. Owned by the pipeline thread through `Producer`.
package struct Topic {
    package enum State: Equatable {
        /// The number of partitions is not known yet.
        case resolving
        case healthy
        /// In trouble until `until` (monotonic ns); nothing is produced to it.
        case parked(until: Int64)
    }

    package let name: String
    /// Nil while there is no client.
    var handle: OpaquePointer?
    package internal(set) var partitions = 0
    package internal(set) var state = State.resolving
    package internal(set) var inFlight = 0
    /// Those of them in partitions that do not move.
    var stuck = 0
    var lanes: [PartitionLane] = []
    /// Monotonic ns at which the brokers were last asked about a trouble of it.
    var lastAsked: Int64 = 0
    /// Monotonic ns of the last acknowledgement, or of the first record after an idle time.
    var lastProgress: Int64 = 0
    /// How often the topic was parked in a row; decides about the back-off.
    var failuresInARow = 0
    /// From the first failure to the next acknowledgement; nil when it is well.
    package internal(set) var spell: TopicTrouble?
    /// How often it was parked.
    package internal(set) var timesParked: UInt64 = 0
    /// After a refused request: how many records may be in flight at once, sent when none is. A broker refuses a whole
    /// request for one record (or for their sum); halved with each refusal, doubled with each success, nil in peace.
    var caution: Int?
    /// The newest record was produced while nothing else was in flight: a refusal of it is about itself.
    var isLone = false
    /// What it has shown to get rid of, in records and in bytes of arenas.
    var recordWindow = ProvenWindow()
    var byteWindow = ProvenWindow()
    package internal(set) var acknowledgedRecords: UInt64 = 0
    package internal(set) var acknowledgedBytes: UInt64 = 0
    package internal(set) var failed: [String: UInt64] = [:]

    init(name: String) { self.name = name }

    /// Records a topic may have in flight when it has not acknowledged anything for `slowAfter`; fewer where so many topics
    /// share the queue that their reserves are smaller.
    static let slowCredit = 64
    /// Where caution begins, and where it ends.
    static let firstCaution = 64
    static let lastCaution = 1_024
    static let slowAfter = 2 * nanosecondsPerSecond

    /// All that was sent with caution is acknowledged: twice as many may go next time.
    mutating func growBolder() {
        guard let caution else { return }
        self.caution = caution * 2 < Topic.lastCaution ? caution * 2 : nil
    }

    package func isSlow(now: Int64) -> Bool { inFlight > 0 && now - lastProgress > Topic.slowAfter }
}
