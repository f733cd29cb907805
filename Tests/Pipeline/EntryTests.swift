// Entries of runtimes' logs: named cases, and logs by chance against what was written into them.
import Core
import Pipeline
import TestSupport
import Testing

@Suite struct EntryTests {
    private let limits = FramingLimits(line: 256 << 10, lineTotal: 16 << 20, record: 900_000)

    private func encode(
        _ content: [UInt8], _ format: EntryFormat, limits: FramingLimits? = nil, seed: UInt64 = 1, isFinal: Bool = true
    ) throws -> [(record: Shipped, fields: RecordFields)] {
        var driver = EncoderDriver(content, limits ?? self.limits, isFinal: isFinal, seed: seed, format: format)
        driver.run()
        #expect(driver.problem == nil)
        return try driver.shipped.filter(\.isRecord).map { ($0, try RecordFields(parsing: $0.payload)) }
    }

    private func messages(_ content: String, _ format: EntryFormat) throws -> [String] {
        try encode(Array(content.utf8), format).map { $0.fields.message ?? "" }
    }

    @Test("an entry becomes a record with its text, its stream and its time")
    func oneEntry() throws {
        let json = #"{"log":"a \"b\" \\ \u003c\u000a\n","stream":"stderr","time":"2026-11-29T08:00:00.1Z"}"# + "\n"
        let cri = "2026-11-29T16:00:00.1+08:00 stderr F a \"b\" \\ <\r\n"
        for (content, format, message) in [(json, EntryFormat.jsonFile, "a \"b\" \\ <\n"), (cri, .cri, "a \"b\" \\ <")]
        {
            let made = try encode(Array(content.utf8), format)
            #expect(made.count == 1)
            let fields = made[0].fields
            #expect(fields.message == message)
            #expect(fields.string("log.iostream") == "stderr")
            #expect(fields.string("@timestamp") == "2026-11-29T08:00:00.100000000Z")
            #expect(fields.string("observed_timestamp") == "1970-01-01T00:00:00.000000001Z")
            #expect(fields.offset == 0 && fields.byteCount == UInt64(content.utf8.count))
        }
    }

    @Test(
        "what a strict reader takes for an entry is one, however it is written",
        arguments: [
            #"{"stream":"stdout","log":"x\n","time":"2026-11-29T08:00:00Z"}"#,
            #"{"log":"x\n","stream":"stdout","attrs":{"a":[1,{"b":null}]},"time":"2026-11-29T08:00:00Z"}"#,
            #" { "log" : "x\n" , "stream" : "stdout" , "time" : "2026-11-29T08:00:00Z" } "#,
            #"{"log":"y\n","log":"x\n","stream":"stdout","time":"2026-11-29T08:00:00Z"}"#,
            #"{"log":"\u0078\u000A","stream":"stdout","time":"2026-11-29T08:00:00Z"}"#,
        ])
    func strictEntries(_ line: String) throws {
        let made = try encode(Array((line + "\n").utf8), .jsonFile)
        #expect(made.map(\.fields.message) == ["x"], "\(line)")
        #expect(made.first?.fields.string("log.iostream") == "stdout")
    }

