// Whether the records and announced gaps of each file generation cover it: the tests' own `verify`.
internal import Core

/// What is known of one file generation. Ranges are raw bytes of the file.
package struct FileCoverage: Sendable, Equatable {
    package var records = 0
    /// Records whose exact range had arrived before: re-shipped after a crash.
    package var duplicateRecords = 0
    package var duplicateBytes: UInt64 = 0
    /// Ranges covered more than once otherwise: a record over part of another, or over a gap. Always a bug.
    package var overlaps: [Range<UInt64>] = []
    /// Ranges below the highest covered byte, or below the expected size, that neither a record nor a gap covers.
    package var holes: [Range<UInt64>] = []
    /// Records that arrived last before the one in front of them did: what a consumer keeps is out of order.
    package var orderViolations = 0
    /// The same by first arrival: more than 0 after replays that overtook.
    package var firstArrivalViolations = 0
    package var gapBytes: UInt64 = 0
    package var skippedBytes: UInt64 = 0
    package var partitions: Set<Int32> = []
    /// End of what is covered without a hole from byte 0.
    package var contiguousEnd: UInt64 = 0

    /// No hole, no overlap, in order, on one partition; duplicates are allowed.
    package var isComplete: Bool { holes.isEmpty && overlaps.isEmpty && orderViolations == 0 && partitions.count <= 1 }
}

/// Collects what a consumer reads, in the order of each partition, and judges it file by file.
package struct CoverageChecker<ID: Hashable & Sendable>: Sendable {
    /// One record's or gap's range; `arrival` counts over everything added.
    private struct Piece {
        let start: UInt64
        let end: UInt64
        let skipped: UInt64
        let arrival: Int
        let partition: Int32
        var isGap: Bool { partition < 0 }
    }

    private var pieces: [ID: [Piece]] = [:]
    private var sizes: [ID: UInt64] = [:]
    private var arrivals = 0

    package init() {}

    /// A record of `byteCount` raw bytes at `offset`, with `skipped` bytes dropped on purpose directly before it.
    /// Call it in the order the records lie in their partition.
    package mutating func record(
        _ file: ID, offset: UInt64, byteCount: UInt64, skipped: UInt64 = 0, partition: Int32 = 0
    ) {
        arrivals += 1
        pieces[file, default: []].append(
            Piece(
                start: offset - min(skipped, offset), end: offset + byteCount, skipped: skipped, arrival: arrivals,
                partition: partition))
    }

    /// An announced gap; `to` nil where its extent cannot be known: it then covers whatever is missing from `from` on.
    package mutating func gap(_ file: ID, from: UInt64, to: UInt64?) {
        pieces[file, default: []].append(
            Piece(start: from, end: to ?? .max, skipped: 0, arrival: 0, partition: -1))
    }

    /// The file must be covered up to `size`.
    package mutating func expect(_ file: ID, size: UInt64) { sizes[file] = size }

    package var files: Set<ID> { Set(pieces.keys).union(sizes.keys) }

    /// The judgement of every file that was added or expected.
    package func report() -> [ID: FileCoverage] {
        Dictionary(uniqueKeysWithValues: files.map { ($0, coverage(of: $0)) })
    }

    /// The judgement of one file.
    package func coverage(of file: ID) -> FileCoverage {
        var coverage = FileCoverage()
        let all = pieces[file] ?? []
        let gaps = all.filter { $0.isGap }.sorted { ($0.start, $0.end) < ($1.start, $1.end) }
        let records = all.filter { !$0.isGap }.sorted {
            ($0.start, $0.end, $0.arrival) < ($1.start, $1.end, $1.arrival)
        }
        coverage.records = records.count
        coverage.partitions = Set(records.map(\.partition))
        let distinct = withoutDuplicates(records, &coverage)
        cover(merging(distinct, gaps), expected: sizes[file], &coverage)
        return coverage
    }

    /// Counts exact repetitions, and order over the first and the last arrival of each range.
    private func withoutDuplicates(_ records: [Piece], _ coverage: inout FileCoverage) -> [Piece] {
        var distinct: [Piece] = []
        var lastArrival = 0
        var earlierLast = 0
        var earlierFirst = 0
        for (index, record) in records.enumerated() {
            if let kept = distinct.last, kept.start == record.start, kept.end == record.end {
                coverage.duplicateRecords += 1
                coverage.duplicateBytes += record.end - record.start
            } else {
                if record.arrival < earlierFirst { coverage.firstArrivalViolations += 1 }
                earlierFirst = record.arrival
                coverage.skippedBytes += record.skipped
                distinct.append(record)
            }
            lastArrival = record.arrival
            let next = index + 1 < records.count ? records[index + 1] : nil
            if next?.start == record.start && next?.end == record.end { continue }
            if lastArrival < earlierLast { coverage.orderViolations += 1 }
            earlierLast = lastArrival
        }
        return distinct
    }

    private func merging(_ records: [Piece], _ gaps: [Piece]) -> [Piece] {
        gaps.isEmpty ? records : (records + gaps).sorted { ($0.start, $0.end) < ($1.start, $1.end) }
    }

    /// Walks the ranges in order of their start and collects holes and overlaps.
    private func cover(_ ordered: [Piece], expected: UInt64?, _ coverage: inout FileCoverage) {
        var end: UInt64 = 0
        var contiguous = true
        var openGap = UInt64.max
        for piece in ordered {
            if piece.isGap && piece.end == .max {
                openGap = min(openGap, piece.start)
                continue
            }
            if piece.start > end {
                let missing = end..<piece.start
                let announced = note(missing, openGap: openGap, &coverage)
                contiguous = contiguous && announced
            } else if piece.start < end && piece.end > piece.start {
                coverage.overlaps.append(piece.start..<min(end, piece.end))
            }
            if piece.isGap { coverage.gapBytes += piece.end - piece.start }
            end = max(end, piece.end)
            if contiguous { coverage.contiguousEnd = end }
        }
        if let expected, expected > end, note(end..<expected, openGap: openGap, &coverage), contiguous {
            coverage.contiguousEnd = expected
        }
    }

    /// What of `missing` no open-ended gap covers is a hole; true when nothing is left.
    private func note(_ missing: Range<UInt64>, openGap: UInt64, _ coverage: inout FileCoverage) -> Bool {
        let announced = max(missing.lowerBound, min(openGap, missing.upperBound))
        coverage.gapBytes += missing.upperBound - announced
        if announced == missing.lowerBound { return true }
        coverage.holes.append(missing.lowerBound..<announced)
        return false
    }
}

