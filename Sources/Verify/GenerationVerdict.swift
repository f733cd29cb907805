// What is said of one file generation.
package import Core

/// A generation as the topic and the announcements have it. Every byte up to its end is in exactly one of: covered by
/// records (skipped bytes that records tell of included), skipped, gaps, expired, outside of the window, summed up, holes.
package struct GenerationVerdict: Sendable {
    /// A range that was announced as missing.
    package struct Gap: Sendable, Hashable {
        package let from: UInt64
        /// nil: the extent cannot be known.
        package let to: UInt64?
        package let reason: String
    }

    package let file: Identifier128
    package let stream: Identifier128
    package let origin: Origin
    package let path: String
    /// nil: no record of it was read.
    package var topic: String?
    package var partition: Int32?
    package var isClosed = false
    /// As it was closed; nil where that is not known.
    package var size: UInt64?

    package var records: UInt64 = 0
    package var pieces: UInt64 = 0
    /// Bytes that records stand for, each counted once.
    package var bytes: UInt64 = 0
    package var covered: [Span] = []
    package var duplicates: UInt64 = 0
    package var duplicateBytes: UInt64 = 0
    package var overlaps: UInt64 = 0
    package var overlapBytes: UInt64 = 0
    package var overlapSamples: [Span] = []

    /// Dropped on purpose: what records say, and what only the announcements do.
    package var skipped: UInt64 = 0
    package var gaps: [Gap] = []
    /// Bytes without a record that gaps account for, those of gaps of unknown extent included.
    package var gapBytes: UInt64 = 0
    package var expired: [Span] = []
    /// Before --since or from --until on.
    package var outside: [Span] = []
    /// Missing, and announced in sum only: of the whole stream or host.
    package var summedUp: [Span] = []
    package var holes: [Span] = []
    /// Missing bytes in ranges whose announcement is of fewer bytes than are missing: nobody knows which.
    package var vagueHoleBytes: UInt64 = 0

    /// Offsets at which bytes begin that came last before those in front of them did.
    package var disorder: [UInt64] = []
    /// Bytes of it came behind a later generation of its stream, and nothing of that one came again.
    package var isLate = false
    /// False: too much disorder, or in several partitions.
    package var isOrderKnown = true
    package var isSpread = false
    /// Too many holes to keep: what is behind them counts as missing.
    package var isTruncated = false
    /// Ranges of dead letters without a gap.
    package var unannouncedDeadLetters: [Span] = []

    package var holeBytes: UInt64 { holes.reduce(vagueHoleBytes) { $0 + $1.count } }
    package var expiredBytes: UInt64 { expired.reduce(0) { $0 + $1.count } }
    package var outsideBytes: UInt64 { outside.reduce(0) { $0 + $1.count } }
    package var summedUpBytes: UInt64 { summedUp.reduce(0) { $0 + $1.count } }
    package var holeCount: UInt64 { UInt64(holes.count) + (vagueHoleBytes > 0 ? 1 : 0) }
    package var outOfOrder: UInt64 { UInt64(disorder.count) + (isLate ? 1 : 0) }

    /// Something of it is worth a look: bytes that are missing, or a doubt.
    package var isNotable: Bool {
        holeBytes > 0 || gapBytes > 0 || !gaps.isEmpty || expiredBytes > 0 || outsideBytes > 0 || summedUpBytes > 0
            || overlaps > 0 || outOfOrder > 0 || !isOrderKnown || isTruncated || !unannouncedDeadLetters.isEmpty
    }

    init(file: Identifier128, stream: Identifier128, origin: Origin, path: String) {
        self.file = file
        self.stream = stream
        self.origin = origin
        self.path = path
    }
}

/// Sums over generations.
package struct VerdictTotals: Sendable, Equatable {
    package var generations: UInt64 = 0
    package var closed: UInt64 = 0
    package var records: UInt64 = 0
    package var bytes: UInt64 = 0
    package var duplicates: UInt64 = 0
    package var duplicateBytes: UInt64 = 0
    package var overlaps: UInt64 = 0
    package var overlapBytes: UInt64 = 0
    package var skipped: UInt64 = 0
    package var gaps: UInt64 = 0
    package var gapBytes: UInt64 = 0
    package var expiredBytes: UInt64 = 0
    package var outsideBytes: UInt64 = 0
    package var summedUpBytes: UInt64 = 0
    package var holes: UInt64 = 0
    package var holeBytes: UInt64 = 0
    package var outOfOrder: UInt64 = 0
    package var unannouncedDeadLetters: UInt64 = 0
    /// Generations whose order is not known.
    package var unordered: UInt64 = 0

    package init() {}

    mutating func add(_ verdict: GenerationVerdict) {
        generations += 1
        if verdict.isClosed { closed += 1 }
        records += verdict.records
        bytes += verdict.bytes
        duplicates += verdict.duplicates
        duplicateBytes += verdict.duplicateBytes
        overlaps += verdict.overlaps
        overlapBytes += verdict.overlapBytes
        skipped += verdict.skipped
        gaps += UInt64(verdict.gaps.count)
        gapBytes += verdict.gapBytes
        expiredBytes += verdict.expiredBytes
        outsideBytes += verdict.outsideBytes
        summedUpBytes += verdict.summedUpBytes
        holes += verdict.holeCount
        holeBytes += verdict.holeBytes
        outOfOrder += verdict.outOfOrder
        unannouncedDeadLetters += UInt64(verdict.unannouncedDeadLetters.count)
        if !verdict.isOrderKnown { unordered += 1 }
    }
}
