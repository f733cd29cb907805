// What is known of one file generation.
internal import Core

/// Some 180 bytes, whatever the length of the file: what makes it grow are holes, disorder, repetitions and announcements.
struct Generation {
    let file: Identifier128
    /// Index of its stream.
    let stream: Int32
    /// Index of the lane of its first record; -1: no record came.
    var lane: Int32 = -1
    /// Its place among the generations of its lane, by first appearance.
    var ordinal: UInt32 = 0
    var coverage = Coverage()

    var records: UInt64 = 0
    var pieces: UInt64 = 0
    /// Bytes that records said were dropped on purpose, each counted once.
    var skipped: UInt64 = 0
    /// Its records lie in more than one partition: their order is nobody's.
    var isSpread = false
    /// Records that are not counted, because there were too many holes.
    var isTruncated = false

    // From the audit topic.
    /// It was announced as one of a topic that is not read.
    var isOfOtherTopic = false
    var opened = false
    /// Milliseconds since 1970, of the first time it was opened; nil: not known.
    var openedAt: Int64?
    /// Where it began, when all before was skipped on purpose.
    var openedSkip: UInt64 = 0
    var closed = false
    var closedAt: Int64?
    /// As closed; nil: its end is not known.
    var size: UInt64?
    var closedSkip: UInt64 = 0
    var details: GenerationDetails?

    init(file: Identifier128, stream: Int32) {
        self.file = file
        self.stream = stream
    }

    /// Not to be judged: nothing of it can be here.
    var isElsewhere: Bool { isOfOtherTopic && lane < 0 }

    /// What only few generations have; made when it is needed.
    mutating func makeDetails() -> GenerationDetails {
        if let details { return details }
        let made = GenerationDetails()
        details = made
        return made
    }
}

/// Repetitions, announcements and dead letters of a generation. Used by one thread.
final class GenerationDetails {
    var duplicates: UInt64 = 0
    var duplicateBytes: UInt64 = 0
    var overlaps: UInt64 = 0
    var overlapBytes: UInt64 = 0
    /// The first ranges that overlapped another way.
    var overlapSamples: [Span] = []
    /// Exact ranges by reason.
    var gaps: [String: SpanSet] = [:]
    /// Where gaps of unknown extent begin, by reason.
    var openGaps: [String: UInt64] = [:]
    /// Ranges of which it is known only how many of their bytes are missing.
    var vague = SpanSet()
    var vagueBytes: UInt64 = 0
    var vagueSeen: Set<Int> = []
    /// Ranges that dead letters stand for, and how many letters came.
    var deadLetters = SpanSet()

    /// Reasons come from the topic: more than these are put together.
    private static let reasonLimit = 32
    static let sampleLimit = 16

    func reason(_ text: String) -> String {
        gaps.count + openGaps.count < GenerationDetails.reasonLimit || gaps[text] != nil || openGaps[text] != nil
            ? text : "other"
    }

    /// All exact gaps together.
    var exact: SpanSet {
        gaps.values.reduce(into: SpanSet()) { sum, spans in for span in spans.spans { sum.insert(span) } }
    }
    var openFrom: UInt64? { openGaps.values.min() }
}

/// One log across rotation, and what is the same for all its generations.
struct Stream {
    let id: Identifier128
    let origin: Int32
    let path: String
    /// `host.name` as it stands in the JSON, to compare with.
    let rawHost: [UInt8]
    /// Of its `gap_summary` events.
    var summary: SummedGaps?
}

/// Gaps that were announced in sum only.
struct SummedGaps {
    var bytes: UInt64 = 0
    /// Some of them are of an extent that nobody knows.
    var isOpenEnded = false
}

/// Who wrote: what the summary groups by.
package struct Origin: Hashable, Sendable {
    package var host = ""
    /// Full id; empty for files of the host.
    package var container = ""
    package var containerName = ""
    package var declaration = ""
}

/// The order in which one stream's records lie in one partition.
struct Lane {
    let stream: Int32
    let partition: Int32
    var generations: UInt32 = 0
    var epoch: UInt32 = 0
    var lastOrdinal: UInt32 = 0
    var lastEnd: UInt64 = 0
}

/// One partition of a topic that is read.
package struct PartitionFacts: Sendable {
    package let topic: Int
    package let number: Int32
    /// Retention (or a deletion) has removed records at its beginning.
    package var isTrimmed: Bool
    /// Milliseconds since 1970 of the first record that was read; nil: none was.
    package var firstTime: Int64?

    package init(topic: Int, number: Int32, isTrimmed: Bool) {
        self.topic = topic
        self.number = number
        self.isTrimmed = isTrimmed
    }
}
