// What a message of a topic says of the bytes it stands for, read in one pass over its JSON.
internal import Core
internal import Glibc

/// The members of a record that matter here. Texts are places in the message they were found in.
struct ScannedRecord {
    var file = Identifier128(high: 0, low: 0)
    var stream = Identifier128(high: 0, low: 0)
    var offset: UInt64 = 0
    var bytes: UInt64 = 0
    /// Directly before `offset`, dropped on purpose.
    var skipped: UInt64 = 0
    /// Where the array of `log.record.parts` begins; -1 where the bytes are contiguous.
    var parts = -1
    /// Where the array of `log.record.former` begins; -1 where the record is of its own generation alone.
    var former = -1
    var host: JSONCursor.Text?
    var container: JSONCursor.Text?
    var containerName: JSONCursor.Text?
    var declaration: JSONCursor.Text?
    var path: JSONCursor.Text?
    /// A part of a line longer than `limits.line`.
    var isPiece = false
    /// Behind the last byte it stands for.
    var end: UInt64 = 0
}

/// Tells records of Longshore from what others write, and those that are whole from those that are not.
struct RecordScanner {
    /// What a message is.
    enum Kind: Equatable {
        case record
        /// It has none of the members by which a record says its range: somebody else's.
        case foreign
        /// It has some, and contradicts itself or says too little.
        case malformed(String)
    }

    /// Which members were seen, to find one that comes twice.
    private struct Seen: OptionSet {
        var rawValue: UInt16
        static let file = Seen(rawValue: 1)
        static let stream = Seen(rawValue: 2)
        static let offset = Seen(rawValue: 4)
        static let bytes = Seen(rawValue: 8)
        static let skipped = Seen(rawValue: 16)
        static let parts = Seen(rawValue: 32)
        static let host = Seen(rawValue: 64)
        static let container = Seen(rawValue: 128)
        static let containerName = Seen(rawValue: 256)
        static let declaration = Seen(rawValue: 512)
        static let path = Seen(rawValue: 1024)
        static let piece = Seen(rawValue: 2048)
        static let former = Seen(rawValue: 4096)
        /// The members that make a message a record of Longshore, or one that means to be.
        static let ours: Seen = [.file, .stream, .offset, .bytes, .skipped, .parts, .former]
        static let needed: Seen = [.file, .stream, .offset, .bytes]
    }

    /// Valid after `scan` gave `.record`.
    private(set) var record = ScannedRecord()
    private var seen: Seen = []
    private var flaw: String?
    private var isBroken = false

    /// Looks at one message.
    mutating func scan(_ message: UnsafeRawBufferPointer) -> Kind {
        record = ScannedRecord()
        seen = []
        flaw = nil
        isBroken = false
        var cursor = JSONCursor(message)
        let isWhole = members(&cursor)
        guard !seen.isDisjoint(with: .ours) else { return .foreign }
        if !isWhole { return .malformed("it is not a JSON object") }
        if let flaw { return .malformed(flaw) }
        guard seen.isSuperset(of: .needed) else { return .malformed(missing) }
        return check(cursor)
    }

    private mutating func members(_ cursor: inout JSONCursor) -> Bool {
        guard cursor.take(0x7B) else { return false }
        if cursor.take(0x7D) { return cursor.isAtEnd() }
        repeat {
            guard let name = cursor.string(), cursor.take(0x3A), member(name, &cursor) else { return false }
        } while cursor.take(0x2C)
        return cursor.take(0x7D) && cursor.isAtEnd()
    }

