// A strict walk over JSON text (RFC 8259) without building values: what the tests' parsers stand on.

/// Why a text is not JSON, and at which byte.
package struct JSONError: Error, Sendable, Equatable, CustomStringConvertible {
    package let problem: String
    package let byte: Int
    package var description: String { "not valid JSON: \(problem) at byte \(byte)" }
}

/// Walks bytes that outlive it. Everything RFC 8259 forbids is refused: control characters and invalid UTF-8 in strings,
/// lone surrogates, leading zeros, trailing commas, text behind the value. Written with pointers and plain loops, since
/// scenario tests scan 20,000 records a second in a debug build.
package struct JSONScanner {
    let base: UnsafePointer<UInt8>
    let count: Int
    private(set) var at = 0
    private static let deepest = 64

    package init(_ bytes: UnsafeBufferPointer<UInt8>) {
        base = bytes.baseAddress ?? UnsafePointer(bitPattern: 1)!
        count = bytes.count
    }

    /// The byte at the scanner after white space; 0 at the end (NUL is never valid here).
    package mutating func peek() -> UInt8 {
        while at < count {
            let byte = base[at]
            if byte != 0x20 && byte != 0x0A && byte != 0x0D && byte != 0x09 { return byte }
            at += 1
        }
        return 0
    }

    package func failure(_ problem: String) -> JSONError { JSONError(problem: problem, byte: at) }

    package mutating func expect(_ byte: UInt8, _ name: String) throws(JSONError) {
        if peek() != byte { throw failure("expected \(name)") }
        at += 1
    }

    /// Passes `byte` when it is next and says so.
    package mutating func take(_ byte: UInt8) -> Bool {
        if peek() != byte { return false }
        at += 1
        return true
    }

    /// Passes one value of any kind and gives the range of its bytes.
    package mutating func skipValue(depth: Int = 0) throws(JSONError) -> Range<Int> {
        let first = peek()
        let start = at
        switch first {
        case 0x22: _ = try skipString()
        case 0x7B, 0x5B: try skipContainer(depth: depth)
        case 0x74: try skipWord("true")
        case 0x66: try skipWord("false")
        case 0x6E: try skipWord("null")
        case 0x2D, 0x30...0x39: try skipNumber()
        default: throw failure(at == count ? "the text ends early" : "expected a value")
        }
        return start..<at
    }

    package mutating func expectEnd() throws(JSONError) {
        _ = peek()
        if at != count { throw failure("text behind the value") }
    }

    /// Passes a string; gives the range between its quotes.
    package mutating func skipString() throws(JSONError) -> Range<Int> {
        try expect(0x22, "a string")
        let start = at
        while at < count {
            let byte = base[at]
            if byte == 0x22 {
                at += 1
                return start..<(at - 1)
            }
            if byte < 0x20 { throw failure("control character in a string") }
            if byte == 0x5C {
                try skipEscape()
            } else if byte < 0x80 {
                at += 1
            } else {
                let length = validSequenceLength()
                if length == 0 { throw failure("invalid UTF-8") }
                at += length
            }
        }
        throw failure("unterminated string")
    }

    private mutating func skipContainer(depth: Int) throws(JSONError) {
        if depth == JSONScanner.deepest { throw failure("nested too deeply") }
        let isObject = base[at] == 0x7B
        let close: UInt8 = isObject ? 0x7D : 0x5D
        at += 1
        if take(close) { return }
        repeat {
            if isObject {
                _ = try skipString()
                try expect(0x3A, "':'")
            }
            _ = try skipValue(depth: depth + 1)
        } while take(0x2C)
        try expect(close, isObject ? "',' or '}'" : "',' or ']'")
    }

    private mutating func skipWord(_ word: StaticString) throws(JSONError) {
        var index = 0
        while index < word.utf8CodeUnitCount {
            if at == count || base[at] != word.utf8Start[index] { throw failure("expected \(word)") }
            at += 1
            index += 1
        }
    }

    private mutating func skipNumber() throws(JSONError) {
        if base[at] == 0x2D { at += 1 }
        let start = at
        try skipDigits()
        if base[start] == 0x30 && at - start > 1 { throw failure("a number with a leading zero") }
        if at < count && base[at] == 0x2E {
            at += 1
            try skipDigits()
        }
        if at < count && base[at] | 0x20 == 0x65 {
            at += 1
            if at < count && (base[at] == 0x2B || base[at] == 0x2D) { at += 1 }
            try skipDigits()
        }
    }

    private mutating func skipDigits() throws(JSONError) {
        let start = at
        while at < count && base[at] >= 0x30 && base[at] <= 0x39 { at += 1 }
        if at == start { throw failure("expected a digit") }
    }

    private mutating func skipEscape() throws(JSONError) {
        guard at + 1 < count else { throw failure("unterminated string") }
        switch base[at + 1] {
        case 0x22, 0x5C, 0x2F, 0x62, 0x66, 0x6E, 0x72, 0x74: at += 2
        case 0x75:
            let unit = try hexadecimal(at + 2)
            if unit & 0xFC00 == 0xDC00 { throw failure("lone surrogate") }
            if unit & 0xFC00 == 0xD800 {
                guard at + 7 < count, base[at + 6] == 0x5C, base[at + 7] == 0x75,
                    try hexadecimal(at + 8) & 0xFC00 == 0xDC00
                else { throw failure("lone surrogate") }
                at += 6
            }
            at += 6
        default: throw failure("unknown escape")
        }
    }

    /// The four hexadecimal digits at `index` as a number.
    func hexadecimal(_ index: Int) throws(JSONError) -> UInt32 {
        if index + 4 > count { throw failure("unterminated string") }
        var value: UInt32 = 0
        var place = index
        while place < index + 4 {
            let digit = hexadecimalValue(base[place])
            if digit > 15 { throw failure("expected four hexadecimal digits") }
            value = value << 4 | digit
            place += 1
        }
        return value
    }

    /// Length of the well-formed sequence at the scanner (Unicode 15, table 3-7), 0 when it is ill-formed.
    private func validSequenceLength() -> Int {
        let lead = base[at]
        let second = at + 1 < count ? base[at + 1] : 0
        switch lead {
        case 0xC2...0xDF: return second & 0xC0 == 0x80 ? 2 : 0
        case 0xE0...0xEF:
            if lead == 0xE0 && second < 0xA0 || lead == 0xED && second > 0x9F { return 0 }
            return second & 0xC0 == 0x80 && continues(at + 2) ? 3 : 0
        case 0xF0...0xF4:
            if lead == 0xF0 && second < 0x90 || lead == 0xF4 && second > 0x8F { return 0 }
            return second & 0xC0 == 0x80 && continues(at + 2) && continues(at + 3) ? 4 : 0
        default: return 0
        }
    }

    private func continues(_ index: Int) -> Bool { index < count && base[index] & 0xC0 == 0x80 }
}

/// The value of a hexadecimal digit, 255 for any other byte.
func hexadecimalValue(_ byte: UInt8) -> UInt32 {
    switch byte {
    case 0x30...0x39: UInt32(byte - 0x30)
    case 0x41...0x46: UInt32(byte - 0x37)
    case 0x61...0x66: UInt32(byte - 0x57)
    default: 255
    }
}
