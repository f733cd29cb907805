// Parking a topic for an outcome, which stays with it for whoever asks why.
internal import Core

extension Producer {
    /// Parks a topic after a failure. Returns until when (monotonic ns), or nil when it is parked already.
    package func park(_ index: Int, for outcome: Outcome, now: Int64) -> Int64? {
        topics[index].trouble = outcome
        if case .parked = topics[index].state { return nil }
        return park(index, reason: outcome.reason, now: now)
    }
}
