// Version 1 of the store's tables.
internal import Core

/// Version 1 knew no containers, no routes and nothing detached, so its rows are of files of the host, and its
/// checksums cover less. Its outbox is that of `StoreVersion2`; all else is the same.
enum StoreVersion1 {
    static let version: Int64 = 1

    private static let generationTable = """
        CREATE TABLE generation(
            file BLOB PRIMARY KEY, stream BLOB, declaration TEXT, path BLOB, fs BLOB, inode INTEGER, born INTEGER,
            opened INTEGER, head_length INTEGER, head_checksum INTEGER, tail_checksum INTEGER, committed INTEGER,
            acknowledged INTEGER, skipped INTEGER, gap INTEGER, records INTEGER, line_start INTEGER,
            line_ordinal INTEGER, fixed_check INTEGER, value_check INTEGER) WITHOUT ROWID
        """
    static let tables = [generationTable, StoreVersion2.outboxTable] + StoreSchema.constantTables

    static let selectGenerations = """
        SELECT file, stream, declaration, path, fs, inode, born, opened, head_length, head_checksum, tail_checksum,
        committed, acknowledged, skipped, gap, records, line_start, line_ordinal, fixed_check, value_check
        FROM generation ORDER BY file
        """

    /// The current row of `selectGenerations`; nil when its values do not match their checksums.
    static func generation(_ row: Statement) -> GenerationRecord? {
        guard let record = StoreSchema.unchecked(row, container: "", route: "", detached: 0) else { return nil }
        let isWhole = row.unsigned(18) == fixedChecksum(record) && row.unsigned(19) == valueChecksum(record)
        return isWhole ? record : nil
    }

    private static func fixedChecksum(_ record: GenerationRecord) -> UInt64 {
        var sum = RowChecksum(seed: 1)
        sum.add(record.file.value)
        sum.add(record.stream.value)
        sum.add(record.declaration.utf8)
        sum.add(record.path)
        sum.add(record.identity.fileSystem)
        sum.add(record.identity.inode)
        sum.add(UInt64(bitPattern: record.identity.born))
        sum.add(UInt64(bitPattern: record.opened))
        return sum.value
    }

    private static func valueChecksum(_ record: GenerationRecord) -> UInt64 {
        let (evidence, counts) = (record.evidence, record.counts)
        var sum = RowChecksum(seed: 2)
        sum.add(record.file.value)
        sum.add(UInt64(evidence.headLength) << 32 | UInt64(evidence.headChecksum))
        sum.add(UInt64(evidence.tailChecksum) << 32 | UInt64(counts.lineOrdinal))
        sum.add(counts.committed)
        sum.add(counts.acknowledged)
        sum.add(counts.skipped)
        sum.add(counts.gap)
        sum.add(counts.records)
        sum.add(counts.lineStart == nil ? 0 : 1)
        sum.add(counts.lineStart ?? 0)
        return sum.value
    }
}