    /// Takes one member's value; false where the text cannot be JSON.
    private mutating func member(_ name: JSONCursor.Text, _ cursor: inout JSONCursor) -> Bool {
        if _slowPath(name.isEscaped) { return spelledOut(name, &cursor) }
        switch name.count {
        case 9 where cursor.equals(name, "host.name"): record.host = text(.host, &cursor)
        case 11 where cursor.equals(name, "log.file.id"): record.file = identifier(.file, &cursor)
        case 12 where cursor.equals(name, "container.id"): record.container = text(.container, &cursor)
        case 13 where cursor.equals(name, "log.stream.id"): record.stream = identifier(.stream, &cursor)
        case 13 where cursor.equals(name, "log.file.path"): record.path = text(.path, &cursor)
        case 14 where cursor.equals(name, "container.name"): record.containerName = text(.containerName, &cursor)
        case 14 where cursor.equals(name, "log.partial.id"):
            record.isPiece = true
            _ = text(.piece, &cursor)
        case 15 where cursor.equals(name, "log.file.offset"): record.offset = number(.offset, &cursor)
        case 15 where cursor.equals(name, "log.declaration"): record.declaration = text(.declaration, &cursor)
        case 16 where cursor.equals(name, "log.record.bytes"): record.bytes = number(.bytes, &cursor)
        case 16 where cursor.equals(name, "log.record.parts"): record.parts = array(.parts, &cursor)
        case 17 where cursor.equals(name, "log.record.former"): record.former = array(.former, &cursor)
        case 17 where cursor.equals(name, "log.skipped.bytes"): record.skipped = number(.skipped, &cursor)
        default: return cursor.skipValue()
        }
        return !isBroken
    }

    /// A name with escapes may be one of ours in other letters: then a consumer would read it, and so it counts, as a
    /// flaw, because Longshore does not write so.
    @inline(never)
    private mutating func spelledOut(_ name: JSONCursor.Text, _ cursor: inout JSONCursor) -> Bool {
        let plain = cursor.decoded(name)
        if let field = RecordScanner.names[plain] {
            seen.insert(field)
            flaw = flaw ?? "the name of \(plain) is written with escapes"
        }
        return cursor.skipValue()
    }

    private static let names: [String: Seen] = [
        "log.file.id": .file, "log.stream.id": .stream, "log.file.offset": .offset, "log.record.bytes": .bytes,
        "log.skipped.bytes": .skipped, "log.record.parts": .parts, "host.name": .host, "container.id": .container,
        "container.name": .containerName, "log.declaration": .declaration, "log.file.path": .path,
        "log.partial.id": .piece, "log.record.former": .former,
    ]

    // What follows takes the value of a member. One of another kind is passed, and is a flaw; `isBroken` says that the text
    // cannot be JSON.

    @inline(__always)
    private mutating func text(_ field: Seen, _ cursor: inout JSONCursor) -> JSONCursor.Text? {
        note(field)
        guard cursor.peek() == 0x22 else {
            pass(field, "is no text", &cursor)
            return nil
        }
        let text = cursor.string()
        if text == nil { isBroken = true }
        return text
    }

    @inline(__always)
    private mutating func number(_ field: Seen, _ cursor: inout JSONCursor) -> UInt64 {
        note(field)
        let start = cursor
        if let value = cursor.unsigned() { return value }
        cursor = start
        pass(field, "is no number from 0 to 2^63 - 1", &cursor)
        return 0
    }

    @inline(__always)
    private mutating func identifier(_ field: Seen, _ cursor: inout JSONCursor) -> Identifier128 {
        note(field)
        let start = cursor
        if let text = cursor.string(), let value = cursor.identifier(text) { return value }
        cursor = start
        pass(field, "is not 32 lower-case hexadecimal digits", &cursor)
        return Identifier128(high: 0, low: 0)
    }

    private mutating func array(_ field: Seen, _ cursor: inout JSONCursor) -> Int {
        note(field)
        guard cursor.peek() == 0x5B else {
            pass(field, "is no array", &cursor)
            return -1
        }
        let place = cursor.at
        if !cursor.skipValue() { isBroken = true }
        return place
    }

    @inline(never)
    private mutating func pass(_ field: Seen, _ what: StaticString, _ cursor: inout JSONCursor) {
        flaw = flaw ?? "\(RecordScanner.name(field)) \(what)"
        if !cursor.skipValue() { isBroken = true }
    }

