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
            takeOutboxReports(reports, now)
        }
        takeFailures(now)
        advanceRebuilding(now)
        for topic in writable { unpark(topic) }
        for topic in producer.topics.indices { wake(topic, now) }
        wakePartitions(now)
        wakeForMemory()
        settleRewinds(now)
        settleSuspects()
        settleEnds(now)
        settleHandovers()
        settleDrains()
        for notice in producer.takeNotices() { tell(notice) }
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
            quarantine(slot, error)
            ledger.giveUpFirstFailed(slot, now: now)
        } else {
            ledger.rewind(slot)
        }
        sources[slot].isRefusedAlone = false
        sources[slot].needsRewind = false
        // What it had reached it reaches again: until then its stream's next generation does not begin.
        sources[slot].isCaughtUp = false
        sources[slot].line = PipelineLoop.lineState(ledger.counts(slot))
        goOnWithInherited(slot)
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
            logger.log(
                level: loggerLevel, "librdkafka; what needs attention is in longshore status, with what to do",
                metadata: ["facility": "\(facility)", "text": "\(text)"])
        case .error(let reason, let allDown):
            logger.warning(
                allDown
                    ? "no Kafka broker answers; nothing is lost, reading pauses when the buffers are full: check kafka.brokers and the network"
                    : "Kafka error; it is tried again: check kafka.brokers, the network and the credentials if it stays",
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
        case .recovered(let topic, let seconds):
            logger.notice("topic \(topic) takes records again", metadata: ["after_seconds": "\(seconds)"])
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
