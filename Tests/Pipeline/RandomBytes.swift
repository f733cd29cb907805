// Random lines of all kinds of bytes.
import TestSupport

extension SeededGenerator {
    /// `count` bytes of one of several kinds: plain text, text that must be escaped, valid UTF-8 of all lengths, broken
    /// UTF-8, anything. Without line feeds unless `lineFeeds`.
    mutating func bytes(_ count: Int, lineFeeds: Bool = false) -> [UInt8] {
        let kind = number(0...5)
        var bytes: [UInt8] = []
        while bytes.count < count { bytes += piece(kind == 5 ? number(0...4) : kind) }
        bytes.removeLast(bytes.count - count)
        return lineFeeds ? bytes : bytes.map { $0 == 0x0A ? 0x0D : $0 }
    }

    private mutating func piece(_ kind: Int) -> [UInt8] {
        switch kind {
        case 0: return (0..<number(1...20)).map { _ in UInt8(number(0x20...0x7E)) }
        case 1: return [[0x22, 0x5C, 0x09, 0x0D, 0x00, 0x1F, 0x7F, 0x08, 0x0C].randomElement(using: &self)!]
        case 2:
            let scalars: [Unicode.Scalar] = ["é", "\u{7FF}", "\u{800}", "€", "\u{D7FF}", "\u{FFFF}", "😀", "\u{10FFFF}"]
            return Array(String(scalars.randomElement(using: &self)!).utf8)
        case 3:
            // Leads, wrong continuations, overlong forms, surrogates, beyond U+10FFFF.
            let broken: [[UInt8]] = [
                [0x80], [0xBF], [0xC0], [0xC3], [0xE2, 0x82], [0xE0, 0x80], [0xED, 0xA0, 0x80], [0xF0, 0x9F, 0x98],
                [0xF0, 0x80], [0xF4, 0x90, 0x80], [0xF5], [0xFF],
            ]
            return broken.randomElement(using: &self)!
        default: return [UInt8(number(0...255))]
        }
    }
}
