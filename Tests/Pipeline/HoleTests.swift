// What becomes of NULs: skipped where a line would begin, the end of a line where they are many, else text.
import Core
import Pipeline
import TestSupport
import Testing

@Suite struct HoleTests {
    private let limits = FramingLimits(line: 2048, lineTotal: 8192, record: 1 << 20)

    private func nulls(_ count: Int) -> [UInt8] { [UInt8](repeating: 0, count: count) }

    private func drive(_ content: [UInt8], isFinal: Bool = false, seed: UInt64 = 1) -> EncoderDriver {
        var driver = EncoderDriver(content, limits, isFinal: isFinal, seed: seed)
        driver.run()
        #expect(driver.problem == nil)
        return driver
    }

    /// message, offset, bytes, skipped, unterminated of each record.
    private func summary(_ driver: EncoderDriver) throws -> [String] {
        try driver.shipped.map { shipped in
            let fields = try RecordFields(parsing: shipped.payload)
            let mark = fields["log.unterminated"]?.bool == true ? " unterminated" : ""
            return "\(fields.message ?? "-") \(fields.offset!)+\(fields.byteCount!) skips \(fields.skippedBytes)\(mark)"
        }
    }

    @Test(arguments: [1, 511, 512, 5_000]) func `NULs before a line are skipped and said in its record`(count: Int)
        throws
    {
        let content = nulls(count) + Array("one\n".utf8) + nulls(count) + Array("two\nthree\n".utf8)
        for seed: UInt64 in 1...20 {
            #expect(
                try summary(drive(content, seed: seed)) == [
                    "one \(count)+4 skips \(count)", "two \(2 * count + 4)+4 skips \(count)",
                    "three \(2 * count + 8)+6 skips 0",
                ])
        }
    }

    @Test func `NULs behind a byte order mark are skipped with it`() throws {
        let content = [0xEF, 0xBB, 0xBF] + nulls(600) + Array("one\n".utf8)
        for seed: UInt64 in 1...20 { #expect(try summary(drive(content, seed: seed)) == ["one 603+4 skips 603"]) }
    }

    @Test(arguments: [1, 512, 3_000]) func `NULs at the end wait for data and are skipped when the file is final`(
        count: Int
    ) throws {
        let content = Array("one\n".utf8) + nulls(count)
        for seed: UInt64 in 1...20 {
            let driver = drive(content, seed: seed)
            #expect(try summary(driver) == ["one 0+4 skips 0"])
            let final = drive(content, isFinal: true, seed: seed)
            #expect(try summary(final) == ["one 0+4 skips 0"])
            #expect(final.trailing == UInt64(count))
        }
    }

    @Test(arguments: [512, 2_100, 9_000]) func `a hole in a line ends it, marked`(count: Int) throws {
        let content = Array("begun".utf8) + nulls(count) + Array("one\n".utf8)
        for seed: UInt64 in 1...20 {
            #expect(
                try summary(drive(content, seed: seed)) == [
                    "begun 0+5 skips 0 unterminated", "one \(5 + count)+4 skips \(count)",
                ])
        }
    }

    @Test(arguments: [512, 2_100, 9_000]) func `an unfinished line before NULs at the end waits for what follows`(
        count: Int
    ) throws {
        let content = Array("begun".utf8) + nulls(count)
        for seed: UInt64 in 1...20 {
            #expect(drive(content, seed: seed).shipped.isEmpty)
            let final = drive(content, isFinal: true, seed: seed)
            #expect(try summary(final) == ["begun 0+5 skips 0 unterminated"])
            #expect(final.trailing == UInt64(count))
        }
    }

    @Test(arguments: [1, 16, 511]) func `fewer NULs inside a line are text`(count: Int) throws {
        let text = String(repeating: "\0", count: count)
        for seed: UInt64 in 1...20 {
            let driver = drive(Array("a\(text)b\n".utf8), seed: seed)
            #expect(try summary(driver) == ["a\(text)b 0+\(3 + count) skips 0"])
        }
    }

    @Test func `a hole at the end of a piece leaves text for the last piece`() throws {
        for before in 1_500...2_060 where before % 7 == 0 || before > 2_040 {
            let content = [UInt8](repeating: 0x78, count: before) + nulls(600) + Array("next\n".utf8)
            let fields = try drive(content, seed: UInt64(before)).shipped.map { try RecordFields(parsing: $0.payload) }
            #expect(fields.last?.message == "next" && fields.last?.skippedBytes == 600, "\(before)")
            let line = fields.dropLast()
            #expect(line.compactMap(\.message).joined() == String(repeating: "x", count: before), "\(before)")
            #expect(line.last?["log.unterminated"]?.bool == true, "\(before)")
            #expect(line.count == 1 || line.last?["log.partial.last"]?.bool == true, "\(before)")
        }
    }
}
