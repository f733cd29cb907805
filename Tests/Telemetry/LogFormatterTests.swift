// What log lines look like, and that nothing in them can forge another.
import Logging
import Testing

@testable import Telemetry

struct LogFormatterTests {
    /// 2026-11-21T19:45:00.123Z
    private static let wall: Int64 = 1_795_290_300_123_456_789

    private static func line(
        _ format: LogFormat, journal: Bool = false, level: Logger.Level = .info, label: String = "engine",
        _ message: String, _ metadata: Logger.Metadata = [:]
    ) -> String {
        let bytes = LogFormatter(format: format, journal: journal).line(
            wall: wall, level: level, label: label, message: message, metadata: metadata)
        return String(decoding: bytes, as: UTF8.self)
    }

    @Test func textHasTimeLevelLabelMessageAndSortedMetadata() {
        #expect(
            Self.line(.text, "message", ["key2": "quoted value", "key": "value", "empty": ""])
                == "2026-11-21T19:45:00.123Z info  engine: message empty=\"\" key=value key2=\"quoted value\"\n")
        #expect(Self.line(.text, level: .error, "m") == "2026-11-21T19:45:00.123Z error engine: m\n")
        #expect(Self.line(.text, level: .warning, "m") == "2026-11-21T19:45:00.123Z warning engine: m\n")
    }

    @Test func jsonIsOneFlatObject() {
        #expect(
            Self.line(.json, level: .notice, "say \"hi\" \\ 日本", ["topic": "logs", "a": ["b": "c", "d": ["e": "f"]]])
                == #"{"@timestamp":"2026-11-21T19:45:00.123Z","log.level":"notice","log.logger":"engine","message":"say \"hi\" \\ 日本","a.b":"c","a.d.e":"f","topic":"logs"}"#
                + "\n")
    }

    @Test func aMetadataKeyNeverDoublesOneOfTheLinesOwn() {
        let line = Self.line(.json, "real", ["message": "forged", "@timestamp": "1970"])
        #expect(line.contains(#""message":"real""#))
        #expect(line.contains(#""metadata.message":"forged""#))
        #expect(line.components(of: #""message":"#) == 1)
        #expect(line.components(of: #""@timestamp":"#) == 1)
    }

    @Test(arguments: [
        (Logger.Level.trace, 7), (.debug, 7), (.info, 6), (.notice, 5), (.warning, 4), (.error, 3), (.critical, 2),
    ])
    func theJournalGetsPrioritiesInsteadOfTime(level: Logger.Level, priority: Int) {
        let name = level.rawValue + String(repeating: " ", count: max(0, 5 - level.rawValue.count))
        #expect(Self.line(.text, journal: true, level: level, "m") == "<\(priority)>\(name) engine: m\n")
        #expect(Self.line(.json, journal: true, level: level, "m").hasPrefix("<\(priority)>{\"@timestamp\""))
    }

    /// What a tenant might put into a path or a name to forge a line, a field, or to drive a terminal.
    private static let attacks = [
        "a\n2026-11-21T19:45:00.123Z error engine: forged", "a\r\nforged", "\u{1b}[2J\u{1b}]0;owned\u{7}", "\u{9b}31m",
        "a\" key=\"forged", "x forged=1", "x=1", "\u{202e}gpj.exe", "\u{2028}forged", "\u{0}", "\\\" k=v", "<0>forged",
    ]

    @Test(arguments: attacks)
    func noMetadataForgesALineOrAField(attack: String) throws {
        for format in LogFormat.allCases {
            let line = Self.line(format, "opened", ["path": .string(attack), "zone": "dmz"])
            #expect(line.unicodeScalars.filter { $0 == "\n" }.count == 1)
            #expect(line.hasSuffix("\n"))
            #expect(!line.dropLast().unicodeScalars.contains { $0.value < 0x20 || (0x7F..<0xA0).contains($0.value) })
            #expect(!line.unicodeScalars.contains { ["\u{202e}", "\u{2028}"].contains($0) })
        }
        let text = Self.line(.text, "opened", ["path": .string(attack), "zone": "dmz"])
        let fields = try TextFields.parse(text)
        #expect(fields.map(\.key) == ["path", "zone"], "\(text)")
    }

    @Test(arguments: attacks)
    func noMessageForgesALine(attack: String) {
        let line = Self.line(.text, label: attack, attack)
        #expect(line.unicodeScalars.filter { $0 == "\n" }.count == 1)
        #expect(!line.dropLast().unicodeScalars.contains { $0.value < 0x20 || (0x7F..<0xA0).contains($0.value) })
    }

    @Test func aLongValueIsCutAndSaysSo() {
        let line = Self.line(
            .text, String(repeating: "m", count: 100_000), ["path": .string(String(repeating: "p", count: 5000))])
        #expect(line.utf8.count < LogText.messageLimit + LogText.valueLimit + 200)
        #expect(line.contains("(\(100_000 - LogText.messageLimit) bytes more)"))
        #expect(line.contains("(\(5000 - LogText.valueLimit) bytes more)"))
    }
}

extension String {
    /// How often `part` occurs.
    fileprivate func components(of part: String) -> Int {
        var count = 0
        var rest = self[...]
        while let found = rest.firstRange(of: part) {
            count += 1
            rest = rest[found.upperBound...]
        }
        return count
    }
}

/// A strict reader of `key=value key2="quoted value"`, as somebody's log pipeline would have it.
enum TextFields {
    struct Malformed: Error {}

    /// The fields behind "opened", the message of the lines that these tests write.
    static func parse(_ line: String) throws -> [(key: String, value: String)] {
        guard let start = line.firstRange(of: "opened ") else { throw Malformed() }
        var rest = line[start.upperBound...].dropLast()
        var fields: [(key: String, value: String)] = []
        while !rest.isEmpty {
            guard let equals = rest.firstIndex(of: "=") else { throw Malformed() }
            let key = String(rest[..<equals])
            if key.contains(where: { $0 == " " || $0 == "\"" }) { throw Malformed() }
            rest = rest[rest.index(after: equals)...]
            fields.append((key, rest.first == "\"" ? try quoted(&rest) : plain(&rest)))
            if !rest.isEmpty {
                guard rest.removeFirst() == " " else { throw Malformed() }
            }
        }
        return fields
    }

    private static func plain(_ rest: inout Substring) -> String {
        let value = rest.prefix { $0 != " " }
        rest = rest[value.endIndex...]
        return String(value)
    }

    private static func quoted(_ rest: inout Substring) throws -> String {
        rest.removeFirst()
        var value = ""
        while let character = rest.popFirst() {
            if character == "\"" { return value }
            value.append(character)
            if character == "\\" {
                guard let next = rest.popFirst() else { throw Malformed() }
                value.append(next)
            }
        }
        throw Malformed()
    }
}
