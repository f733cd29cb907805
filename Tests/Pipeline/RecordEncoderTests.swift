// Named cases of framing and encoding, with the exact JSON.
import Core
import Pipeline
import TestSupport
import Testing

@Suite struct RecordEncoderTests {
    private let time = "1970-01-01T00:00:00.000000001Z"
    private let limits = FramingLimits(line: 16, lineTotal: 40, record: 1 << 20)

    private func encode(
        _ content: [UInt8], isFinal: Bool = false, path: String = "/log/a.log", limits: FramingLimits? = nil,
        from point: ResumePoint = .init()
    ) -> [Shipped] {
        var driver = EncoderDriver(content, limits ?? self.limits, isFinal: isFinal, seed: 1, from: point)
        driver.run(path: Array(path.utf8))
        #expect(driver.problem == nil)
        return driver.shipped
    }

    private func texts(_ shipped: [Shipped]) -> [String] { shipped.map { String(decoding: $0.payload, as: UTF8.self) } }

    private func record(
        _ message: String, at offset: Int, bytes: Int, path: String = "/log/a.log", extras: String = ""
    ) -> String {
        #"{"@timestamp":"\#(time)","observed_timestamp":"\#(time)","message":"\#(message)","host.name":"n1","#
            + #""log.declaration":"web","log.stream.id":"\#(EncoderDriver.stream)","log.file.path":"\#(path)","#
            + #""log.file.id":"\#(EncoderDriver.file)","log.file.offset":\#(offset),"log.record.bytes":\#(bytes)\#(extras)}"#
    }

    private func partial(_ ordinal: Int, of start: Int, isLast: Bool = false) -> String {
        #","log.partial.id":"\#(EncoderDriver.file)-\#(start)","log.partial.ordinal":\#(ordinal),"#
            + #""log.partial.last":\#(isLast)"#
    }

    @Test func `a plain line is one record without its line feed`() {
        let shipped = encode(Array("hello\nworld\n".utf8))
        #expect(texts(shipped) == [record("hello", at: 0, bytes: 6), record("world", at: 6, bytes: 6)])
        #expect(shipped.map(\.kind) == [.lineEnd, .lineEnd])
    }

