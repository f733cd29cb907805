// Log lines that know who they are: file, sequence, and a checksum over all of it.

/// Which line a text is.
package struct NumberedLine: Hashable, Sendable {
    package let file: UInt32
    package let sequence: UInt64

    package init(file: UInt32, sequence: UInt64) {
        self.file = file
        self.sequence = sequence
    }
}

/// Makes and checks deterministic lines: `F<file> S<sequence> <filler> #<FNV-1a 64 of all before>`, without newline.
/// The filler's length (0 to 320 bytes, 160 on average) and text depend on file and sequence only; it holds quotes,
/// backslashes, tabs and multi-byte characters, so that every line also tests escaping.
package enum NumberedLines {
    /// The bytes of one line, without newline.
    package static func line(file: UInt32, sequence: UInt64) -> [UInt8] {
        var bytes: [UInt8] = []
        append(file: file, sequence: sequence, to: &bytes)
        return bytes
    }

    /// Appends one line, without newline.
    package static func append(file: UInt32, sequence: UInt64, to bytes: inout [UInt8]) {
        // splitmix64 step on both numbers: any two lines differ in length and filler.
        var seed = (UInt64(file) << 40 ^ sequence) &* 0x9E37_79B9_7F4A_7C15
        seed = (seed ^ seed >> 31) &* 0xBF58_476D_1CE4_E5B9
        append(file: file, sequence: sequence, filler: Int((seed >> 32) % 320), from: Int(seed % 64), to: &bytes)
    }

    /// Appends one line with about `filler` bytes of filler, behind `mark` where one is given, without newline.
    package static func append(
        file: UInt32, sequence: UInt64, filler: Int, from shift: Int = 0, mark: String = "", to bytes: inout [UInt8]
    ) {
        let start = bytes.count
        bytes.append(contentsOf: "F\(file) S\(sequence) \(mark)".utf8)
        fillerSource.withUnsafeBufferPointer { source in
            var left = filler
            var from = fillerStarts[shift % 64]
            while left > 0 {
                var end = min(from + left, source.count)
                left -= end - from
                while end < source.count, end > from, source[end] & 0xC0 == 0x80 { end -= 1 }
                bytes.append(contentsOf: source[from..<end])
                from = 0
            }
        }
        appendChecksum(ofLineAt: start, to: &bytes)
    }

    private static func appendChecksum(ofLineAt start: Int, to bytes: inout [UInt8]) {
        bytes.append(contentsOf: " #".utf8)
        let checksum = bytes.withUnsafeBufferPointer {
            fnv1a($0.baseAddress! + start, count: $0.count - start - 2)
        }
        var place = 60
        while place >= 0 {
            let nibble = UInt8(truncatingIfNeeded: checksum >> UInt64(place)) & 15
            bytes.append(nibble < 10 ? 0x30 + nibble : 0x57 + nibble)
            place -= 4
        }
    }

    /// Which line this is; nil when it is none, or a byte of it is wrong.
    package static func check(_ line: some Collection<UInt8>) -> NumberedLine? {
        line.withContiguousStorageIfAvailable { check($0) } ?? Array(line).withUnsafeBufferPointer { check($0) }
    }

    /// The same on bytes in place.
    package static func check(_ line: UnsafeBufferPointer<UInt8>) -> NumberedLine? {
        guard line.count >= 24, let base = line.baseAddress else { return nil }
        let body = line.count - 18
        guard base[body] == 0x20, base[body + 1] == 0x23 else { return nil }
        var told: UInt64 = 0
        var place = body + 2
        while place < line.count {
            let digit = hexadecimalValue(base[place])
            if digit > 15 || base[place] < 0x61 && base[place] > 0x39 { return nil }
            told = told << 4 | UInt64(digit)
            place += 1
        }
        guard told == fnv1a(base, count: body) else { return nil }
        var at = 0
        guard let file = number(base, body, &at, after: 0x46), let sequence = number(base, body, &at, after: 0x53)
        else {
            return nil
        }
        return NumberedLine(file: UInt32(truncatingIfNeeded: file), sequence: sequence)
    }

    /// Digits behind the letter `mark` up to the next space, which is passed.
    private static func number(
        _ base: UnsafePointer<UInt8>, _ end: Int, _ at: inout Int, after mark: UInt8
    ) -> UInt64? {
        guard at < end, base[at] == mark else { return nil }
        at += 1
        var value: UInt64 = 0
        while at < end && base[at] != 0x20 {
            guard base[at] >= 0x30, base[at] <= 0x39 else { return nil }
            value = value &* 10 &+ UInt64(base[at] - 0x30)
            at += 1
        }
        at += 1
        return value
    }

    /// FNV-1a, 64 bits.
    private static func fnv1a(_ bytes: UnsafePointer<UInt8>, count: Int) -> UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        var index = 0
        while index < count {
            hash = (hash ^ UInt64(bytes[index])) &* 0x100_0000_01B3
            index += 1
        }
        return hash
    }

    private static let fillerSource: [UInt8] = Array(
        String(repeating: "GET /a?q=\"x\" 200 \\d+\t日志 ünï 🚢 key=value; took 12ms ", count: 12).utf8)

    /// 64 character starts of the source, where fillers begin.
    private static let fillerStarts: [Int] = Array(
        fillerSource.indices.lazy.filter { fillerSource[$0] & 0xC0 != 0x80 }.prefix(64))
}
