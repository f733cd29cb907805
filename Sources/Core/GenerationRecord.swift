// What is durable about one file generation: a row of the store, and what the file source needs to resume.

/// Names one real file across restarts: file system UUID (or f_fsid), inode, and birth time where statx(2) has it.
/// Device numbers differ between views and reboots and are no part of it.
package struct FileIdentity: Hashable, Sendable {
    package let fileSystem: Identifier128
    package let inode: UInt64
    /// Nanoseconds since 1970; 0 where the file system keeps none.
    package let born: Int64

    package init(fileSystem: Identifier128, inode: UInt64, born: Int64) {
        self.fileSystem = fileSystem
        self.inode = inode
        self.born = born
    }
}

/// Content evidence that a file still is the one we knew (inodes are reused): CRC-32 of its head and of the bytes
/// directly before the committed offset.
package struct FileEvidence: Hashable, Sendable {
    /// How many bytes `headChecksum` covers: min(1 KiB, size when it was taken).
    package var headLength: UInt32
    package var headChecksum: UInt32
    /// CRC-32 of the up to 64 bytes before the committed offset.
    package var tailChecksum: UInt32

    /// `tailChecksum` of a file on a network volume whose bytes before the offset were not at hand when it was stored:
    /// its head alone tells. One real tail in 2^32 has this sum, and is told by its head too.
    package static let unknownTail: UInt32 = 0

    package init(headLength: UInt32 = 0, headChecksum: UInt32 = 0, tailChecksum: UInt32 = 0) {
        self.headLength = headLength
        self.headChecksum = headChecksum
        self.tailChecksum = tailChecksum
    }
}

/// Byte and record counts of one source: the durable side of the ledger. `committed` is the end of the contiguous
/// prefix that was acknowledged, skipped on purpose, or announced as a gap: acknowledged + skipped + gap == committed.
package struct LedgerCounts: Hashable, Sendable {
    package var committed: UInt64 = 0
    package var acknowledged: UInt64 = 0
    package var skipped: UInt64 = 0
    package var gap: UInt64 = 0
    package var records: UInt64 = 0
    /// Where the line that `committed` lies in began, when it lies inside a line longer than limits.line.
    package var lineStart: UInt64? = nil
    /// Ordinal of the next partial record of that line.
    package var lineOrdinal: UInt32 = 0

    package init() {}
}

/// One file generation on one route as the store keeps it.
package struct GenerationRecord: Hashable, Sendable {
    package let file: FileID
    package let stream: StreamID
    /// The full id of the container that declared it; empty for files of the host.
    package let container: String
    package let declaration: String
    /// The topic it ships to; empty where the row is from before routes were stored (schema 1).
    package let route: String
    /// The live path its stream is named by, raw bytes as the kernel has them.
    package let path: [UInt8]
    package let identity: FileIdentity
    package var evidence: FileEvidence
    package var counts: LedgerCounts
    /// Wall clock, nanoseconds, of the first sight; never less than that of a generation opened before, also when the
    /// clock was set back.
    package let opened: Int64
    /// Wall clock, nanoseconds, since when nobody follows it while it may come back (its container stopped, its volume
    /// stays); 0 while it is followed.
    package var detached: Int64

    package init(
        file: FileID, stream: StreamID, container: String = "", declaration: String, route: String = "",
        path: [UInt8], identity: FileIdentity, evidence: FileEvidence, counts: LedgerCounts, opened: Int64,
        detached: Int64 = 0
    ) {
        self.file = file
        self.stream = stream
        self.container = container
        self.declaration = declaration
        self.route = route
        self.path = path
        self.identity = identity
        self.evidence = evidence
        self.counts = counts
        self.opened = opened
        self.detached = detached
    }
}
