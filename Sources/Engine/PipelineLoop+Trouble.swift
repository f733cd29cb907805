// What failed records lead to, by the class of their error, and what is said about it.
internal import Checkpoint
internal import Core
internal import KafkaSink
internal import Logging

extension PipelineLoop {
    /// Decides about sources whose records failed, by the class of the error. They are rewound later, never in the middle
    /// of their own turn: it would go on behind the offset they were rewound to.
    func takeFailures(_ now: Int64) {
        let failures = ledger.takeFailures()
        guard !failures.isEmpty else { return }
        var troubles: [Int: Trouble] = [:]
        for failed in failures {
            let topic = Int(sources[failed.source].topic)
            let outcome = Outcome(error: failed.error)
            rewindLater(failed.source)
            // The records of a producer that we ended: nothing is wrong with the topic.
            if outcome.isOwnDoing { continue }
            producer.countFailure(topic, reason: outcome.reason)
            switch outcome.kind {
            case .recordTrouble:
                let isAlone = producer.refused(
                    topic, partition: sources[failed.source].partition, isTooLarge: outcome.isTooLarge, now: now)
                if !isAlone { suspect(failed.source, topic) }
                if isAlone && outcome.trials > 1 && !isCertain(failed.source, outcome) {
                    troubles[topic, default: Trouble(outcome: outcome)].sources += 1
                } else {
                    sources[failed.source].isRefusedAlone = isAlone
                }
            case .topicTrouble, .retriable: troubles[topic, default: Trouble(outcome: outcome)].sources += 1
            case .fatal: rebuildProducer(outcome.reason, now)
            }
        }
        for (topic, trouble) in troubles { park(topic, trouble, now) }
    }

    /// One record may fail on its way by chance. True when the same one was refused alone often enough to be blamed.
    private func isCertain(_ slot: Int, _ outcome: Outcome) -> Bool {
        let offset = ledger.counts(slot).committed
        if sources[slot].doubt.offset != offset { sources[slot].doubt = (offset, 0) }
        sources[slot].doubt.refusals += 1
        return sources[slot].doubt.refusals >= outcome.trials
    }

    /// An audit event failed; it waits in the outbox again, so that no class of error gives it up.
    func auditFailed(_ topic: Int, _ error: Int32, _ now: Int64) {
        let outcome = Outcome(error: error)
        if outcome.isOwnDoing { return }
        producer.countFailure(topic, reason: outcome.reason)
        if outcome.kind == .fatal { return rebuildProducer(outcome.reason, now) }
        park(topic, Trouble(outcome: outcome, sources: 0), now)
    }

    /// Why a topic is to be parked, and how many sources have it.
    private struct Trouble {
        let outcome: Outcome
        var sources = 0
    }

    /// Parks the topic and says so, once for each parking: what fails meanwhile was produced before it. Its name is in the
    /// message: the rate limit counts equal messages, and topics must not hide each other.
    private func park(_ topic: Int, _ trouble: Trouble, _ now: Int64) {
        let outcome = trouble.outcome
        guard let until = producer.park(topic, for: outcome, now: now) else { return }
        let name = producer.topics[topic].name
        logger.warning(
            outcome.kind == .topicTrouble
                ? "topic \(name) takes no records; it alone waits, and is tried again"
                : "records of topic \(name) failed for a reason that passes; they are produced again",
            metadata: [
                "reason": "\(outcome.reason)", "cause": "\(outcome.cause)",
                "sources": "\(trouble.sources)", "failures": "\(producer.topics[topic].failed[outcome.reason] ?? 0)",
                "next_try_seconds": "\(Double((until - now) / nanosecondsPerMillisecond) / 1000)",
                "for_seconds": "\((now - (producer.topics[topic].spell?.since ?? now)) / nanosecondsPerSecond)",
                "remedy": "\(outcome.remedy(topic: name))",
            ])
    }

    /// Why a source waits for its topic.
    func topicReason(_ topic: Int, _ now: Int64) -> String {
        let trouble = producer.topics[topic].presentTrouble(now: now)?.outcome
        let why = trouble.map { "\($0.reason) (\($0.cause))" }
        switch producer.topics[topic].state {
        case .resolving: return "the topic's partitions are not known: \(why ?? "asking the brokers")"
        case .parked, .healthy:
            guard let trouble, let why else { return "waits for acknowledgements" }
            return trouble.kind == .topicTrouble
                ? "the topic refuses records: \(why)" : "its last records failed and are produced again: \(why)"
        }
    }
}
