// A pull parser for JSON that comes from outside: takes what is wanted and passes over the rest, whatever it is.

/// The text is no JSON, or nested too deeply; `byte` is where.
struct JSONFailure: Error, Equatable {
    let byte: Int
}

/// Reads RFC 8259 text from front to back. Each value is asked for as the type that is wanted; one of another type is
/// passed over and gives nil, so a wrong field never loses the rest. Bytes that are not UTF-8 and lone surrogates become
/// U+FFFD. Only broken structure throws. Of keys that occur twice the last wins, as with the runtimes' own parsers.
struct JSONReader {
    /// Levels of nesting that are followed; Docker's own answers have 8.
    static let deepest = 64

    private let bytes: [UInt8]
    private var at = 0
    private var depth = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// Calls `body` with each key of an object; a value that it does not take is passed over. False: not an object.
    @discardableResult
    mutating func object(
        _ body: (_ key: String, _ reader: inout JSONReader) throws(JSONFailure) -> Void
    ) throws(JSONFailure) -> Bool {
        try container(open: 0x7B, close: 0x7D) { reader throws(JSONFailure) in
            guard reader.peek() == 0x22 else { throw JSONFailure(byte: reader.at) }
            let key = try reader.text()
            try reader.expect(0x3A)
            try reader.offer { reader throws(JSONFailure) in try body(key, &reader) }
        }
    }

    /// Calls `body` at each element of an array; one that it does not take is passed over. False: not an array.
    @discardableResult
    mutating func array(_ body: (inout JSONReader) throws(JSONFailure) -> Void) throws(JSONFailure) -> Bool {
        try container(open: 0x5B, close: 0x5D) { reader throws(JSONFailure) in try reader.offer(body) }
    }

    mutating func string() throws(JSONFailure) -> String? {
        if peek() == 0x22 { return try text() }
        try skip()
        return nil
    }

    /// An integer; nil also for numbers with a fraction or an exponent.
    mutating func integer() throws(JSONFailure) -> Int64? {
        guard let byte = peek(), byte == 0x2D || 0x30...0x39 ~= byte else {
            try skip()
            return nil
        }
        return Int64(String(decoding: bytes[try word()], as: UTF8.self))
    }

    mutating func bool() throws(JSONFailure) -> Bool? {
        guard let byte = peek(), byte == 0x74 || byte == 0x66 else {
            try skip()
            return nil
        }
        try skip()
        return byte == 0x74
    }

    /// An object's texts; values of other types are left out. Empty for what is no object.
    mutating func texts() throws(JSONFailure) -> [String: String] {
        var texts: [String: String] = [:]
        try object { key, reader throws(JSONFailure) in
            if let text = try reader.string() { texts[key] = text }
        }
        return texts
    }

    /// Only white space may follow.
    mutating func end() throws(JSONFailure) { if peek() != nil { throw JSONFailure(byte: at) } }

    /// Passes over one value of any type.
    mutating func skip() throws(JSONFailure) {
        switch peek() {
        case 0x7B: try object { _, _ in }
        case 0x5B: try array { _ in }
        case 0x22: try skipText()
        case .some: try check(bytes[try word()])
        case nil: throw JSONFailure(byte: at)
        }
    }

    // MARK: - Steps

    private mutating func container(
        open: UInt8, close: UInt8, _ element: (inout JSONReader) throws(JSONFailure) -> Void
    ) throws(JSONFailure) -> Bool {
        guard peek() == open else {
            try skip()
            return false
        }
        depth += 1
        if depth > JSONReader.deepest { throw JSONFailure(byte: at) }
        at += 1
        if peek() == close {
            at += 1
        } else {
            while true {
                try element(&self)
                let byte = peek()
                at += 1
                if byte == close { break }
                if byte != 0x2C { throw JSONFailure(byte: at - 1) }
            }
        }
        depth -= 1
        return true
    }

    /// Lets `body` take the value that is next; where it takes none, passes over it.
    private mutating func offer(_ body: (inout JSONReader) throws(JSONFailure) -> Void) throws(JSONFailure) {
        _ = peek()
        let start = at
        try body(&self)
        if at == start { try skip() }
    }

