// Why the store could not be opened or a transaction not be kept, and what to do about it.
internal import CSQLite
internal import Glibc
internal import LinuxIO

/// A failure of the store. `message` is for the operator: what failed, why, and what to do.
package struct StoreFailure: Error, Sendable, Equatable, CustomStringConvertible {
    package enum Code: Sendable, Equatable {
        /// No space or quota left: free some; the store goes on by itself.
        case full
        case readOnly
        /// The content is inconsistent: the next opening repairs it.
        case damaged
        case permission
        case other
    }

    package let code: Code
    package let message: String
    /// errno; 0 where there is none.
    package let systemError: Int32
    /// SQLite's extended result code; 0 where SQLite was not involved.
    package let sqliteCode: Int32

    package var description: String { message }

    init(_ code: Code, _ message: String, systemError: Int32 = 0, sqliteCode: Int32 = 0) {
        self.code = code
        self.message = message
        self.systemError = systemError
        self.sqliteCode = sqliteCode
    }

    /// A system call on a file of the state directory failed.
    init(_ error: SystemError, in directory: String) {
        let code = StoreFailure.code(ofErrno: error.errno)
        self.init(
            code, "state directory \(printable(directory.utf8)): \(error); \(StoreFailure.remedy(code))",
            systemError: error.errno)
    }

    /// SQLite failed while `doing` something (a clause such as "write a checkpoint").
    init(_ error: SQLiteError, doing: String, in directory: String) {
        let code = StoreFailure.code(of: error)
        let errno = error.primary == SQLITE_FULL && error.systemError == 0 ? ENOSPC : error.systemError
        let cause = errno == 0 ? error.text : "\(error.text) (\(SystemError("", errno: errno).reason))"
        let remedy = error.isMisuse ? "please report this as a defect" : StoreFailure.remedy(code)
        self.init(
            code,
            "state directory \(printable(directory.utf8)): cannot \(doing): \(cause); \(remedy)",
            systemError: errno, sqliteCode: error.code)
    }

    private static func code(of error: SQLiteError) -> Code {
        switch error.primary {
        case SQLITE_FULL: return .full
        case SQLITE_READONLY: return error.systemError == 0 ? .readOnly : code(ofErrno: error.systemError)
        case SQLITE_CORRUPT, SQLITE_NOTADB: return .damaged
        case SQLITE_PERM, SQLITE_AUTH: return .permission
        case SQLITE_IOERR, SQLITE_CANTOPEN: return error.systemError == 0 ? .other : code(ofErrno: error.systemError)
        default: return .other
        }
    }

    private static func code(ofErrno errno: Int32) -> Code {
        switch errno {
        case ENOSPC, EDQUOT: .full
        case EROFS: .readOnly
        case EACCES, EPERM: .permission
        default: .other
        }
    }

    private static func remedy(_ code: Code) -> String {
        switch code {
        case .full: "free space or quota on its file system"
        case .readOnly: "mount its file system read-write or configure another state_directory"
        case .damaged: "restart longshore: it keeps a copy, goes back to the last snapshot and reports what was lost"
        case .permission: "give the daemon's user read and write access or configure another state_directory"
        case .other: "check the disk and the kernel log, or configure another state_directory"
        }
    }
}
