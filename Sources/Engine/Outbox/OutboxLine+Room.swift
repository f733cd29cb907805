// What happens when there is no room: gaps are put together, other events are left out.
internal import Core

extension OutboxLine {
    private var isTooMuch: Bool { !limits.high.holds(events: count, bytes: bytes) }
    private var isEnough: Bool { limits.low.holds(events: count, bytes: bytes) }

    /// Brings the line back into its bounds. What is in a transaction or on its way is left alone: it was within them.
    mutating func makeRoom() {
        guard isTooMuch else { return }
        gather(at: .generation)
        leaveOut(.optional)
        gather(at: .stream)
        gather(at: .host)
        leaveOut(.essential)
        compact()
    }

    private mutating func leaveOut(_ rank: OutboxEntry.Rank) {
        for index in entries.indices where entries[index].rank == rank && entries[index].isFree {
            if isEnough { return }
            dropped[entries[index].name, default: 0] += 1
            remove(index)
        }
    }

    /// Makes one event of the gaps of each group: groups of many events first, so that it is those who have the most gaps
    /// whose gaps are told less exactly.
    private mutating func gather(at level: GapDetail.Level) {
        if isEnough { return }
        var groups: [GapDetail.Group: [Int]] = [:]
        for index in entries.indices where entries[index].rank == .gap && entries[index].isFree {
            guard let gap = entries[index].gap ?? (level == .host ? OutboxLine.unknown : nil),
                gap.level.rawValue <= level.rawValue
            else { continue }
            groups[gap.group(at: level), default: []].append(index)
        }
        // By size, then by age: the same every time.
        for members in groups.values.sorted(by: { ($1.count, $0[0]) < ($0.count, $1[0]) }) where members.count > 1 {
            if isEnough { return }
            gather(members, at: level)
        }
    }

    /// Nothing is known of a gap but its text.
    private static let unknown = GapDetail(
        stream: Identifier128(high: 0, low: 0), file: Identifier128(high: 0, low: 0), reason: "unspecified",
        ranges: [GapRange(from: 0, to: nil)], head: [])

    /// The events of one group become one, in the place of the first, or of the one that is their sum already. At the level
    /// of the host as many as must: the rest keep their streams.
    private mutating func gather(_ members: [Int], at level: GapDetail.Level) {
        let base = members.first { entries[$0].gap?.level == level } ?? members[0]
        var sum = (entries[base].gap ?? OutboxLine.unknown).widened(to: level, host: host)
        if level != .generation, entries[base].gap?.level != level { summarized += 1 }
        var absorbed = 0
        for index in members where index != base {
            if level == .host, absorbed > 0, limits.low.holds(events: count, bytes: bytes) { break }
            let gap = entries[index].gap ?? OutboxLine.unknown
            if level != .generation, gap.level != level { summarized += 1 }
            sum.absorb(gap.widened(to: level, host: host))
            remove(index)
            absorbed += 1
        }
        let key = level == .host ? host : entries[base].event.key
        change(base) { $0.say(sum, key: key) }
    }
}
