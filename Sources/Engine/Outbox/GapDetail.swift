// A gap event in a form that can be put together with others: of its generation, of its stream, of the host.
internal import Core

/// What a gap event says. It is stored beside the event's text, so that events of an earlier run can be put together too.
struct GapDetail: Equatable {
    /// What the event is about; the wider, the less it says of each gap.
    enum Level: UInt8 {
        case generation = 0
        case stream = 1
        case host = 2
    }

    /// Gaps that may become one event of a level.
    struct Group: Hashable {
        let level: Level
        let identity: Identifier128
        let reason: String
    }

    var level: Level
    /// Of the stream; where there is none, of what takes its place.
    let stream: Identifier128
    let file: Identifier128
    /// As in the event: also one that this version does not know.
    let reason: String
    /// Empty beyond `generation`.
    var ranges = GapRanges()
    /// Beyond `generation`: how many generations (one may count twice), how many bytes are known to be missing, and of how
    /// many generations it is not known how much is.
    var generations: UInt64 = 1
    var bytes: UInt64 = 0
    var openEnded: UInt64 = 0
    /// The event's text up to what a gap adds to it.
    var head: [UInt8]

    init(
        level: Level = .generation, stream: Identifier128, file: Identifier128, reason: String,
        ranges: [GapRange] = [], head: [UInt8]
    ) {
        self.level = level
        self.stream = stream
        self.file = file
        self.reason = reason
        self.ranges = GapRanges(ranges)
        self.head = head
    }

    func group(at level: Level) -> Group {
        switch level {
        case .generation: Group(level: level, identity: file, reason: reason)
        case .stream: Group(level: level, identity: stream, reason: reason)
        case .host: Group(level: level, identity: Identifier128(high: 0, low: 0), reason: reason)
        }
    }

    /// Another event of the same group and level is part of this one from now on.
    mutating func absorb(_ other: GapDetail) {
        if level == .generation { return ranges.insert(other.ranges) }
        generations = generations.addingClamped(other.generations)
        bytes = bytes.addingClamped(other.bytes)
        openEnded = openEnded.addingClamped(other.openEnded)
    }

    /// The same, said of a whole stream or of the host: in sum only.
    func widened(to wider: Level, host: String) -> GapDetail {
        guard wider.rawValue > level.rawValue else { return self }
        var wide = self
        wide.level = wider
        wide.head = wider == .host ? hostHead(host) : streamHead
        if level == .generation {
            wide.ranges = GapRanges()
            wide.bytes = ranges.bytes
            wide.openEnded = ranges.isOpenEnded ? 1 : 0
        }
        return wide
    }

    /// Without the generation: it is the last thing a head says.
    private var streamHead: [UInt8] {
        var stream = head
        let generation = AuditText.generationMember(file)
        if stream.suffix(generation.count).elementsEqual(generation) { stream.removeLast(generation.count) }
        return AuditText.asSummary(stream)
    }

    private func hostHead(_ host: String) -> [UInt8] {
        var text = JSONText()
        text.begin()
        text.member("event", AuditKind.gapSummary.rawValue)
        text.member("@timestamp", Timestamp.now().description)
        text.member("host.name", host)
        return text.bytes
    }

    /// The event as JSON. One exact range is said as it always is.
    var payload: [UInt8] {
        var text = JSONText(continuing: head)
        if level == .generation, let first = ranges.all.first, let last = ranges.all.last {
            text.member("from", first.from)
            if let to = last.to { text.member("to", to) } else { text.null("to") }
            text.member("reason", reason)
            let isPlain = ranges.all.count == 1 && (first.isExact || first.to == nil && first.bytes == 0)
            if !isPlain {
                text.member("ranges", ranges: ranges.all.map { ($0.from, $0.to) })
                text.member("bytes", ranges.bytes)
            }
        } else {
            text.member("reason", reason)
            text.member("generations", generations)
            text.member("bytes", bytes)
            text.member("open_ended", openEnded)
        }
        text.end()
        return text.bytes
    }
}
