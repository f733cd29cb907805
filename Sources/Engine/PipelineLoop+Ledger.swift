// The ledger as the pipeline watches over it: checked at every checkpoint and status, and said when it is wrong.
internal import Checkpoint
internal import Core
internal import Logging

extension PipelineLoop {
    /// Checks the ledger of some sources. In a release build one that does not add up is no reason to end: what is shipped
    /// is still better than nothing. But it is never silent.
    func verifyLedger(_ slots: some Sequence<Int>, isDeep: Bool = false) {
        for slot in slots where sources[slot].isOpen { ledger.verify(slot, isDeep: isDeep) }
        for (slot, what) in ledger.takeImbalances() {
            let path = sources[slot].isOpen ? displayPath(slot) : "a source that is closed"
            ledgerProblems.append(
                "ledger out of balance: \(path): \(what): bytes of this file may be missing or repeated in Kafka without "
                    + "being announced; keep the log and report it as a defect of longshore, then restart the daemon: it reads "
                    + "on from the stored offset \(ledger.counts(slot).committed)")
            if ledgerProblems.count > PipelineLoop.toldImbalances { ledgerProblems.removeFirst() }
            logger.error(
                "ledger out of balance: bytes of a file may be missing or repeated; report it, and restart the daemon",
                metadata: ["path": "\(path)", "offset": "\(ledger.counts(slot).committed)", "what": "\(what)"])
        }
    }

    /// Problems of this kind that are kept for the status, the newest.
    private static let toldImbalances = 20

    /// Everything, once more, at the end of the run.
    func verifyWholeLedger() { verifyLedger(sources.indices, isDeep: true) }

    /// Closes a source in the books. One that ends with bytes nobody accounted for would leave them without a trace.
    func closeInBooks(_ slot: Int) {
        verifyLedger(CollectionOfOne(slot))
        ledger.close(slot, beyond: sources[slot].beyondCopy)
    }
}
