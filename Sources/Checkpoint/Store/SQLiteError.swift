// What SQLite reports when a call fails.
internal import CSQLite
internal import Core

/// A failed SQLite call: its extended result code, the errno behind it (0 when none) and SQLite's own words.
struct SQLiteError: Error, Equatable {
    /// Extended result code (https://www.sqlite.org/rescode.html); its low byte is the primary code.
    let code: Int32
    let systemError: Int32
    let text: String

    var primary: Int32 { code & 0xFF }

    /// Whether the file's content is at fault: not a database, inconsistent, or not what our constant SQL expects.
    var meansDamage: Bool {
        switch primary {
        case SQLITE_CORRUPT, SQLITE_NOTADB, SQLITE_ERROR, SQLITE_FORMAT, SQLITE_TOOBIG, SQLITE_SCHEMA: true
        default: code == SQLiteError.shortRead
        }
    }

    /// An update of a row that is not there.
    static func notThere(_ file: FileID) -> SQLiteError {
        SQLiteError(code: SQLITE_NOTFOUND, systemError: 0, text: "generation \(file) is not in the store")
    }

    /// Whether the caller is at fault: an id twice, or a row that is not there.
    var isMisuse: Bool { primary == SQLITE_CONSTRAINT || primary == SQLITE_NOTFOUND }

    /// SQLITE_IOERR_SHORT_READ and SQLITE_IOERR_FSYNC, macros with arithmetic, which Swift does not import.
    static let shortRead = SQLITE_IOERR | (2 << 8)
    static let failedSync = SQLITE_IOERR | (4 << 8)
}
