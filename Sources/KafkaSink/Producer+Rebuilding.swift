// After a fatal error: the client is ended, and made anew once nothing of the former one is left.
internal import CRdKafka
internal import Core

extension Producer {
    /// The client's life. Fatal errors lead round: working, retiring, absent, working.
    enum Life {
        case working(ProducerClient)
        /// Its last records are still in its hands.
        case retiring(RetiringClient)
        /// The next one is made at `until` (monotonic ns): a broker may still be busy with what the former one sent, and
        /// a cluster that ends each producer at once must not be stormed.
        case absent(until: Int64)
    }

    /// What `advanceRebuilding` did.
    package enum Rebuilding: Equatable {
        case nothing
        /// The former client is gone: whatever was in flight is unanswered for ever, and its memory is free.
        case lettingGo
        /// A new client works; topics become writable as they are resolved.
        case working
    }

    private static let firstPause: Int64 = 250
    private static let longestPause: Int64 = 30_000

    package var isWorking: Bool { client != nil }

    /// Ends the client after a fatal error. Nothing is produced until a new one works; what is in flight stays so until
    /// `advanceRebuilding` lets it go. Does nothing when the client is on its way out already.
    package func rebuild(reason: String, now: Int64) {
        guard case .working(let client) = life else { return }
        rebuilds += 1
        lastFatal = reason
        lastError = reason
        for index in topics.indices {
            topics[index].handle = nil
            // Asked for anew; one that is parked stays so for its time.
            topics[index].partitions = 0
            if topics[index].state == .healthy { topics[index].state = .resolving }
            topics[index].isInTrouble(Outcome(error: RD_KAFKA_RESP_ERR__FATAL.rawValue), now: now)
        }
        life = .retiring(RetiringClient(client, ready: ready))
    }

    /// Takes the next step when it is due; call it when `ready` was signalled and at `nextRebuilding`.
    package func advanceRebuilding(now: Int64) -> Rebuilding {
        switch life {
        case .working: return .nothing
        case .retiring(let retiring):
            guard retiring.isGone else { return .nothing }
            retiring.join()
            for index in topics.indices {
                topics[index].forgetFlight()
                topics[index].sizes.forgetFlight()
            }
            inFlight = 0
            fatalsInARow += 1
            let pause = min(Producer.longestPause, Producer.firstPause << min(fatalsInARow - 1, 7))
            life = .absent(until: now + pause * nanosecondsPerMillisecond)
            return .lettingGo
        case .absent(let until):
            guard until <= now else { return .nothing }
            do {
                let client = try ProducerClient(options, ready: ready)
                for index in topics.indices { topics[index].handle = client.open(topics[index].name, index: index) }
                life = .working(client)
                return .working
            } catch {
                // The settings were good before: descriptors, threads or memory are lacking.
                lastError = error.message
                fatalsInARow += 1
                life = .absent(until: now + Producer.longestPause * nanosecondsPerMillisecond)
                return .nothing
            }
        }
    }

    /// Monotonic ns at which `advanceRebuilding` has something to do without a signal; nil when there is no such time.
    package var nextRebuilding: Int64? {
        if case .absent(let until) = life { return until }
        return nil
    }
}
