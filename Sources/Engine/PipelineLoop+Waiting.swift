// Who has the next turn: sources that are ready, and those that wait for their topic or for memory.
internal import Checkpoint
internal import Core
internal import FileSource
internal import KafkaSink
internal import LinuxIO

/// Where a source waits. Each place has two lists: sources that had caught up come before those with a backlog, as new
/// flows come before old ones in fq_codel (RFC 8290, 4.2), so that a quiet file does not wait for hundreds of busy ones.
enum WaitingPlace {
    case ready
    case memory
    /// Of any topic: those that move again are looked for.
    case partition
    case topic(Int)

    func list(hasBacklog: Bool) -> Int {
        let place: Int
        switch self {
        case .ready: place = 0
        case .memory: place = 1
        case .partition: place = 2
        case .topic(let topic): place = 3 + topic
        }
        return 2 * place + (hasBacklog ? 1 : 0)
    }
}

extension PipelineLoop {
    /// How long sources that had caught up may go before one with a backlog has its turn.
    private static let quietBudget = turnBudget
    /// Who has more than this to read has a backlog.
    static let backlogBytes: UInt64 = 64 << 10

    var hasReady: Bool { !isEmpty(.ready) }

    func isEmpty(_ place: WaitingPlace) -> Bool {
        waiting.isEmpty(place.list(hasBacklog: false)) && waiting.isEmpty(place.list(hasBacklog: true))
    }

    func enqueue(_ slot: Int) {
        guard sources[slot].scheduling == .idle, sources[slot].isOpen else { return }
        sources[slot].scheduling = .queued
        if sources[slot].suspectUntil != nil {
            waiting.prepend(slot, to: WaitingPlace.ready.list(hasBacklog: false))
        } else {
            waiting.append(slot, to: WaitingPlace.ready.list(hasBacklog: sources[slot].hasBacklog))
        }
    }

    /// The next source that is ready.
    private func popReady() -> Int? {
        let quiet = WaitingPlace.ready.list(hasBacklog: false)
        let backlog = WaitingPlace.ready.list(hasBacklog: true)
        if !waiting.isEmpty(quiet), quietTime < PipelineLoop.quietBudget || waiting.isEmpty(backlog) {
            return waiting.popFirst(quiet)
        }
        quietTime = 0
        return waiting.popFirst(backlog)
    }

    /// Gives ready sources their turns until `end` (monotonic ns) or until there are none.
    func serveReady(until end: Int64) {
        var begin = Clock.monotonic()
        while begin < end, let slot = popReady() {
            sources[slot].scheduling = .idle
            let wasQuiet = !sources[slot].hasBacklog
            turnOffset = ledger.reserved(slot)
            turn(slot)
            let now = Clock.monotonic()
            if wasQuiet { quietTime += now - begin }
            begin = now
            wakeNext(after: slot, now)
        }
    }

    /// Parked sources go on one by one, each when the one before has left something for it: hundreds that are woken for
    /// the credit of one would look at their files for nothing.
    private func wakeNext(after slot: Int, _ now: Int64) {
        if sources[slot].scheduling != .parkedOnTopic { wake(Int(sources[slot].topic), now) }
        if sources[slot].scheduling != .parkedOnMemory { wakeForMemory() }
    }

    /// Lets the next source that is parked on a topic go on, if it is worth it: one that had caught up for any credit,
    /// one with a backlog when a good part of credit and memory is free, not for every record.
    func wake(_ topic: Int, _ now: Int64) {
        let place = WaitingPlace.topic(topic)
        guard !isEmpty(place) else { return }
        if !waiting.isEmpty(place.list(hasBacklog: false)), mayShip(topic, hasBacklog: false, now) {
            unpark(topic)
        } else if !waiting.isEmpty(place.list(hasBacklog: true)), isWorthWaking(topic, now) {
            resume(place.list(hasBacklog: true))
        }
    }

    /// A topic takes records again: its first source goes on, and the others after it.
    func unpark(_ topic: Int) {
        let place = WaitingPlace.topic(topic)
        if !resume(place.list(hasBacklog: false)) { resume(place.list(hasBacklog: true)) }
    }

    /// Lets the sources go on whose partitions have credit again.
    func wakePartitions(_ now: Int64) {
        guard !isEmpty(.partition) else { return }
        for list in [false, true].map({ WaitingPlace.partition.list(hasBacklog: $0) }) {
            for _ in 0..<waiting.count(list) {
                guard let slot = waiting.popFirst(list) else { break }
                let topic = Int(sources[slot].topic)
                if producer.isWorthWaking(topic, partition: sources[slot].partition, now: now) {
                    sources[slot].scheduling = .idle
                    enqueue(slot)
                } else {
                    waiting.append(slot, to: list)
                }
            }
        }
    }

