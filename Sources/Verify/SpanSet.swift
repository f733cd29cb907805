// Sets of byte ranges.

/// A byte range of one generation: from `start` to before `end`.
package struct Span: Hashable, Sendable {
    package var start: UInt64
    package var end: UInt64

    package init(_ start: UInt64, _ end: UInt64) {
        self.start = start
        self.end = end
    }

    package var count: UInt64 { end - start }
}

/// Ascending ranges that do not touch each other.
package struct SpanSet: Hashable, Sendable {
    package private(set) var spans: [Span] = []

    package init() {}

    package init(_ spans: some Sequence<Span>) { for span in spans { insert(span) } }

    package var isEmpty: Bool { spans.isEmpty }
    package var bytes: UInt64 { spans.reduce(0) { $0 + $1.count } }
    package var end: UInt64 { spans.last?.end ?? 0 }

    /// Adds a range; an empty one is nothing.
    package mutating func insert(_ span: Span) {
        guard span.start < span.end else { return }
        if let last = spans.last, span.start >= last.start {
            if span.start > last.end { return spans.append(span) }
            spans[spans.count - 1].end = max(last.end, span.end)
            return
        }
        let first = place { $0.end >= span.start }
        var joined = span
        var last = first
        while last < spans.count, spans[last].start <= span.end {
            joined = Span(min(joined.start, spans[last].start), max(joined.end, spans[last].end))
            last += 1
        }
        spans.replaceSubrange(first..<last, with: CollectionOfOne(joined))
    }

    /// What both have.
    package func intersection(_ other: SpanSet) -> SpanSet {
        var result = SpanSet()
        var (own, foreign) = (0, 0)
        while own < spans.count, foreign < other.spans.count {
            let (left, right) = (spans[own], other.spans[foreign])
            result.insert(
                Span(max(left.start, right.start), max(max(left.start, right.start), min(left.end, right.end))))
            if left.end < right.end { own += 1 } else { foreign += 1 }
        }
        return result
    }

    /// What of this one the other has not.
    package func subtracting(_ other: SpanSet) -> SpanSet {
        guard let first = spans.first, !other.isEmpty else { return self }
        var result = SpanSet()
        var place = other.place { $0.end > first.start }
        for span in spans {
            var start = span.start
            while place < other.spans.count, other.spans[place].end <= start { place += 1 }
            var next = place
            while next < other.spans.count, other.spans[next].start < span.end {
                if other.spans[next].start > start { result.insert(Span(start, other.spans[next].start)) }
                start = max(start, other.spans[next].end)
                next += 1
            }
            if start < span.end { result.insert(Span(start, span.end)) }
        }
        return result
    }

    /// Index of the first range for which `isThere` holds; it must hold for all behind it.
    private func place(_ isThere: (Span) -> Bool) -> Int {
        var (low, high) = (0, spans.count)
        while low < high {
            let middle = (low + high) / 2
            if isThere(spans[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
