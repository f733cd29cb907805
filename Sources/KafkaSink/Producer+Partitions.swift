// Partitions that do not move: noticed, asked about, and kept from taking what the others of their topic need.
internal import Core

extension Producer {
    private static let checkInterval: Int64 = nanosecondsPerSecond
    /// The brokers are asked about a topic that does not move, or after an error of the connection, no more often.
    private static let askInterval: Int64 = 5 * nanosecondsPerSecond

    /// How many records may be produced to one partition now, of what its topic may: none while it has no leader or does
    /// not acknowledge, and else no more than half of what the topic may have in flight.
    package func credit(_ index: Int, partition: Int32, now: Int64) -> Int {
        let whole = credit(index, now: now)
        guard whole > 0, let lane = lane(index, partition) else { return whole }
        guard moves(index, partition) else { return 0 }
        return max(0, min(whole, mostInLane(index, whole) - lane.inFlight))
    }

    /// True when a source that waits for its partition should try again: a good part of the partition's credit is free.
    package func isWorthWaking(_ index: Int, partition: Int32, now: Int64) -> Bool {
        guard moves(index, partition) else { return false }
        guard let lane = lane(index, partition) else { return true }
        let whole = credit(index, now: now)
        return whole > 0 && lane.inFlight <= mostInLane(index, whole) / 2
    }

    /// False while a partition has no leader or does not acknowledge what is in flight to it.
    package func moves(_ index: Int, _ partition: Int32) -> Bool {
        lane(index, partition).map { $0.hasLeader && !$0.isStuck } ?? true
    }

    /// A partition that stops moving must not hold all its topic may have in flight: it takes seconds to notice, and what
    /// is in flight cannot be taken back.
    private func mostInLane(_ index: Int, _ whole: Int) -> Int {
        guard topics[index].partitions > 1 else { return .max }
        return max(min(whole, Topic.slowCredit), (whole + topics[index].inFlight - topics[index].stuck) / 2)
    }

    private func lane(_ index: Int, _ partition: Int32) -> PartitionLane? {
        let place = Int(partition)
        return place >= 0 && place < topics[index].lanes.count ? topics[index].lanes[place] : nil
    }

    package func hasLeader(_ index: Int, _ partition: Int32) -> Bool { lane(index, partition)?.hasLeader ?? true }

    /// Looks for partitions that do not move, once a second while records are in flight.
    package func checkPartitions(now: Int64) {
        guard inFlight > 0, now - lastCheck >= Producer.checkInterval else { return }
        lastCheck = now
        for index in topics.indices {
            topics[index].sizes.growBolder(now)
            if topics[index].checkLanes(now: now) { ask(about: index, now: now) }
        }
    }

    /// Monotonic ns of the next `checkPartitions`; nil when nothing is in flight.
    package var nextPartitionCheck: Int64? { inFlight > 0 ? lastCheck + Producer.checkInterval : nil }

    /// Leaders may have changed: the brokers say so sooner than records without an answer do.
    func askAboutAll(now: Int64) {
        for index in topics.indices { ask(about: index, now: now) }
    }

    private func ask(about index: Int, now: Int64) {
        guard now - topics[index].lastAsked >= Producer.askInterval else { return }
        topics[index].lastAsked = now
        client?.resolver.refresh(topic: index)
    }
}
