// Lines of a container's output that were cut by a rotation: begun in one generation, ended in the next.
internal import Checkpoint
internal import Core
internal import FileSource
internal import LinuxIO
internal import Pipeline

extension PipelineLoop {
    /// The slot is about to begin: what the generation before has of lines that go on is its own now. Their bytes there are
    /// held until the record here that stands for them is committed.
    func inheritLines(_ slot: Int, _ now: Int64) {
        guard sources[slot].inherited == nil, let former = tailer.predecessor(slot), former < sources.count,
            sources[former].isOpen, sources[former].endSize == nil, !sources[former].needsRewind,
            sources[former].isCaughtUp,
            declarations[tailer.declaration(slot)].format == declarations[tailer.declaration(former)].format,
            let state = sources[former].line.entries
        else { return }
        let (held, lines) = state.handOver(from: tailer.file(former))
        for part in held { ledger.hold(former, from: part.from, to: part.end, stream: part.stream, now: now) }
        sources[former].line.entries = nil
        ledger.inherit(slot, from: former)
        sources[slot].inherited = lines
        goOnWithInherited(slot)
    }

    /// A line of an output that has no end in this generation has it in the next one, which is there already.
    func goesOnInNext(_ slot: Int) -> Bool {
        tailer.hasSuccessor(slot) && declarations[tailer.declaration(slot)].isOutput
    }

    /// The slot goes on from its committed offset: lines that were not ended there are still the former generation's.
    func goOnWithInherited(_ slot: Int) {
        guard var lines = sources[slot].inherited else { return }
        for stream in [UInt8(0), 1] where !ledger.formerHolds(stream, of: slot) { lines.drop(stream: stream) }
        sources[slot].inherited = lines
        sources[slot].line.entries = lines
    }
}
