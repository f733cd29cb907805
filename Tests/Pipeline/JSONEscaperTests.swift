// The escaper against the standard library's own repair of UTF-8, and its promises about memory.
import Glibc
import Pipeline
import TestSupport
import Testing

@Suite struct JSONEscaperTests {
    private let memory = GuardedMemory(capacity: 4096)

    /// What RFC 8259 and the contract ask for, written one byte after another.
    private func reference(_ input: some Collection<UInt8>) -> [UInt8] {
        var expected: [UInt8] = []
        for byte in String(decoding: Array(input), as: UTF8.self).utf8 {
            switch byte {
            case 0x22: expected += Array("\\\"".utf8)
            case 0x5C: expected += Array("\\\\".utf8)
            case 0x08: expected += Array("\\b".utf8)
            case 0x09: expected += Array("\\t".utf8)
            case 0x0A: expected += Array("\\n".utf8)
            case 0x0C: expected += Array("\\f".utf8)
            case 0x0D: expected += Array("\\r".utf8)
            case 0..<0x10: expected += Array("\\u000\(String(byte, radix: 16))".utf8)
            case 0x10..<0x20: expected += Array("\\u00\(String(byte, radix: 16))".utf8)
            default: expected.append(byte)
            }
        }
        return expected
    }

    /// Escapes with the least memory allowed on both sides; a byte written outside it is an issue.
    private func escape(_ input: [UInt8], filler: UInt8 = 0x22) -> [UInt8] {
        let room = JSONEscaper.worstGrowth * input.count + JSONEscaper.slack
        let guardSize = 32
        let output = UnsafeMutablePointer<UInt8>.allocate(capacity: room + 2 * guardSize)
        defer { output.deallocate() }
        memset(output, 0xA5, room + 2 * guardSize)
        let start = output + guardSize
        let from = memory.place(input, slack: JSONEscaper.slack, filler: filler)
        let count = JSONEscaper.escape(from, count: input.count, to: start) - start
        for index in 0..<guardSize where output[index] != 0xA5 || start[room + index] != 0xA5 {
            Issue.record("wrote outside its memory for \(input)")
            break
        }
        return Array(UnsafeBufferPointer(start: start, count: count))
    }

    private func check(_ input: [UInt8], filler: UInt8 = 0x22, _ context: @autoclosure () -> String = "") {
        let escaped = escape(input, filler: filler)
        if escaped != reference(input) { Issue.record("\(input) became \(escaped) \(context())") }
        let text = try? JSONValue(parsing: [0x22] + escaped + [0x22]).string
        if text.map({ Array($0.utf8) }) != Array(String(decoding: input, as: UTF8.self).utf8) {
            Issue.record("\(input) does not come back from JSON: \(escaped) \(context())")
        }
    }

    @Test func `every byte alone is escaped as the reference does`() {
        check([])
        for byte in UInt8.min...UInt8.max {
            for filler: UInt8 in [0x22, 0x41, 0x80, 0xC3] { check([byte], filler: filler) }
        }
    }

    @Test func `every pair of bytes is escaped as the reference does around the end of a vector`() {
        for position in 14...18 {
            var line = [UInt8](repeating: 0x61, count: position + 2)
            for first in UInt8.min...UInt8.max {
                // All second bytes after what may begin something; a sample of the kinds after any other byte.
                let seconds: [UInt8] =
                    first >= 0xC0 || position == 15
                    ? Array(UInt8.min...UInt8.max) : [0x00, 0x1F, 0x20, 0x22, 0x5C, 0x7F, 0x80, 0xBF, 0xC3, 0xFF]
                for second in seconds {
                    line[position] = first
                    line[position + 1] = second
                    if escape(line) != reference(line) { Issue.record("\(line) became \(escape(line))") }
                    let more = line + [0x80, 0x62, 0x22]
                    if escape(more) != reference(more) { Issue.record("\(more) became \(escape(more))") }
                }
            }
        }
    }

    @Test func `random texts of every kind come back from JSON as the standard library repairs them`() {
        for seed: UInt64 in 1...20_000 {
            var generator = SeededGenerator(seed: seed)
            let count = generator.once(in: 50) ? generator.number(0...600) : generator.number(0...80)
            check(
                generator.bytes(count, lineFeeds: true), filler: generator.next() & 1 == 0 ? 0x22 : 0x80, "seed \(seed)"
            )
        }
    }

    @Test func `a prefix for every limit is the longest that fits and tells its true length`() {
        for seed: UInt64 in 1...1_000 {
            var generator = SeededGenerator(seed: seed)
            let input = generator.bytes(generator.number(0...40), lineFeeds: true)
            let from = memory.place(input, slack: 0, filler: 0)
            let whole = reference(input).count
            var longest = 0
            for limit in 0...whole + 2 {
                let (count, escaped) = JSONEscaper.prefix(of: from, count: input.count, fitting: limit)
                let text = reference(input[..<count])
                let rest = reference(input[count...])
                // Nothing is cut in two: both sides together are the whole. And what follows would not have fitted.
                let fits = escaped <= limit && text.count == escaped && text + rest == reference(input)
                let isLongest = count == input.count || escaped + firstLength(rest) > limit
                if !fits || !isLongest || count < longest {
                    Issue.record("seed \(seed), limit \(limit) of \(whole): \(count) bytes, \(escaped) escaped")
                }
                longest = count
            }
            if longest != input.count { Issue.record("seed \(seed): not everything fits where it should") }
        }
    }

    /// Length of the first escape or character of escaped text.
    private func firstLength(_ escaped: [UInt8]) -> Int {
        guard escaped.count > 1, escaped[0] == 0x5C else {
            return String(decoding: escaped, as: UTF8.self).unicodeScalars.first.map { String($0).utf8.count } ?? 0
        }
        return escaped[1] == 0x75 ? 6 : 2
    }
}
