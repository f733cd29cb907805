// First-in first-out queues of slots, each slot at most once, without allocating in steady state.

/// A ring of slots in the order in which they get their turn. Owned by the pipeline thread.
struct SlotQueue {
    private var ring = [Int32](repeating: 0, count: 64)
    private var head = 0
    private(set) var count = 0

    var isEmpty: Bool { count == 0 }

    mutating func append(_ slot: Int) {
        if count == ring.count { grow() }
        ring[(head + count) & (ring.count - 1)] = Int32(truncatingIfNeeded: slot)
        count += 1
    }

    mutating func popFirst() -> Int? {
        guard count > 0 else { return nil }
        let slot = ring[head]
        head = (head + 1) & (ring.count - 1)
        count -= 1
        return Int(slot)
    }

    private mutating func grow() {
        var larger = [Int32](repeating: 0, count: ring.count * 2)
        for index in 0..<count { larger[index] = ring[(head + index) & (ring.count - 1)] }
        ring = larger
        head = 0
    }
}
