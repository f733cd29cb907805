// JSON string content into the string content of our own records.
internal import Core

/// Rewrites the content of a JSON string (RFC 8259, section 7) as `JSONEscaper` would write its text: one form for each
/// character, whichever escape the source used, invalid UTF-8 and lone surrogates as U+FFFD.
enum JSONStringScanner {
    /// Only invalid UTF-8 becomes longer: one byte, three bytes.
    static let worstGrowth = 3

    /// Writes `count` bytes of content at `input` to `output`, which has room for `worstGrowth * count` and the slack.
    /// Returns the address behind the last byte written; nil where it is no string content.
    @inline(__always)
    static func rewrite(
        _ input: UnsafePointer<UInt8>, count: Int, to output: UnsafeMutablePointer<UInt8>
    ) -> UnsafeMutablePointer<UInt8>? {
        var from = input
        var to = output
        let end = input + count
        while from < end {
            let clean = JSONEscaper.copyCleanRun(from, end, to)
            from += clean
            to += clean
            if from >= end { return to - (from - end) }
            guard special(&from, end, &to) else { return nil }
        }
        return to
    }

    /// One escape, or a run of multi-byte sequences. False for what no string holds: a quote, a control character, an
    /// escape that is none.
    @inline(never)
    private static func special(
        _ from: inout UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>, _ to: inout UnsafeMutablePointer<UInt8>
    ) -> Bool {
        let byte = from.pointee
        if byte >= 0x80 {
            (from, to) = JSONEscaper.special(from, end, to)
            return true
        }
        guard byte == 0x5C, from + 1 < end else { return false }
        switch from[1] {
        case 0x22, 0x5C, 0x62, 0x66, 0x6E, 0x72, 0x74:
            to[0] = 0x5C
            to[1] = from[1]
            to += 2
            from += 2
        case 0x2F:
            to[0] = 0x2F
            to += 1
            from += 2
        case 0x75: return unicode(&from, end, &to)
        default: return false
        }
        return true
    }

    private static func unicode(
        _ from: inout UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>, _ to: inout UnsafeMutablePointer<UInt8>
    ) -> Bool {
        guard var code = unit(from, end) else { return false }
        from += 6
        if code & 0xF800 == 0xD800 {
            if code < 0xDC00, let low = unit(from, end), low & 0xFC00 == 0xDC00 {
                code = 0x1_0000 + (code & 0x3FF) << 10 + (low & 0x3FF)
                from += 6
            } else {
                code = 0xFFFD
            }
        }
        write(code, &to)
        return true
    }

    /// The code unit of `\uXXXX`.
    private static func unit(_ from: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>) -> UInt32? {
        guard end - from >= 6, from[0] == 0x5C, from[1] == 0x75 else { return nil }
        var code: UInt32 = 0
        for place in 2..<6 {
            let digit: UInt8
            switch from[place] {
            case 0x30...0x39: digit = from[place] - 0x30
            case 0x41...0x46: digit = from[place] - 0x37
            case 0x61...0x66: digit = from[place] - 0x57
            default: return nil
            }
            code = code << 4 | UInt32(digit)
        }
        return code
    }

    private static func write(_ code: UInt32, _ to: inout UnsafeMutablePointer<UInt8>) {
        func put(_ value: UInt32) {
            to.pointee = UInt8(truncatingIfNeeded: value)
            to += 1
        }
        switch code {
        case 0..<0x20, 0x22, 0x5C: to = JSONEscaper.writeEscape(of: UInt8(code), to)
        case 0..<0x80: put(code)
        case 0..<0x800:
            put(0xC0 | code >> 6)
            put(0x80 | code & 0x3F)
        case 0..<0x1_0000:
            put(0xE0 | code >> 12)
            put(0x80 | code >> 6 & 0x3F)
            put(0x80 | code & 0x3F)
        default:
            put(0xF0 | code >> 18)
            put(0x80 | code >> 12 & 0x3F)
            put(0x80 | code >> 6 & 0x3F)
            put(0x80 | code & 0x3F)
        }
    }

    /// Removes the escape `\` and `letter` from the end of rewritten content; false where it does not end so.
    static func strip(
        _ letter: UInt8, from start: UnsafeMutablePointer<UInt8>, _ end: inout UnsafeMutablePointer<UInt8>
    )
        -> Bool
    {
        guard end - start >= 2, end[-1] == letter, end[-2] == 0x5C else { return false }
        // An escaped backslash before the letter is none of it.
        var backslashes = 0
        var place = end - 2
        while place >= start, place.pointee == 0x5C {
            backslashes += 1
            place -= 1
        }
        guard backslashes % 2 == 1 else { return false }
        end -= 2
        return true
    }

    /// How many bytes of UTF-8 the text has that `content` stands for.
    static func textLength(_ content: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>) -> Int {
        var place = content
        var length = 0
        while place < end {
            length += 1
            place += place.pointee == 0x5C ? (place[1] == 0x75 ? 6 : 2) : 1
        }
        return length
    }
}
