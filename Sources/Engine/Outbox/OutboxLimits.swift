// How much the outbox may hold of one destination.
internal import Core

/// Bounds of one destination, in memory and on disk alike: a row has at most one entry, an entry at most one row.
struct OutboxLimits: Equatable {
    var events: Int
    /// Sum of `OutboxEntry.cost`.
    var bytes: Int

    /// Some hours of a busy node without its audit topic event by event; 4 MiB are a sixteenth of the default
    /// limits.memory.
    static let audit = OutboxLimits(events: 8_192, bytes: 4 << 20)
    /// A dead letter carries up to 64 KiB of a record, more in JSON: the first few dozen show what is wrong with the
    /// rest.
    static let deadLetter = OutboxLimits(events: 1_024, bytes: 4 << 20)

    static func of(_ destination: AuditDestination) -> OutboxLimits {
        destination == .audit ? audit : deadLetter
    }

    /// While all there is is in a transaction or on its way, new gaps are still summed up: one event a reason.
    static let reserve = OutboxLimits(events: 16, bytes: 16 << 10)
    /// Making room costs a look at every entry: it makes room for an eighth.
    private static let roomDivisor = 8

    /// Above it room is made.
    var high: OutboxLimits {
        OutboxLimits(events: events - OutboxLimits.reserve.events, bytes: bytes - OutboxLimits.reserve.bytes)
    }

    /// Down to this.
    var low: OutboxLimits {
        OutboxLimits(
            events: high.events - high.events / OutboxLimits.roomDivisor,
            bytes: high.bytes - high.bytes / OutboxLimits.roomDivisor)
    }

    /// At most so much is handed to librdkafka, which copies it.
    static let window = OutboxLimits(events: 1_000, bytes: 1 << 20)

    func holds(events: Int, bytes: Int) -> Bool { events <= self.events && bytes <= self.bytes }
}
