// Topics in trouble: parked with back-off, tried again, counted.
internal import Core

extension Producer {
    /// Parks a topic after a failure: nothing is produced to it for a while that doubles up to 30 s. Returns until when
    /// (monotonic ns), or nil when it is parked already. Meanwhile its partitions are asked for again: it may have been made
    /// anew with fewer of them.
    package func park(_ index: Int, for outcome: Outcome, now: Int64) -> Int64? {
        topics[index].isInTrouble(outcome, now: now)
        if case .parked = topics[index].state { return nil }
        client?.resolver.refresh(topic: index)
        forgetWindows(index, now: now)
        topics[index].failuresInARow += 1
        topics[index].timesParked &+= 1
        let backOff = min(30_000, 250 << min(topics[index].failuresInARow, 7)) * nanosecondsPerMillisecond
        topics[index].state = .parked(until: now + backOff)
        return now + backOff
    }

    /// Ends the parking of topics whose time has come; returns them. Those that the brokers do not know meanwhile wait until
    /// they do.
    package func unpark(now: Int64) -> [Int] {
        topics.indices.filter { index in
            guard case .parked(let until) = topics[index].state, until <= now else { return false }
            topics[index].spell?.triedAt = now
            let hasPartitions = topics[index].partitions > topics[index].leaderless
            topics[index].state = hasPartitions ? .healthy : .resolving
            if !hasPartitions { client?.resolver.refresh(topic: index) }
            return hasPartitions
        }
    }

    /// Monotonic ns of the next end of a parking; nil when no topic is parked.
    package var nextUnpark: Int64? {
        var next: Int64?
        for topic in topics {
            if case .parked(let until) = topic.state { next = min(next ?? until, until) }
        }
        return next
    }

    package func countFailure(_ index: Int, reason: String) { topics[index].failed[reason, default: 0] += 1 }
}