    @Test(
        "a line that is no entry becomes a record as it stands, and spoils no other",
        arguments: [
            (#"{"log":"x\n","stream":"stdin","time":"2026-11-29T08:00:00Z"}"#, EntryFormat.jsonFile),
            (#"{"log":"x\n","stream":"stdout","time":"yesterday"}"#, .jsonFile),
            (#"{"log":"x"y\n","stream":"stdout","time":"2026-11-29T08:00:00Z"}"#, .jsonFile),
            (#"{"log":"x\q\n","stream":"stdout","time":"2026-11-29T08:00:00Z"}"#, .jsonFile),
            (#"{"log":"half{"log":"x\n","stream":"stdout","time":"2026-11-29T08:00:00Z"}"#, .jsonFile),
            ("", .jsonFile), ("null", .jsonFile), ("{}", .jsonFile),
            ("2026-11-29T08:00:00Z stdin F x", .cri), ("2026-11-29T08:00:00Z stdout X x", .cri),
            ("2026-13-29T08:00:00Z stdout F x", .cri), ("2026-11-29 08:00:00Z stdout F x", .cri), ("x", .cri),
            ("", .cri),
        ])
    func noEntries(_ line: String, _ format: EntryFormat) throws {
        let good =
            format == .cri
            ? "2026-11-29T08:00:00Z stdout F good\n"
            : #"{"log":"good\n","stream":"stdout","time":"2026-11-29T08:00:00Z"}"# + "\n"
        #expect(try messages(good + line + "\n" + good, format) == ["good", line, "good"])
    }

    @Test("empty texts, tags behind the first, and text that begins with blanks")
    func textsOfCRI() throws {
        let time = "2026-11-29T08:00:00.123456789Z"
        let content =
            "\(time) stdout F \n\(time) stdout F\n\(time) stdout F:x  a\n\(time) stdout P:y b\n\(time) stdout F c\n"
        #expect(try messages(content, .cri) == ["", "", " a", "bc"])
    }

    @Test("an output's last words without a newline end their line: the next run's first line is another one")
    func lastWords() throws {
        let first = #"{"log":"last words","stream":"stdout","time":"2026-11-29T08:00:00Z"}"#
        let next = #"{"log":"first\n","stream":"stdout","time":"2026-11-29T08:00:01Z"}"#
        let made = try encode(Array("\(first)\n\(next)\n".utf8), .jsonFile)
        #expect(made.map(\.fields.message) == ["last words", "first"])
        #expect(made.map { $0.fields["log.unterminated"]?.bool } == [true, nil])
    }

    @Test(
        "escapes, surrogates and bytes that are no text become what JSON says", arguments: [EntryFormat.jsonFile, .cri])
    func specialTexts(_ format: EntryFormat) throws {
        if format == .jsonFile {
            let log = #"\ud83d\ude00 \ud83d \udc00x \u00e4\/\b\f\t\r\u001f"#
            let line = #"{"log":""# + log + #"\n","stream":"stdout","time":"2026-11-29T08:00:00Z"}"#
            #expect(try messages(line + "\n", format) == ["😀 \u{FFFD} \u{FFFD}x ä/\u{8}\u{C}\t\r\u{1F}"])
        } else {
            let made = try encode(Array("2026-11-29T08:00:00Z stdout F a".utf8) + [0xFF, 0xE2, 0x82, 0x0A], .cri)
            #expect(made.map(\.fields.message) == ["a\u{FFFD}\u{FFFD}"])
        }
    }

    /// Lines of both outputs by chance, read in any pieces: each line is one record with its text and its ranges.
    @Test("logs by chance", arguments: 1...120 as ClosedRange<UInt64>)
    func logsByChance(_ seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let format: EntryFormat = generator.once(in: 2) ? .cri : .jsonFile
        var writer = EntryWriter(format, seed: seed)
        func lines() -> [[UInt8]] {
            (0..<generator.number(1...8)).map { _ in
                let isLong = generator.once(in: 2)
                let count = isLong ? generator.number(16_000...70_000) : generator.number(0...200)
                let letters = Array("abc\"\\\t<é 😀".unicodeScalars.map { Array(String($0).utf8) })
                if isLong { return Array(repeating: UInt8(0x61 + generator.number(0...25)), count: count) }
                return Array((0..<count).flatMap { _ in letters[generator.number(0...letters.count - 1)] })
            }
        }
        writer.write(lines(), lines())
        let made = try encode(writer.content, format, seed: seed)
        var covered: [Range<Int>] = []
        #expect(made.count == writer.lines.count, "seed \(seed)")
        for (entry, (line, ranges)) in zip(made, zip(writer.lines, writer.ranges)) {
            #expect(Array((entry.fields.message ?? "").utf8) == line.text, "seed \(seed)")
            #expect(entry.fields.string("log.iostream") == (line.stream == .output ? "stdout" : "stderr"))
            let expected = merged(ranges)
            let parts = entry.fields["log.record.parts"]?.array?.map { pair in
                Int(pair.array![0].uint64!)..<Int(pair.array![0].uint64! + pair.array![1].uint64!)
            }
            #expect(parts == (expected.count > 1 ? expected : nil), "seed \(seed)")
            #expect(entry.fields.offset == UInt64(ranges[0].lowerBound))
            #expect(entry.fields.byteCount == UInt64(ranges.reduce(0) { $0 + $1.count }))
            covered += ranges
        }
        #expect(merged(covered.sorted { $0.lowerBound < $1.lowerBound }) == [0..<writer.content.count], "seed \(seed)")
    }

    private func merged(_ ranges: [Range<Int>]) -> [Range<Int>] {
        ranges.reduce(into: []) { all, next in
            if let last = all.last, last.upperBound == next.lowerBound {
                all[all.count - 1] = last.lowerBound..<next.upperBound
            } else {
                all.append(next)
            }
        }
    }

    @Test("a line beyond limits.line becomes records that belong together, one beyond limits.line_total loses its end")
    func longLines() throws {
        for format in [EntryFormat.jsonFile, .cri] {
            var writer = EntryWriter(format, seed: 7)
            let long = [UInt8](repeating: 0x78, count: 200_000)
            writer.write([long, Array("after".utf8)], [])
            let small = FramingLimits(line: 50_000, lineTotal: 120_000, record: 900_000)
            var driver = EncoderDriver(writer.content, small, isFinal: true, seed: 3, format: format)
            driver.run()
            #expect(driver.problem == nil)
            let made = try driver.shipped.filter(\.isRecord).map { try RecordFields(parsing: $0.payload) }
            let pieces = made.filter { $0["log.partial.id"] != nil }
            #expect(Set(pieces.map { $0.string("log.partial.id") }).count == 1)
            #expect(pieces.map { $0.uint64("log.partial.ordinal") } == (0..<pieces.count).map { UInt64($0) })
            let text = pieces.map { $0.message ?? "" }.joined()
            #expect(text.utf8.count > 100_000 && text.utf8.count <= 120_000, "\(text.utf8.count)")
            #expect(made.last?.message == "after")
            #expect(made.last?["log.partial.id"] == nil)
            // Every byte is in one slot.
            let slots = driver.shipped.sorted { ($0.start, $0.end) < ($1.start, $1.end) }
            var place: UInt64 = 0
            for slot in slots {
                #expect(slot.start == place)
                place = slot.end
            }
            #expect(place == UInt64(writer.content.count))
            #expect(driver.shipped.contains { $0.kind == .oversizeGap })
        }
    }

    @Test("NULs before a line in parts are skipped, and said with it")
    func holeBeforeParts() throws {
        let part = [UInt8](repeating: 0x78, count: 32_640)
        let first = Array(#"{"log":""#.utf8) + part + Array(#"","stream":"stdout","time":"2026-11-29T08:00:00Z"}"#.utf8)
        let next = Array(#"{"log":"hello\n","stream":"stdout","time":"2026-11-29T08:00:00Z"}"#.utf8)
        for seed in UInt64(1)...20 {
            let made = try encode([0, 0] + first + [0x0A] + next + [0x0A], .jsonFile, seed: seed)
            #expect(made.map(\.fields.message) == [String(decoding: part, as: UTF8.self) + "hello"])
            #expect(made.first?.fields.skippedBytes == 2 && made.first?.fields.offset == 2)
        }
    }

    @Test("the end of a file ends what waits for its end, and says so")
    func endOfFile() throws {
        let part = "2026-11-29T08:00:00Z stdout P half\n2026-11-29T08:00:00Z stderr F other\n"
        let made = try encode(Array(part.utf8), .cri)
        #expect(made.map(\.fields.message) == ["other", "half"])
        #expect(made[1].fields["log.unterminated"]?.bool == true)
        #expect(made[1].fields.offset == 0)
        #expect(made[1].fields.byteCount == 35)
        #expect(try encode(Array(part.utf8), .cri, isFinal: false).map(\.fields.message) == ["other"])
    }

    @Test("what waits longer than a quarter of a megabyte of the other output goes on alone")
    func farApart() throws {
        var content = "2026-11-29T08:00:00Z stdout P first\n"
        for number in 0..<10_000 { content += "2026-11-29T08:00:00Z stderr F line \(number)\n" }
        content += "2026-11-29T08:00:00Z stdout F last\n"
        let made = try encode(Array(content.utf8), .cri)
        let pieces = made.filter { $0.fields.string("log.iostream") == "stdout" }
        #expect(pieces.map(\.fields.message) == ["first", "last"])
        #expect(pieces.map { $0.fields.uint64("log.partial.ordinal") } == [0, 1])
        #expect(pieces.map { $0.fields["log.partial.last"]?.bool } == [false, true])
        #expect(Set(pieces.map { $0.fields.string("log.partial.id") }).count == 1)
    }
}
