// How many records a topic may have in flight: its share of the queue, and caution after a refused request.
internal import Core

extension Producer {
    /// How many records may be produced to a topic now: its share of the queue, less when it is slow, and never more than
    /// the queue has places, whatever other topics had in flight before this one was opened.
    package func credit(_ index: Int, now: Int64) -> Int {
        let topic = topics[index]
        guard topic.state == .healthy else { return 0 }
        if topic.caution != nil, topic.inFlight > 0 { return 0 }
        let share = min(topic.caution ?? .max, max(1, options.queueMessages / topics.count))
        let allowed = topic.isSlow(now: now) ? min(Topic.slowCredit, share) : share
        // What does not move is no reason for the rest of the topic to wait.
        return max(0, min(allowed - (topic.inFlight - topic.stuck), options.queueMessages - inFlight))
    }

    /// A record was refused for what it is. True when it was alone in its request: it is to be given up. Else one of its
    /// neighbours may be to blame, or their sum: from now on fewer go at once, in the end each alone.
    package func refused(_ index: Int) -> Bool {
        if topics[index].isLone { return true }
        topics[index].caution = topics[index].caution.map { max(1, $0 / 2) } ?? Topic.firstCaution
        return false
    }
}
