// Where a sparse file has data, without reading it.
internal import CLinux
internal import Glibc
internal import LinuxIO

/// Asks the file system for holes (lseek(2), SEEK_DATA). Space that is allocated and not written counts as a hole on
/// ext4, XFS and Btrfs; where a file system cannot tell, everything is data. Moves the descriptor's own offset, which
/// nobody uses.
enum HoleReader {
    private static let seekData: Int32 = 3

    /// Where the next data at or behind `offset` is; the end of the file where there is none. Nil: not to be known.
    static func nextData(_ descriptor: Int32, from offset: UInt64) -> UInt64? {
        // The size first: what is written behind it after this is not jumped over.
        guard case .success(let status) = FileSystem.status(descriptor: descriptor) else { return nil }
        let found = lseek(descriptor, off_t(offset), seekData)
        if found >= 0 { return UInt64(found) }
        return errno == ENXIO && status.size > offset ? status.size : nil
    }

    /// True when all `count` (at least one) bytes are NUL.
    static func isNull(_ bytes: UnsafePointer<UInt8>, count: Int) -> Bool {
        bytes[0] == 0 && memcmp(bytes, bytes + 1, count - 1) == 0
    }
}

extension Tailer {
    /// Where the next data of a file at or behind `offset` begins, or its end, when there are at least `anchorSize` bytes
    /// of a hole before it; else nil. On a network volume it is what the worker was told with the last chunk.
    package func nextData(_ slot: Int, from offset: UInt64) -> UInt64? {
        let found: UInt64?
        if files[slot].isRemote {
            found = volume(ofSlot: slot)?.files[Int32(slot)]?.nextData
        } else {
            found = files[slot].descriptor >= 0 ? HoleReader.nextData(files[slot].descriptor, from: offset) : nil
        }
        return found.flatMap { $0 >= offset + UInt64(Tailer.anchorSize) ? $0 : nil }
    }

    /// As `remember`, where the bytes before `offset` are known to be NULs.
    package func rememberNulls(_ slot: Int, offset: UInt64) {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: Tailer.anchorSize) { nulls in
            nulls.initialize(repeating: 0)
            remember(slot, offset: offset, before: UnsafePointer(nulls.baseAddress! + Tailer.anchorSize))
        }
    }
}
