// The queue of slots keeps its order while it grows and wraps.
import Testing

@testable import Engine

@Suite struct SlotQueueTests {
    @Test func keepsOrderWhileItWrapsAndGrows() {
        var queue = SlotQueue()
        var expected: [Int] = []
        var next = 0
        for round in 0..<200 {
            for _ in 0..<(round % 7 + 1) {
                queue.append(next)
                expected.append(next)
                next += 1
            }
            for _ in 0..<(round % 5) where !expected.isEmpty {
                #expect(queue.popFirst() == expected.removeFirst())
            }
            #expect(queue.count == expected.count)
        }
        while !expected.isEmpty { #expect(queue.popFirst() == expected.removeFirst()) }
        #expect(queue.popFirst() == nil)
        #expect(queue.isEmpty)
    }
}
