// When the next generation of a stream may begin: the former one is read to its end and acknowledged.
internal import Checkpoint
internal import Core
internal import FileSource
internal import LinuxIO

extension PipelineLoop {
    /// A former generation that somebody else goes on writing to holds the next one up for no longer.
    private static let longestWait: Int64 = 5 * nanosecondsPerSecond

    /// The slot was read to its present end: its successor may begin once nothing of it can fail any more. One that is over
    /// has another turn then, which closes it.
    func handOver(_ slot: Int) {
        guard tailer.hasSuccessor(slot) || sources[slot].isFinal else { return }
        if isSettled(slot) { return tailer.caughtUp(slot) }
        if !handingOver.contains(Int32(slot)) { handingOver.append(Int32(slot)) }
    }

    /// All that was read is acknowledged, but for lines whose ends are in the next generation.
    private func isSettled(_ slot: Int) -> Bool {
        if ledger.counts(slot).committed == ledger.reserved(slot) { return true }
        return ledger.isHolding(slot) && ledger.inFlight(slot) == 0 && !sources[slot].needsRewind
    }

    /// After acknowledgements.
    func settleHandovers() {
        guard !handingOver.isEmpty else { return }
        let waiting = handingOver
        handingOver.removeAll()
        for slot in waiting.map({ Int($0) }) where sources[slot].isOpen && sources[slot].isCaughtUp {
            handOver(slot)
            if sources[slot].isFinal, ledger.counts(slot).committed == ledger.reserved(slot) { enqueue(slot) }
        }
    }

    /// True when the source's first bytes were read while the generation before got more: the writer wrote that before.
    func mustWait(_ slot: Int, _ now: Int64) -> Bool {
        guard let former = tailer.predecessor(slot), former < sources.count, sources[former].isOpen,
            sources[former].endSize == nil
        else { return false }
        if sources[slot].waitsSince == 0 { sources[slot].waitsSince = now }
        guard now - sources[slot].waitsSince < PipelineLoop.longestWait, tailer.hasGrown(former) else { return false }
        tailer.waitAgain(slot)
        enqueue(former)
        return true
    }
}