    @inline(__always)
    private mutating func note(_ field: Seen) {
        if _slowPath(seen.contains(field)) { flaw = flaw ?? "\(RecordScanner.name(field)) is there twice" }
        seen.insert(field)
    }

    private static func name(_ field: Seen) -> String {
        names.first { $0.value == field }?.key ?? "a member"
    }

    private var missing: String {
        let absent = RecordScanner.names.filter { Seen.needed.contains($0.value) && !seen.contains($0.value) }
        return "\(absent.keys.sorted().joined(separator: " and ")) \(absent.count == 1 ? "is" : "are") not there"
    }
}

extension RecordScanner {
    /// Whether the numbers fit each other.
    private mutating func check(_ cursor: JSONCursor) -> Kind {
        let (end, isTooLarge) = record.offset.addingReportingOverflow(record.bytes)
        if isTooLarge || end > UInt64(Int64.max) { return .malformed("its range ends beyond 2^63 - 1") }
        if record.skipped > record.offset { return .malformed("log.skipped.bytes is more than there is before it") }
        if record.former >= 0, !RecordScanner.forEachFormer(cursor, at: record.former, { _, _, _ in }) {
            return .malformed("log.record.former names no bytes of generations")
        }
        if record.bytes == 0, record.skipped == 0, record.former < 0 { return .malformed("it stands for no byte") }
        record.end = end
        guard record.parts >= 0 else { return .record }
        var place = UInt64?.none
        var sum: UInt64 = 0
        let isWhole = RecordScanner.forEachPart(cursor, at: record.parts) { offset, length in
            guard length > 0, place.map({ offset >= $0 }) ?? (offset == record.offset) else { return false }
            guard offset <= UInt64(Int64.max) - length else { return false }
            place = offset + length
            sum += length
            return true
        }
        guard isWhole, let place, sum == record.bytes else {
            return .malformed("log.record.parts contradict its range")
        }
        record.end = place
        return .record
    }

    /// Calls `body` with each range of `log.record.former`: the generation, offset and length. False where it is no array
    /// of them; what comes before the flaw was told by then.
    static func forEachFormer(
        _ message: JSONCursor, at place: Int, _ body: (Identifier128, UInt64, UInt64) -> Void
    ) -> Bool {
        var cursor = message
        cursor.move(to: place)
        guard cursor.take(0x5B) else { return false }
        repeat {
            guard cursor.take(0x7B), let id = cursor.string(), cursor.equals(id, "log.file.id"), cursor.take(0x3A),
                let text = cursor.string(), let file = cursor.identifier(text), cursor.take(0x2C),
                let parts = cursor.string(), cursor.equals(parts, "parts"), cursor.take(0x3A), cursor.take(0x5B)
            else { return false }
            var end: UInt64 = 0
            repeat {
                guard cursor.take(0x5B), let offset = cursor.unsigned(), cursor.take(0x2C),
                    let length = cursor.unsigned(), cursor.take(0x5D), length > 0, offset >= end,
                    offset <= UInt64(Int64.max) - length
                else { return false }
                end = offset + length
                body(file, offset, length)
            } while cursor.take(0x2C)
            guard cursor.take(0x5D), cursor.take(0x7D) else { return false }
        } while cursor.take(0x2C)
        return cursor.take(0x5D)
    }

    /// Calls `body` with each pair of `log.record.parts`; false where it is no array of pairs, or `body` says so.
    static func forEachPart(_ message: JSONCursor, at place: Int, _ body: (UInt64, UInt64) -> Bool) -> Bool {
        var cursor = message
        cursor.move(to: place)
        guard cursor.take(0x5B) else { return false }
        repeat {
            guard cursor.take(0x5B), let offset = cursor.unsigned(), cursor.take(0x2C),
                let length = cursor.unsigned(), cursor.take(0x5D), body(offset, length)
            else { return false }
        } while cursor.take(0x2C)
        return cursor.take(0x5D)
    }
}
