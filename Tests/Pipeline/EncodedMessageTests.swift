// The beginning of a message in an encoded record.
import Testing

@testable import Pipeline

@Suite struct EncodedMessageTests {
    private func record(_ escaped: String) -> [UInt8] {
        Array(
            (#"{"@timestamp":"2026-01-01T00:00:00.000000000Z","observed_timestamp":"2026-01-01T00:00:00.000000000Z","#
                + #""message":""# + escaped + #"","host.name":"n"}"#).utf8)
    }

    private func prefix(_ bytes: [UInt8], text: Int = 1_000, escaped: Int = 1_000) -> (String, Bool)? {
        EncodedMessage.prefix(of: bytes, textBytes: text, escapedBytes: escaped).map {
            (String(decoding: $0.escaped, as: UTF8.self), $0.isWhole)
        }
    }

    @Test(arguments: ["", "plain", #"quote \" and \\"#, #"\\"#, #"tab \t control \u0001"#, "é 😀"])
    func aMessageIsFoundWithItsEscapes(message: String) throws {
        let found = try #require(prefix(record(message)))
        #expect(found == (message, true))
    }

    @Test func itIsCutAtTextBytesAndNeverInsideACharacterOrAnEscape() throws {
        let message = #"a\"é😀\u0001\n"#
        // Text: a, ", é (2), 😀 (4), a control character, a newline.
        let expected = [
            0: "", 1: "a", 2: #"a\""#, 3: #"a\""#, 4: #"a\"é"#, 7: #"a\"é"#, 8: #"a\"é😀"#, 9: #"a\"é😀\u0001"#,
            10: message,
        ]
        for (size, text) in expected {
            let found = try #require(prefix(record(message), text: size))
            #expect(found == (text, size == 10), "\(size)")
        }
        #expect(try #require(prefix(record(message), escaped: 2)) == ("a", false))
        #expect(try #require(prefix(record(message), escaped: 8)).0 == #"a\"é"#)
    }

    @Test func aRecordThatWasCutOffItselfEndsTheMessage() throws {
        let bytes = record("abc😀def")
        let marker = try #require(bytes.firstIndex(of: 0xF0))
        #expect(try #require(prefix(Array(bytes[..<(marker + 2)]))) == ("abc", false))
        #expect(try #require(prefix(Array(bytes[..<marker]))) == ("abc", false))
        #expect(prefix(Array(#"{"host.name":"n"}"#.utf8)) == nil && prefix([]) == nil)
    }
}
