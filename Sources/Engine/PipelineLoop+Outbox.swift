// The outbox's events out to Kafka, and what comes back of them.
internal import Core
internal import KafkaSink
internal import Logging

extension PipelineLoop {
    /// Produces stored events; what does not fit now follows later.
    func sendAudit(_ now: Int64) {
        guard stopDeadline == nil || recordsInFlight > 0 else { return }
        for destination in AuditDestination.allCases where outbox.hasWaiting(destination) {
            guard let topic = outboxTopics[Int(destination.rawValue)] else { continue }
            outbox.send(destination, now: now) { event, opaque in
                producer.produceCopy(topic, key: Array(event.key.utf8), value: event.payload, opaque: opaque)
            }
        }
    }

    func takeOutboxReports(_ reports: UnsafeBufferPointer<DeliveryReport>, _ now: Int64) {
        guard outbox.hasInFlight else { return }
        for report in reports where report.opaque & AuditOutbox.opaqueBit != 0 {
            guard report.error != 0 else {
                _ = outbox.complete(opaque: report.opaque, .delivered, now: now)
                continue
            }
            let outcome = Outcome(error: report.error)
            let kind: OutboxOutcome = outcome.kind == .recordTrouble ? .refused : .failed
            guard let (destination, answer) = outbox.complete(opaque: report.opaque, kind, now: now),
                let topic = outboxTopics[Int(destination.rawValue)]
            else { continue }
            switch answer {
            case .delivered: break
            case .alone: producer.countFailure(topic, reason: outcome.reason)
            case .again: auditFailed(topic, report.error, now)
            case .kept(let event), .givenUp(let event):
                producer.countFailure(topic, reason: outcome.reason)
                tellRefusal(topic, event, outcome.reason, isKept: answer == .kept(event))
            }
        }
    }

    private func tellRefusal(_ topic: Int, _ event: String, _ reason: String, isKept: Bool) {
        let fate = isKept ? "it is kept and tried again in 10 minutes" : "it is left out"
        logger.error(
            "Kafka refuses an event of the outbox, \(fate): check the topic's max.message.bytes and what the brokers validate",
            metadata: ["topic": "\(producer.topics[topic].name)", "event": "\(event)", "reason": "\(reason)"])
    }

    /// What of the outbox somebody has to look at.
    var outboxProblems: [String] {
        var all: [String] = []
        for destination in AuditDestination.allCases {
            let line = outbox[destination]
            let topic = options.topic(of: destination) ?? ""
            let dropped = line.dropped.values.reduce(0, +)
            if dropped > 0 {
                all.append(
                    "\(dropped) events for topic \(topic) were left out since the start: the outbox was full, or Kafka "
                        + "refused them; see that the topic takes records")
            }
            if line.summarized > 0 {
                all.append(
                    "\(line.summarized) gaps are announced in sum only (gap_summary): the outbox was full; see that "
                        + "topic \(topic) takes records")
            }
            if line.refused > 0 {
                all.append(
                    "\(line.refused) announcements are refused by topic \(topic) and kept: raise its max.message.bytes, "
                        + "or see what the brokers validate")
            }
        }
        return all
    }
}
