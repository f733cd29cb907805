// Records that Kafka refuses: tried alone, then given up as a gap with a dead letter.
internal import Checkpoint
internal import Core
internal import KafkaSink
internal import Logging

extension PipelineLoop {
    // MARK: Suspects

    /// Records of a source were refused together with others. It is under suspicion until it is behind all of them.
    func suspect(_ slot: Int, _ topic: Int) {
        if sources[slot].suspectUntil == nil {
            suspects.append((Int32(slot), Int32(topic)))
            producer.addSuspect(topic)
        }
        sources[slot].suspectUntil = ledger.reserved(slot)
    }

    /// Clears those that are behind the records that were refused, and those that send nothing for now: others must not
    /// be held back by a source that cannot be read.
    func settleSuspects() {
        guard !suspects.isEmpty else { return }
        suspects.removeAll { entry in
            let slot = Int(entry.slot)
            let source = sources[slot]
            let rests = source.scheduling == .idle && !source.needsRewind && ledger.inFlight(slot) == 0
            if source.isOpen, !rests, let end = source.suspectUntil, ledger.counts(slot).committed < end {
                return false
            }
            sources[slot].suspectUntil = nil
            producer.removeSuspect(Int(entry.topic))
            return true
        }
    }

    // MARK: Dead letters

    /// The record the source stands at is given up: its dead letter goes into the transaction that holds its gap. Called
    /// directly before the ledger makes it one.
    func quarantine(_ slot: Int, _ error: Int32) {
        guard let range = ledger.firstFailedRange(slot) else { return }
        let topic = Int(sources[slot].topic)
        let outcome = Outcome(error: error)
        let isSent = outbox.isEnabled(.deadLetter)
        let refused = DeadLetterText.Refused(
            from: range.lowerBound, to: range.upperBound, topic: producer.topics[topic].name, reason: outcome.reason,
            cause: outcome.cause, payload: producer.takeRefused(topic))
        sources[slot].suspectUntil = nil
        producer.countQuarantined(topic, bytes: refused.to - refused.from, hasDeadLetter: isSent)
        if isSent {
            let letter = DeadLetterText(host: options.host).letter(
                subject(slot), refused, maximumBytes: deadLetterBytes)
            outbox.collect(letter)
        }
        logger.warning(
            "Kafka refuses a record whenever it is sent; it is given up",
            metadata: [
                "path": "\(displayPath(slot))", "from": "\(refused.from)", "to": "\(refused.to)",
                "topic": "\(refused.topic)", "reason": "\(refused.reason)", "cause": "\(refused.cause)",
                "dead_letter": "\(isSent ? options.deadLetterTopic ?? "" : "none")",
                "remedy": "\(outcome.remedy(topic: refused.topic))",
            ])
    }

    /// What the dead-letter topic takes of one record, as far as that is known.
    private var deadLetterBytes: Int {
        let all = producer.maximumMessageBytes - PipelineLoop.framingOverhead
        guard let topic = outboxTopics[Int(AuditDestination.deadLetter.rawValue)] else { return all }
        return min(all, producer.maximumValueBytes(topic))
    }
}
