// How a store of an earlier version becomes one of this version.
internal import Core

enum StoreMigration {
    /// Replaces the tables of an earlier version by those of this version, with the rows that were read from them: all or
    /// nothing, and durable. A connection that is let go of after an error leaves the earlier version behind.
    static func run(_ connection: Connection, _ contents: StoreContents) throws(SQLiteError) {
        try connection.execute("PRAGMA synchronous=FULL; BEGIN IMMEDIATE")
        if contents.version == StoreVersion1.version { try replaceGenerations(connection, contents.generations) }
        try replaceOutbox(connection, contents.outbox)
        try connection.execute("PRAGMA user_version=\(StoreSchema.version); COMMIT")
        try connection.execute("PRAGMA wal_checkpoint(PASSIVE); PRAGMA synchronous=NORMAL")
    }

    private static func replaceGenerations(
        _ connection: Connection, _ generations: [GenerationRecord]
    ) throws(SQLiteError) {
        try connection.execute(
            "DROP TABLE generation; \(StoreSchema.generationTable); \(StoreSchema.containerTable)")
        let row = try connection.prepare(StoreSchema.insertGeneration)
        for record in generations {
            StoreSchema.bind(record, to: row)
            try row.run()
        }
    }

    /// The rows keep their ids, and no id that was ever given is given again.
    private static func replaceOutbox(_ connection: Connection, _ events: [AuditEvent]) throws(SQLiteError) {
        let last = try connection.integer("SELECT seq FROM sqlite_sequence WHERE name='outbox'")
        try connection.execute("DROP TABLE outbox; \(StoreSchema.outboxTable)")
        let row = try connection.prepare(StoreSchema.insertEvent)
        for event in events {
            StoreSchema.bind(event, to: row)
            try row.run()
        }
        try connection.execute(
            "DELETE FROM sqlite_sequence WHERE name='outbox'; INSERT INTO sqlite_sequence VALUES('outbox', \(last))")
    }
}
