// Is this file a copy of what a generation was? Evidence against an open descriptor.
internal import Core

/// What is known of a generation's content, to be compared with a file that may be its copy.
struct CopyCheck {
    /// Head of the generation: CRC-32 of its first bytes.
    let head: FileEvidence
    /// Ends of what was read, the last first, each with the CRC-32 of the up to 64 bytes before it.
    let anchors: [(end: UInt64, checksum: UInt32)]

    init(_ file: TailedFile) {
        head = file.evidence
        var known: [(end: UInt64, checksum: UInt32)] = []
        if file.hasAnchor { known.append((file.anchorEnd, file.anchor)) }
        known += file.formerAnchors.all
        anchors = known.filter { $0.end > 0 }
    }

    /// For a generation of the store.
    init(_ record: GenerationRecord) {
        head = record.evidence
        let isKnown = record.counts.committed > 0 && record.evidence.tailChecksum != FileEvidence.unknownTail
        anchors = isKnown ? [(record.counts.committed, record.evidence.tailChecksum)] : []
    }

    enum Fit {
        /// The same bytes as far as can be told, by bytes that were read.
        case fits
        /// The same, but so few bytes are known that other files may well have them: its name must speak for it, too.
        case fitsWeakly
        /// Nothing speaks against it, but too little was known of the generation, or too little of the copy is there yet.
        case undecided
        case differs
    }

    /// Fewer bytes than these may be those of many files.
    private static let strongLength: UInt64 = 64

    /// Compares a file of `size` bytes. A copy that ends before the last read is compared at an earlier one.
    func fit(_ descriptor: Int32, size: UInt64) -> Fit {
        let hasHead = head.headLength > 0 && size >= UInt64(head.headLength)
        if hasHead, !EvidenceReader.headFits(descriptor, head) { return .differs }
        guard let anchor = anchors.first(where: { $0.end <= size }) else {
            // Nothing was read: the head is all there is.
            return anchors.isEmpty && hasHead ? strength(UInt64(head.headLength)) : .undecided
        }
        // Of one that ends before the last read only its head tells what lies between the earlier read and its end.
        let isWithinRead = anchor.end < anchors[0].end
        if isWithinRead, anchor.end < size, !hasHead || Int(head.headLength) < EvidenceReader.headSize {
            return .undecided
        }
        guard EvidenceReader.tail(descriptor, before: anchor.end) == anchor.checksum else { return .differs }
        return strength(max(hasHead ? UInt64(head.headLength) : 0, anchor.end))
    }

    private func strength(_ length: UInt64) -> Fit { length >= CopyCheck.strongLength ? .fits : .fitsWeakly }
}
