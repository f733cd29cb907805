// Walking over the bytes of a JSON text without building values.
internal import Core
internal import Glibc

/// A place in JSON bytes that outlive it. Strings are passed with memchr(3); what is nested is passed by its brackets and
/// strings, so that nothing inside a value can be taken for a member of the object around it. A walk that meets what
/// cannot be JSON says false and must not be continued.
struct JSONCursor {
    /// The bytes of a string between its quotes.
    struct Text {
        var start: Int
        var end: Int
        /// It has a backslash: its bytes are not its characters.
        var isEscaped: Bool
        var count: Int { end - start }
    }

    let base: UnsafePointer<UInt8>
    let count: Int
    fileprivate(set) var at = 0
    /// Deeper values are not looked into: no record of Longshore is.
    private static let deepest = 64

    init(_ bytes: UnsafeRawBufferPointer) {
        base =
            bytes.baseAddress.map { $0.assumingMemoryBound(to: UInt8.self) } ?? UnsafePointer(bitPattern: 1)!
        count = bytes.count
    }

    /// The byte at the cursor after white space; 0 at the end (NUL is never valid here).
    @inline(__always)
    mutating func peek() -> UInt8 {
        while at < count {
            let byte = base[at]
            if byte > 0x20 || (byte != 0x20 && byte != 0x0A && byte != 0x0D && byte != 0x09) { return byte }
            at &+= 1
        }
        return 0
    }

    /// Passes `byte` when it is next, and says so.
    @inline(__always)
    mutating func take(_ byte: UInt8) -> Bool {
        if peek() != byte { return false }
        at &+= 1
        return true
    }

    /// Nothing but white space is left.
    mutating func isAtEnd() -> Bool { peek() == 0 && at == count }

    /// Passes a string; nil when there is none, or it does not end.
    @inline(__always)
    mutating func string() -> Text? {
        guard take(0x22) else { return nil }
        let start = at
        var isEscaped = false
        while at < count, let found = memchr(base + at, 0x22, count - at) {
            let quote = UnsafePointer(found.assumingMemoryBound(to: UInt8.self)) - base
            var backslashes = quote
            while backslashes > at, base[backslashes - 1] == 0x5C { backslashes &-= 1 }
            at = quote &+ 1
            if (quote - backslashes) & 1 == 0 {
                if !isEscaped { isEscaped = memchr(base + start, 0x5C, quote - start) != nil }
                return Text(start: start, end: quote, isEscaped: isEscaped)
            }
            isEscaped = true
        }
        return nil
    }

    /// As `string`, for those whose content does not matter.
    @inline(__always)
    mutating func skipString() -> Bool {
        guard take(0x22) else { return false }
        while at < count, let found = memchr(base + at, 0x22, count - at) {
            let quote = UnsafePointer(found.assumingMemoryBound(to: UInt8.self)) - base
            var backslashes = quote
            while backslashes > at, base[backslashes - 1] == 0x5C { backslashes &-= 1 }
            at = quote &+ 1
            if (quote - backslashes) & 1 == 0 { return true }
        }
        return false
    }

    /// Passes one value of any kind.
    @inline(__always)
    mutating func skipValue() -> Bool {
        switch peek() {
        case 0x22: return skipString()
        case 0x7B, 0x5B: return skipNested()
        default: return skipWord()
        }
    }

    /// Passes digits without sign, fraction, exponent or leading zeros; nil for any other value, and beyond Int64.
    mutating func unsigned() -> UInt64? {
        let first = peek()
        guard first >= 0x30, first <= 0x39 else { return nil }
        let start = at
        var value: UInt64 = 0
        while at < count, base[at] >= 0x30, base[at] <= 0x39 {
            let (product, tooLarge) = value.multipliedReportingOverflow(by: 10)
            let (sum, carries) = product.addingReportingOverflow(UInt64(base[at] &- 0x30))
            if tooLarge || carries || sum > UInt64(Int64.max) { return nil }
            value = sum
            at &+= 1
        }
        if first == 0x30, at - start > 1 { return nil }
        if at < count {
            switch base[at] {
            case 0x2C, 0x5D, 0x7D, 0x20, 0x0A, 0x0D, 0x09: break
            default: return nil
            }
        }
        return value
    }

