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

    private(set) var runs: [Run] = []
    /// False when there were so many runs out of order that they were put together.
    private(set) var isOrderKnown = true
    /// Records of several streams are interleaved: within an epoch they ascend by their ends only, so that a later one may
    /// lie before another. Then runs of different epochs are kept apart.
    var isInterleaved = false
    /// Runs that touch their neighbours, at most: they differ in epochs only.
    private static let touchingLimit = 1024
    /// Number of runs at which it is looked at next how many touch.
    private var lookAt = Coverage.touchingLimit

    /// Behind the last byte.
    var end: UInt64 { runs.last?.end ?? 0 }
    var spans: SpanSet { SpanSet(runs.lazy.map { Span($0.start, $0.end) }) }

    /// Enters a range that came now, and returns how many of its bytes are new. `epoch` is never less than one before.
    @inline(__always)
    mutating func insert(_ start: UInt64, _ end: UInt64, epoch: UInt32) -> UInt64 {
        if let last = runs.indices.last, runs[last].end == start, mayJoin(runs[last], epoch) {
            runs[last].end = end
            runs[last].high = epoch
            return end &- start
        }
        return insertAnywhere(start, end, epoch)
    }

    @inline(never)
    private mutating func insertAnywhere(_ start: UInt64, _ end: UInt64, _ epoch: UInt32) -> UInt64 {
        guard start < end else { return 0 }
        if start > self.end || runs.isEmpty {
            runs.append(Run(start: start, end: end, low: epoch, high: epoch))
            return end - start
        }
        // All that overlap are in first..<last.
        let first = firstIndex { $0.end > start }
        var last = first
        var covered: UInt64 = 0
        while last < runs.count, runs[last].start < end {
            covered += min(end, runs[last].end) - max(start, runs[last].start)
            last += 1
        }
        replace(first..<last, start, end, epoch)
        if runs.count > lookAt { thin() }
        return end - start - covered
    }

    /// Puts the new range in the place of what it covers, as one run with neighbours that are in order with it.
    private mutating func replace(_ old: Range<Int>, _ start: UInt64, _ end: UInt64, _ epoch: UInt32) {
        var new = Run(start: start, end: end, low: epoch, high: epoch)
        var range = old
        var before: Run?
        var behind: Run?
        if let first = old.first, runs[first].start < start {
            before = runs[first]
            before!.end = start
        } else if old.lowerBound > 0, runs[old.lowerBound - 1].end == start {
            before = runs[old.lowerBound - 1]
            range = old.lowerBound - 1..<old.upperBound
        }
        if let last = old.last, runs[last].end > end {
            behind = runs[last]
            behind!.start = end
        } else if old.upperBound < runs.count, runs[old.upperBound].start == end {
            behind = runs[old.upperBound]
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
            return runs.replaceSubrange(range, with: [before, new, behind].compactMap { $0 })
        }
        var place = range.lowerBound
        if let before {
            runs[place] = before
            place += 1
        }
        runs[place] = new
        if let behind { runs[place + 1] = behind }
    }

    /// Joins what touches where only the order keeps it apart, when that is too much.
    private mutating func thin() {
        var touching = 0
        for index in 1..<runs.count where runs[index - 1].end == runs[index].start { touching += 1 }
        guard touching > Coverage.touchingLimit else { return lookAt = 2 * runs.count }
        isOrderKnown = false
        var joined: [Run] = []
        for run in runs {
            if let last = joined.last, last.end == run.start {
                joined[joined.count - 1].end = run.end
                joined[joined.count - 1].high = max(last.high, run.high)
                joined[joined.count - 1].low = min(last.low, run.low)
            } else {
                joined.append(run)
            }
        }
        runs = joined
    }

    /// Offsets at which bytes begin that came last before those in front of them did.
    var disorder: [UInt64] {
        guard isOrderKnown, runs.count > 1 else { return [] }
        return (1..<runs.count).filter { runs[$0 - 1].high > runs[$0].low }.map { runs[$0].start }
    }

    /// The earliest epoch in which any byte came last, and the latest; nil of none.
    var epochs: (first: UInt32, last: UInt32)? {
        guard let first = runs.first else { return nil }
        return runs.dropFirst().reduce((first.low, first.high)) { (min($0.0, $1.low), max($0.1, $1.high)) }
    }

    private func firstIndex(_ isThere: (Run) -> Bool) -> Int {
        var (low, high) = (0, runs.count)
        while low < high {
            let middle = (low + high) / 2
            if isThere(runs[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
