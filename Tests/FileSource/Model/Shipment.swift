// What the engine made of one file generation: bytes that were read, ranges that were announced.
import Core

/// One generation as the records and gaps of its file id tell it, over all runs.
final class Shipment {
    let file: FileID
    let key: ModelFile.Key
    let stream: StreamID
    /// Steps of its first and last sight.
    let first: Int
    var last: Int
    /// Bytes before it were skipped; the first record begins here.
    let start: Int
    private(set) var reads: [(offset: Int, bytes: [UInt8])] = []
    private(set) var gaps: [Range<Int>] = []
    var wasAnnounced: Bool { !gaps.isEmpty }
    // Not durable yet: lost when the engine is killed.
    private var pendingReads = 0
    private var pendingGaps = 0

    init(_ record: GenerationRecord, step: Int) {
        file = record.file
        key = ModelFile.Key(inode: record.identity.inode, born: record.identity.born)
        stream = record.stream
        first = step
        last = step
        start = Int(record.counts.committed)
    }

    func read(_ bytes: some Sequence<UInt8>, at offset: Int) {
        if pendingReads > 0, let last = reads.indices.last, reads[last].offset + reads[last].bytes.count == offset {
            reads[last].bytes += bytes
        } else {
            reads.append((offset, Array(bytes)))
            pendingReads += 1
        }
    }

    func announce(_ range: Range<Int>) {
        guard !range.isEmpty else { return }
        gaps.append(range)
        pendingGaps += 1
    }

    func checkpoint() {
        pendingReads = 0
        pendingGaps = 0
    }

    /// What was not checkpointed did not happen.
    func kill() {
        reads.removeLast(pendingReads)
        gaps.removeLast(pendingGaps)
        checkpoint()
    }

    /// End of what was read without a hole from the start.
    var end: Int { reads.map { $0.offset + $0.bytes.count }.max() ?? start }

    /// It was said that nobody knows what it had beyond its offset.
    var endsUnknown: Bool { gaps.contains { $0.upperBound == .max } }

    func isSeen(during content: ModelContent) -> Bool {
        content.began <= last && content.ended.map { $0 >= first } ?? true
    }

    /// True when all it read lies in this content, at the same offsets.
    func fits(_ content: ModelContent) -> Bool {
        guard isSeen(during: content) else { return false }
        return reads.allSatisfy { common($0, content) == $0.bytes.count }
    }

    /// How much of a read equals the content there.
    private func common(_ read: (offset: Int, bytes: [UInt8]), _ content: ModelContent) -> Int {
        guard read.offset <= content.bytes.count else { return 0 }
        return zip(read.bytes, content.bytes[read.offset...]).prefix { $0 == $1 }.count
    }

    /// Ranges that were announced of this content: what was read before them lies in it.
    func announced(of content: ModelContent) -> [Range<Int>] {
        guard isSeen(during: content) else { return [] }
        return gaps.filter { gap in
            reads.allSatisfy { $0.offset >= gap.lowerBound || common($0, content) == $0.bytes.count }
        }
    }

    /// Ranges of this content that were read.
    func covered(of content: ModelContent) -> [Range<Int>] {
        reads.map { $0.offset..<$0.offset + common($0, content) }.filter { !$0.isEmpty }
    }
}

/// The parts of 0..<end that none of the ranges covers.
func holes(below end: Int, _ ranges: [Range<Int>]) -> [Range<Int>] {
    var holes: [Range<Int>] = []
    var reached = 0
    for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) where reached < end {
        if range.lowerBound > reached { holes.append(reached..<min(range.lowerBound, end)) }
        reached = max(reached, range.upperBound)
    }
    if reached < end { holes.append(reached..<end) }
    return holes
}
