// Bad places of a disk: which bytes before an offset can be compared, and where reading works again.
internal import CLinux
internal import Core
internal import Glibc
package import LinuxIO

/// pread(2) until there is enough, the file ends, or an error comes.
enum DiskRead {
    /// Errors that say that the disk, or the file system's own structure, has lost these bytes: others may be readable.
    static func isMediaError(_ errno: Int32) -> Bool { errno == EIO || errno == EUCLEAN || errno == EBADMSG }

    /// How many bytes came, and the error that ended it; 0: none.
    static func bytes(
        _ descriptor: Int32, _ buffer: UnsafeMutablePointer<UInt8>, _ count: Int, at offset: UInt64
    ) -> (count: Int, failure: Int32) {
        var got = 0
        while got < count {
            let more = pread(descriptor, buffer + got, count - got, off_t(offset) + off_t(got))
            if more > 0 {
                got += more
            } else if more == 0 {
                break
            } else if errno != EINTR {
                return (got, errno)
            }
        }
        return (got, 0)
    }
}

/// What a look at one place behind a bad one gave.
package enum ProbeOutcome: Equatable {
    case readable
    case unreadable
    /// The file ends at or before the place; it has this size.
    case endOfFile(size: UInt64)
    /// Its volume's worker is to look; the slot becomes ready when it has.
    case pending
    /// It cannot be looked at now.
    case failed(SystemError)
}

extension Tailer {
    /// Bytes in one look: the page of a page cache, and the block of most disks.
    package static let probeSize = 4096

    /// True for errors that say that a disk has lost some bytes, while others of the file may be readable.
    package static func isMediaError(_ error: SystemError) -> Bool { DiskRead.isMediaError(error.errno) }

    /// How many bytes directly before `offset` are compared with what was read there: none that a disk cannot read.
    func anchorLength(_ slot: Int, _ offset: UInt64) -> Int {
        let first = files[slot].unreadableEnd <= offset ? files[slot].unreadableEnd : 0
        return Int(min(UInt64(Tailer.anchorSize), offset - first))
    }

    /// It lies on a network file system.
    package func isOnNetwork(_ slot: Int) -> Bool { files[slot].isRemote }

    /// The bytes before `end` cannot be read: reading goes on there without looking at them.
    package func passUnreadable(_ slot: Int, to end: UInt64) {
        files[slot].unreadableEnd = end
        files[slot].hasAnchor = false
    }

    /// Whether the file can be read at `offset`. `buffer` has room for `probeSize` bytes; what it gets means nothing.
    package func probe(
        _ slot: Int, at offset: UInt64, into buffer: UnsafeMutablePointer<UInt8>, now: Int64
    ) -> ProbeOutcome {
        if files[slot].isRemote { return probeRemote(slot, at: offset) }
        if files[slot].descriptor < 0, let outcome = reopen(slot, now) {
            if case .failed(let error) = outcome { return .failed(error) }
            return .endOfFile(size: files[slot].size)
        }
        let got = DiskRead.bytes(files[slot].descriptor, buffer, Tailer.probeSize, at: offset)
        if got.count > 0 { return .readable }
        if got.failure == 0 { return .endOfFile(size: presentSize(slot)) }
        if DiskRead.isMediaError(got.failure) { return .unreadable }
        return .failed(SystemError("read", printable(livePath(slot)), errno: got.failure))
    }

    private func probeRemote(_ slot: Int, at offset: UInt64) -> ProbeOutcome {
        guard let volume = volume(ofSlot: slot), volume.files[Int32(slot)] != nil else {
            return .endOfFile(size: files[slot].size)
        }
        guard let chunk = volume.chunk, chunk.slot == slot, chunk.offset == offset else {
            if volume.chunk?.slot == Int32(slot) { volume.chunk = nil }
            _ = want(slot, offset, before: 0, Tailer.probeSize, volume)
            return .pending
        }
        volume.chunk = nil
        defer { pump(volume) }
        if let failure = chunk.failure { return .failed(failure) }
        if let status = chunk.status { volume.files[Int32(slot)]!.size = status.size }
        if !chunk.bytes.isEmpty { return .readable }
        return chunk.broken == nil ? .endOfFile(size: volume.files[Int32(slot)]!.size) : .unreadable
    }
}