    @Test(
        arguments: [
            ("CR LF", Array("ab\r\n".utf8), "ab"),
            ("an empty line", Array("\n".utf8), ""),
            ("an empty line with CR", Array("\r\n".utf8), ""),
            ("a CR inside", Array("a\rb\n".utf8), #"a\rb"#),
            ("two CR", Array("a\r\r\n".utf8), #"a\r"#),
            ("NUL", [0x61, 0x00, 0x62, 0x0A], #"a\u0000b"#),
            ("control characters", [0x1B, 0x08, 0x09, 0x0C, 0x1F, 0x7F, 0x0A], "\\u001b\\b\\t\\f\\u001f\u{7F}"),
            ("quote and backslash", Array("\"a\\b\"\n".utf8), #"\"a\\b\""#),
            ("an injected member", Array("\",\"topic\":\"x\n".utf8), #"\",\"topic\":\"x"#),
            ("a lone continuation byte", [0x61, 0x80, 0x62, 0x0A], "a\u{FFFD}b"),
            ("a cut sequence", [0xE2, 0x82, 0x0A], "\u{FFFD}"),
            ("an overlong form", [0xC0, 0xAF, 0x0A], "\u{FFFD}\u{FFFD}"),
            ("a surrogate", [0xED, 0xA0, 0x80, 0x0A], "\u{FFFD}\u{FFFD}\u{FFFD}"),
            ("four bytes", Array("😀\n".utf8), "😀"),
        ] as [(String, [UInt8], String)])
    func `a line with special bytes is valid JSON of known text`(name: String, content: [UInt8], message: String) {
        #expect(texts(encode(content)) == [record(message, at: 0, bytes: content.count)], "\(name)")
    }

    @Test func `a line of exactly the limit is one record, with LF as with CR LF`() {
        let text = String(repeating: "x", count: 16)
        #expect(texts(encode(Array((text + "\n").utf8))) == [record(text, at: 0, bytes: 17)])
        #expect(texts(encode(Array((text + "\r\n").utf8))) == [record(text, at: 0, bytes: 18)])
    }

    @Test(arguments: [("\n", 2), ("\r\n", 3)]) func `one byte over the limit makes a second piece`(
        end: String, bytes: Int
    ) {
        let text = String(repeating: "x", count: 16)
        let shipped = encode(Array((text + "y" + end).utf8))
        #expect(
            texts(shipped) == [
                record(text, at: 0, bytes: 16, extras: partial(0, of: 0)),
                record("y", at: 16, bytes: bytes, extras: partial(1, of: 0, isLast: true)),
            ])
        #expect(shipped.map(\.kind) == [.partial, .lineEnd])
    }

    @Test(arguments: 13...15) func `a UTF-8 sequence at the cut goes to the next piece whole`(before: Int) {
        let text = String(repeating: "x", count: before)
        let shipped = encode(Array((text + "😀z\n").utf8))
        #expect(
            texts(shipped) == [
                record(text, at: 0, bytes: before, extras: partial(0, of: 0)),
                record("😀z", at: before, bytes: 6, extras: partial(1, of: 0, isLast: true)),
            ])
    }

    @Test func `stray continuation bytes at the cut are no sequence`() {
        let shipped = encode([UInt8](repeating: 0x80, count: 17) + [0x0A])
        #expect(shipped.map(\.end) == [16, 18])
    }

    @Test func `what a line has beyond the total is a gap to its end`() {
        let shipped = encode(Array((String(repeating: "x", count: 100) + "\nnext\n").utf8))
        #expect(shipped.map(\.end) == [16, 32, 40, 101, 106])
        #expect(shipped.map(\.kind) == [.partial, .partial, .partial, .oversizeGap, .lineEnd])
        #expect(texts(shipped).last == record("next", at: 101, bytes: 5))
    }

    @Test(arguments: ["\n", "\r\n"]) func `a line of exactly the total has no gap`(end: String) {
        let shipped = encode(Array((String(repeating: "x", count: 40) + end).utf8))
        #expect(shipped.map(\.kind) == [.partial, .partial, .lineEnd])
        #expect(shipped.last?.end == UInt64(40 + end.utf8.count))
    }

    @Test func `a character that the total would cut in two belongs to the gap`() {
        let shipped = encode(Array((String(repeating: "x", count: 38) + "😀😀\n").utf8))
        #expect(shipped.map(\.end) == [16, 32, 38, 47])
        #expect(shipped.last?.kind == .oversizeGap)
    }

    @Test func `an oversize rest that was scanned before the file was final is still a gap`() {
        let content = Array(String(repeating: "x", count: 100).utf8)
        for seed: UInt64 in 1...20 {
            var driver = EncoderDriver(content, limits, isFinal: true, seed: seed)
            driver.run()
            #expect(driver.shipped.map(\.end) == [16, 32, 40, 100], "seed \(seed)")
            #expect(driver.shipped.last?.kind == .oversizeGap, "seed \(seed)")
        }
    }

    @Test func `a last line without an end waits, and is shipped when the file is final`() {
        #expect(encode(Array("a\nrest".utf8)).map(\.end) == [2])
        let mark = #","log.unterminated":true"#
        #expect(texts(encode(Array("rest".utf8), isFinal: true)) == [record("rest", at: 0, bytes: 4, extras: mark)])
        #expect(texts(encode(Array("r\r".utf8), isFinal: true)) == [record(#"r\r"#, at: 0, bytes: 2, extras: mark)])
        #expect(texts(encode(Array("a\n".utf8), isFinal: true)) == [record("a", at: 0, bytes: 2)])
    }

    @Test func `the last piece of a final line without an end is marked last`() {
        let text = String(repeating: "x", count: 16)
        #expect(
            texts(encode(Array((text + "yz").utf8), isFinal: true)) == [
                record(text, at: 0, bytes: 16, extras: partial(0, of: 0)),
                record("yz", at: 16, bytes: 2, extras: #","log.unterminated":true"# + partial(1, of: 0, isLast: true)),
            ])
    }

    @Test func `a byte order mark is skipped and counted with the first record`() {
        let shipped = encode([0xEF, 0xBB, 0xBF] + Array("a\nb\n".utf8))
        #expect(
            texts(shipped) == [
                record("a", at: 3, bytes: 2, extras: #","log.skipped.bytes":3"#), record("b", at: 5, bytes: 2),
            ])
        let inside = encode(Array("a\n\u{FEFF}b\n".utf8))
        #expect(texts(inside).last == record("\u{FEFF}b", at: 2, bytes: 5))
    }

    @Test func `bytes skipped before a source began are counted with its first record`() {
        let point = ResumePoint(offset: 2, skipped: 2)
        #expect(
            texts(encode(Array("a\nb\nc\n".utf8), from: point)) == [
                record("b", at: 2, bytes: 2, extras: #","log.skipped.bytes":2"#), record("c", at: 4, bytes: 2),
            ])
    }

    @Test func `a line that was begun under larger limits goes on as a gap`() {
        var point = ResumePoint(offset: 50, lineStart: 0, lineOrdinal: 3, records: 3)
        let content = Array((String(repeating: "x", count: 90) + "\n").utf8)
        #expect(encode(content, from: point) == [Shipped(start: 50, end: 91, kind: .oversizeGap, payload: [])])
        point.offset = 90
        #expect(
            texts(encode(content, from: point)) == [
                record("", at: 90, bytes: 1, extras: partial(3, of: 0, isLast: true))
            ])
    }

    @Test func `a record is never larger than Kafka takes, also where the arena has room`() {
        let small = FramingLimits(line: 500, lineTotal: 500, record: EncoderPropertyTests.smallestRecord + 100)
        let shipped = encode(Array((String(repeating: "\"", count: 300) + "\n").utf8), limits: small)
        #expect(shipped.count > 1)
        #expect(shipped.allSatisfy { $0.payload.count <= small.record })
        #expect(shipped.last?.end == 301)
    }

    @Test func `the widest numbers fit the arena that was asked for`() throws {
        var encoder = RecordEncoder(nodeMembers: [], limits: limits)
        encoder.describe(
            stream: EncoderDriver.stream, file: EncoderDriver.file, declarationMembers: [],
            path: UnsafeBufferPointer(start: nil, count: 0))
        encoder.stamp(Timestamp(nanoseconds: 1))
        // The worst message there is: every byte becomes six.
        let input = [UInt8](repeating: 0, count: 17) + [0x0A] + [UInt8](repeating: 0, count: JSONEscaper.slack)
        var line = LineState(start: .max - 120, ordinal: .max - 1, skipped: .max)
        var space = ArenaSpace.none
        var batch = RecordBatch()
        var payloads: [[UInt8]] = []
        try input.withUnsafeBufferPointer { bytes in
            var chunk = Chunk(bytes: bytes.baseAddress!, count: 18, offset: .max - 100)
            for _ in 0..<2 {
                let first = encoder.encode(&chunk, line: &line, into: &space, batch: &batch, maximum: 1)
                guard case .needsArena(let size) = first else { throw FixtureError("no arena was asked for") }
                let arena = GuardedArena(capacity: size)
                space = ArenaSpace(next: arena.base, end: arena.base + size)
                _ = encoder.encode(&chunk, line: &line, into: &space, batch: &batch, maximum: 1)
                #expect(arena.isIntact)
                let slot = batch.slots[0]
                payloads.append(Array(UnsafeBufferPointer(start: slot.payload, count: slot.length)))
                batch.removeAll()
                space = .none
            }
        }
        let first = try RecordFields(parsing: payloads[0])
        #expect(first.offset == UInt64.max - 100)
        #expect(first.skippedBytes == .max)
        #expect(first.uint64("log.partial.ordinal") == UInt64(UInt32.max - 1))
        #expect(first.string("log.partial.id") == "\(EncoderDriver.file)-\(UInt64.max - 120)")
        let second = try RecordFields(parsing: payloads[1])
        #expect(second.uint64("log.partial.ordinal") == UInt64(UInt32.max))
        #expect(second["log.partial.last"]?.bool == true)
    }

    @Test(arguments: [
        ("/log/\"q\"\\.log", #"/log/\"q\"\\.log"#), ("/log/a\nb.log", #"/log/a\nb.log"#), ("/日志/é.log", "/日志/é.log"),
    ])
    func `a path is escaped`(path: String, json: String) {
        #expect(texts(encode(Array("a\n".utf8), path: path)) == [record("a", at: 0, bytes: 2, path: json)])
    }

    @Test func `bytes of a path that are not UTF-8 are written in hexadecimal`() {
        var driver = EncoderDriver(Array("a\n".utf8), limits, isFinal: false, seed: 1)
        driver.run(path: Array("/log/".utf8) + [0xFF, 0xC3] + Array("a.log".utf8))
        #expect(texts(driver.shipped) == [record("a", at: 0, bytes: 2, path: #"/log/\\xff\\xc3a.log"#)])
    }

    @Test func `members are rendered as they stand behind another one`() {
        #expect(renderMembers([]).isEmpty)
        let rendered = renderMembers([("labels.a", Array("x\"y".utf8)), ("b", [0xFF])])
        #expect(String(decoding: rendered, as: UTF8.self) == #","labels.a":"x\"y","b":"\\xff""#)
    }
}
