// The open database: applies transactions, makes them durable, takes snapshots.
internal import Core
internal import Glibc
internal import LinuxIO

/// One connection with its prepared statements. Lives and dies on the store thread.
final class StoreDatabase {
    private let files: StoreFiles
    private let connection: Connection
    private let statements: Statements
    /// Transactions ever committed to this store.
    private(set) var sequence: UInt64
    /// Monotonic time of the first commit that no fsync covers; nil when all is durable.
    private(set) var unsyncedSince: Int64?
    /// Committed since the last snapshot.
    private(set) var isDirty = true
    /// Content was found damaged: no snapshot may replace the last good one.
    private(set) var isDamaged = false
    private(set) var syncCount: UInt64 = 0
    private var recoveryIsStored: Bool
    private var synchronousIsFull = false
    /// An fsync failed: the kernel may have dropped what it could not write, so the log is no longer relied upon and
    /// everything is written once more, into the database file.
    private var logIsSuspect = false
    /// A store whose first transactions were only in the log would be empty without it.
    private var needsMerge: Bool
    private var log: LogFile?

    /// Takes over a connection that `StoreOpening` has configured and checked.
    init(_ connection: Connection, files: StoreFiles, contents: StoreContents) throws(SQLiteError) {
        self.files = files
        self.connection = connection
        sequence = contents.sequence
        recoveryIsStored = contents.recovery != nil
        needsMerge = contents.sequence == 0
        // What a run that was killed has committed may never have been made durable.
        if let log = try? files.size(files.log), log > 0 { unsyncedSince = Clock.monotonic() }
        statements = try Statements(connection)
    }

    /// The statements a transaction is made of.
    private struct Statements {
        let begin, commit, rollback, keep, insert, update, delete, append, deliver, declare, forget, advance: Statement

        init(_ connection: Connection) throws(SQLiteError) {
            begin = try connection.prepare("BEGIN IMMEDIATE")
            commit = try connection.prepare("COMMIT")
            rollback = try connection.prepare("ROLLBACK")
            keep = try connection.prepare(StoreSchema.insertContainer)
            insert = try connection.prepare(StoreSchema.insertGeneration)
            update = try connection.prepare(StoreSchema.updateGeneration)
            delete = try connection.prepare(StoreSchema.deleteGeneration)
            append = try connection.prepare(StoreSchema.insertEvent)
            deliver = try connection.prepare(StoreSchema.deleteEvent)
            declare = try connection.prepare(StoreSchema.insertDeclaration)
            forget = try connection.prepare(StoreSchema.deleteContainer)
            advance = try connection.prepare(StoreSchema.advance)
        }
    }

    // MARK: Transactions

    /// Commits all of `transaction` or nothing of it; the ids of its events. Blocks for an fsync when it is durable.
    func apply(_ transaction: StoreTransaction) throws(StoreFailure) -> [Int64] {
        if transaction.durable && (logIsSuspect || transaction.isEmpty) { try synchronize() }
        if transaction.isEmpty { return [] }
        do {
            try setSynchronous(full: transaction.durable)
            let ids = try write(transaction)
            committed(durable: transaction.durable, withEvents: !ids.isEmpty)
            return ids
        } catch {
            throw rolledBack(after: error)
        }
    }

    private func write(_ transaction: StoreTransaction) throws(SQLiteError) -> [Int64] {
        if connection.inTransaction { try statements.rollback.run() }
        try statements.begin.run()
        for container in transaction.containers {
            StoreSchema.bind(container, to: statements.keep)
            try statements.keep.run()
        }
        try write(generationsOf: transaction)
        let ids = try append(transaction.events)
        for id in transaction.delivered {
            statements.deliver.bind(1, id)
            try statements.deliver.run()
        }
        for name in transaction.declared {
            statements.declare.bind(1, text: name)
            statements.declare.bind(2, declarationChecksum(name))
            try statements.declare.run()
        }
        for id in transaction.removedContainers {
            statements.forget.bind(1, text: id)
            try statements.forget.run()
        }
        statements.advance.bind(1, sequence + 1)
        try statements.advance.run()
        try statements.commit.run()
        return ids
    }

    private func write(generationsOf transaction: StoreTransaction) throws(SQLiteError) {
        for record in transaction.opened.inFileOrder(\.file) {
            StoreSchema.bind(record, to: statements.insert)
            try statements.insert.run()
        }
        for record in transaction.moved.inFileOrder(\.file) {
            statements.delete.bind(1, record.file.value)
            try statements.delete.run()
            StoreSchema.bind(record, to: statements.insert)
            try statements.insert.run()
        }
        for update in transaction.updated.inFileOrder(\.file) {
            StoreSchema.bindValues(update, to: statements.update)
            try statements.update.run()
            if connection.changes == 0 { throw SQLiteError.notThere(update.file) }
        }
        for file in transaction.closed {
            statements.delete.bind(1, file.value)
            try statements.delete.run()
        }
    }

