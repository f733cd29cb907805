// The bytes of one generation that records stand for, and in which order each of them came last.

/// Runs of bytes, each with the epochs in which it came last. An epoch begins wherever a partition goes back: within one,
/// records ascend. So the last occurrences are in order exactly when epochs never fall from one byte to a later one.
/// Neighbours in order are one run: of a log that was sent without a repetition there is one, whatever its length.
struct Coverage {
    /// Its bytes ascend through the epochs from `low` to `high`.
    struct Run: Equatable {
        var start: UInt64
        var end: UInt64
        var low: UInt32
        var high: UInt32
    }

    /// All there is while it is one run: most generations need no memory beside this. Empty: there is none, or `several`.
    private var single = Run(start: 0, end: 0, low: 0, high: 0)
    private var several: [Run] = []
    /// False when there were so many runs out of order that they were put together.
    private(set) var isOrderKnown = true
    /// Records of several streams are interleaved: within an epoch they ascend by their ends only, so that a later one may
    /// lie before another. Then runs of different epochs are kept apart.
    var isInterleaved = false
    /// Runs that touch their neighbours, at most: they differ in epochs only.
    private static let touchingLimit = 1024
    /// Number of runs at which it is looked at next how many touch.
    private var lookAt = Coverage.touchingLimit

    var runs: [Run] { several.isEmpty && single.start < single.end ? [single] : several }
    var count: Int { several.isEmpty ? (single.start < single.end ? 1 : 0) : several.count }
    /// Behind the last byte.
    var end: UInt64 { several.last?.end ?? single.end }
    var spans: SpanSet { SpanSet(runs.lazy.map { Span($0.start, $0.end) }) }

    /// Enters a range, which is not empty, that came now, and returns how many of its bytes are new. `epoch` is never less
    /// than one before.
    @inline(__always)
    mutating func insert(_ start: UInt64, _ end: UInt64, epoch: UInt32) -> UInt64 {
        if several.isEmpty, single.end == start, mayJoin(single, epoch) {
            if _slowPath(single.start == single.end) { single = Run(start: start, end: start, low: epoch, high: epoch) }
            single.end = end
            single.high = epoch
            return end &- start
        }
        return insertSlowly(start, end, epoch)
    }

    @inline(never)
    private mutating func insertSlowly(_ start: UInt64, _ end: UInt64, _ epoch: UInt32) -> UInt64 {
        guard start < end else { return 0 }
        if let last = several.indices.last, several[last].end == start, mayJoin(several[last], epoch) {
            several[last].end = end
            several[last].high = epoch
            return end - start
        }
        if several.isEmpty {
            if single.start < single.end { several = [single] }
            single = Run(start: 0, end: 0, low: 0, high: 0)
        }
        let new = insertAnywhere(start, end, epoch)
        if several.count == 1 {
            single = several[0]
            several = []
        }
        return new
    }

    private mutating func insertAnywhere(_ start: UInt64, _ end: UInt64, _ epoch: UInt32) -> UInt64 {
        if start > self.end || several.isEmpty {
            several.append(Run(start: start, end: end, low: epoch, high: epoch))
            return end - start
        }
        // All that overlap are in first..<last.
        let first = firstIndex { $0.end > start }
        var last = first
        var covered: UInt64 = 0
        while last < several.count, several[last].start < end {
            covered += min(end, several[last].end) - max(start, several[last].start)
            last += 1
        }
        replace(first..<last, start, end, epoch)
        if several.count > lookAt { thin() }
        return end - start - covered
    }

    /// Puts the new range in the place of what it covers, as one run with neighbours that are in order with it.
    private mutating func replace(_ old: Range<Int>, _ start: UInt64, _ end: UInt64, _ epoch: UInt32) {
        var new = Run(start: start, end: end, low: epoch, high: epoch)
        var range = old
        var before: Run?
        var behind: Run?
        if let first = old.first, several[first].start < start {
            before = several[first]
            before!.end = start
        } else if old.lowerBound > 0, several[old.lowerBound - 1].end == start {
            before = several[old.lowerBound - 1]
            range = old.lowerBound - 1..<old.upperBound
        }
        if let last = old.last, several[last].end > end {
            behind = several[last]
            behind!.start = end
        } else if old.upperBound < several.count, several[old.upperBound].start == end {
            behind = several[old.upperBound]
            range = range.lowerBound..<old.upperBound + 1
        }
        // What stays in front came earlier, or in the same epoch.
        if let run = before, mayJoin(run, epoch) {
            new = Run(start: run.start, end: end, low: run.low, high: epoch)
            before = nil
        }
        if let run = behind, run.low >= epoch || !isOrderKnown {
            new.end = run.end
            new.high = max(epoch, run.high)
            behind = nil
        }
        store(before, new, behind, in: range)
    }

    private func mayJoin(_ run: Run, _ epoch: UInt32) -> Bool { !isInterleaved || run.high == epoch || !isOrderKnown }

    private mutating func store(_ before: Run?, _ new: Run, _ behind: Run?, in range: Range<Int>) {
        let count = 1 + (before == nil ? 0 : 1) + (behind == nil ? 0 : 1)
        guard count == range.count else {
            return several.replaceSubrange(range, with: [before, new, behind].compactMap { $0 })
        }
        var place = range.lowerBound
        if let before {
            several[place] = before
            place += 1
        }
        several[place] = new
        if let behind { several[place + 1] = behind }
    }

    /// Joins what touches where only the order keeps it apart, when that is too much.
    private mutating func thin() {
        var touching = 0
        for index in 1..<several.count where several[index - 1].end == several[index].start { touching += 1 }
        guard touching > Coverage.touchingLimit else { return lookAt = 2 * several.count }
        isOrderKnown = false
        var joined: [Run] = []
        for run in several {
            if let last = joined.last, last.end == run.start {
                joined[joined.count - 1].end = run.end
                joined[joined.count - 1].high = max(last.high, run.high)
                joined[joined.count - 1].low = min(last.low, run.low)
            } else {
                joined.append(run)
            }
        }
        several = joined
    }

    /// Offsets at which bytes begin that came last before those in front of them did.
    var disorder: [UInt64] {
        guard isOrderKnown, several.count > 1 else { return [] }
        return (1..<several.count).filter { several[$0 - 1].high > several[$0].low }.map { several[$0].start }
    }

    /// The earliest epoch in which any byte came last, and the latest; nil of none.
    var epochs: (first: UInt32, last: UInt32)? {
        guard let first = runs.first else { return nil }
        return runs.dropFirst().reduce((first.low, first.high)) { (min($0.0, $1.low), max($0.1, $1.high)) }
    }

    private func firstIndex(_ isThere: (Run) -> Bool) -> Int {
        var (low, high) = (0, several.count)
        while low < high {
            let middle = (low + high) / 2
            if isThere(several[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
