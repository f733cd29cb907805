// 128-bit identifiers: text, bytes and back.
import Core
import Testing

@Suite struct IdentifierTests {
    @Test func `text and bytes come back as the same identifier`() {
        for identifier in [
            Identifier128(high: 0, low: 0), Identifier128(high: .max, low: .max), Identifier128(high: 1, low: 1 << 63),
        ] + (0..<200).map({ _ in Identifier128.random() }) {
            let text = identifier.description
            #expect(text.utf8.count == 32)
            #expect(Identifier128(hexadecimal: text) == identifier)
            #expect(identifier.bytes.count == 16)
            #expect(Identifier128(bytes: identifier.bytes) == identifier)
            #expect(Identifier128(bytes: identifier.bytes + [7]) == identifier)
        }
    }

    @Test func `text is lower-case hexadecimal, high half first`() {
        let identifier = Identifier128(high: 0x0011_2233_4455_6677, low: 0x8899_AABB_CCDD_EEFF)
        #expect(identifier.description == "00112233445566778899aabbccddeeff")
        #expect(identifier.bytes == (0..<16).map { UInt8($0 * 17) })
        #expect(FileID(identifier).description == identifier.description)
        #expect(StreamID(identifier).description == identifier.description)
    }

    @Test(arguments: [
        "", "0", String(repeating: "0", count: 31), String(repeating: "0", count: 33),
        "+0112233445566778899aabbccddeeff", "-0000000000000000000000000000000", "0011223344556677+899aabbccddeeff",
        "00112233445566778899AABBCCDDEEFF", "0x112233445566778899aabbccddeeff", "g0112233445566778899aabbccddeeff",
        " 0112233445566778899aabbccddeeff", String(repeating: "é", count: 16),
    ])
    func `any other text is no identifier`(text: String) {
        #expect(Identifier128(hexadecimal: text) == nil)
    }

    @Test func `fewer than 16 bytes are no identifier`() {
        for count in 0..<16 { #expect(Identifier128(bytes: [UInt8](repeating: 1, count: count)) == nil) }
    }

    @Test func `random identifiers differ in both halves`() {
        let made = (0..<100).map { _ in FileID.random() }
        #expect(Set(made).count == 100)
        #expect(Set(made.map(\.value.high)).count == 100)
        #expect(Set(made.map(\.value.low)).count == 100)
    }
}
