// Holes in files: NULs are looked through without reading them where the file system can tell, and never consumed at the end.
internal import Checkpoint
internal import Core
internal import FileSource
internal import Pipeline

extension PipelineLoop {
    /// All that was read up to `offset` were NULs: goes on where the file system has the next data. False where the rest
    /// of the file was found to be NULs before and its size is still the same: what a writer fills in comes first, and
    /// reading all of it again each time would be dear. A final file is looked through all the same.
    func jumpOverHole(_ slot: Int, from offset: UInt64) -> Bool {
        if !sources[slot].isFinal, sources[slot].nullsEnd == tailer.presentSize(slot) { return false }
        if let data = tailer.nextData(slot, from: offset) {
            sources[slot].line.skipHole(data - offset)
            tailer.rememberNulls(slot, offset: data)
        }
        return true
    }

    /// The file ends with NULs at `offset`. Nothing of them is consumed before data follows: they may be space that was
    /// allocated and is still to be written, so they are looked at again when the file has changed.
    func leaveHole(_ slot: Int, at offset: UInt64) {
        sources[slot].nullsEnd = max(offset, sources[slot].nullsEnd)
        sources[slot].line.forgetHole()
    }

    /// The file is complete and everything before is committed: NULs at its end (or a byte order mark that is all it has)
    /// are skipped, and no record says so.
    func skipLastHole(_ slot: Int) {
        guard sources[slot].line.hole > 0 else { return }
        ledger.reserveSkipped(slot, count: sources[slot].line.hole, now: Clock.monotonic())
        sources[slot].line.forgetHole()
    }
}
