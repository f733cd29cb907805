// The tables of the store: version 3.
internal import Core

/// Constant SQL and the codec between rows and Core's values. Version and application id lie in the file's header, so
/// they are readable whatever the tables are. `StoreVersion1` and `StoreVersion2` know what came before.
enum StoreSchema {
    static let version: Int64 = 3
    /// "Lshr" as the application id of the file (file(1) shows it).
    static let applicationID: Int64 = 0x4C73_6872

    static let generationTable = """
        CREATE TABLE generation(
            file BLOB PRIMARY KEY, stream BLOB, declaration TEXT, path BLOB, fs BLOB, inode INTEGER, born INTEGER,
            opened INTEGER, head_length INTEGER, head_checksum INTEGER, tail_checksum INTEGER, committed INTEGER,
            acknowledged INTEGER, skipped INTEGER, gap INTEGER, records INTEGER, line_start INTEGER,
            line_ordinal INTEGER, fixed_check INTEGER, value_check INTEGER, container TEXT, route TEXT,
            detached INTEGER) WITHOUT ROWID
        """
    static let containerTable =
        "CREATE TABLE container(id TEXT PRIMARY KEY, stored BLOB, value_check INTEGER) WITHOUT ROWID"
    static let outboxTable = """
        CREATE TABLE outbox(
            id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT, payload BLOB, value_check INTEGER, destination INTEGER,
            detail BLOB)
        """
    /// The tables that are the same in every version.
    static let constantTables = [
        "CREATE TABLE recovery(snapshot INTEGER, reason TEXT, set_aside TEXT)",
        "CREATE TABLE declaration(name TEXT PRIMARY KEY, value_check INTEGER) WITHOUT ROWID",
        "CREATE TABLE progress(id INTEGER PRIMARY KEY, sequence INTEGER)",
    ]
    /// As SQLite keeps them in sqlite_schema: compared at opening, so that a flipped bit in a name shows.
    static let tables = [generationTable, containerTable, outboxTable] + constantTables

    static let creation =
        tables.joined(separator: ";") + ";INSERT INTO progress VALUES(0, 0);"
        + "PRAGMA application_id=\(applicationID);PRAGMA user_version=\(version);"

    static let insertGeneration = """
        INSERT INTO generation
        VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18,?19,?20,?21,?22,?23)
        """
    static let updateGeneration = """
        UPDATE generation SET head_length=?9, head_checksum=?10, tail_checksum=?11, committed=?12, acknowledged=?13,
        skipped=?14, gap=?15, records=?16, line_start=?17, line_ordinal=?18, value_check=?20, detached=?23
        WHERE file=?1
        """
    static let selectGenerations = """
        SELECT file, stream, declaration, path, fs, inode, born, opened, head_length, head_checksum, tail_checksum,
        committed, acknowledged, skipped, gap, records, line_start, line_ordinal, fixed_check, value_check, container,
        route, detached FROM generation ORDER BY file
        """
    static let deleteGeneration = "DELETE FROM generation WHERE file=?1"
    static let deleteDetached = "DELETE FROM generation WHERE detached<>0 AND detached<?1"
    static let insertContainer = "INSERT OR REPLACE INTO container VALUES(?1, ?2, ?3)"
    static let selectContainers = "SELECT id, stored, value_check FROM container ORDER BY id"
    static let deleteContainer = "DELETE FROM container WHERE id=?1"
    /// An event that has an id takes the place of the row of that id.
    static let insertEvent = "INSERT OR REPLACE INTO outbox VALUES(?1, ?2, ?3, ?4, ?5, ?6)"
    static let selectEvents = "SELECT id, key, payload, value_check, destination, detail FROM outbox ORDER BY id"
    static let deleteEvent = "DELETE FROM outbox WHERE id=?1"
    static let insertDeclaration = "INSERT OR IGNORE INTO declaration VALUES(?1, ?2)"
    static let selectDeclarations = "SELECT name, value_check FROM declaration ORDER BY name"
    static let advance = "UPDATE progress SET sequence=?1 WHERE id=0"
    static let selectSequence = "SELECT sequence FROM progress WHERE id=0"

    // MARK: Values to rows

    /// Binds all parameters of `insertGeneration`.
    static func bind(_ record: GenerationRecord, to row: Statement) {
        row.bind(2, record.stream.value)
        row.bind(3, text: record.declaration)
        row.bind(4, blob: record.path)
        row.bind(5, record.identity.fileSystem)
        row.bind(6, record.identity.inode)
        row.bind(7, record.identity.born)
        row.bind(8, record.opened)
        row.bind(19, record.fixedChecksum)
        row.bind(21, text: record.container)
        row.bind(22, text: record.route)
        bindValues(record.values, to: row)
    }

    /// Binds parameters 1, 9-18, 20 and 23, the same in `insertGeneration` and `updateGeneration`.
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
        row.bind(23, update.detached)
    }

    /// Binds all parameters of `insertContainer`.
    static func bind(_ container: StoredContainer, to row: Statement) {
        row.bind(1, text: container.id)
        row.bind(2, blob: container.stored)
        row.bind(3, container.checksum)
    }

    /// Binds all parameters of `insertEvent`.
    static func bind(_ event: AuditEvent, to row: Statement) {
        if event.id == 0 { row.bindNull(1) } else { row.bind(1, event.id) }
        row.bind(2, text: event.key)
        row.bind(3, blob: event.payload)
        row.bind(4, event.checksum)
        row.bind(5, Int64(event.destination.rawValue))
        row.bind(6, blob: event.detail)
    }

    // MARK: Rows to values

    /// The current row of `selectGenerations`; nil when its values do not match their checksums.
    static func generation(_ row: Statement) -> GenerationRecord? {
        guard let record = unchecked(row, container: row.text(20), route: row.text(21), detached: row.integer(22))
        else { return nil }
        let isWhole = row.unsigned(18) == record.fixedChecksum && row.unsigned(19) == record.values.checksum
        return isWhole ? record : nil
    }

    /// The first 18 columns, the same in every version; nil when one is out of range. What a version does not have is
    /// given.
    static func unchecked(_ row: Statement, container: String, route: String, detached: Int64) -> GenerationRecord? {
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
        return GenerationRecord(
            file: FileID(file), stream: StreamID(stream), container: container, declaration: row.text(2), route: route,
            path: row.blob(3),
            identity: FileIdentity(fileSystem: fileSystem, inode: row.unsigned(5), born: row.integer(6)),
            evidence: FileEvidence(headLength: headLength, headChecksum: headChecksum, tailChecksum: tailChecksum),
            counts: counts, opened: row.integer(7), detached: detached)
    }

    /// The current row of `selectContainers`; nil when its values do not match their checksum.
    static func container(_ row: Statement) -> StoredContainer? {
        let container = StoredContainer(id: row.text(0), stored: row.blob(1))
        return row.unsigned(2) == container.checksum ? container : nil
    }

    /// The current row of `selectEvents`; nil when its values do not match their checksum.
    static func event(_ row: Statement) -> AuditEvent? {
        guard let destination = UInt8(exactly: row.integer(4)).flatMap({ AuditDestination(rawValue: $0) }) else {
            return nil
        }
        let event = AuditEvent(
            id: row.integer(0), destination: destination, key: row.text(1), payload: row.blob(2), detail: row.blob(5))
        return row.unsigned(3) == event.checksum ? event : nil
    }
}

extension GenerationRecord {
    /// The part of the row that updates write.
    var values: GenerationUpdate {
        GenerationUpdate(file: file, evidence: evidence, counts: counts, detached: detached)
    }
}
