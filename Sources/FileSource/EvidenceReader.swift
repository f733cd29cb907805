// Content evidence: is this file still the one we knew?
internal import CZlib
internal import Core
internal import Glibc

/// Reads and compares the checksums of `FileEvidence` on an open descriptor.
enum EvidenceReader {
    static let headSize = 1024
    static let tailSize = 64

    /// Evidence for a file of `size` bytes of which `committed` are done. NULs at the end of its head are no evidence: they
    /// may still be written to.
    static func evidence(_ descriptor: Int32, size: UInt64, committed: UInt64) -> FileEvidence {
        var evidence = FileEvidence(tailChecksum: tail(descriptor, before: committed) ?? FileEvidence.unknownTail)
        withBytes(descriptor, at: 0, count: Int(min(UInt64(headSize), size))) { bytes, count in
            var length = count
            while length > 0, bytes[length - 1] == 0 { length -= 1 }
            evidence.headLength = UInt32(length)
            evidence.headChecksum = checksum(bytes, count: length)
        }
        return evidence
    }

    /// True when the descriptor's content fits `evidence` at offset `committed`.
    static func fits(_ descriptor: Int32, size: UInt64, committed: UInt64, _ evidence: FileEvidence) -> Bool {
        guard size >= committed, size >= UInt64(evidence.headLength) else { return false }
        let count = Int(min(UInt64(tailSize), committed))
        return headFits(descriptor, evidence)
            && (evidence.tailChecksum == FileEvidence.unknownTail
                || fits(descriptor, at: committed - UInt64(count), count: count, evidence.tailChecksum))
    }

    /// True when the descriptor's first bytes are those of `evidence`.
    static func headFits(_ descriptor: Int32, _ evidence: FileEvidence) -> Bool {
        fits(descriptor, at: 0, count: Int(evidence.headLength), evidence.headChecksum)
    }

    /// Bytes that the disk has lost are no evidence, neither for nor against.
    private static func fits(_ descriptor: Int32, at offset: UInt64, count: Int, _ expected: UInt32) -> Bool {
        errno = 0
        guard let found = checksum(descriptor, at: offset, count: count) else { return DiskRead.isMediaError(errno) }
        return found == expected
    }

    /// CRC-32 of the up to 64 bytes before `offset`.
    static func tail(_ descriptor: Int32, before offset: UInt64) -> UInt32? {
        let count = Int(min(UInt64(tailSize), offset))
        return checksum(descriptor, at: offset - UInt64(count), count: count)
    }

    /// CRC-32 of `count` bytes in memory.
    static func checksum(_ bytes: UnsafePointer<UInt8>, count: Int) -> UInt32 {
        UInt32(truncatingIfNeeded: crc32(0, bytes, UInt32(count)))
    }

    /// CRC-32 of `count` (at most 1 KiB) bytes of the file; nil when they cannot all be read.
    private static func checksum(_ descriptor: Int32, at offset: UInt64, count: Int) -> UInt32? {
        withBytes(descriptor, at: offset, count: count) { checksum($0, count: $1) }
    }

    /// Reads `count` (at most 1 KiB) bytes and gives them to `body`; nil when they cannot all be read.
    @discardableResult
    private static func withBytes<Result>(
        _ descriptor: Int32, at offset: UInt64, count: Int, _ body: (UnsafePointer<UInt8>, Int) -> Result
    ) -> Result? {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: headSize) { buffer in
            let got = DiskRead.bytes(descriptor, buffer.baseAddress!, count, at: offset)
            errno = got.failure
            guard got.count == count else { return nil }
            return body(UnsafePointer(buffer.baseAddress!), count)
        }
    }
}
