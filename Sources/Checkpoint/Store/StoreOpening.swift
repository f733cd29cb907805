// Opening: check, and when something is wrong, repair from the snapshot and say so.
internal import CSQLite
internal import Core
internal import Glibc
internal import LinuxIO

/// Opens the database of one state directory. Runs on the store thread, under the directory lock.
struct StoreOpening {
    let files: StoreFiles

    /// What one database file turned out to be.
    private enum Finding {
        case sound(Connection, StoreContents)
        case damaged(String)
        case newer(version: Int64)
    }

    /// A checked database, and what it holds. Every loss is in `StoreState.recovery`.
    func open() throws(StoreFailure) -> (StoreDatabase, StoreState) {
        files.removeLeftovers()
        var finding = try examine()
        if case .damaged(let reason) = finding {
            try recover(reason)
            finding = try inspect(files.database)
        }
        switch finding {
        case .sound(let connection, let contents): return try serve(connection, contents)
        case .newer(let version): throw newer(version)
        case .damaged(let reason):
            throw StoreFailure(
                .damaged,
                "state directory \(printable(files.directory.utf8)): damaged again right after repair (\(reason)); "
                    + "check the disk or configure another state_directory")
        }
    }

    private func serve(
        _ connection: Connection, _ contents: StoreContents
    ) throws(StoreFailure) -> (StoreDatabase, StoreState) {
        var contents = contents
        do {
            if contents.version < StoreSchema.version { try StoreMigration.run(connection, contents) }
            try dropLongDetached(connection, &contents)
            let state = StoreState(
                generations: contents.generations, outbox: contents.outbox, declarations: contents.declarations,
                containers: contents.containers, recovery: contents.recovery)
            return (try StoreDatabase(connection, files: files, contents: contents), state)
        } catch {
            throw StoreFailure(error, doing: "prepare the store", in: files.directory)
        }
    }

    /// How long a generation that nobody follows is kept: nanoseconds.
    private static let detachedKept: Int64 = 30 * 86_400 * nanosecondsPerSecond

    /// Files that never came back would stay for ever. Their rows say nothing that a later row needs: when the commit
    /// is lost with the power, the next opening does it again.
    private func dropLongDetached(_ connection: Connection, _ contents: inout StoreContents) throws(SQLiteError) {
        let cutoff = Clock.wall() - StoreOpening.detachedKept
        guard contents.removeGenerations(detachedBefore: cutoff) else { return }
        let statement = try connection.prepare(StoreSchema.deleteDetached)
        statement.bind(1, cutoff)
        try statement.run()
    }

    /// Looks at the store that is there; makes the very first one.
    private func examine() throws(StoreFailure) -> Finding {
        guard let size = try files.size(files.database) else {
            let log = try files.size(files.log)
            let snapshot = try files.size(files.snapshot)
            if log != nil || snapshot != nil { return .damaged("store.db is missing") }
            if try !files.damagedCopies().isEmpty {
                return .damaged("store.db is missing, only damaged copies are there")
            }
            try make(recovery: nil)
            try files.place(files.newDatabase, as: files.database)
            return try inspect(files.database)
        }
        // A new store takes its name when its tables are in it: SQLite would take an empty file for a new database.
        if size < 512 { return .damaged("store.db is cut off: \(size) bytes") }
        let finding = try inspect(files.database)
        if case .sound(_, let contents) = finding, let snapshot = snapshotSequence(), snapshot > contents.sequence {
            return .damaged("store.db lost \(snapshot - contents.sequence) transactions that its snapshot has")
        }
        return finding
    }

    // MARK: Repair

    /// The replacement is complete and durable before the damaged files move: a crash in between is found as a loss
    /// at the next opening.
    private func recover(_ reason: String) throws(StoreFailure) {
        let now = Clock.wall()
        let copy = files.database + ".damaged-" + StoreFiles.stamp(now)
        let database = try files.size(files.database)
        let log = try files.size(files.log)
        let aside = database != nil || log != nil ? copy : ""
        if try !restoreSnapshot(reason, aside) {
            try make(recovery: StoreRecovery(what: .empty, reason: reason, setAside: aside))
        }
        try files.setAside(as: copy)
        try files.place(files.newDatabase, as: files.database)
        try files.pruneDamagedCopies()
    }

    /// Makes `newDatabase` from the snapshot; false when there is none that passes the check.
    private func restoreSnapshot(_ reason: String, _ aside: String) throws(StoreFailure) -> Bool {
        guard try files.size(files.snapshot) ?? 0 >= 512 else { return false }
        let taken = files.modified(files.snapshot)
        try files.copy(files.snapshot, to: files.newDatabase)
        let connection: Connection
        switch try inspect(files.newDatabase) {
        case .sound(let checked, _): connection = checked
        case .newer(let version): throw newer(version)
        case .damaged:
            files.removeLeftovers()
            return false
        }
        let recovery = StoreRecovery(what: .snapshot(takenAt: taken), reason: reason, setAside: aside)
        do {
            try store(recovery, in: connection)
            try settle(connection)
        } catch {
            throw StoreFailure(error, doing: "restore the snapshot", in: files.directory)
        }
        return true
    }