    private func append(_ events: [AuditEvent]) throws(SQLiteError) -> [Int64] {
        var ids: [Int64] = []
        ids.reserveCapacity(events.count)
        for event in events {
            StoreSchema.bind(event, to: statements.append)
            try statements.append.run()
            ids.append(connection.lastInsertedRow)
        }
        if !events.isEmpty && recoveryIsStored { try connection.execute("DELETE FROM recovery") }
        return ids
    }

    private func committed(durable: Bool, withEvents: Bool) {
        sequence += 1
        isDirty = true
        if withEvents { recoveryIsStored = false }
        if durable {
            syncCount += 1
            unsyncedSince = nil
        } else if unsyncedSince == nil {
            unsyncedSince = Clock.monotonic()
        }
        if needsMerge, (try? connection.execute("PRAGMA wal_checkpoint(PASSIVE)")) != nil { needsMerge = false }
    }

    private func rolledBack(after error: SQLiteError) -> StoreFailure {
        if connection.inTransaction { try? statements.rollback.run() }
        if error.code == SQLiteError.failedSync { logIsSuspect = true }
        return failure(error, "commit a transaction (nothing of it was kept)")
    }

    /// FULL makes COMMIT wait for the log's fsync, and fail as a whole when that fails; NORMAL does not.
    private func setSynchronous(full: Bool) throws(SQLiteError) {
        if full == synchronousIsFull { return }
        try connection.execute(full ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL")
        synchronousIsFull = full
    }

    // MARK: Durability

    /// fdatasync(2) of the log: all that was committed survives power loss afterwards.
    func synchronize() throws(StoreFailure) {
        if logIsSuspect {
            try merge()
            logIsSuspect = false
        } else if unsyncedSince != nil {
            if fdatasync(try openLog()) != 0 {
                let code = errno
                logIsSuspect = true
                throw StoreFailure(SystemError("fdatasync", files.log, errno: code), in: files.directory)
            }
        } else {
            return
        }
        unsyncedSince = nil
        syncCount += 1
    }

    /// The log's own descriptor: SQLite truncates and rewrites the log, but never replaces it while it is open.
    private func openLog() throws(StoreFailure) -> Int32 {
        if let log { return log.descriptor.raw }
        let raw = open(files.log, O_RDONLY | O_CLOEXEC)
        if raw < 0 { throw StoreFailure(SystemError("open", files.log, errno: errno), in: files.directory) }
        log = LogFile(descriptor: FileDescriptor(owning: raw))
        try files.synchronize(files.directory)
        return raw
    }

    private final class LogFile {
        let descriptor: FileDescriptor
        init(descriptor: consuming FileDescriptor) { self.descriptor = descriptor }
    }

    /// Writes all of the log into the database file and fsyncs both.
    private func merge() throws(StoreFailure) {
        do { try connection.execute("PRAGMA wal_checkpoint(TRUNCATE)") } catch {
            throw failure(error, "write the log into the database")
        }
    }

    // MARK: Snapshot and end

    /// A compact copy as of now takes the place of the previous snapshot. The log is made durable first: a snapshot
    /// is never newer than what power loss leaves of the database.
    func takeSnapshot() throws(StoreFailure) {
        if isDamaged { return }
        try synchronize()
        defer { unlink(files.newSnapshot) }
        try files.create(files.newSnapshot)
        do {
            let statement = try connection.prepare("VACUUM INTO ?1")
            statement.bind(1, text: files.newSnapshot)
            try statement.run()
        } catch {
            throw failure(error, "take a snapshot")
        }
        try files.place(files.newSnapshot, as: files.snapshot)
        isDirty = false
    }

    /// From here on, letting go of the database merges the log into it. Without this call it is as after kill -9.
    func mergeOnClose() { if !isDamaged { connection.keepLogOnClose(false) } }

    private func failure(_ error: SQLiteError, _ doing: String) -> StoreFailure {
        let failure = StoreFailure(error, doing: doing, in: files.directory)
        if failure.code == .damaged { isDamaged = true }
        return failure
    }
}

extension Array {
    /// Stable order of the table's key: each page is visited once, though the cache holds few of them.
    fileprivate func inFileOrder(_ file: (Element) -> FileID) -> [Element] {
        sorted { left, right in
            let (one, other) = (file(left).value, file(right).value)
            return (one.high, one.low) < (other.high, other.low)
        }
    }
}
