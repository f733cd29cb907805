// One prepared SQLite statement.
internal import Core
internal import CSQLite

/// Owns a `sqlite3_stmt*`, keeps its connection alive, and is used again and again: bind, run, bind, run.
/// Parameters count from 1, columns from 0, as in SQLite. Unsigned values travel as the bit pattern of Int64.
final class Statement {
    private let handle: OpaquePointer
    private let connection: Connection

    init(_ handle: OpaquePointer, of connection: Connection) {
        self.handle = handle
        self.connection = connection
    }

    deinit { sqlite3_finalize(handle) }

    /// One step: true when a row is there. A failed step resets the statement.
    func step() throws(SQLiteError) -> Bool {
        let code = sqlite3_step(handle)
        if code == SQLITE_ROW { return true }
        if code == SQLITE_DONE { return false }
        let error = connection.error(code)
        sqlite3_reset(handle)
        throw error
    }

    /// Runs to the end and makes the statement ready for the next use.
    func run() throws(SQLiteError) {
        while try step() {}
        sqlite3_reset(handle)
    }

    func reset() { sqlite3_reset(handle) }

    // MARK: Parameters

    func bind(_ index: Int32, _ value: Int64) { check(sqlite3_bind_int64(handle, index, value)) }
    func bind(_ index: Int32, _ value: UInt64) { bind(index, Int64(bitPattern: value)) }
    func bindNull(_ index: Int32) { check(sqlite3_bind_null(handle, index)) }

    func bind(_ index: Int32, _ value: Identifier128) {
        let words = (value.high.bigEndian, value.low.bigEndian)
        withUnsafeBytes(of: words) { bind(index, blob: $0) }
    }

    func bind(_ index: Int32, text: String) {
        var copy = text
        copy.withUTF8 { bytes in
            let start = UnsafeRawPointer(bytes.baseAddress ?? Statement.nothing)
            check(
                sqlite3_bind_text64(
                    handle, index, start.assumingMemoryBound(to: CChar.self), UInt64(bytes.count), Statement.copied,
                    UInt8(SQLITE_UTF8)))
        }
    }

    func bind(_ index: Int32, blob: [UInt8]) { blob.withUnsafeBytes { bind(index, blob: $0) } }

    private func bind(_ index: Int32, blob: UnsafeRawBufferPointer) {
        let start = blob.baseAddress ?? UnsafeRawPointer(Statement.nothing)
        check(sqlite3_bind_blob64(handle, index, start, UInt64(blob.count), Statement.copied))
    }

    /// A wrong index or a statement in use is a programmer error; memory never runs out gracefully in Swift either.
    private func check(_ code: Int32) { precondition(code == SQLITE_OK, "sqlite3_bind: result \(code)") }

    /// SQLITE_TRANSIENT: SQLite takes a copy before the call returns.
    nonisolated(unsafe) private static let copied = unsafeBitCast(-1, to: sqlite3_destructor_type.self)
    /// A valid address for values of no bytes (a null address would bind NULL).
    nonisolated(unsafe) private static let nothing = UnsafePointer(UnsafeMutablePointer<UInt8>.allocate(capacity: 1))

    // MARK: Columns of the current row

    func isNull(_ column: Int32) -> Bool { sqlite3_column_type(handle, column) == SQLITE_NULL }
    func integer(_ column: Int32) -> Int64 { sqlite3_column_int64(handle, column) }
    func unsigned(_ column: Int32) -> UInt64 { UInt64(bitPattern: integer(column)) }
    func text(_ column: Int32) -> String { String(decoding: blob(column), as: UTF8.self) }

    func blob(_ column: Int32) -> [UInt8] {
        guard let start = sqlite3_column_blob(handle, column) else { return [] }
        return Array(UnsafeRawBufferPointer(start: start, count: Int(sqlite3_column_bytes(handle, column))))
    }

    /// The 16 bytes of an identifier; nil when the column holds anything else.
    func identifier(_ column: Int32) -> Identifier128? {
        let bytes = blob(column)
        return bytes.count == 16 ? Identifier128(bytes: bytes) : nil
    }
}