    func wakeForMemory() {
        guard !isEmpty(.memory), arenas.hasRoom else { return }
        if !resume(WaitingPlace.memory.list(hasBacklog: false)) { resume(WaitingPlace.memory.list(hasBacklog: true)) }
    }

    /// Makes the first source of a list ready; false when there is none.
    @discardableResult
    private func resume(_ list: Int) -> Bool {
        guard let slot = waiting.popFirst(list) else { return false }
        sources[slot].scheduling = .idle
        enqueue(slot)
        return true
    }

    private func isWorthWaking(_ topic: Int, _ now: Int64) -> Bool {
        let free = credit(topic, hasBacklog: true, now)
        let inFlight = producer.topics[topic].inFlight
        guard free > 0, free >= RecordBatch.capacity || inFlight <= free else { return false }
        let held = arenas.bytes(of: topic)
        return inFlight == 0 || memoryAllowance(topic, now) >= min(held, arenas.sharing.capacity / 4)
    }

    /// Records that sources of a topic, to one of its partitions, may produce now. The last places stay free for sources that had caught up.
    func credit(_ topic: Int, _ partition: Int32? = nil, hasBacklog: Bool, _ now: Int64) -> Int {
        let credit = producer.credit(topic, partition: partition ?? -1, now: now)
        guard hasBacklog, producer.topics[topic].inFlight > 0 else { return credit }
        return max(0, credit - producer.sharing.reserve / 2)
    }

    /// Bytes of arenas a topic may take beyond what it holds.
    private func memoryAllowance(_ topic: Int, _ now: Int64) -> Int {
        let held = arenas.bytes(of: topic)
        let window = producer.byteWindow(topic, held: held, in: arenas.sharing, now: now)
        return min(arenas.allowance(of: topic), window - held)
    }

    /// One arena, or one record, is always within it, however many topics there are.
    func isWithinShare(_ topic: Int, _ bytes: Int, _ now: Int64) -> Bool {
        arenas.bytes(of: topic) == 0 || max(bytes, ArenaPool.standardCapacity) <= memoryAllowance(topic, now)
    }

    /// Whether a source of the topic could produce anything: known before its file is read.
    private func mayShip(_ topic: Int, _ partition: Int32? = nil, hasBacklog: Bool, _ now: Int64) -> Bool {
        credit(topic, partition, hasBacklog: hasBacklog, now) > 0
            && (writers[topic].arena != nil || isWithinShare(topic, 0, now))
    }

    /// Parks a source that could not produce what it would read. True when it may go on.
    func canShip(_ slot: Int, _ topic: Int, _ now: Int64) -> Bool {
        // Without records in flight its partition is chosen anew.
        let partition = ledger.inFlight(slot) == 0 ? nil : sources[slot].partition
        guard mayShip(topic, partition, hasBacklog: sources[slot].hasBacklog, now) else {
            park(slot, topic)
            return false
        }
        guard writers[topic].arena != nil || hasRoom() else {
            parkOnMemory(slot)
            return false
        }
        return true
    }

    /// What topics hold and do not use goes first: else many quiet ones could use up the memory for ever.
    private func hasRoom() -> Bool {
        if !arenas.hasRoom {
            for topic in writers.indices { releaseWriter(topic) }
        }
        return arenas.hasRoom
    }

    /// Waits for the topic or its own partition: for credit, or for the end of the trouble. Who got nothing in its turn
    /// keeps its place.
    func park(_ slot: Int, _ topic: Int) {
        let now = Clock.monotonic()
        let hasBacklog = sources[slot].hasBacklog
        if credit(topic, hasBacklog: hasBacklog, now) > 0,
            credit(topic, sources[slot].partition, hasBacklog: hasBacklog, now) == 0
        {
            sources[slot].scheduling = .parkedOnPartition
            wait(slot, .partition)
        } else {
            sources[slot].scheduling = .parkedOnTopic
            wait(slot, .topic(topic))
        }
        tailer.dropChunk(slot)
    }

    func parkOnMemory(_ slot: Int) {
        sources[slot].scheduling = .parkedOnMemory
        wait(slot, .memory)
        tailer.dropChunk(slot)
    }

    /// Who is under suspicion comes first: only its own success lets more than a few records of the topic go at once, so all
    /// others would wait for its turn.
    private func wait(_ slot: Int, _ place: WaitingPlace) {
        if sources[slot].suspectUntil != nil { return waiting.prepend(slot, to: place.list(hasBacklog: false)) }
        let reserved = ledger.reserved(slot)
        // Known by its size: the first of hundreds of large files must not all come before a quiet one.
        if !sources[slot].hasBacklog, sources[slot].endSize == nil {
            sources[slot].hasBacklog = tailer.presentSize(slot) > reserved + PipelineLoop.backlogBytes
        }
        let list = place.list(hasBacklog: sources[slot].hasBacklog)
        if reserved == turnOffset { waiting.prepend(slot, to: list) } else { waiting.append(slot, to: list) }
    }
}
