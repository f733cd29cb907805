// Records that brokers refuse: what they were, and whom a refusal is about.
internal import CRdKafka
internal import Core

extension Producer {
    /// Bytes that are kept of a record that was refused alone: 64 KiB of text, escaped to six times as much, and what
    /// stands before it.
    static let keptBytes = 6 * (64 << 10) + 1_024

    /// A record that was refused alone, as it was sent, from its beginning; each once. Nil when none was.
    package func takeRefused(_ index: Int) -> [UInt8]? {
        defer { topics[index].refused = nil }
        return topics[index].refused
    }

    /// Keeps what a lone record was while its memory still holds it. The next one takes its place.
    func keepRefused(_ index: Int, _ message: rd_kafka_message_t) {
        guard topics[index].lone == message.partition, !topics[index].isForControl, let payload = message.payload,
            Outcome(error: message.err.rawValue).kind == .recordTrouble
        else { return }
        topics[index].refused = Array(
            UnsafeRawBufferPointer(start: payload, count: min(message.len, Producer.keptBytes)))
    }

    /// A source's records were refused in company: until it has got over them, only its own success tells that more of
    /// the topic may go at once.
    package func addSuspect(_ index: Int) { topics[index].suspects += 1 }

    package func removeSuspect(_ index: Int) {
        topics[index].suspects -= 1
        assert(topics[index].suspects >= 0, "a suspect was cleared twice")
    }

    /// Says whose records are produced next.
    package func announceFlight(_ index: Int, ofSuspect: Bool) {
        // Others may join a flight as long as there is no caution: then it tells nothing of the suspect's records alone.
        topics[index].isSuspectFlight = ofSuspect
    }

    /// A record was given up after it was refused alone.
    package func countQuarantined(_ index: Int, bytes: UInt64, hasDeadLetter: Bool) {
        topics[index].quarantinedRecords += 1
        topics[index].quarantinedBytes += bytes
        if hasDeadLetter { topics[index].deadLetters += 1 }
    }
}

extension Outcome {
    /// The size of the record, or of all in its request, is to blame.
    package var isTooLarge: Bool {
        code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE.rawValue || code == RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE.rawValue
            || code == RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE.rawValue
    }
}
