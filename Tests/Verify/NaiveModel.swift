// The accounts kept byte by byte: slow, and simple enough to be believed.
import Core

@testable import Verify

/// One generation as an array of bytes.
struct NaiveGeneration {
    static let capacity = 400
    /// Number of the record that covered the byte last; 0: none.
    var last = [Int](repeating: 0, count: capacity)
    var isSkipped = [Bool](repeating: false, count: capacity)
    var isGap = [Bool](repeating: false, count: capacity)
    var openGap = Int.max
    var openedSkip = 0
    var size: Int?
    var closedSkip = 0
    var appeared = 0
    var records: UInt64 = 0
    var duplicates: UInt64 = 0
    var overlaps: UInt64 = 0
    var gapsFrom: Set<Int> = []

    mutating func record(_ offset: Int, _ bytes: Int, skipped: Int, number: Int) {
        if appeared == 0 { appeared = number }
        let places = offset - skipped..<offset + bytes
        let covered = places.count { last[$0] > 0 }
        records += 1
        if covered == places.count { duplicates += 1 } else if covered > 0 { overlaps += 1 }
        for place in places {
            if last[place] == 0 { isSkipped[place] = place < offset }
            last[place] = number
        }
    }

    mutating func gap(_ from: Int, _ to: Int?) {
        gapsFrom.insert(from)
        guard let to else { return openGap = min(openGap, from) }
        for place in from..<to { isGap[place] = true }
    }

    var end: Int { max((last.lastIndex { $0 > 0 } ?? -1) + 1, size ?? 0) }

    /// Missing bytes that nothing accounts for.
    var holes: [Span] {
        var missing = (0..<end).map { last[$0] == 0 && !isGap[$0] && $0 < openGap && $0 >= openedSkip }
        var told = (0..<end).count { last[$0] > 0 && isSkipped[$0] }
        told += (0..<min(openedSkip, end)).count { last[$0] == 0 }
        if size != nil, closedSkip > told {
            var left = closedSkip - told
            for span in NaiveGeneration.spans(missing).reversed()
            where Int(span.end) == end || gapsFrom.contains(Int(span.end)) {
                guard Int(span.count) <= left else { continue }
                left -= Int(span.count)
                for place in Int(span.start)..<Int(span.end) { missing[place] = false }
            }
        }
        return NaiveGeneration.spans(missing)
    }

    /// Where a byte came last before the covered one in front of it did.
    var disorder: [UInt64] {
        let covered = (0..<NaiveGeneration.capacity).filter { last[$0] > 0 }
        return zip(covered, covered.dropFirst()).filter { last[$0.0] > last[$0.1] }.map { UInt64($0.1) }
    }

    var covered: [Span] { NaiveGeneration.spans(last.map { $0 > 0 }) }

    static func spans(_ flags: [Bool]) -> [Span] {
        var spans: [Span] = []
        for (place, flag) in flags.enumerated() where flag {
            if let final = spans.last, final.end == UInt64(place) {
                spans[spans.count - 1].end += 1
            } else {
                spans.append(Span(UInt64(place), UInt64(place) + 1))
            }
        }
        return spans
    }
}
