// Topics in trouble: parked with back-off, tried again, counted.
internal import Core

extension Producer {
    /// Parks a topic after trouble: nothing is produced to it for a while that doubles up to 30 s. Returns until when
    /// (monotonic ns). Meanwhile its partitions are asked for again: it may have been made anew with fewer of them.
    package func park(_ index: Int, reason: String, now: Int64) -> Int64 {
        if case .parked(_, _, let until) = topics[index].state { return until }
        client?.resolver.refresh(topic: index)
        topics[index].failuresInARow += 1
        let backOff = min(30_000, 250 << min(topics[index].failuresInARow, 7)) * nanosecondsPerMillisecond
        topics[index].state = .parked(reason: reason, since: now, until: now + backOff)
        return now + backOff
    }

    /// As librdkafka calls it.
    static let withoutLeader = "leader_not_available"

    /// Ends the parking of topics whose time has come; returns them.
    package func unpark(now: Int64) -> [Int] {
        topics.indices.filter { index in
            guard case .parked(_, _, let until) = topics[index].state, until <= now else { return false }
            let hasPartitions = topics[index].partitions > topics[index].leaderless
            topics[index].state = hasPartitions ? .healthy : .resolving(reason: nil)
            return hasPartitions
        }
    }

    /// Monotonic ns of the next end of a parking; nil when no topic is parked.
    package var nextUnpark: Int64? {
        var next: Int64?
        for topic in topics {
            if case .parked(_, _, let until) = topic.state { next = min(next ?? until, until) }
        }
        return next
    }

    package func countFailure(_ index: Int, reason: String) { topics[index].failed[reason, default: 0] += 1 }
}
