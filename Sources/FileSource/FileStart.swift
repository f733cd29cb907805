// Where a file begins that is seen for the first time, and evidence of its content there.
internal import CLinux
internal import Core
internal import Glibc
internal import LinuxIO

/// The first offset of a new generation: `start: end` and `ignore_older` skip what lies before it.
struct FileStart: Sendable {
    let offset: UInt64
    let skipped: SkipReason?
    let evidence: FileEvidence

    /// The very beginning, whatever was declared.
    static func beginning(_ descriptor: Int32, _ status: clinux_stat) -> FileStart {
        at(0, nil, descriptor, status)
    }

    static func find(_ descriptor: Int32, _ status: clinux_stat, _ declared: FileDeclaration) -> FileStart {
        if declared.ignoreOlder > 0, Clock.wall() - status.modified_ns > declared.ignoreOlder {
            return at(status.size, status.size > 0 ? .ignoredOlder : nil, descriptor, status)
        }
        guard declared.startAtEnd, declared.isFirstWalk, !declared.isKnown else { return beginning(descriptor, status) }
        let end = endOfLastLine(descriptor, size: status.size)
        return at(end, end > 0 ? .startAtEnd : nil, descriptor, status)
    }

    private static func at(
        _ offset: UInt64, _ skipped: SkipReason?, _ descriptor: Int32, _ status: clinux_stat
    ) -> FileStart {
        FileStart(
            offset: offset, skipped: skipped,
            evidence: EvidenceReader.evidence(descriptor, size: status.size, committed: offset))
    }

    /// The place behind the last newline, looked for in the last 64 KiB. Without one: the start of a file that is a
    /// single unfinished line, the size of a longer file.
    private static func endOfLastLine(_ descriptor: Int32, size: UInt64) -> UInt64 {
        let count = Int(min(size, 65_536))
        guard count > 0 else { return 0 }
        return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: count) { buffer in
            let got = pread(descriptor, buffer.baseAddress!, count, off_t(size) - off_t(count))
            guard got == count, let last = buffer.lastIndex(of: 0x0A) else { return UInt64(count) == size ? 0 : size }
            return size - UInt64(count - last - 1)
        }
    }
}