    /// The next byte that is no white space; nil at the end.
    private mutating func peek() -> UInt8? {
        while at < bytes.count {
            let byte = bytes[at]
            if byte != 0x20 && byte != 0x0A && byte != 0x0D && byte != 0x09 { return byte }
            at += 1
        }
        return nil
    }

    private mutating func expect(_ byte: UInt8) throws(JSONFailure) {
        if peek() != byte { throw JSONFailure(byte: at) }
        at += 1
    }

    /// A number or a literal: everything up to the next structural byte.
    private mutating func word() throws(JSONFailure) -> Range<Int> {
        let start = at
        while at < bytes.count {
            switch bytes[at] {
            case 0x30...0x39, 0x2B, 0x2D, 0x2E, 0x41...0x5A, 0x61...0x7A:
                at += 1
                continue
            default: break
            }
            break
        }
        if at == start { throw JSONFailure(byte: at) }
        return start..<at
    }

    /// Literals are these three; whatever begins like a number is not looked at more closely.
    private func check(_ word: ArraySlice<UInt8>) throws(JSONFailure) {
        let first = word.first ?? 0
        if first == 0x2D || 0x30...0x39 ~= first { return }
        for literal in ["true", "false", "null"] as [StaticString] {
            let same = literal.withUTF8Buffer { word.elementsEqual($0) }
            if same { return }
        }
        throw JSONFailure(byte: word.startIndex)
    }

    /// Goes behind the closing quote. Says whether there was an escape.
    @discardableResult
    private mutating func skipText() throws(JSONFailure) -> Bool {
        at += 1
        var isEscaped = false
        while at < bytes.count {
            let byte = bytes[at]
            at += 1
            if byte == 0x22 { return isEscaped }
            if byte == 0x5C {
                isEscaped = true
                at += 1
            }
        }
        throw JSONFailure(byte: bytes.count)
    }

    private mutating func text() throws(JSONFailure) -> String {
        let start = at + 1
        let isEscaped = try skipText()
        let raw = bytes[start..<(at - 1)]
        return isEscaped ? try unescaped(raw) : String(decoding: raw, as: UTF8.self)
    }

    private func unescaped(_ raw: ArraySlice<UInt8>) throws(JSONFailure) -> String {
        var text: [UInt8] = []
        text.reserveCapacity(raw.count)
        var place = raw.startIndex
        while place < raw.endIndex {
            let byte = raw[place]
            place += 1
            if byte != 0x5C {
                text.append(byte)
                continue
            }
            let kind = raw[place]
            place += 1
            guard kind == 0x75 else {
                guard let plain = JSONReader.escapes[kind] else { throw JSONFailure(byte: place - 1) }
                text.append(plain)
                continue
            }
            text.append(contentsOf: UTF8.encode(try unicode(raw, &place))!)
        }
        return String(decoding: text, as: UTF8.self)
    }

    private static let escapes: [UInt8: UInt8] = [
        0x22: 0x22, 0x5C: 0x5C, 0x2F: 0x2F, 0x62: 8, 0x66: 12, 0x6E: 10, 0x72: 13, 0x74: 9,
    ]

    /// The scalar of `\uXXXX` and, where it is a high surrogate, of the low one behind it.
    private func unicode(_ raw: ArraySlice<UInt8>, _ place: inout Int) throws(JSONFailure) -> Unicode.Scalar {
        let high = try hexadecimal(raw, at: place)
        place += 4
        if let scalar = Unicode.Scalar(high) { return scalar }
        guard high & 0xFC00 == 0xD800, place + 6 <= raw.endIndex, raw[place] == 0x5C, raw[place + 1] == 0x75,
            case let low = try hexadecimal(raw, at: place + 2), low & 0xFC00 == 0xDC00
        else { return "\u{FFFD}" }
        place += 6
        return Unicode.Scalar(0x10000 + (high & 0x3FF) << 10 + low & 0x3FF) ?? "\u{FFFD}"
    }

    private func hexadecimal(_ raw: ArraySlice<UInt8>, at place: Int) throws(JSONFailure) -> UInt32 {
        guard place + 4 <= raw.endIndex else { throw JSONFailure(byte: place) }
        var value: UInt32 = 0
        for byte in raw[place..<(place + 4)] {
            guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue, byte < 0x80 else {
                throw JSONFailure(byte: place)
            }
            value = value << 4 | UInt32(digit)
        }
        return value
    }
}
