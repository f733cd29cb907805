// How much of a shared store one of many owners may take: a guaranteed reserve, and a part of what is free beyond it.

/// Dynamic thresholds as in shared-memory switches (Choudhury and Hahne, "Dynamic queue length thresholds for shared-memory
/// packet switches", 1998): an owner may hold its reserve and `alpha` times what is free beyond all reserves. One busy owner
/// gets most of the store, several share it, and a part stays free for the next, without anybody's being told of others.
///
/// Whoever asks before taking keeps the sum within the capacity, whatever the order: beyond reserves it is taken only while
/// all hold at most capacity minus reserves. Reserves count as unused here even where they are used, which needs no books.
package struct SharedThreshold: Equatable {
    /// Units of the whole store: records or bytes.
    package let capacity: Int
    package let owners: Int
    /// Units each owner may always hold.
    package let reserve: Int
    /// Units that are nobody's reserve.
    package let shared: Int
    package static let alpha = 4

    /// All reserves together are at most a quarter of the capacity.
    package init(capacity: Int, owners: Int, largestReserve: Int) {
        self.capacity = capacity
        self.owners = max(1, owners)
        reserve = max(1, min(largestReserve, capacity / 4 / self.owners))
        shared = max(0, capacity - self.owners * reserve)
    }

    /// More units that an owner who holds `held` may take while all owners hold `total`.
    package func allowance(held: Int, total: Int) -> Int {
        let free = shared - total
        let beyond = free > 0 ? (reserve + SharedThreshold.alpha * free - held) / (SharedThreshold.alpha + 1) : 0
        return max(0, min(max(beyond, reserve - held), capacity - total))
    }

    /// What an owner may hold of which nothing is known yet: all of them together leave half of the store free.
    package var unproven: Int { reserve + shared / (2 * owners) }
}
