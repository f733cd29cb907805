// Everything that one database file holds, read and checked.
internal import Core

/// All rows of one database file of any known version.
struct StoreContents {
    let version: Int64
    /// Ascending by id, as the table has them.
    private(set) var generations: [GenerationRecord] = []
    private(set) var outbox: [AuditEvent] = []
    private(set) var declarations: Set<String> = []
    private(set) var containers: [StoredContainer] = []
    private(set) var recovery: StoreRecovery?
    /// Counts the committed transactions of this store: tells which of two copies is newer.
    let sequence: UInt64

    /// Reads a database whose tables are those of `version`; nil when a row is missing or does not match its checksum.
    init?(reading connection: Connection, version: Int64) throws(SQLiteError) {
        guard let sequence = try connection.text(StoreSchema.selectSequence).flatMap({ UInt64($0) }) else { return nil }
        self.version = version
        self.sequence = sequence
        guard try readGenerations(connection), try readOutbox(connection), try readDeclarations(connection),
            try readContainers(connection)
        else { return nil }
        try readRecovery(connection)
    }

    private mutating func readGenerations(_ connection: Connection) throws(SQLiteError) -> Bool {
        let isFirst = version == StoreVersion1.version
        let row = try connection.prepare(isFirst ? StoreVersion1.selectGenerations : StoreSchema.selectGenerations)
        while try row.step() {
            guard let record = isFirst ? StoreVersion1.generation(row) : StoreSchema.generation(row) else {
                return false
            }
            generations.append(record)
        }
        return true
    }

    private mutating func readOutbox(_ connection: Connection) throws(SQLiteError) -> Bool {
        let isOlder = version <= StoreVersion2.version
        let row = try connection.prepare(isOlder ? StoreVersion2.selectEvents : StoreSchema.selectEvents)
        while try row.step() {
            guard let event = isOlder ? StoreVersion2.event(row) : StoreSchema.event(row) else { return false }
            outbox.append(event)
        }
        return true
    }

    private mutating func readDeclarations(_ connection: Connection) throws(SQLiteError) -> Bool {
        let row = try connection.prepare(StoreSchema.selectDeclarations)
        while try row.step() {
            guard row.unsigned(1) == declarationChecksum(row.text(0)) else { return false }
            declarations.insert(row.text(0))
        }
        return true
    }

    private mutating func readContainers(_ connection: Connection) throws(SQLiteError) -> Bool {
        if version == StoreVersion1.version { return true }
        let row = try connection.prepare(StoreSchema.selectContainers)
        while try row.step() {
            guard let container = StoreSchema.container(row) else { return false }
            containers.append(container)
        }
        return true
    }

    private mutating func readRecovery(_ connection: Connection) throws(SQLiteError) {
        let row = try connection.prepare("SELECT snapshot, reason, set_aside FROM recovery")
        if try row.step() {
            let what: StoreRecovery.Source = row.isNull(0) ? .empty : .snapshot(takenAt: row.integer(0))
            recovery = StoreRecovery(what: what, reason: row.text(1), setAside: row.text(2))
        }
        row.reset()
    }

    /// Takes away the generations that were detached before `cutoff` (wall clock, nanoseconds); whether there were any.
    mutating func removeGenerations(detachedBefore cutoff: Int64) -> Bool {
        let before = generations.count
        generations.removeAll { $0.detached != 0 && $0.detached < cutoff }
        return generations.count < before
    }
}
