// Building small JSON texts (metadata prefixes, audit events) outside the hot path.

/// Appends flat JSON objects to a byte array: `begin`, members, `end`. Not for lines of logs: that is the Pipeline's encoder.
package struct JSONText: Sendable {
    package private(set) var bytes: [UInt8] = []
    private var needsComma = false

    package init() {}

    /// Goes on behind the members that `bytes`, an object without its end, has already.
    package init(continuing bytes: [UInt8]) {
        self.bytes = bytes
        needsComma = bytes.last != 0x7B
    }

    package mutating func begin() {
        bytes.append(0x7B)
        needsComma = false
    }

    package mutating func end() {
        bytes.append(0x7D)
        needsComma = true
    }

    package mutating func member(_ name: String, _ value: String) {
        key(name)
        quote(Array(value.utf8))
    }

    /// A member whose value are raw bytes from the system (a file name): invalid UTF-8 becomes \xHH.
    package mutating func member(_ name: String, rawBytes: some Sequence<UInt8>) {
        key(name)
        quote(Array(escapingInvalidUTF8(rawBytes).utf8))
    }

    /// A string alone, quoted, from raw bytes as in `member(_:rawBytes:)`.
    package mutating func string(rawBytes: some Sequence<UInt8>) {
        quote(Array(escapingInvalidUTF8(rawBytes).utf8))
    }

    package mutating func member(_ name: String, _ value: UInt64) {
        key(name)
        bytes.append(contentsOf: String(value).utf8)
    }

    package mutating func member(_ name: String, _ value: Int64) {
        key(name)
        bytes.append(contentsOf: String(value).utf8)
    }

    package mutating func member(_ name: String, _ value: Bool) {
        key(name)
        bytes.append(contentsOf: (value ? "true" : "false").utf8)
    }

    /// An array of strings.
    package mutating func member(_ name: String, list: [String]) {
        key(name)
        bytes.append(0x5B)
        for (index, text) in list.enumerated() {
            if index > 0 { bytes.append(0x2C) }
            quote(Array(text.utf8))
        }
        bytes.append(0x5D)
    }

    /// An array of pairs; an end that is nil becomes null.
    package mutating func member(_ name: String, ranges: [(UInt64, UInt64?)]) {
        key(name)
        let pairs = ranges.map { "[\($0),\($1.map { String($0) } ?? "null")]" }
        bytes.append(contentsOf: "[\(pairs.joined(separator: ","))]".utf8)
    }

    package mutating func null(_ name: String) {
        key(name)
        bytes.append(contentsOf: "null".utf8)
    }

    private mutating func key(_ name: String) {
        if needsComma { bytes.append(0x2C) }
        quote(Array(name.utf8))
        bytes.append(0x3A)
        needsComma = true
    }

    /// RFC 8259 section 7: quote, backslash and control characters are escaped, everything else is copied.
    private mutating func quote(_ text: [UInt8]) {
        bytes.append(0x22)
        for byte in text {
            switch byte {
            case 0x22, 0x5C: bytes.append(contentsOf: [0x5C, byte])
            case 0x0A: bytes.append(contentsOf: [0x5C, 0x6E])
            case 0x09: bytes.append(contentsOf: [0x5C, 0x74])
            case 0..<0x20:
                bytes.append(contentsOf: "\\u00".utf8)
                bytes.append(contentsOf: [hexadecimalDigit(byte >> 4), hexadecimalDigit(byte & 15)])
            default: bytes.append(byte)
            }
        }
        bytes.append(0x22)
    }
}

/// A file name as text: bytes that are not part of valid UTF-8 are written as `\xHH`, everything else stays as it is.
package func escapingInvalidUTF8(_ raw: some Sequence<UInt8>) -> String {
    let bytes = Array(raw)
    if let text = String(validating: bytes, as: UTF8.self) { return text }
    var text = ""
    var index = 0
    while index < bytes.count {
        var length = 1
        while length < 4, index + length < bytes.count, bytes[index + length] & 0xC0 == 0x80 { length += 1 }
        var accepted = 0
        for candidate in stride(from: length, through: 1, by: -1) {
            if let scalar = String(validating: bytes[index..<index + candidate], as: UTF8.self) {
                text += scalar
                accepted = candidate
                break
            }
        }
        if accepted == 0 {
            let byte = bytes[index]
            text +=
                "\\x"
                + String(
                    [hexadecimalDigit(byte >> 4), hexadecimalDigit(byte & 15)].map { Character(UnicodeScalar($0)) })
            accepted = 1
        }
        index += accepted
    }
    return text
}

/// Text from a tenant (a path, a name) for a terminal: control characters, terminal escapes and bidirectional
/// overrides become `\u{..}`.
package func escapedForTerminal(_ text: some StringProtocol) -> String {
    var safe = ""
    for scalar in text.unicodeScalars {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse:
            safe += "\\u{" + String(scalar.value, radix: 16) + "}"
        default: safe.unicodeScalars.append(scalar)
        }
    }
    return safe
}
