// Bytes in flight of one topic, so that no record batch becomes larger than its brokers take.
internal import Core

/// What is known of the sizes of a topic's requests. Owned by the pipeline thread through `Topic`.
///
/// librdkafka has one batch.size for all topics. Where brokers take less for one, no more bytes than that may wait or be
/// under way to one partition at once: then no batch can be larger, however librdkafka cuts it, and compressed or not.
struct RequestSizes {
    /// By partition: values, keys and framing of the records in flight.
    private var inFlight: [Int] = []
    /// Bytes that were sent since nothing was in flight.
    private(set) var flight = 0
    /// With an unknown limit: half of the largest flight that was refused for its size. It keeps a topic from being sent
    /// what it refuses again and again; doubled every minute, since one refusal proves little.
    private(set) var learned: Int?
    /// Monotonic ns of the newest lesson.
    private var learnedAt: Int64 = 0
    /// max.message.bytes is being asked for because of a refusal: nothing is produced until it is known.
    var isAsked = false
    /// Monotonic ns at which max.message.bytes was last asked for because of a refusal, and answered.
    var confirmed = Int64.min / 2

    /// Header of a record batch (v2: 61 bytes) and of a compressed frame that did not shrink.
    static let batchOverhead = 80
    /// Attributes, varints of lengths and deltas, and no headers, of one record.
    static let recordOverhead = 32
    private static let learnedFor = 60 * nanosecondsPerSecond
    /// How long an answer counts as given after a refusal.
    static let confirmedFor = 2 * nanosecondsPerSecond

    func bytes(of partition: Int32) -> Int { Int(partition) < inFlight.count ? inFlight[Int(partition)] : 0 }

    mutating func sent(_ partition: Int32, _ bytes: Int, isFirst: Bool) {
        while inFlight.count <= Int(partition) { inFlight.append(0) }
        inFlight[Int(partition)] &+= bytes
        flight = isFirst ? bytes : flight &+ bytes
    }

    @inline(__always)
    mutating func settled(_ partition: Int32, _ bytes: Int) {
        guard partition >= 0, Int(partition) < inFlight.count else { return }
        inFlight[Int(partition)] &-= bytes
    }

    /// Nothing is in flight any more, and nothing of it will be reported.
    mutating func forgetFlight() {
        inFlight.removeAll()
        flight = 0
    }

    /// The whole flight was refused for its size while nothing else was under way.
    mutating func learnFromRefusal(_ now: Int64) {
        guard flight > 1 else { return }
        learnedAt = now
        learned = min(learned ?? .max, max(RequestSizes.smallestLearned, flight / 2))
    }

    /// A while without a refusal: more may be allowed by now.
    mutating func growBolder(_ now: Int64) {
        guard let former = learned, now - learnedAt > RequestSizes.learnedFor else { return }
        learnedAt = now
        learned = former < RequestSizes.largestLearned ? former * 2 : nil
    }

    mutating func forgetLearned() { learned = nil }

    /// No lower limit is lived with: smaller requests cost more than the refusals, and caution gets over those.
    private static let smallestLearned = 64 << 10
    /// librdkafka's batch.size: beyond it a bound changes nothing.
    private static let largestLearned = 1_000_000
}
