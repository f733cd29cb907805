// Generations on volumes whose containers are gone: how many of them are kept.
internal import Core

/// Whoever meets the file of an orphan next continues it, so each is kept; but containers that come and go for ever, each
/// with a file of its own, must not fill memory and store. The oldest go first. Used by the tailer's thread.
struct OrphanList {
    /// Some hundred bytes each.
    static let capacity = 16_384

    private var files: [(file: FileID, inode: UInt64)] = []
    private var first = 0
    /// Place of each file's last entry, counted from the first ever made.
    private var newest: [FileID: Int] = [:]
    private var dropped = 0

    /// Takes one in; the oldest when there are too many. One that was followed and orphaned again is as young as that.
    mutating func add(_ record: GenerationRecord, capacity: Int = OrphanList.capacity) -> [(
        file: FileID, inode: UInt64
    )] {
        newest[record.file] = dropped + files.count
        files.append((record.file, record.identity.inode))
        var excess: [(file: FileID, inode: UInt64)] = []
        while files.count - first > capacity {
            let oldest = files[first]
            if newest[oldest.file] == dropped + first {
                newest[oldest.file] = nil
                excess.append(oldest)
            }
            first += 1
        }
        if first > capacity {
            files.removeFirst(first)
            dropped += first
            first = 0
        }
        return excess
    }
}
