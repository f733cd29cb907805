// The byte ranges of several gaps of one generation, few enough for one event.

/// One range, or the hull of several.
struct GapRange: Equatable {
    var from: UInt64
    /// Nil: the extent cannot be known.
    var to: UInt64?
    /// How many bytes of it are known to be missing: all of an exact range, fewer of a hull.
    var bytes: UInt64

    init(from: UInt64, to: UInt64?) {
        self.init(from: from, to: to, bytes: to.map { $0 > from ? $0 - from : 0 } ?? 0)
    }

    init(from: UInt64, to: UInt64?, bytes: UInt64) {
        self.from = from
        self.to = to
        self.bytes = bytes
    }

    /// Every byte of it is missing.
    var isExact: Bool { to.map { bytes == ($0 > from ? $0 - from : 0) } ?? false }

    /// No byte lies between this and a `later` one, whose start is not before that of this one.
    fileprivate func touches(_ later: GapRange) -> Bool { to.map { later.from <= $0 } ?? true }

    fileprivate func joined(with other: GapRange) -> GapRange {
        if self == other { return self }
        var hull = GapRange(from: min(from, other.from), to: nil)
        if let to, let end = other.to { hull = GapRange(from: hull.from, to: max(to, end)) }
        let (first, second) = from <= other.from ? (self, other) : (other, self)
        // What was announced twice is counted once.
        if isExact, other.isExact, first.touches(second) { return hull }
        hull.bytes = min(hull.to == nil ? .max : hull.bytes, bytes.addingClamped(other.bytes))
        return hull
    }
}

/// Ascending, apart from each other. Ranges that touch are one; beyond the limit the nearest become their hull, with the
/// bytes that are really missing.
struct GapRanges: Equatable {
    /// An event with so many ranges is at most about 1.5 KB longer than one with one.
    static let limit = 32

    private(set) var all: [GapRange] = []

    init(_ ranges: [GapRange] = []) { for range in ranges { insert(range) } }

    var bytes: UInt64 { all.reduce(0) { $0.addingClamped($1.bytes) } }
    var isOpenEnded: Bool { all.last.map { $0.to == nil } ?? false }

    mutating func insert(_ range: GapRange) {
        var joined = range
        var others: [GapRange] = []
        others.reserveCapacity(all.count + 1)
        for other in all {
            let (first, second) = other.from <= joined.from ? (other, joined) : (joined, other)
            if first.touches(second) { joined = other.joined(with: joined) } else { others.append(other) }
        }
        let place = others.firstIndex { $0.from > joined.from } ?? others.count
        others.insert(joined, at: place)
        all = others
        while all.count > GapRanges.limit { joinNearest() }
    }

    mutating func insert(_ other: GapRanges) { for range in other.all { insert(range) } }

    private mutating func joinNearest() {
        let place = (1..<all.count).min { distance($0) < distance($1) }!
        all[place - 1] = all[place - 1].joined(with: all[place])
        all.remove(at: place)
    }

    /// Bytes between the range at `place` and the one before it.
    private func distance(_ place: Int) -> UInt64 { all[place].from - (all[place - 1].to ?? all[place].from) }
}

extension UInt64 {
    func addingClamped(_ other: UInt64) -> UInt64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? .max : sum
    }
}
