// Sources that continue inside compressed files: what is said of them.
internal import Checkpoint
internal import Core
internal import FileSource
internal import LinuxIO
internal import Logging

extension PipelineLoop {
    /// The rest of a generation was found in the archive that rotation made of its file.
    func tell(_ continued: ContinuedGeneration) {
        guard continued.slot < sources.count, sources[continued.slot].isOpen else { return }
        let offset = ledger.counts(continued.slot).committed
        logger.info(
            "\(displayPath(continued.slot)) continues inside \(printable(continued.archive)) at plain byte \(offset)",
            metadata: ["path": "\(displayPath(continued.slot))", "offset": "\(offset)"])
    }

    /// A source is over because its archive is damaged there: how much was behind it cannot be known.
    func announceArchiveDamage(_ slot: Int) {
        guard sources[slot].endSize == nil, let damage = tailer.archiveDamage(slot) else { return }
        let offset = ledger.reserved(slot)
        outbox.collect(audit.gap(subject(slot), from: offset, to: nil, reason: .unreadable))
        counters.gapBytes[GapReason.unreadable.rawValue, default: 0] += 0
        logger.warning(
            "a compressed file is damaged; what it had beyond this offset is announced as a gap",
            metadata: [
                "path": "\(displayPath(slot))", "archive": "\(printable(tailer.archivePath(slot) ?? []))",
                "offset": "\(offset)", "damage": "\(damage)",
                "remedy": "see why the compression was not finished, and whether the disk is full or failing",
            ])
    }
}
