// The pool never passes its limit, and an arena lives as long as anybody holds it.
import Core
import Testing

/// A pool that expectations can look at: the macros take no values that cannot be copied.
private final class SharedPool {
    private var pool: ArenaPool

    init(limit: Int) { pool = ArenaPool(limit: limit) }

    var limit: Int { pool.limit }
    var allocatedBytes: Int { pool.allocatedBytes }
    var hasRoom: Bool { pool.hasRoom }
    func base(_ index: ArenaIndex) -> UnsafeMutablePointer<UInt8> { pool.base(index) }
    func capacity(_ index: ArenaIndex) -> Int { pool.capacity(index) }
    func take(atLeast bytes: Int) -> ArenaIndex? { pool.take(atLeast: bytes) }
    func hold(_ index: ArenaIndex, count: Int) { pool.hold(index, count: count) }
    func release(_ index: ArenaIndex) { pool.release(index) }
    func trim() { pool.trim() }
}

@Suite struct ArenaPoolTests {
    private let standard = ArenaPool.standardCapacity

    @Test func `no more is given than the limit allows`() throws {
        let pool = SharedPool(limit: 2 * standard + 10)
        #expect(pool.hasRoom)
        let first = try #require(pool.take(atLeast: 1))
        let second = try #require(pool.take(atLeast: standard))
        #expect(first != second)
        #expect(pool.base(first) != pool.base(second))
        #expect(!pool.hasRoom)
        #expect(pool.take(atLeast: 1) == nil)
        #expect(pool.allocatedBytes == 2 * standard)
        pool.release(first)
        #expect(pool.hasRoom)
        #expect(pool.take(atLeast: 1) == first)
        #expect(pool.take(atLeast: 1) == nil)
    }

    @Test func `an arena is reused only when its last holder has let go`() throws {
        let pool = SharedPool(limit: standard)
        let arena = try #require(pool.take(atLeast: 100))
        pool.hold(arena, count: 3)
        pool.release(arena)
        pool.release(arena)
        pool.release(arena)
        #expect(pool.take(atLeast: 1) == nil)
        let address = pool.base(arena)
        pool.release(arena)
        let again = try #require(pool.take(atLeast: 1))
        #expect(pool.base(again) == address)
    }

    @Test func `a large arena is exactly as large as asked for and freed at once`() throws {
        let pool = SharedPool(limit: 4 * standard)
        let large = try #require(pool.take(atLeast: 3 * standard))
        #expect(pool.capacity(large) == 3 * standard)
        #expect(pool.allocatedBytes == 3 * standard)
        #expect(pool.take(atLeast: 2 * standard) == nil)
        pool.base(large)[3 * standard - 1] = 1
        pool.release(large)
        #expect(pool.allocatedBytes == 0)
        #expect(pool.take(atLeast: 4 * standard + 1) == nil)
        #expect(pool.take(atLeast: .max / 2) == nil)
    }

    @Test func `idle arenas make way for a large one`() throws {
        let pool = SharedPool(limit: 3 * standard)
        let taken = try (0..<3).map { _ in try #require(pool.take(atLeast: 1)) }
        pool.release(taken[0])
        pool.release(taken[2])
        #expect(pool.allocatedBytes == 3 * standard)
        let kept = pool.base(taken[1])
        let large = try #require(pool.take(atLeast: 2 * standard))
        #expect(pool.allocatedBytes == 3 * standard)
        #expect(pool.base(taken[1]) == kept)
        #expect(large != taken[1])
    }

    @Test func `trimming frees what nobody holds and nothing else`() throws {
        let pool = SharedPool(limit: 8 * standard)
        let taken = try (0..<4).map { _ in try #require(pool.take(atLeast: 1)) }
        for arena in taken.dropFirst() { pool.release(arena) }
        pool.trim()
        #expect(pool.allocatedBytes == standard)
        pool.base(taken[0])[standard - 1] = 1
        let fresh = try #require(pool.take(atLeast: 1))
        #expect(fresh != taken[0])
        #expect(pool.allocatedBytes == 2 * standard)
    }

    @Test func `any order of taking and releasing keeps the books`() {
        for seed: UInt64 in 1...50 {
            var choice = seed
            let pool = SharedPool(limit: 10 * standard)
            var held: [(ArenaIndex, Int)] = []
            for step in 0..<300 {
                choice = choice &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                if held.isEmpty || choice >> 62 < 2 {
                    let bytes = choice >> 61 & 1 == 0 ? 100 : standard + Int(choice >> 40 & 0xFFFF)
                    if let arena = pool.take(atLeast: bytes) {
                        #expect(!held.contains { $0.0 == arena }, "seed \(seed), step \(step)")
                        held.append((arena, pool.capacity(arena)))
                    }
                } else {
                    pool.release(held.remove(at: Int(choice >> 33) % held.count).0)
                }
                let sum = held.reduce(0) { $0 + $1.1 }
                if pool.allocatedBytes > pool.limit || pool.allocatedBytes < sum {
                    Issue.record("seed \(seed), step \(step): \(pool.allocatedBytes) allocated, \(sum) held")
                    return
                }
            }
        }
    }

    @Test func `a batch takes its capacity in order and can be used again`() {
        var batch = RecordBatch()
        for round: UInt64 in 0..<2 {
            let wasEmpty = batch.count == 0 && !batch.isFull
            #expect(wasEmpty)
            for index in 0..<UInt64(RecordBatch.capacity) {
                batch.append(RecordSlot(payload: nil, length: 0, start: index, end: index + round, kind: .oversizeGap))
            }
            let isFull = batch.isFull
            #expect(isFull)
            let slots = UnsafeBufferPointer(start: batch.slots, count: batch.count)
            #expect(slots.enumerated().allSatisfy { $1.start == UInt64($0) && $1.end == UInt64($0) + round })
            batch.removeAll()
        }
    }
}
