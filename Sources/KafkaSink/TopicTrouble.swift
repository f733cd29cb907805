// Since when and why a topic takes no records, for those who look.
internal import Core

/// Trouble of one topic, from its first failure to the next acknowledgement: tries in between that fail do not begin it
/// anew.
package struct TopicTrouble: Sendable, Equatable {
    /// Monotonic ns, and wall clock ns, of the first failure.
    package let since: Int64
    package let sinceWall: Int64
    /// The newest failure.
    package internal(set) var outcome: Outcome
    /// Monotonic ns of the newest try; nil while it waits for one.
    package internal(set) var triedAt: Int64?

    init(_ outcome: Outcome, now: Int64) {
        since = now
        sinceWall = Clock.wall()
        self.outcome = outcome
    }

    /// How long a topic that is tried counts as in trouble although nothing is on its way to it: whoever had records for it
    /// produces them within that time, unless they are gone.
    private static let trial: Int64 = 5 * nanosecondsPerSecond

    /// It is being tried again, and neither acknowledged nor refused yet.
    func isOnTrial(inFlight: Int, now: Int64) -> Bool {
        guard let triedAt else { return false }
        return inFlight > 0 || now - triedAt < TopicTrouble.trial
    }
}

extension Topic {
    /// Nothing is acknowledged by it: parked, or tried again after that, or its partitions cannot be had. Nil when it is
    /// well, and when nobody has anything for it any more.
    package func presentTrouble(now: Int64) -> TopicTrouble? {
        guard let spell else { return nil }
        switch state {
        case .parked, .resolving: return spell
        case .healthy: return spell.isOnTrial(inFlight: inFlight, now: now) ? spell : nil
        }
    }

    /// A failure: the first one since the last acknowledgement begins the trouble.
    mutating func isInTrouble(_ outcome: Outcome, now: Int64) {
        if spell == nil { spell = TopicTrouble(outcome, now: now) }
        spell?.outcome = outcome
        spell?.triedAt = nil
    }
}