extension FileCoverage: CustomStringConvertible {
    package var description: String {
        "\(records) records, holes \(holes.prefix(5)), overlaps \(overlaps.prefix(5)), \(duplicateRecords) duplicates, "
            + "\(orderViolations) out of order, partitions \(partitions.sorted()), gap \(gapBytes), "
            + "skipped \(skippedBytes), contiguous to \(contiguousEnd)"
    }
}

extension CoverageChecker<Identifier128> {
    /// The range of a record read with `KafkaReader(summariesOf:)`.
    package mutating func record(_ summary: RecordSummary) {
        record(
            summary.fileID, offset: summary.offset, byteCount: summary.byteCount, skipped: summary.skippedBytes,
            partition: summary.partition)
    }
}

extension CoverageChecker<String> {
    /// The range of a fully parsed record; false when it has no range.
    @discardableResult
    package mutating func record(_ fields: RecordFields, partition: Int32) -> Bool {
        guard let file = fields.fileID, let offset = fields.offset, let bytes = fields.byteCount else { return false }
        record(file, offset: offset, byteCount: bytes, skipped: fields.skippedBytes, partition: partition)
        return true
    }

    /// The range of an audit event; false when it is no gap.
    @discardableResult
    package mutating func gap(_ event: RecordFields) -> Bool {
        guard event.string("event") == "gap", let file = event.fileID, let from = event.uint64("from") else {
            return false
        }
        gap(file, from: from, to: event.uint64("to"))
        return true
    }
}
