// Characters that a runtime cut in two: CRI's entries are of bytes, and Podman's end wherever it read.
import Core
import Pipeline
import TestSupport
import Testing

@Suite struct EntryCharacterTests {
    private let limits = FramingLimits(line: 256 << 10, lineTotal: 16 << 20, record: 900_000)

    private func encode(
        _ parts: [[UInt8]], isEnded: Bool = true, limits: FramingLimits? = nil, seed: UInt64
    ) throws -> [RecordFields] {
        var content: [UInt8] = []
        for (index, part) in parts.enumerated() {
            let tag = isEnded && index == parts.count - 1 ? "F" : "P"
            content += Array("2026-11-29T08:00:00.1Z stdout \(tag) ".utf8) + part + [0x0A]
        }
        var driver = EncoderDriver(content, limits ?? self.limits, isFinal: true, seed: seed, format: .cri)
        driver.run()
        #expect(driver.problem == nil)
        return try driver.shipped.filter(\.isRecord).map { try RecordFields(parsing: $0.payload) }
    }

    @Test("wherever a line is cut, its characters stay whole, and what is none becomes the same as uncut")
    func everyCut() throws {
        let texts: [[UInt8]] = [
            Array("aé€🚢\"\\\tz".utf8), [0x61, 0xE2, 0x82, 0x41], [0xF0, 0x9F, 0x9A], [0xE2, 0xE2, 0x82, 0xAC],
            [0xFF, 0xC2], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0x80, 0xC3, 0xA9, 0xC3],
        ]
        for text in texts {
            let expected = String(decoding: text, as: UTF8.self)
            for first in 0...text.count {
                for second in first...text.count {
                    let parts = [Array(text[..<first]), Array(text[first..<second]), Array(text[second...])]
                    for isEnded in [true, false] {
                        let found = try encode(parts, isEnded: isEnded, seed: UInt64(first + 1)).map(\.message)
                        #expect(found == [expected], "\(text) cut at \(first) and \(second), ended: \(isEnded)")
                    }
                }
            }
            let bytes = text.map { [$0] }
            #expect(try encode(bytes, seed: 3).map(\.message) == [expected], "\(text) in single bytes")
        }
    }

    @Test("a long line of wide characters in pieces of any size")
    func longLine() throws {
        let line = Array(String(repeating: "€🚢é", count: 12_000).utf8)
        for size in [8191, 8192, 5000] {
            let parts = stride(from: 0, to: line.count, by: size).map { Array(line[$0..<min($0 + size, line.count)]) }
            let whole = try encode(parts, seed: 1)
            #expect(whole.map(\.message) == [String(decoding: line, as: UTF8.self)])
            var small = limits
            small.line = 20_000
            let pieces = try encode(parts, limits: small, seed: 2)
            #expect(pieces.count > 1)
            #expect(pieces.map { $0.message ?? "" }.joined() == String(decoding: line, as: UTF8.self))
        }
    }
}
