// A line of one output whose last entry has not come yet.
package import Core

/// Bytes of a file.
package struct EntryPart: Equatable, Sendable {
    package let offset: UInt64
    package internal(set) var length: UInt64

    var end: UInt64 { offset + length }
}

/// Parts of a line in a generation before: the log was rotated in the middle of the line.
struct FormerParts: Equatable {
    let file: Identifier128
    let parts: [EntryPart]
}

/// What has been read of a line that a runtime cut into several entries.
struct PendingEntry: Equatable {
    /// As it goes into the record: content of a JSON string.
    var text: [UInt8] = []
    /// The first bytes of a character that the last entry ended in: at most three, not in the text yet.
    var tail: [UInt8] = []
    /// Where the text of the next record lies, in the order of the file; neighbours are one.
    var parts: [EntryPart] = []
    /// What of the next record's text lies in earlier generations, in their order.
    var former: [FormerParts] = []
    /// Of the first entry: `Timestamp.byteCount` bytes.
    var time: [UInt8]
    /// File and offset of the line's first entry: `log.partial.id`.
    let file: Identifier128
    let start: UInt64
    /// Ordinal of the next record of this line; 0: there was none yet.
    var ordinal: UInt32 = 0
    /// Bytes skipped directly before the first part, said with the next record.
    var skipped: UInt64 = 0
    /// Text that went into records before.
    var shipped = 0

    /// More places than this do not wait for one record.
    static let maximumParts = 64
    /// Nor does a line whose entries lie further apart.
    static let maximumReach: UInt64 = 256 << 10

    mutating func append(_ part: EntryPart) {
        if let last = parts.last, last.end == part.offset {
            parts[parts.count - 1].length += part.length
        } else {
            parts.append(part)
        }
    }

    var bytes: UInt64 { parts.reduce(0) { $0 + $1.length } }
    /// Nothing of it waits: only its number goes on.
    var isEmpty: Bool { parts.isEmpty && former.isEmpty }
    var partCount: Int { former.reduce(parts.count) { $0 + $1.parts.count } }
}

/// What waits for its end in one source.
package struct EntryState: Equatable {
    var output: PendingEntry?
    var errors: PendingEntry?
    /// Parts that lie directly behind the last record, of which the ledger knows nothing yet, in the order of the file.
    var unheld: [(stream: OutputStream, part: EntryPart)] = []
    /// How many bytes behind the last record they reach.
    var scanned: UInt64 = 0

    subscript(stream: OutputStream) -> PendingEntry? {
        get { stream == .output ? output : errors }
        set {
            if stream == .output { output = newValue } else { errors = newValue }
        }
    }

    var isEmpty: Bool { output == nil && errors == nil }

    /// Forgets what waits of a stream: 0 or 1.
    package mutating func drop(stream: UInt8) {
        if stream == OutputStream.output.rawValue { output = nil } else { errors = nil }
    }

    /// The parts that the ledger is to hold, each with its stream (0 or 1), and what the next generation goes on with.
    package consuming func handOver(
        from file: FileID
    ) -> (held: [(from: UInt64, end: UInt64, stream: UInt8)], next: EntryState) {
        let held = unheld.map { (from: $0.part.offset, end: $0.part.end, stream: $0.stream.rawValue) }
        var next = self
        next.unheld = []
        next.scanned = 0
        for stream in [OutputStream.output, .errors] {
            guard var pending = next[stream] else { continue }
            if !pending.parts.isEmpty { pending.former.append(FormerParts(file: file.value, parts: pending.parts)) }
            pending.parts = []
            pending.skipped = 0
            next[stream] = pending
        }
        return (held, next)
    }

    /// A part that begins `skipped` bytes behind what was scanned.
    mutating func scan(_ part: EntryPart, of stream: OutputStream, skipped: UInt64) {
        scanned += skipped + part.length
        if skipped == 0, let last = unheld.last, last.stream == stream, last.part.end == part.offset {
            unheld[unheld.count - 1].part.length += part.length
        } else {
            unheld.append((stream, part))
        }
    }

    package static func == (left: EntryState, right: EntryState) -> Bool {
        left.output == right.output && left.errors == right.errors && left.scanned == right.scanned
            && left.unheld.elementsEqual(right.unheld) { $0.stream == $1.stream && $0.part == $1.part }
    }
}