    /// Makes `newDatabase`, empty, with its tables.
    private func make(recovery: StoreRecovery?) throws(StoreFailure) {
        try files.create(files.newDatabase)
        do {
            let connection = try Connection(path: files.newDatabase)
            try configure(connection)
            try connection.execute("BEGIN;" + StoreSchema.creation + "COMMIT")
            if let recovery { try store(recovery, in: connection) }
            try settle(connection)
        } catch {
            throw StoreFailure(error, doing: "make a new store", in: files.directory)
        }
    }

    /// All that was written is in the database file, and closing removes the log.
    private func settle(_ connection: Connection) throws(SQLiteError) {
        try connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.keepLogOnClose(false)
    }

    private func store(_ recovery: StoreRecovery, in connection: Connection) throws(SQLiteError) {
        try connection.execute("DELETE FROM recovery")
        let row = try connection.prepare("INSERT INTO recovery VALUES(?1, ?2, ?3)")
        if case .snapshot(let taken) = recovery.what { row.bind(1, taken) } else { row.bindNull(1) }
        row.bind(2, text: recovery.reason)
        row.bind(3, text: recovery.setAside)
        try row.run()
    }

    // MARK: Check

    private func inspect(_ path: String) throws(StoreFailure) -> Finding {
        do { return try check(path) } catch {
            if error.meansDamage { return .damaged("SQLite: \(error.text)") }
            throw StoreFailure(error, doing: "open the store", in: files.directory)
        }
    }

    private func check(_ path: String) throws(SQLiteError) -> Finding {
        let connection = try Connection(path: path)
        try configure(connection)
        let id = try connection.integer("PRAGMA application_id")
        if id != StoreSchema.applicationID { return .damaged("not a store: application id \(id)") }
        let version = try connection.integer("PRAGMA user_version")
        if version > StoreSchema.version { return .newer(version: version) }
        if version < StoreVersion1.version { return .damaged("unknown schema version \(version)") }
        if connection.isReadOnly {
            if access(path, W_OK) == 0 { return .damaged("its header names an unknown format version") }
            throw SQLiteError(code: SQLITE_READONLY, systemError: errno, text: "store.db cannot be written")
        }
        if let problem = try problem(of: connection, version) { return .damaged(problem) }
        guard let contents = try StoreContents(reading: connection, version: version) else {
            return .damaged("a row is missing or does not match its checksum")
        }
        return .sound(connection, contents)
    }

    private func newer(_ version: Int64) -> StoreFailure {
        StoreFailure(
            .other,
            "state directory \(printable(files.directory.utf8)): store.db was written by a newer longshore (schema "
                + "\(version), this one knows \(StoreSchema.version)); install that version again or configure "
                + "another state_directory")
    }

    /// The modes of a connection. EXCLUSIVE before the first access keeps the index of the log in memory: no -shm.
    private func configure(_ connection: Connection) throws(SQLiteError) {
        connection.keepLogOnClose(true)
        try connection.execute(
            """
            PRAGMA locking_mode=EXCLUSIVE; PRAGMA cache_size=-256; PRAGMA temp_store=MEMORY;
            PRAGMA cell_size_check=ON; PRAGMA trusted_schema=OFF
            """)
        let mode = try connection.text("PRAGMA journal_mode=WAL")
        if mode != "wal" {
            throw SQLiteError(
                code: SQLITE_NOTADB, systemError: 0, text: "no write-ahead log possible (mode \(mode ?? "none"))")
        }
        try connection.execute("PRAGMA synchronous=NORMAL; PRAGMA journal_size_limit=4194304")
    }

    private func problem(of connection: Connection, _ version: Int64) throws(SQLiteError) -> String? {
        let verdict = try connection.text("PRAGMA quick_check(1)") ?? "no verdict"
        if verdict != "ok" { return "SQLite: \(verdict.split(separator: "\n").joined(separator: " "))" }
        let row = try connection.prepare("SELECT sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%'")
        var tables: [String] = []
        while try row.step() { tables.append(row.text(0)) }
        row.reset()
        // In any order: migration makes them in another one than creation.
        let expected: [String]
        switch version {
        case StoreVersion1.version: expected = StoreVersion1.tables
        case StoreVersion2.version: expected = StoreVersion2.tables
        default: expected = StoreSchema.tables
        }
        return tables.sorted() == expected.sorted() ? nil : "the tables are not those of schema \(version)"
    }

    /// How far the snapshot is; nil when there is none that can be read (the next one replaces it).
    private func snapshotSequence() -> UInt64? {
        guard let connection = try? Connection(path: files.snapshot, readOnly: true),
            let sequence = try? connection.integer(StoreSchema.selectSequence)
        else { return nil }
        return UInt64(bitPattern: sequence)
    }
}
