// An event of the audit topic, or a dead letter, as far as the accounts need it.
internal import Core

/// The members of one event; what it does not have, or has with a value of another kind, is nil.
struct AuditEventFields {
    var event: String?
    var timestamp: String?
    var host: String?
    var rawHost: [UInt8] = []
    var container = ""
    var containerName = ""
    var declaration = ""
    var stream: Identifier128?
    var file: Identifier128?
    var path = ""
    var topic: String?
    var reason = ""
    var from: UInt64?
    var to: UInt64?
    /// `to` is there and null: the extent cannot be known.
    var isOpenEnded = false
    /// Of a gap put together from several: at most 32.
    var ranges: [(from: UInt64, to: UInt64?)] = []
    var hasRanges = false
    var bytes: UInt64?
    var openEnded: UInt64?
    var size: UInt64?
    var isSizeUnknown = false
    var skipped: UInt64?
    var offset: UInt64?
    var recordBytes: UInt64?

    /// nil when it is no JSON object, or has a member twice that is read here.
    init?(_ message: UnsafeRawBufferPointer) {
        var cursor = JSONCursor(message)
        var seen: Set<String> = []
        guard cursor.take(0x7B) else { return nil }
        if !cursor.take(0x7D) {
            repeat {
                guard let name = cursor.string(), cursor.take(0x3A) else { return nil }
                let field = cursor.decoded(name)
                guard member(field, &cursor) else { return nil }
                if AuditEventFields.names.contains(field), !seen.insert(field).inserted { return nil }
            } while cursor.take(0x2C)
            guard cursor.take(0x7D) else { return nil }
        }
        guard cursor.isAtEnd() else { return nil }
    }

    private static let names: Set<String> = [
        "event", "@timestamp", "host.name", "container.id", "container.name", "log.declaration", "log.stream.id",
        "log.file.id", "log.file.path", "topic", "reason", "from", "to", "ranges", "bytes", "open_ended", "size",
        "skipped", "log.file.offset", "log.record.bytes",
    ]

    private mutating func member(_ name: String, _ cursor: inout JSONCursor) -> Bool {
        let start = cursor
        switch name {
        case "event": event = cursor.text()
        case "@timestamp": timestamp = cursor.text()
        case "host.name":
            var copy = cursor
            rawHost = copy.string().map { cursor.bytes($0) } ?? []
            host = cursor.text()
        case "container.id": container = cursor.text() ?? ""
        case "container.name": containerName = cursor.text() ?? ""
        case "log.declaration": declaration = cursor.text() ?? ""
        case "log.stream.id": stream = cursor.string().flatMap { cursor.identifier($0) }
        case "log.file.id": file = cursor.string().flatMap { cursor.identifier($0) }
        case "log.file.path": path = cursor.text() ?? ""
        case "topic": topic = cursor.text()
        case "reason": reason = cursor.text() ?? ""
        default: number(name, &cursor)
        }
        cursor = start
        return cursor.skipValue()
    }

    private mutating func number(_ name: String, _ cursor: inout JSONCursor) {
        switch name {
        case "from": from = cursor.unsigned()
        case "to":
            to = cursor.unsigned()
            isOpenEnded = to == nil && cursor.peek() == UInt8(ascii: "n")
        case "ranges":
            hasRanges = true
            ranges = cursor.ranges() ?? []
        case "bytes": bytes = cursor.unsigned()
        case "open_ended": openEnded = cursor.unsigned()
        case "size":
            size = cursor.unsigned()
            isSizeUnknown = size == nil && cursor.peek() == UInt8(ascii: "n")
        case "skipped": skipped = cursor.unsigned()
        case "log.file.offset": offset = cursor.unsigned()
        case "log.record.bytes": recordBytes = cursor.unsigned()
        default: break
        }
    }

    /// When it happened, in milliseconds since 1970.
    var time: Int64? { timestamp.flatMap { Instant.parse($0) } }
}

extension JSONCursor {
    fileprivate mutating func text() -> String? {
        guard peek() == 0x22 else { return nil }
        return string().map { decoded($0) }
    }

    /// `[[0,10],[20,null]]`; nil for anything else.
    fileprivate mutating func ranges() -> [(from: UInt64, to: UInt64?)]? {
        var found: [(from: UInt64, to: UInt64?)] = []
        guard take(0x5B) else { return nil }
        repeat {
            guard take(0x5B), let from = unsigned(), take(0x2C) else { return nil }
            let isOpen = peek() == UInt8(ascii: "n")
            let to = isOpen ? nil : unsigned()
            if isOpen { guard skipValue() else { return nil } } else if to == nil { return nil }
            guard take(0x5D) else { return nil }
            found.append((from, to))
        } while take(0x2C)
        return take(0x5D) ? found : nil
    }
}
