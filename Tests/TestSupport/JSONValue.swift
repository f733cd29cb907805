// JSON as a tree of values: status reports, audit events, and whatever else a test wants to look into.

/// One JSON value. Numbers stay text, so that no offset above 2^53 loses digits.
package enum JSONValue: Sendable, Equatable {
    case object([String: JSONValue])
    case array([JSONValue])
    case string(String)
    case number(String)
    case bool(Bool)
    case null

    /// Parses a whole text; refuses what RFC 8259 forbids, and duplicate keys.
    package init(parsing bytes: [UInt8]) throws(JSONError) {
        var parsed: Result<JSONValue, JSONError> = .failure(JSONError(problem: "empty", byte: 0))
        bytes.withUnsafeBufferPointer { buffer in
            do throws(JSONError) {
                // One strict pass first, so that building the tree meets no malformed text.
                var scanner = JSONScanner(buffer)
                _ = try scanner.skipValue()
                try scanner.expectEnd()
                scanner = JSONScanner(buffer)
                parsed = .success(try JSONValue(building: &scanner))
            } catch { parsed = .failure(error) }
        }
        self = try parsed.get()
    }

    private init(building scanner: inout JSONScanner) throws(JSONError) {
        switch scanner.peek() {
        case 0x22: self = .string(scanner.text(of: try scanner.skipString()))
        case 0x7B: self = .object(try JSONValue.members(&scanner))
        case 0x5B:
            var elements: [JSONValue] = []
            try scanner.expect(0x5B, "'['")
            if !scanner.take(0x5D) {
                repeat { elements.append(try JSONValue(building: &scanner)) } while scanner.take(0x2C)
                try scanner.expect(0x5D, "']'")
            }
            self = .array(elements)
        default:
            switch scanner.raw(try scanner.skipValue()) {
            case "true": self = .bool(true)
            case "false": self = .bool(false)
            case "null": self = .null
            case let number: self = .number(number)
            }
        }
    }

    /// The members of the object at the scanner; a key that occurs twice is refused.
    static func members(_ scanner: inout JSONScanner) throws(JSONError) -> [String: JSONValue] {
        var members: [String: JSONValue] = [:]
        try scanner.expect(0x7B, "'{'")
        if scanner.take(0x7D) { return members }
        repeat {
            let name = scanner.text(of: try scanner.skipString())
            try scanner.expect(0x3A, "':'")
            let value = try JSONValue(building: &scanner)
            if members.updateValue(value, forKey: name) != nil { throw scanner.failure("duplicate key \(name)") }
        } while scanner.take(0x2C)
        try scanner.expect(0x7D, "',' or '}'")
        return members
    }

    /// A member of an object; nil for other values and absent members.
    package subscript(_ name: String) -> JSONValue? {
        if case .object(let members) = self { members[name] } else { nil }
    }

    package var string: String? { if case .string(let text) = self { text } else { nil } }
    package var bool: Bool? { if case .bool(let flag) = self { flag } else { nil } }
    package var array: [JSONValue]? { if case .array(let elements) = self { elements } else { nil } }
    package var object: [String: JSONValue]? { if case .object(let members) = self { members } else { nil } }
    /// nil also for numbers with a fraction, a sign or beyond 64 bits.
    package var uint64: UInt64? { if case .number(let text) = self { UInt64(text) } else { nil } }
    package var double: Double? { if case .number(let text) = self { Double(text) } else { nil } }
}

extension JSONScanner {
    /// The bytes of a range as they are.
    func raw(_ range: Range<Int>) -> String {
        String(decoding: UnsafeBufferPointer(start: base + range.lowerBound, count: range.count), as: UTF8.self)
    }

    /// A string's text with its escapes resolved; `range` came from `skipString`.
    func text(of range: Range<Int>) -> String {
        String(unsafeUninitializedCapacity: max(range.count, 1)) { buffer in
            unescape(range, into: buffer.baseAddress!)
        }
    }

    /// Writes a string's text, at most `range.count` bytes, at `out`; gives its length. `range` came from `skipString`.
    func unescape(_ range: Range<Int>, into out: UnsafeMutablePointer<UInt8>) -> Int {
        var place = range.lowerBound
        var written = 0
        while place < range.upperBound {
            let byte = base[place]
            if byte != 0x5C {
                out[written] = byte
                written += 1
                place += 1
            } else if base[place + 1] != 0x75 {
                out[written] = JSONScanner.simpleEscape(base[place + 1])
                written += 1
                place += 2
            } else {
                var scalar = (try? hexadecimal(place + 2)) ?? 0xFFFD
                place += 6
                if scalar & 0xFC00 == 0xD800 {
                    scalar = 0x10000 + (scalar & 0x3FF) << 10 + (((try? hexadecimal(place + 2)) ?? 0) & 0x3FF)
                    place += 6
                }
                for unit in UTF8.encode(Unicode.Scalar(scalar) ?? "\u{FFFD}")! {
                    out[written] = unit
                    written += 1
                }
            }
        }
        return written
    }

    private static func simpleEscape(_ byte: UInt8) -> UInt8 {
        switch byte {
        case 0x62: 0x08
        case 0x66: 0x0C
        case 0x6E: 0x0A
        case 0x72: 0x0D
        case 0x74: 0x09
        default: byte
        }
    }
}
