// The hot loop: copying a message into a JSON string, escaping and validating UTF-8 in one pass.
internal import Core

/// Escapes bytes into JSON string content (RFC 8259 section 7). Invalid UTF-8 becomes U+FFFD, one per maximal
/// ill-formed subsequence (Unicode 15, section 3.9), so that the output is always valid JSON.
package enum JSONEscaper {
    /// Bytes that must be readable behind the input and writable behind the output: whole vectors are moved.
    package static let slack = 16
    /// No input byte becomes more than this many output bytes.
    package static let worstGrowth = 6

    /// Escapes `count` bytes at `input` to `output` and returns the address behind the last byte written.
    /// `output` has room for `worstGrowth * count + slack` bytes.
    @inline(__always)
    package static func escape(
        _ input: UnsafePointer<UInt8>, count: Int, to output: UnsafeMutablePointer<UInt8>
    ) -> UnsafeMutablePointer<UInt8> {
        var from = input
        var to = output
        let end = input + count
        while from < end {
            let clean = copyCleanRun(from, end, to)
            from += clean
            to += clean
            // The last vector may have run past the end: step back to it.
            if from >= end { return to - (from - end) }
            (from, to) = special(from, end, to)
        }
        return to
    }

    /// Copies 16 bytes at a time until one needs attention: quote, backslash, control, or part of a multi-byte
    /// sequence (as signed numbers, both of the latter are below 0x20). Returns how many bytes before it are clean;
    /// may be past `end`.
    @inline(__always)
    static func copyCleanRun(
        _ input: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>, _ output: UnsafeMutablePointer<UInt8>
    ) -> Int {
        var from = UnsafeRawPointer(input)
        var to = UnsafeMutableRawPointer(output)
        let quote = SIMD16<UInt8>(repeating: 0x22)
        let backslash = SIMD16<UInt8>(repeating: 0x5C)
        let space = SIMD16<Int8>(repeating: 0x20)
        while from < UnsafeRawPointer(end) {
            let bytes = from.loadUnaligned(as: SIMD16<UInt8>.self)
            to.storeBytes(of: bytes, as: SIMD16<UInt8>.self)
            let special =
                (bytes .== quote) .| (bytes .== backslash) .| (unsafeBitCast(bytes, to: SIMD16<Int8>.self) .< space)
            let words = unsafeBitCast(special, to: SIMD2<UInt64>.self)
            if words[0] | words[1] != 0 {
                let lane =
                    words[0] != 0
                    ? words[0].trailingZeroBitCount &>> 3 : 8 &+ (words[1].trailingZeroBitCount &>> 3)
                return (from - UnsafeRawPointer(input)) &+ lane
            }
            from += 16
            to += 16
        }
        return from - UnsafeRawPointer(input)
    }

    /// One escape, or a run of multi-byte sequences; returns both places behind it.
    @inline(never)
    static func special(
        _ input: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>, _ output: UnsafeMutablePointer<UInt8>
    ) -> (UnsafePointer<UInt8>, UnsafeMutablePointer<UInt8>) {
        if input.pointee < 0x80 { return (input + 1, writeEscape(of: input.pointee, output)) }
        var from = input
        var to = output
        while from < end, from.pointee >= 0x80 {
            let (length, valid) = sequence(from, end)
            if valid {
                for index in 0..<length { to[index] = from[index] }
                to += length
            } else {
                to[0] = 0xEF
                to[1] = 0xBF
                to[2] = 0xBD
                to += 3
            }
            from += length
        }
        return (from, to)
    }

    static func writeEscape(
        of byte: UInt8, _ output: UnsafeMutablePointer<UInt8>
    ) -> UnsafeMutablePointer<UInt8> {
        output[0] = 0x5C
        let short: UInt8
        switch byte {
        case 0x22, 0x5C: short = byte
        case 0x08: short = 0x62
        case 0x09: short = 0x74
        case 0x0A: short = 0x6E
        case 0x0C: short = 0x66
        case 0x0D: short = 0x72
        case 0..<0x20:
            output[1] = 0x75
            output[2] = 0x30
            output[3] = 0x30
            output[4] = hexadecimalDigit(byte &>> 4)
            output[5] = hexadecimalDigit(byte & 15)
            return output + 6
        default:
            output[0] = byte
            return output + 1
        }
        output[1] = short
        return output + 2
    }

    /// Length of the UTF-8 sequence at `from` (lead byte 0x80 or above) and whether it is valid; of an invalid one the
    /// length of its maximal subpart (Unicode 15, table 3-7).
    static func sequence(_ from: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>) -> (
        length: Int, valid: Bool
    ) {
        let lead = from.pointee
        var second: ClosedRange<UInt8> = 0x80...0xBF
        let length: Int
        switch lead {
        case 0xC2...0xDF: length = 2
        case 0xE0...0xEF:
            length = 3
            if lead == 0xE0 { second = 0xA0...0xBF }
            if lead == 0xED { second = 0x80...0x9F }
        case 0xF0...0xF4:
            length = 4
            if lead == 0xF0 { second = 0x90...0xBF }
            if lead == 0xF4 { second = 0x80...0x8F }
        default: return (1, false)
        }
        for index in 1..<length {
            guard from + index < end else { return (index, false) }
            let expected = index == 1 ? second : 0x80...0xBF
            guard expected.contains(from[index]) else { return (index, false) }
        }
        return (length, true)
    }

    /// How many bytes at the end of the input begin a sequence that what follows may complete.
    static func unfinished(_ input: UnsafePointer<UInt8>, count: Int) -> Int {
        for back in 1...3 where back <= count {
            let lead = input + count - back
            if lead.pointee & 0xC0 == 0x80 { continue }
            guard 0xC2...0xF4 ~= lead.pointee else { return 0 }
            let (length, valid) = sequence(lead, input + count)
            return !valid && length == back ? back : 0
        }
        return 0
    }

    /// The last place at or before `limit` (less than `count`) that is not inside a UTF-8 sequence, nor inside what
    /// becomes one U+FFFD. 0 when the first sequence is longer than `limit`.
    static func boundary(of input: UnsafePointer<UInt8>, count: Int, notAfter limit: Int) -> Int {
        guard limit > 0, limit < count, input[limit] & 0xC0 == 0x80 else { return min(limit, count) }
        for lead in stride(from: limit - 1, through: max(0, limit - 3), by: -1) where input[lead] & 0xC0 != 0x80 {
            if input[lead] < 0x80 { return limit }
            return lead + sequence(input + lead, input + count).length > limit ? lead : limit
        }
        return limit
    }

    /// How many bytes of `input` fit escaped into `limit` bytes, never ending inside a UTF-8 sequence, and how long they
    /// become. For the rare line whose worst case is too large; one pass, byte by byte.
    package static func prefix(
        of input: UnsafePointer<UInt8>, count: Int, fitting limit: Int
    ) -> (count: Int, escaped: Int) {
        var from = input
        let end = input + count
        var escaped = 0
        while from < end {
            var length = 1
            var growth: Int
            switch from.pointee {
            case 0x22, 0x5C, 0x08, 0x09, 0x0A, 0x0C, 0x0D: growth = 2
            case 0..<0x20: growth = 6
            case 0x80...:
                let (sequenceLength, valid) = sequence(from, end)
                length = sequenceLength
                growth = valid ? sequenceLength : 3
            default: growth = 1
            }
            if escaped + growth > limit { break }
            escaped += growth
            from += length
        }
        return (from - input, escaped)
    }
}
