// The fixtures that judge find what they are there to find: coverage and JSON.
import TestSupport
import Testing

@Suite("Fixtures: judging coverage")
struct CoverageFixtureTests {
    private func coverage(_ build: (inout CoverageChecker<String>) -> Void) -> FileCoverage {
        var checker = CoverageChecker<String>()
        build(&checker)
        return checker.coverage(of: "f")
    }

    @Test("Contiguous records, a skipped range and a gap are complete")
    func complete() {
        let found = coverage {
            $0.record("f", offset: 5, byteCount: 5, skipped: 5)
            $0.gap("f", from: 10, to: 30)
            $0.record("f", offset: 30, byteCount: 10)
            $0.expect("f", size: 40)
        }
        #expect(found.isComplete && found.contiguousEnd == 40 && found.gapBytes == 20 && found.skippedBytes == 5)
        #expect(found.duplicateRecords == 0 && found.records == 2)
    }

    @Test("Holes at the start, inside and before the expected end are found")
    func holes() {
        let found = coverage {
            $0.record("f", offset: 2, byteCount: 8)
            $0.record("f", offset: 15, byteCount: 5)
            $0.expect("f", size: 30)
        }
        #expect(found.holes == [0..<2, 10..<15, 20..<30])
        #expect(found.contiguousEnd == 0 && !found.isComplete)
        #expect(coverage { $0.expect("f", size: 9) }.holes == [0..<9])
    }

    @Test("A gap of unknown extent covers what is missing from its start on, and nothing before")
    func openGap() {
        let found = coverage {
            $0.record("f", offset: 0, byteCount: 10)
            $0.gap("f", from: 12, to: nil)
            $0.record("f", offset: 20, byteCount: 5)
            $0.expect("f", size: 30)
        }
        #expect(found.holes == [10..<12])
        #expect(found.gapBytes == 13 && found.contiguousEnd == 10)
    }

    @Test("An exact repetition is a duplicate; any other double cover is an overlap")
    func overlaps() {
        let repeated = coverage {
            $0.record("f", offset: 0, byteCount: 10)
            $0.record("f", offset: 10, byteCount: 10)
            $0.record("f", offset: 0, byteCount: 10)
            $0.record("f", offset: 10, byteCount: 10)
        }
        #expect(repeated.duplicateRecords == 2 && repeated.duplicateBytes == 20 && repeated.isComplete)
        let crossed = coverage {
            $0.record("f", offset: 0, byteCount: 10)
            $0.record("f", offset: 8, byteCount: 10)
            $0.gap("f", from: 15, to: 20)
        }
        #expect(crossed.overlaps == [8..<10, 15..<18] && !crossed.isComplete)
    }

    @Test("Disorder is judged by the last arrival: a replay from an earlier offset is fine, overtaking is not")
    func order() {
        let replayed = coverage {
            for start in [0, 10, 20, 10, 20, 30] { $0.record("f", offset: UInt64(start), byteCount: 10) }
        }
        #expect(replayed.orderViolations == 0 && replayed.duplicateRecords == 2 && replayed.isComplete)
        let overtaken = coverage {
            for start in [0, 20, 10, 30] { $0.record("f", offset: UInt64(start), byteCount: 10) }
        }
        #expect(overtaken.orderViolations == 1 && overtaken.firstArrivalViolations == 1 && overtaken.holes.isEmpty)
        let repaired = coverage {
            for start in [0, 20, 10, 20, 30] { $0.record("f", offset: UInt64(start), byteCount: 10) }
        }
        #expect(repaired.orderViolations == 0 && repaired.firstArrivalViolations == 1)
        let half = coverage {
            for start in [0, 10, 20, 10] { $0.record("f", offset: UInt64(start), byteCount: 10) }
        }
        #expect(half.orderViolations == 1)
    }

    @Test("One file on two partitions is not in order, whatever the arrivals")
    func partitions() {
        let found = coverage {
            $0.record("f", offset: 0, byteCount: 10, partition: 1)
            $0.record("f", offset: 10, byteCount: 10, partition: 2)
        }
        #expect(found.partitions == [1, 2] && !found.isComplete)
    }
}

@Suite("Fixtures: JSON")
struct JSONFixtureTests {
    @Test("A record's fields come out with escapes resolved and numbers whole")
    func fields() throws {
        let record = try RecordFields(
            parsing: Array(
                #"{"message":"a\"\\\/\n\u00e9\ud83d\udea2z ü","log.file.offset":18446744073709551615,"b":[1,{"c":null}]}"#
                    .utf8))
        #expect(record.message == "a\"\\/\né🚢z ü")
        #expect(record.offset == .max)
        #expect(record["b"] == .array([.number("1"), .object(["c": .null])]))
        #expect(record.skippedBytes == 0)
    }

    @Test(
        "What RFC 8259 forbids is refused",
        arguments: [
            "", "{", "{}x", "{}{}", "[1,]", #"{"a":1,}"#, #"{"a":1 "b":2}"#, #"{"a"}"#, "{a:1}", "01", "1.", "-", "1e",
            ".5", "+1", "tru", "nul", "'a'", #""a"#, #""\x41""#, #""\u12g4""#, #""\ud83d""#, #""\ude00""#,
            #""\ud83d\u0041""#, "\"a\nb\"", "\"\u{0}\"", #"{"a":1,"a":2}"#, "NaN",
        ])
    func malformed(_ text: String) {
        #expect(throws: JSONError.self) { try JSONValue(parsing: Array(text.utf8)) }
    }

    @Test(
        "Invalid UTF-8 in a string is refused",
        arguments: [
            [0x80], [0xC0, 0x80], [0xC3], [0xE0, 0x80, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xFF],
        ])
    func invalidUTF8(_ bytes: [UInt8]) {
        #expect(throws: JSONError.self) { try JSONValue(parsing: [0x22] + bytes + [0x22]) }
    }

    @Test("Nesting beyond 64 levels is refused, not followed")
    func depth() throws {
        let nested = { (levels: Int) in
            Array((String(repeating: "[", count: levels) + String(repeating: "]", count: levels)).utf8)
        }
        #expect(throws: Never.self) { try JSONValue(parsing: nested(64)) }
        #expect(throws: JSONError.self) { try JSONValue(parsing: nested(100_000)) }
    }
}
