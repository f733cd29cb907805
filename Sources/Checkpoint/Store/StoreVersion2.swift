// Version 2 of the store's tables.
internal import Core

/// Version 2 knew one destination of events, the audit topic, and kept nothing of an event but its text. All else is the
/// same.
enum StoreVersion2 {
    static let version: Int64 = 2

    static let outboxTable =
        "CREATE TABLE outbox(id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT, payload BLOB, value_check INTEGER)"
    static let tables =
        [StoreSchema.generationTable, StoreSchema.containerTable, outboxTable] + StoreSchema.constantTables

    static let selectEvents = "SELECT id, key, payload, value_check FROM outbox ORDER BY id"

    /// The current row of `selectEvents`; nil when its values do not match their checksum.
    static func event(_ row: Statement) -> AuditEvent? {
        let event = AuditEvent(id: row.integer(0), key: row.text(1), payload: row.blob(2))
        var sum = RowChecksum(seed: 3)
        sum.add(event.key.utf8)
        sum.add(event.payload)
        return row.unsigned(3) == sum.value ? event : nil
    }
}
