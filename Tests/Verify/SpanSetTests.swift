// Sets of ranges against sets of numbers.
import TestSupport
import Testing

@testable import Verify

struct SpanSetTests {
    @Test func operationsAgreeWithSetsOfNumbers() {
        let seed = UInt64.random(in: 1...999_999_999)
        var random = SeededGenerator(seed: seed)
        for _ in 0..<2000 {
            let (left, leftNumbers) = some(&random)
            let (right, rightNumbers) = some(&random)
            #expect(numbers(left) == leftNumbers, "seed \(seed)")
            #expect(numbers(left.intersection(right)) == leftNumbers.intersection(rightNumbers), "seed \(seed)")
            #expect(numbers(left.subtracting(right)) == leftNumbers.subtracting(rightNumbers), "seed \(seed)")
            #expect(left.bytes == UInt64(leftNumbers.count), "seed \(seed)")
            let isApart = zip(left.spans, left.spans.dropFirst()).allSatisfy { $0.end < $1.start }
            #expect(isApart, "seed \(seed)")
        }
    }

    private func some(_ random: inout SeededGenerator) -> (SpanSet, Set<UInt64>) {
        var set = SpanSet()
        var numbers: Set<UInt64> = []
        for _ in 0..<random.number(0...8) {
            let start = UInt64(random.number(0...60))
            let end = start + UInt64(random.number(0...10))
            set.insert(Span(start, end))
            numbers.formUnion(start..<end)
        }
        return (set, numbers)
    }

    private func numbers(_ set: SpanSet) -> Set<UInt64> {
        set.spans.reduce(into: []) { $0.formUnion($1.start..<$1.end) }
    }
}
