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
            if source.isOpen, !rests, let end = source.suspectUntil, ledger.counts(slot).committed < end { return false }
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

    // MARK: What comes back of the outbox's records

    /// Takes the report of an audit event or dead letter. What failed waits again, but for a dead letter that is refused
    /// alone: there is no third place, and its gap says what happened to its record.
    func takeOutboxReport(_ report: DeliveryReport, _ now: Int64) {
        guard report.error != 0, let destination = outbox.destination(of: report),
            let topic = outboxTopics[Int(destination.rawValue)]
        else {
            _ = outbox.complete(report)
            return
        }
        let outcome = Outcome(error: report.error)
        guard outcome.kind == .recordTrouble else {
            _ = outbox.complete(report)
            return auditFailed(topic, report.error, now)
        }
        producer.countFailure(topic, reason: outcome.reason)
        let isAlone = producer.refusedCopy(topic, key: outbox.key(of: report), isTooLarge: outcome.isTooLarge, now: now)
        guard isAlone, destination == .deadLetter else {
            _ = outbox.complete(report)
            if isAlone { auditFailed(topic, report.error, now) }
            return
        }
        outbox.giveUp(report)
        logger.error(
            "a dead letter is refused itself and dropped; the gap of its record is announced all the same",
            metadata: [
                "topic": "\(producer.topics[topic].name)", "reason": "\(outcome.reason)",
                "remedy": "\(outcome.remedy(topic: producer.topics[topic].name))",
            ])
    }
}