    /// A number, `true`, `false` or `null`: letters, digits and what numbers are written with.
    private mutating func skipWord() -> Bool {
        let start = at
        while at < count {
            switch base[at] {
            case 0x30...0x39, 0x61...0x7A, 0x2B, 0x2D, 0x2E, 0x45: at &+= 1
            default: return at > start
            }
        }
        return at > start
    }

    /// An object or array. Its brackets are kept as bits: 1 for objects.
    @inline(never)
    private mutating func skipNested() -> Bool {
        var kinds: UInt64 = 0
        var depth = 0
        while at < count {
            switch base[at] {
            case 0x22:
                guard skipString() else { return false }
                continue
            case 0x7B, 0x5B:
                if depth == JSONCursor.deepest { return false }
                kinds = kinds << 1 | (base[at] == 0x7B ? 1 : 0)
                depth += 1
            case 0x7D, 0x5D:
                guard kinds & 1 == (base[at] == 0x7D ? 1 : 0) else { return false }
                kinds >>= 1
                depth -= 1
                if depth == 0 {
                    at &+= 1
                    return true
                }
            default: break
            }
            at &+= 1
        }
        return false
    }
}

extension JSONCursor {
    mutating func move(to place: Int) { at = place }

    /// 32 lower-case hexadecimal digits; nil for any other text.
    @inline(__always)
    func identifier(_ text: Text) -> Identifier128? {
        guard text.count == 32 else { return nil }
        var words: (high: UInt64, low: UInt64) = (0, 0)
        for index in 0..<32 {
            let byte = base[text.start &+ index]
            let digit = byte &- 0x30
            let letter = byte &- 0x61
            guard digit < 10 || letter < 6 else { return nil }
            let nibble = UInt64(digit < 10 ? digit : letter &+ 10)
            if index < 16 { words.high = words.high << 4 | nibble } else { words.low = words.low << 4 | nibble }
        }
        return Identifier128(high: words.high, low: words.low)
    }

    /// True when the text is `name`, written as it is.
    @inline(__always)
    func equals(_ text: Text, _ name: StaticString) -> Bool {
        text.count == name.utf8CodeUnitCount && memcmp(base + text.start, name.utf8Start, text.count) == 0
    }

    func bytes(_ text: Text) -> [UInt8] { Array(UnsafeBufferPointer(start: base + text.start, count: text.count)) }

    /// The characters of a string: escapes are resolved, what is no UTF-8 or half a surrogate pair is replaced.
    func decoded(_ text: Text) -> String {
        if !text.isEscaped {
            return String(decoding: UnsafeBufferPointer(start: base + text.start, count: text.count), as: UTF8.self)
        }
        var units: [UInt16] = []
        var result = ""
        var place = text.start
        func flush() {
            result += String(decoding: units, as: UTF16.self)
            units.removeAll(keepingCapacity: true)
        }
        while place < text.end {
            guard base[place] == 0x5C else {
                flush()
                let stop = memchr(base + place, 0x5C, text.end - place)
                let next = stop.map { UnsafePointer($0.assumingMemoryBound(to: UInt8.self)) - base } ?? text.end
                result += String(
                    decoding: UnsafeBufferPointer(start: base + place, count: next - place), as: UTF8.self)
                place = next
                continue
            }
            let (unit, length) = escape(at: place, end: text.end)
            units.append(unit)
            place += length
        }
        flush()
        return result
    }

    private func escape(at place: Int, end: Int) -> (unit: UInt16, length: Int) {
        guard place + 1 < end else { return (0xFFFD, 1) }
        switch base[place + 1] {
        case 0x6E: return (0x0A, 2)
        case 0x74: return (0x09, 2)
        case 0x72: return (0x0D, 2)
        case 0x62: return (0x08, 2)
        case 0x66: return (0x0C, 2)
        case 0x75:
            let digits = UnsafeBufferPointer(start: base + place + 2, count: max(0, min(4, end - place - 2)))
            guard digits.count == 4, let unit = UInt16(String(decoding: digits, as: UTF8.self), radix: 16) else {
                return (0xFFFD, 2)
            }
            return (unit, 6)
        case let other: return (UInt16(other), 2)
        }
    }
}
