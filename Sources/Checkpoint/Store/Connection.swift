// One SQLite connection.
internal import CSQLite

/// Owns a `sqlite3*` and closes it with its last statement. Used by one thread only: SQLite's own locks are off.
final class Connection {
    fileprivate let handle: OpaquePointer

    /// Opens an existing file. The file is not read before the first statement.
    init(path: String, readOnly: Bool = false) throws(SQLiteError) {
        var opened: OpaquePointer?
        let access = readOnly ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE
        let code = sqlite3_open_v2(path, &opened, access | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nil)
        guard let opened else { throw SQLiteError(code: SQLITE_NOMEM, systemError: 0, text: "out of memory") }
        handle = opened
        if code != SQLITE_OK {
            let error = Connection.error(of: opened, code)
            throw error
        }
    }

    deinit { sqlite3_close_v2(handle) }

    /// Whether a transaction is open. SQLite ends one itself on some errors (full disk, I/O).
    var inTransaction: Bool { sqlite3_get_autocommit(handle) == 0 }

    /// Rows changed by the last INSERT, UPDATE or DELETE.
    var changes: Int64 { sqlite3_changes64(handle) }

    /// The database cannot be written: its file, or the format version in its header, is read-only.
    var isReadOnly: Bool { sqlite3_db_readonly(handle, "main") == 1 }

    var lastInsertedRow: Int64 { sqlite3_last_insert_rowid(handle) }

    /// True: closing changes no file, as kill -9 would; false: closing merges the write-ahead log into the database.
    func keepLogOnClose(_ keep: Bool) { _ = csqlite_keep_log_on_close(handle, keep ? 1 : 0) }

    /// Runs statements whose rows nobody wants.
    func execute(_ sql: String) throws(SQLiteError) {
        let code = sqlite3_exec(handle, sql, nil, nil, nil)
        if code != SQLITE_OK { throw error(code) }
    }

    /// First column of the first row as text; nil without a row.
    func text(_ sql: String) throws(SQLiteError) -> String? {
        let statement = try prepare(sql)
        defer { statement.reset() }
        return try statement.step() ? statement.text(0) : nil
    }

    /// First column of the first row as an integer; 0 without a row.
    func integer(_ sql: String) throws(SQLiteError) -> Int64 {
        let statement = try prepare(sql)
        defer { statement.reset() }
        return try statement.step() ? statement.integer(0) : 0
    }

    func prepare(_ sql: String) throws(SQLiteError) -> Statement {
        var prepared: OpaquePointer?
        let code = sqlite3_prepare_v3(handle, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &prepared, nil)
        guard code == SQLITE_OK, let prepared else { throw error(code) }
        return Statement(prepared, of: self)
    }

    func error(_ code: Int32) -> SQLiteError { Connection.error(of: handle, code) }

    private static func error(of handle: OpaquePointer, _ code: Int32) -> SQLiteError {
        let text = String(cString: sqlite3_errmsg(handle))
        var systemError = sqlite3_system_errno(handle)
        if code & 0xFF == SQLITE_IOERR {
            // COMMIT leaves sqlite3_system_errno alone: only the file itself knows.
            let log = lastErrno(handle, SQLITE_FCNTL_JOURNAL_POINTER)
            let main = lastErrno(handle, SQLITE_FCNTL_FILE_POINTER)
            systemError = log != 0 ? log : main != 0 ? main : systemError
        }
        return SQLiteError(code: code, systemError: systemError, text: text)
    }

    /// errno of the last failed call on the log or the database file (SQLITE_FCNTL_LAST_ERRNO); 0 when none failed.
    private static func lastErrno(_ handle: OpaquePointer, _ which: Int32) -> Int32 {
        var file: UnsafeMutablePointer<sqlite3_file>?
        guard sqlite3_file_control(handle, "main", which, &file) == SQLITE_OK, let file,
            let methods = file.pointee.pMethods
        else { return 0 }
        var code: Int32 = 0
        _ = methods.pointee.xFileControl(file, SQLITE_FCNTL_LAST_ERRNO, &code)
        return code
    }
}
