// How large records and requests may be: max.message.bytes of each topic, known or learned.
internal import Core

extension Producer {
    /// A limit beyond librdkafka's own is no bound: Kafka's default of 1,048,588 with batch.size 1,000,000.
    private static let margin = 16_384

    /// Bytes an encoded record of a topic may have; `.max` when its brokers did not say.
    package func maximumValueBytes(_ index: Int) -> Int {
        guard let maximum = topics[index].maximumBytes else { return .max }
        return max(1, maximum - RequestSizes.batchOverhead - RequestSizes.recordOverhead - Producer.keyBytes)
    }

    /// Bytes that may be produced to a partition now, `keyedRecordOverhead` for each record counted in; `.max` where its
    /// size bounds nothing. What a record needs always fits when nothing is in flight there.
    package func room(_ index: Int, partition: Int32) -> Int {
        guard let bound = bound(index) else { return .max }
        return max(0, bound - topics[index].sizes.bytes(of: partition))
    }

    /// True when a source may start a turn: little goes at a time when the rest of the room is small.
    package func hasRoom(_ index: Int, partition: Int32) -> Bool {
        guard let bound = bound(index) else { return true }
        return topics[index].sizes.bytes(of: partition) <= bound / 2
    }

    /// True when a partition has nothing in flight, so that a record may be sent whatever its size.
    package func isEmpty(_ index: Int, partition: Int32) -> Bool { topics[index].sizes.bytes(of: partition) == 0 }

    /// What a record costs beside its value, with a stream's id as its key.
    package static let keyedRecordOverhead = RequestSizes.recordOverhead + keyBytes
    private static let keyBytes = 32

    private func bound(_ index: Int) -> Int? {
        let limit = topics[index].maximumBytes ?? topics[index].sizes.learned ?? .max
        return limit < batchBytes + Producer.margin ? limit - RequestSizes.batchOverhead : nil
    }

    /// A record was refused for what it is. True when it was alone in its request: it is to be given up. Else one of its
    /// neighbours may be to blame, or their sum: from now on fewer go at once, in the end each alone. One that is too
    /// large by a limit that was lowered meanwhile is neither: the limit is asked for first.
    package func refused(_ index: Int, partition: Int32, isTooLarge: Bool, now: Int64) -> Bool {
        if isTooLarge, asksForLimit(index, now) { return false }
        if topics[index].lone == partition { return true }
        // What was sent before the first refusal says nothing new.
        guard topics[index].flights != topics[index].halvedAt else { return false }
        topics[index].halvedAt = topics[index].flights
        if isTooLarge, topics[index].caution != nil, topics[index].maximumBytes == nil {
            topics[index].sizes.learnFromRefusal(now)
        }
        topics[index].caution = topics[index].caution.map { max(1, $0 / 2) } ?? Topic.firstCaution
        return false
    }

    /// Asks for max.message.bytes after a refusal; true when the topic waits for the answer.
    func asksForLimit(_ index: Int, _ now: Int64) -> Bool {
        guard now - topics[index].sizes.confirmed > RequestSizes.confirmedFor else { return false }
        client?.resolver.refresh(topic: index)
        guard topics[index].maximumBytes != nil else { return false }
        topics[index].sizes.isAsked = true
        if topics[index].state == .healthy { topics[index].state = .resolving }
        return true
    }

    /// Takes what the brokers said of a topic's limit; nil, no answer, leaves what was known.
    func apply(limit: Int?, to index: Int, now: Int64) {
        if topics[index].sizes.isAsked { topics[index].sizes.confirmed = now }
        topics[index].sizes.isAsked = false
        if let limit {
            topics[index].maximumBytes = limit
            topics[index].sizes.forgetLearned()
        }
    }
}
