// Memory whose end traps: a read past it stops the test at once.
import Glibc

/// Pages followed by one that must not be touched (mmap(2), PROT_NONE). Owns the mapping.
final class GuardedMemory {
    private let base: UnsafeMutableRawPointer
    private let usable: Int
    private let page = Int(sysconf(Int32(_SC_PAGESIZE)))

    init(capacity: Int) {
        usable = (capacity + page - 1) / page * page
        base = mmap(nil, usable + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)!
        precondition(base != MAP_FAILED && mprotect(base + usable, page, PROT_NONE) == 0)
    }

    deinit { munmap(base, usable + page) }

    /// Copies `bytes` so that exactly `slack` readable bytes lie behind them; those are filled with `filler`.
    func place(_ bytes: [UInt8], slack: Int, filler: UInt8) -> UnsafePointer<UInt8> {
        let start = (base + usable - slack - bytes.count).assumingMemoryBound(to: UInt8.self)
        for (index, byte) in bytes.enumerated() { start[index] = byte }
        for index in 0..<slack { start[bytes.count + index] = filler }
        return UnsafePointer(start)
    }
}
