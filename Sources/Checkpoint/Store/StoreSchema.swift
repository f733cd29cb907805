// The tables of the store: version 1.
internal import Core

/// Constant SQL and the codec between rows and Core's values. Version and application id lie in the file's header, so
/// they are readable whatever the tables are.
enum StoreSchema {
    static let version: Int64 = 1
    /// "Lshr" as the application id of the file (file(1) shows it).
    static let applicationID: Int64 = 0x4C73_6872

    /// As SQLite keeps them in sqlite_schema: compared at opening, so that a flipped bit in a name shows.
    static let tables = [
        """
        CREATE TABLE generation(
            file BLOB PRIMARY KEY, stream BLOB, declaration TEXT, path BLOB, fs BLOB, inode INTEGER, born INTEGER,
            opened INTEGER, head_length INTEGER, head_checksum INTEGER, tail_checksum INTEGER, committed INTEGER,
            acknowledged INTEGER, skipped INTEGER, gap INTEGER, records INTEGER, line_start INTEGER,
            line_ordinal INTEGER, fixed_check INTEGER, value_check INTEGER) WITHOUT ROWID
        """,
        "CREATE TABLE outbox(id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT, payload BLOB, value_check INTEGER)",
        "CREATE TABLE recovery(snapshot INTEGER, reason TEXT, set_aside TEXT)",
        "CREATE TABLE declaration(name TEXT PRIMARY KEY, value_check INTEGER) WITHOUT ROWID",
        "CREATE TABLE progress(id INTEGER PRIMARY KEY, sequence INTEGER)",
    ]

    static let creation =
        tables.joined(separator: ";") + ";INSERT INTO progress VALUES(0, 0);"
        + "PRAGMA application_id=\(applicationID);PRAGMA user_version=\(version);"

    static let insertGeneration =
        "INSERT INTO generation VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18,?19,?20)"
    static let updateGeneration = """
        UPDATE generation SET head_length=?9, head_checksum=?10, tail_checksum=?11, committed=?12, acknowledged=?13,
        skipped=?14, gap=?15, records=?16, line_start=?17, line_ordinal=?18, value_check=?20 WHERE file=?1
        """
    static let selectGenerations = """
        SELECT file, stream, declaration, path, fs, inode, born, opened, head_length, head_checksum, tail_checksum,
        committed, acknowledged, skipped, gap, records, line_start, line_ordinal, fixed_check, value_check
        FROM generation ORDER BY file
        """
    static let deleteGeneration = "DELETE FROM generation WHERE file=?1"
    static let insertEvent = "INSERT INTO outbox(key, payload, value_check) VALUES(?1, ?2, ?3)"
    static let selectEvents = "SELECT id, key, payload, value_check FROM outbox ORDER BY id"
    static let deleteEvent = "DELETE FROM outbox WHERE id=?1"
    static let insertDeclaration = "INSERT OR IGNORE INTO declaration VALUES(?1, ?2)"
    static let selectDeclarations = "SELECT name, value_check FROM declaration ORDER BY name"
    static let advance = "UPDATE progress SET sequence=?1 WHERE id=0"
    static let selectSequence = "SELECT sequence FROM progress WHERE id=0"

    /// Binds parameters 1-8 and 19 of `insertGeneration`.
    static func bindFixed(_ record: GenerationRecord, to row: Statement) {
        row.bind(1, record.file.value)
        row.bind(2, record.stream.value)
        row.bind(3, text: record.declaration)
        row.bind(4, blob: record.path)
        row.bind(5, record.identity.fileSystem)
        row.bind(6, record.identity.inode)
        row.bind(7, record.identity.born)
        row.bind(8, record.opened)
        row.bind(19, record.fixedChecksum)
    }

    /// Binds parameters 1, 9-18 and 20, the same in `insertGeneration` and `updateGeneration`.
    static func bindValues(_ update: GenerationUpdate, to row: Statement) {
        row.bind(1, update.file.value)
        row.bind(9, Int64(update.evidence.headLength))
        row.bind(10, Int64(update.evidence.headChecksum))
        row.bind(11, Int64(update.evidence.tailChecksum))
        row.bind(12, update.counts.committed)
        row.bind(13, update.counts.acknowledged)
        row.bind(14, update.counts.skipped)
        row.bind(15, update.counts.gap)
        row.bind(16, update.counts.records)
        if let start = update.counts.lineStart { row.bind(17, start) } else { row.bindNull(17) }
        row.bind(18, Int64(update.counts.lineOrdinal))
        row.bind(20, update.checksum)
    }

    /// The current row of `selectGenerations`; nil when its values do not match their checksums.
    static func generation(_ row: Statement) -> GenerationRecord? {
        guard let file = row.identifier(0), let stream = row.identifier(1), let fileSystem = row.identifier(4),
            let headLength = UInt32(exactly: row.integer(8)), let headChecksum = UInt32(exactly: row.integer(9)),
            let tailChecksum = UInt32(exactly: row.integer(10)), let ordinal = UInt32(exactly: row.integer(17))
        else { return nil }
        var counts = LedgerCounts()
        counts.committed = row.unsigned(11)
        counts.acknowledged = row.unsigned(12)
        counts.skipped = row.unsigned(13)
        counts.gap = row.unsigned(14)
        counts.records = row.unsigned(15)
        counts.lineStart = row.isNull(16) ? nil : row.unsigned(16)
        counts.lineOrdinal = ordinal
        let record = GenerationRecord(
            file: FileID(file), stream: StreamID(stream), declaration: row.text(2), path: row.blob(3),
            identity: FileIdentity(fileSystem: fileSystem, inode: row.unsigned(5), born: row.integer(6)),
            evidence: FileEvidence(headLength: headLength, headChecksum: headChecksum, tailChecksum: tailChecksum),
            counts: counts, opened: row.integer(7))
        let values = GenerationUpdate(file: record.file, evidence: record.evidence, counts: counts)
        return row.unsigned(18) == record.fixedChecksum && row.unsigned(19) == values.checksum ? record : nil
    }

    /// The current row of `selectEvents`; nil when its values do not match their checksum.
    static func event(_ row: Statement) -> AuditEvent? {
        let event = AuditEvent(id: row.integer(0), key: row.text(1), payload: row.blob(2))
        return row.unsigned(3) == event.checksum ? event : nil
    }
}
