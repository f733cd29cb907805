// Small JSON texts, raw file names as text, and tenants' text for terminals.
import Core
import TestSupport
import Testing

@Suite struct JSONTextTests {
    @Test func `an object of every kind of member is exact`() {
        var text = JSONText()
        text.begin()
        text.member("a", "x\"\\\n\t\r\u{1}é")
        text.member("b", UInt64.max)
        text.null("c")
        text.member("d\"", rawBytes: [0x2F, 0xFF, 0x22])
        text.end()
        let expected = #"{"a":"x\"\\\n\t\u000d\u0001é","b":18446744073709551615,"c":null,"d\"":"/\\xff\""}"#
        #expect(String(decoding: text.bytes, as: UTF8.self) == expected)
    }

    @Test func `an empty object and objects one after another have no stray comma`() {
        var text = JSONText()
        text.begin()
        text.end()
        text.begin()
        text.member("a", 1 as UInt64)
        text.end()
        #expect(String(decoding: text.bytes, as: UTF8.self) == #"{}{"a":1}"#)
    }

    @Test func `every byte as a raw value parses strictly`() throws {
        for byte in UInt8.min...UInt8.max {
            var text = JSONText()
            text.begin()
            text.member("v", rawBytes: [0x61, byte, 0x7A])
            text.end()
            let value = try JSONValue(parsing: text.bytes)["v"]?.string
            #expect(value == (byte < 0x80 ? "a\(UnicodeScalar(byte))z" : "a\\x\(String(byte, radix: 16))z"))
        }
    }

    @Test func `every scalar survives as a member`() throws {
        for value: UInt32 in stride(from: 1, to: 0x11_0000, by: 257) {
            guard let scalar = Unicode.Scalar(value) else { continue }
            var text = JSONText()
            text.begin()
            text.member("v", String(scalar))
            text.end()
            let parsed = try #require(try JSONValue(parsing: text.bytes)["v"]?.string)
            #expect(Array(parsed.unicodeScalars) == [scalar])
        }
    }

    @Test(
        arguments: [
            (Array("/log/é😀.log".utf8), "/log/é😀.log"),
            ([], ""),
            ([0xFF], #"\xff"#),
            ([0x61, 0xC3], #"a\xc3"#),
            ([0xC3, 0xA9, 0xA9], #"é\xa9"#),
            ([0xE2, 0x82, 0x41], #"\xe2\x82A"#),
            ([0xF0, 0x9F, 0x98], #"\xf0\x9f\x98"#),
            ([0xED, 0xA0, 0x80], #"\xed\xa0\x80"#),
            ([0xC0, 0xAF], #"\xc0\xaf"#),
            ([0x80, 0x80, 0x80, 0x80, 0x80], #"\x80\x80\x80\x80\x80"#),
            ([0x65, 0xCC, 0x81, 0xFF], "e\u{301}\\xff"),
            ([0x0A, 0x00], "\n\0"),
        ] as [([UInt8], String)])
    func `bytes that are not UTF-8 become hexadecimal`(raw: [UInt8], text: String) {
        #expect(Array(escapingInvalidUTF8(raw).utf8) == Array(text.utf8))
    }

    @Test(arguments: [
        ("plain é 日志 😀", "plain é 日志 😀"),
        ("\u{1B}[31mred", #"\u{1b}[31mred"#),
        ("a\nb\tc\r\0", #"a\u{a}b\u{9}c\u{d}\u{0}"#),
        ("\u{9B}31m\u{7F}", #"\u{9b}31m\u{7f}"#),
        ("\u{202E}gol.exe\u{2066}", #"\u{202e}gol.exe\u{2066}"#),
        ("\u{2028}\u{2029}\u{200B}\u{FEFF}\u{E0041}", #"\u{2028}\u{2029}\u{200b}\u{feff}\u{e0041}"#),
        ("\u{E000}", #"\u{e000}"#),
        ("", ""),
    ])
    func `nothing that a terminal acts on gets through`(text: String, safe: String) {
        #expect(escapedForTerminal(text) == safe)
    }
}
