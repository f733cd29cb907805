// One partition as the producer sees it: whether what was sent to it comes back.
internal import Core

/// State of one partition of a topic. Owned by the pipeline thread through `Producer`.
///
/// A partition without a leader, or whose leader does not answer, must not take the whole topic's credit: what is in
/// flight to it cannot be taken back, so nothing is added until it moves.
struct PartitionLane {
    var inFlight = 0
    /// Monotonic ns of the last acknowledgement, or of the first record after an idle time.
    var lastProgress: Int64 = 0
    /// As the brokers last said.
    var hasLeader = true
    /// Without a leader, or without an acknowledgement for `Topic.slowAfter`, while records are in flight.
    var isStuck = false
}

extension Topic {
    /// Partitions that have no leader, as the brokers last said.
    package var leaderless: Int { lanes.count { !$0.hasLeader } }
    /// Partitions that do not acknowledge what is in flight to them.
    package var stuckPartitions: Int { lanes.count { $0.isStuck } }

    /// What the brokers said of the partitions. Lanes that are no more take their records with them: those fail.
    mutating func apply(partitions count: Int, leaderless: [Int32]) {
        partitions = count
        while lanes.count < count { lanes.append(PartitionLane()) }
        for lane in lanes.indices { lanes[lane].hasLeader = true }
        for lane in leaderless where lane < count { lanes[Int(lane)].hasLeader = false }
    }

    /// Records were handed to librdkafka.
    mutating func sent(_ count: Int, to partition: Int32, now: Int64) {
        if inFlight == 0 { lastProgress = now }
        inFlight &+= count
        let lane = Int(partition)
        guard lane < lanes.count else { return }
        if lanes[lane].inFlight == 0 { lanes[lane].lastProgress = now }
        lanes[lane].inFlight &+= count
        if lanes[lane].isStuck { stuck &+= count }
    }

    /// A record came back. Every acknowledgement shows that its partition moves.
    @inline(__always)
    mutating func cameBack(from partition: Int32, isAcknowledged: Bool, now: Int64) {
        inFlight &-= 1
        if isAcknowledged { lastProgress = now }
        let lane = Int(partition)
        guard lane >= 0, lane < lanes.count else { return }
        lanes[lane].inFlight &-= 1
        if isAcknowledged { lanes[lane].lastProgress = now }
        if _slowPath(lanes[lane].isStuck) {
            stuck &-= 1
            if isAcknowledged || lanes[lane].inFlight == 0 { setStuck(lane, false) }
        }
    }

    /// Nothing is in flight any more: the client is gone.
    mutating func forgetFlight() {
        inFlight = 0
        stuck = 0
        for lane in lanes.indices {
            lanes[lane].inFlight = 0
            lanes[lane].isStuck = false
        }
    }

    /// Finds the partitions that do not move. True when there is one, or the topic has no acknowledgement at all.
    mutating func checkLanes(now: Int64) -> Bool {
        guard inFlight > 0 else { return false }
        for lane in lanes.indices where lanes[lane].inFlight > 0 && !lanes[lane].isStuck {
            if !lanes[lane].hasLeader || now - lanes[lane].lastProgress > Topic.slowAfter { setStuck(lane, true) }
        }
        return stuck > 0 || isSlow(now: now)
    }

    private mutating func setStuck(_ lane: Int, _ isStuck: Bool) {
        guard lanes[lane].isStuck != isStuck else { return }
        lanes[lane].isStuck = isStuck
        stuck += isStuck ? lanes[lane].inFlight : -lanes[lane].inFlight
    }
}
