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
    /// Only `produceCopy` writes to it: it has no share of the queue's places, nor of the memory for records.
    var isForControl: Bool
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
    /// What it has shown to get rid of, in records and in bytes of arenas.
    var recordWindow = ProvenWindow()
    var byteWindow = ProvenWindow()
    /// The partition of the newest record, when nothing else was in flight there: a refusal of it is about itself.
    var lone: Int32?
    /// Counts calls that produced something; and what it was when caution was last halved.
    var flights: UInt64 = 0
    var halvedAt: UInt64 = 0
    /// Something of what is in flight was refused.
    var flightFailed = false
    /// Sources whose records were refused in company, and whether the newest flight is one of theirs. Only such a flight
    /// tells whether more may go at once: others succeed whatever is the matter with the suspects.
    var suspects = 0
    var isSuspectFlight = false
    /// The record that was last refused alone, from its beginning.
    var refused: [UInt8]?
    /// Records that were given up because the topic refuses them, their bytes, and dead letters made of them.
    package internal(set) var quarantinedRecords: UInt64 = 0
    package internal(set) var quarantinedBytes: UInt64 = 0
    package internal(set) var deadLetters: UInt64 = 0
    /// The topic's max.message.bytes, which its brokers hold against each record batch; nil: unknown.
    package internal(set) var maximumBytes: Int?
    /// What keeps requests from being refused for their size; see `RequestSizes`.
    var sizes = RequestSizes()
    package internal(set) var acknowledgedRecords: UInt64 = 0
    package internal(set) var acknowledgedBytes: UInt64 = 0
    package internal(set) var failed: [String: UInt64] = [:]

    init(name: String, isForControl: Bool = false) {
        self.isForControl = isForControl
        self.name = name
    }

    /// Records a topic may have in flight when it has not acknowledged anything for `slowAfter`; fewer where so many topics
    /// share the queue that their reserves are smaller.
    static let slowCredit = 64
    /// Where caution begins, and where it ends.
    static let firstCaution = 64
    static let lastCaution = 1_024
    static let slowAfter = 2 * nanosecondsPerSecond

    /// All that was sent with caution is acknowledged: twice as many may go next time.
    mutating func growBolder() {
        guard let caution, !flightFailed, suspects == 0 || isSuspectFlight else { return }
        self.caution = caution * 2 < Topic.lastCaution ? caution * 2 : nil
    }

    package func isSlow(now: Int64) -> Bool { inFlight > 0 && now - lastProgress > Topic.slowAfter }
}
