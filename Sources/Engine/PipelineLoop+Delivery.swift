// What comes back from Kafka: acknowledgements, failures, and who may go on because of them.
internal import Checkpoint
internal import Core
internal import FileSource
internal import KafkaSink
internal import Logging
internal import Pipeline

extension PipelineLoop {
    /// Takes delivery reports and notices, then lets parked sources go on.
    func takeReports(_ now: Int64) {
        let writable = producer.drain(now: now) { reports in
            ledger.complete(reports, arenas: &arenas, now: now)
            if outbox.hasInFlight {
                for report in reports where report.opaque & AuditOutbox.opaqueBit != 0 {
                    outbox.complete(report)
                    if report.error != 0, let auditTopicIndex { auditFailed(auditTopicIndex, report.error, now) }
                }
            }
        }
        takeFailures(now)
        advanceRebuilding(now)
        for topic in writable { unpark(topic) }
        for topic in parked.indices where !parked[topic].isEmpty && isWorthWaking(topic, now) { unpark(topic) }
        unparkPartitions(now)
        unparkMemory()
        settleRewinds(now)
        settleEnds(now)
        settleHandovers()
        settleDrains()
        for notice in producer.takeNotices() { tell(notice) }
    }

    /// A parked topic's sources go on when a good part of its credit and memory is free, not for every record.
    private func isWorthWaking(_ topic: Int, _ now: Int64) -> Bool {
        let free = producer.credit(topic, now: now)
        let inFlight = producer.topics[topic].inFlight
        return free > 0 && (free >= RecordBatch.capacity || inFlight <= free)
            && (inFlight == 0 || arenas.bytes(of: topic) <= memoryShare / 2)
    }

    func unpark(_ topic: Int) {
        let slots = parked[topic]
        parked[topic].removeAll(keepingCapacity: true)
        for slot in slots where sources[Int(slot)].scheduling == .parkedOnTopic {
            sources[Int(slot)].scheduling = .idle
            enqueue(Int(slot))
        }
    }

    /// Sources whose partitions have credit again.
    private func unparkPartitions(_ now: Int64) {
        guard !parkedOnPartition.isEmpty else { return }
        let slots = parkedOnPartition
        parkedOnPartition.removeAll(keepingCapacity: true)
        for slot in slots where sources[Int(slot)].scheduling == .parkedOnPartition {
            let source = sources[Int(slot)]
            guard producer.isWorthWaking(Int(source.topic), partition: source.partition, now: now) else {
                parkedOnPartition.append(slot)
                continue
            }
            sources[Int(slot)].scheduling = .idle
            enqueue(Int(slot))
        }
    }

    private func unparkMemory() {
        guard !parkedOnMemory.isEmpty, arenas.hasRoom else { return }
        let slots = parkedOnMemory
        parkedOnMemory.removeAll(keepingCapacity: true)
        for slot in slots where sources[Int(slot)].scheduling == .parkedOnMemory {
            sources[Int(slot)].scheduling = .idle
            enqueue(Int(slot))
        }
    }

    /// Rewinds the sources that have nothing in flight any more: from their committed offsets all is read again.
    func settleRewinds(_ now: Int64) {
        guard !rewinding.isEmpty else { return }
        let settled = rewinding.filter { ledger.inFlight(Int($0)) == 0 }
        guard !settled.isEmpty else { return }
        rewinding.removeAll { settled.contains($0) }
        for slot in settled { rewind(Int(slot), now) }
    }

    private func rewind(_ slot: Int, _ now: Int64) {
        // Not the error that was reported first decides, but that of the record the source stands at; and a record that
        // was refused together with others is tried alone before it is given up.
        if sources[slot].isRefusedAlone, let error = ledger.firstFailure(slot),
            Outcome(error: error).kind == .recordTrouble
        {
            ledger.giveUpFirstFailed(slot, now: now)
        } else {
            ledger.rewind(slot)
        }
        sources[slot].isRefusedAlone = false
        sources[slot].needsRewind = false
        sources[slot].line = PipelineLoop.lineState(ledger.counts(slot))
        if let size = sources[slot].endSize {
            // Its content cannot be read again.
            ledger.reserveGap(slot, to: size, reason: sources[slot].endReason, now: now)
        } else {
            enqueue(slot)
        }
    }

    /// Where framing continues from what the ledger has committed.
    static func lineState(_ counts: LedgerCounts) -> LineState {
        // Skipped bytes are said in the record that follows them directly: only when there is nothing else before it.
        LineState(
            start: counts.lineStart, ordinal: counts.lineOrdinal,
            skipped: counts.committed == counts.skipped ? counts.skipped : 0)
    }

    private func tell(_ notice: KafkaNotice) {
        switch notice {
        case .log(let level, let facility, let text):
            let loggerLevel: Logger.Level = level <= 3 ? .error : level == 4 ? .warning : .debug
            logger.log(level: loggerLevel, "librdkafka", metadata: ["facility": "\(facility)", "text": "\(text)"])
        case .error(let reason, let allDown):
            logger.warning(
                allDown
                    ? "no Kafka broker answers; nothing is lost, reading pauses when the buffers are full"
                    : "Kafka error; it is tried again",
                metadata: ["brokers": "\(options.kafka.brokers.joined(separator: ","))", "reason": "\(reason)"])
        case .leaders(let topic, let missing, let partitions):
            guard missing > 0 else {
                return logger.notice("all partitions of a topic have leaders again", metadata: ["topic": "\(topic)"])
            }
            logger.warning(
                "partitions of a topic have no leader; what belongs to them waits in its files",
                metadata: [
                    "topic": "\(topic)", "partitions": "\(missing) of \(partitions)",
                    "remedy": "bring their brokers back, or elect other leaders (kafka-leader-election)",
                ])
        case .fatal(let reason): rebuildProducer(reason, Clock.monotonic())
        }
    }

    /// The run cannot go on; the supervisor starts the daemon again, and it resumes from the committed offsets.
    func fail(_ reason: String) {
        guard failure == nil else { return }
        failure = reason
        logger.critical("the pipeline ends; nothing is lost, a restart resumes", metadata: ["reason": "\(reason)"])
    }
}
