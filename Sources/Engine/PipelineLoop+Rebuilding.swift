// After a fatal error of Kafka's producer: it is made anew, and everything behind the committed offsets is sent again.
internal import Checkpoint
internal import Core
internal import KafkaSink
internal import Logging

extension PipelineLoop {
    /// The producer can do nothing more. Sources with records in flight wait until it is gone: their payloads are in its
    /// hands until then, and which of them a broker has taken will never be known.
    func rebuildProducer(_ reason: String, _ now: Int64) {
        guard producer.isWorking else { return }
        producer.rebuild(reason: reason, now: now)
        for slot in sources.indices where ledger.inFlight(slot) > 0 { rewindLater(slot) }
        logger.error(
            "Kafka's producer ended with a fatal error; a new one is made and sends again whatever was not acknowledged",
            metadata: [
                "reason": "\(reason)", "times": "\(producer.rebuilds)",
                "remedy":
                    "none is needed when it happens once; if it goes on, look for lost data or failed disks in the brokers' logs",
            ])
    }

    /// Takes the next step of making the producer anew.
    func advanceRebuilding(_ now: Int64) {
        switch producer.advanceRebuilding(now: now) {
        case .nothing: return
        case .lettingGo:
            for slot in sources.indices where ledger.inFlight(slot) > 0 { ledger.abandon(slot, arenas: &arenas) }
            outbox.returnInFlight()
            settleRewinds(now)
        case .working:
            logger.notice("a new Kafka producer works", metadata: ["times": "\(producer.rebuilds)"])
        }
    }

    /// Rewinds the source to its committed offset once nothing of it is in flight.
    func rewindLater(_ slot: Int) {
        guard !sources[slot].needsRewind else { return }
        sources[slot].needsRewind = true
        rewinding.append(Int32(slot))
    }
}
