// Memory of encoded records: arenas that live until the last delivery report of their records.

/// Names one arena of the pool. Stable while the arena is taken.
package struct ArenaIndex: Hashable, Sendable {
    package let raw: Int32
    package init(raw: Int32) { self.raw = raw }
}

/// A bounded set of buffers that encoded records are written into and that librdkafka reads from without copying.
/// An arena is reused when nobody holds it: its writer holds it once, every record in flight once.
/// Owned by the pipeline thread. The sum of all arenas never passes `limit` (invariant 2).
package struct ArenaPool: ~Copyable {
    private struct Arena {
        var base: UnsafeMutablePointer<UInt8>?
        var capacity: Int
        var holders: Int32
        var owner: Int
    }

    /// Usual size of an arena in bytes; larger ones are made for larger records and freed at once.
    package static let standardCapacity = 128 * 1024
    /// Bytes behind each arena that a 16-byte store may spill into.
    private static let slack = 64

    private var arenas: [Arena] = []
    private var idle: [Int32] = []
    private var vacant: [Int32] = []
    /// Bytes allocated now, idle arenas included.
    package private(set) var allocatedBytes = 0
    package let limit: Int
    /// Capacity of the arenas that are held, by owner, and in all.
    private var bytesOfOwner: [Int] = []
    package private(set) var heldBytes = 0
    /// How the limit is shared among those who write records.
    package private(set) var sharing: SharedThreshold

    package init(limit: Int) {
        self.limit = limit
        sharing = SharedThreshold(capacity: limit, owners: 1, largestReserve: ArenaPool.standardCapacity)
    }

    /// Shares the limit anew, among so many.
    package mutating func share(among owners: Int) {
        sharing = SharedThreshold(capacity: limit, owners: owners, largestReserve: ArenaPool.standardCapacity)
    }

    /// Bytes of arenas that `owner` may take beyond what it holds. One who holds nothing may take one arena all the same.
    package func allowance(of owner: Int) -> Int {
        sharing.allowance(held: bytes(of: owner), total: heldBytes)
    }

    deinit {
        for arena in arenas { arena.base?.deallocate() }
    }

    /// Takes an arena with room for at least `bytes`, held once by the caller. Nil when the limit does not allow it:
    /// the source waits until records are acknowledged. `owner`: a small number, to whom its bytes are counted.
    package mutating func take(atLeast bytes: Int, owner: Int = 0) -> ArenaIndex? {
        guard let index = takeUncounted(atLeast: bytes, owner: owner) else { return nil }
        while bytesOfOwner.count <= owner { bytesOfOwner.append(0) }
        bytesOfOwner[owner] += capacity(index)
        heldBytes += capacity(index)
        return index
    }

    private mutating func takeUncounted(atLeast bytes: Int, owner: Int) -> ArenaIndex? {
        if bytes <= ArenaPool.standardCapacity, let index = idle.popLast() {
            arenas[Int(index)].holders = 1
            arenas[Int(index)].owner = owner
            return ArenaIndex(raw: index)
        }
        let capacity = max(bytes, ArenaPool.standardCapacity)
        if allocatedBytes + capacity > limit { trim() }
        guard allocatedBytes + capacity <= limit else { return nil }
        let arena = Arena(
            base: .allocate(capacity: capacity + ArenaPool.slack), capacity: capacity, holders: 1, owner: owner)
        allocatedBytes += capacity
        if let index = vacant.popLast() {
            arenas[Int(index)] = arena
            return ArenaIndex(raw: index)
        }
        arenas.append(arena)
        return ArenaIndex(raw: Int32(arenas.count - 1))
    }

    /// True when a standard arena can be taken.
    package var hasRoom: Bool { !idle.isEmpty || allocatedBytes + ArenaPool.standardCapacity <= limit }

    /// Bytes of the arenas that are held for `owner`, by a writer or by records in flight.
    package func bytes(of owner: Int) -> Int { owner < bytesOfOwner.count ? bytesOfOwner[owner] : 0 }

    package func base(_ index: ArenaIndex) -> UnsafeMutablePointer<UInt8> { arenas[Int(index.raw)].base! }
    package func capacity(_ index: ArenaIndex) -> Int { arenas[Int(index.raw)].capacity }

    /// Adds `count` holders: one for each record in flight.
    package mutating func hold(_ index: ArenaIndex, count: Int) { arenas[Int(index.raw)].holders += Int32(count) }

    /// Drops one holder; the last one gives the arena back.
    package mutating func release(_ index: ArenaIndex) {
        let place = Int(index.raw)
        arenas[place].holders -= 1
        assert(arenas[place].holders >= 0, "an arena was released more often than it was held")
        guard arenas[place].holders == 0 else { return }
        bytesOfOwner[arenas[place].owner] -= arenas[place].capacity
        heldBytes -= arenas[place].capacity
        if arenas[place].capacity == ArenaPool.standardCapacity { idle.append(index.raw) } else { free(index.raw) }
    }

    /// Gives the memory of arenas that nobody holds back to the system.
    package mutating func trim() {
        while let index = idle.popLast() { free(index) }
    }

    private mutating func free(_ index: Int32) {
        let place = Int(index)
        allocatedBytes -= arenas[place].capacity
        arenas[place].base?.deallocate()
        arenas[place] = Arena(base: nil, capacity: 0, holders: 0, owner: 0)
        vacant.append(index)
    }
}
