// The scanner against a strict parser, on records and on random mutations of them.
import Core
import TestSupport
import Testing

@testable import Verify

struct ScannerTests {
    private static let sample =
        #"{"@timestamp":"2026-11-21T20:46:27.132732518Z","message":"a \"quoted\" \\ text\n{\"log.file.offset\":1}","host.name":"demo","container.id":"c0ffee","labels.team":"x\\","json":{"a":[1,2,{"log.file.id":"z"}],"b":"]}"},"log.declaration":"shop","log.stream.id":"ae8f74519595f4e45d63950b2a29c7ab","log.file.path":"/logs/shop.log","log.file.id":"dbfe9278b93f9525de2576e55a5e9a35","log.file.offset":1234,"log.record.bytes":81,"log.skipped.bytes":3}"#

    @Test func takesTheMembersOfARecord() {
        let text = Array(Self.sample.utf8)
        text.withUnsafeBytes { bytes in
            var scanner = RecordScanner()
            #expect(scanner.scan(bytes) == .record)
            let (record, cursor) = (scanner.record, JSONCursor(bytes))
            #expect(record.file.description == "dbfe9278b93f9525de2576e55a5e9a35")
            #expect(record.stream.description == "ae8f74519595f4e45d63950b2a29c7ab")
            #expect(record.offset == 1234 && record.bytes == 81 && record.skipped == 3 && record.end == 1315)
            #expect(record.host.map { cursor.decoded($0) } == "demo")
            #expect(record.container.map { cursor.decoded($0) } == "c0ffee")
            #expect(record.path.map { cursor.decoded($0) } == "/logs/shop.log")
            #expect(record.declaration.map { cursor.decoded($0) } == "shop")
            #expect(record.containerName == nil)
        }
    }

    /// Whatever a byte is changed to: what a strict parser takes for a good record is one, with the same numbers; and what
    /// the scanner takes for a record whose JSON is good has no other values than a strict parser finds.
    @Test func agreesWithAStrictParserOnMutations() {
        let seed = environmentVariable("LONGSHORE_SEED").flatMap { UInt64($0) } ?? UInt64.random(in: 1...999_999_999)
        var random = SeededGenerator(seed: seed)
        var (records, refused) = (0, 0)
        for round in 0..<20_000 {
            var text = Array(Self.sample.utf8)
            for _ in 0...random.number(0...2) { mutate(&text, &random) }
            let (kind, record) = text.withUnsafeBytes { bytes in
                var scanner = RecordScanner()
                return (scanner.scan(bytes), scanner.record)
            }
            guard let fields = try? RecordFields(parsing: text) else {
                refused += 1
                continue
            }
            let strict = Strict(fields)
            if let strict {
                #expect(kind == .record, "seed \(seed), round \(round): \(String(decoding: text, as: UTF8.self))")
                let seen = Strict(record)
                #expect(seen == strict, "seed \(seed), round \(round): \(String(decoding: text, as: UTF8.self))")
                records += 1
            } else {
                #expect(kind != .record, "seed \(seed), round \(round): \(String(decoding: text, as: UTF8.self))")
            }
        }
        #expect(records > 1000 && refused > 1000, "seed \(seed): the mutations test little")
    }

    /// Texts that end anywhere never crash, and are no records.
    @Test func everyBeginningOfARecordIsNone() {
        let text = Array(Self.sample.utf8)
        for length in 0..<text.count {
            let part = Array(text[..<length])
            part.withUnsafeBytes { bytes in
                var scanner = RecordScanner()
                #expect(scanner.scan(bytes) != .record)
            }
        }
    }

    @Test(
        arguments: [
            (#"a\nb"#, "a\nb"), (#"\u00e4\ud83d\ude00\\\/"#, "ä😀\\/"), (#"\ud83d x"#, "\u{FFFD} x"), ("plain", "plain"),
            (#"\"#, "\u{FFFD}"), (#"\u12"#, "\u{FFFD}12"),
        ])
    func stringsAreDecoded(raw: String, text: String) {
        let bytes = Array(raw.utf8)
        bytes.withUnsafeBytes { bytes in
            let cursor = JSONCursor(bytes)
            #expect(cursor.decoded(.init(start: 0, end: bytes.count, isEscaped: true)) == text)
        }
    }

    private func mutate(_ text: inout [UInt8], _ random: inout SeededGenerator) {
        let place = random.number(0...text.count - 1)
        let tokens: [[UInt8]] = [
            Array("\"".utf8), Array("\\".utf8), Array("{".utf8), Array("}".utf8), Array("[".utf8), Array("]".utf8),
            Array(",".utf8), Array(":".utf8), Array("0".utf8), Array("-".utf8), Array(" ".utf8),
            Array(#""log.file.offset":7,"#.utf8), Array(#""log.file.id":"dbfe9278b93f9525de2576e55a5e9a36","#.utf8),
        ]
        switch random.number(0...3) {
        case 0: text[place] = tokens[random.number(0...tokens.count - 1)][0]
        case 1: text.insert(contentsOf: tokens[random.number(0...tokens.count - 1)], at: place)
        case 2: text.remove(at: place)
        default: text[place] = UInt8(random.number(0...9)) + 0x30
        }
    }
}

/// A record's range as either of the two sees it.
private struct Strict: Equatable {
    let file: String
    let stream: String
    let offset: UInt64
    let bytes: UInt64
    let skipped: UInt64

    init(_ record: ScannedRecord) {
        (file, stream) = (record.file.description, record.stream.description)
        (offset, bytes, skipped) = (record.offset, record.bytes, record.skipped)
    }

    /// nil where the fields are no good record.
    init?(_ fields: RecordFields) {
        // UInt64 takes "-0", too.
        func number(_ name: String) -> UInt64? {
            if case .number(let text)? = fields[name], text.utf8.first != 0x2D { UInt64(text) } else { nil }
        }
        func isText(_ name: String) -> Bool { fields[name] == nil || fields.string(name) != nil }
        guard let file = fields.string("log.file.id"), Identifier128(hexadecimal: file) != nil,
            let stream = fields.string("log.stream.id"), Identifier128(hexadecimal: stream) != nil,
            let offset = number("log.file.offset"), let bytes = number("log.record.bytes"),
            fields["log.record.parts"] == nil, fields["log.partial.id"] == nil
        else { return nil }
        guard fields["log.skipped.bytes"] == nil || number("log.skipped.bytes") != nil else { return nil }
        let skipped = number("log.skipped.bytes") ?? 0
        let limit = UInt64(Int64.max)
        guard offset <= limit, bytes <= limit - offset, skipped <= offset, bytes + skipped > 0 else { return nil }
        let texts = ["host.name", "container.id", "container.name", "log.declaration", "log.file.path"]
        guard texts.allSatisfy(isText) else { return nil }
        (self.file, self.stream, self.offset, self.bytes, self.skipped) = (file, stream, offset, bytes, skipped)
    }
}
