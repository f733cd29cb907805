// Runtimes' logs: any bytes in any pieces become records that cover the file, and entries the records a slow model says.
internal import Core
internal import Pipeline
@testable internal import PipelineTests
internal import TestSupport

/// Four bytes choose the format and how the file is read; the rest is its content, where 0xF8 N X stands for N times eight
/// X: lines of more than 16 KiB from small inputs.
enum EntriesTarget {
    private static let largest = 64 << 10
    private static let limits = FramingLimits(line: 256 << 10, lineTotal: 1 << 20, record: 1 << 20)

    static func check(_ bytes: [UInt8]) {
        var input = FuzzBytes(bytes)
        let format: EntryFormat = input.below(2) == 0 ? .jsonFile : .cri
        let isFinal = input.below(4) != 0
        let content = expanded(input.rest.dropFirst(2))
        var driver = EncoderDriver(content, limits, isFinal: isFinal, seed: input.number(2), format: format)
        driver.run()
        if let problem = driver.problem { finding("\(format): \(problem)") }
        checkSlots(driver)
        let records = driver.shipped.filter(\.isRecord).map { record in
            guard let fields = try? RecordFields(parsing: record.payload) else {
                finding("no JSON: \(String(decoding: record.payload, as: UTF8.self))")
            }
            return fields
        }
        if isFinal { checkCover(driver, records) }
        guard isFinal, let expected = EntriesModel(content, format).messages else { return }
        let found = records.map { EntriesModel.Message(stream: $0.string("log.iostream"), text: $0.message ?? "") }
        expect(found == expected, "\(format): \(found) where \(expected) is expected")
    }

    private static func expanded(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
        var content: [UInt8] = []
        var rest = bytes
        while let byte = rest.popFirst(), content.count < largest {
            if byte == 0xF8, let count = rest.popFirst(), let filling = rest.popFirst() {
                content += [UInt8](repeating: filling, count: 64 * Int(count))
            } else {
                content.append(byte)
            }
        }
        return content
    }

    /// What the ledger is told follows without overlap; only NULs are skipped.
    private static func checkSlots(_ driver: EncoderDriver) {
        var at: UInt64 = 0
        for slot in driver.shipped {
            expect(slot.start >= at && slot.end >= slot.start, "range \(slot.start)..<\(slot.end) at \(at)")
            expect(driver.content[Int(at)..<Int(slot.start)].allSatisfy { $0 == 0 }, "skipped before \(slot.start)")
            at = slot.end
        }
        let end = at + driver.trailing
        expect(driver.isFinal ? end == driver.content.count : end <= driver.content.count, "ends at \(at)")
    }

    /// What records say they stand for, with gaps, is the whole file, each byte once.
    private static func checkCover(_ driver: EncoderDriver, _ records: [RecordFields]) {
        var ranges = driver.shipped.filter { $0.kind == .oversizeGap }.map { ($0.start, $0.end) }
        for record in records {
            guard let offset = record.offset, let bytes = record.byteCount else { finding("a record without a range") }
            guard let parts = record["log.record.parts"]?.array else {
                ranges.append((offset, offset + bytes))
                continue
            }
            for part in parts {
                guard let pair = part.array, pair.count == 2, let from = pair[0].uint64, let length = pair[1].uint64
                else { finding("parts that are no pairs") }
                ranges.append((from, from + length))
            }
        }
        var at: UInt64 = 0
        for (from, end) in ranges.sorted(by: { $0 < $1 }) where end > from {
            expect(from >= at, "byte \(from) is in two records")
            expect(driver.content[Int(at)..<Int(from)].allSatisfy { $0 == 0 }, "byte \(at) is in no record")
            at = end
        }
        expect(driver.content[Int(at)...].allSatisfy { $0 == 0 }, "byte \(at) is in no record")
    }
}

/// What a log must become, by a strict parser of whole trees; nil where that cannot tell.
private struct EntriesModel {
    struct Message: Equatable {
        let stream: String?
        let text: String
    }

    private enum Line {
        case entry(stream: String, text: String, isPartial: Bool)
        case text(String)
    }

    private(set) var messages: [Message]?

    init(_ content: [UInt8], _ format: EntryFormat) {
        // Holes and what is too far apart for one record are the slots' affair.
        guard !content.contains(0), content.count < 200 << 10 else { return }
        var rest = content.split(separator: 0x0A, omittingEmptySubsequences: false)
        if rest.last?.isEmpty == true { rest.removeLast() }
        var made: [Message] = []
        var waiting: [(stream: String, text: String)] = []
        for line in rest {
            guard let text = String(validating: line, as: UTF8.self), text.utf8.count < 128 << 10,
                let read = EntriesModel.read(text, format)
            else { return }
            guard waiting.count < 60 else { return }
            switch read {
            case .text(let text): made.append(Message(stream: nil, text: text))
            case .entry(let stream, let text, true): waiting.append((stream, text))
            case .entry(let stream, let text, false):
                let before = waiting.filter { $0.stream == stream }.map(\.text).joined()
                waiting.removeAll { $0.stream == stream }
                made.append(Message(stream: stream, text: EntriesModel.withoutReturn(before + text)))
            }
        }
        for stream in ["stdout", "stderr"] where waiting.contains(where: { $0.stream == stream }) {
            made.append(
                Message(stream: stream, text: waiting.filter { $0.stream == stream }.map(\.text).joined()))
        }
        messages = made
    }

    private static func withoutReturn(_ text: String) -> String {
        text.utf8.last == 0x0D ? String(decoding: text.utf8.dropLast(), as: UTF8.self) : text
    }

    private static func read(_ line: String, _ format: EntryFormat) -> Line? {
        format == .cri ? readCRI(line) : readJSON(line)
    }

    private static func readCRI(_ line: String) -> Line? {
        let words = line.utf8.split(separator: 0x20, maxSplits: 3, omittingEmptySubsequences: false)
        let plain = Line.text(withoutReturn(line))
        guard words.count >= 3, isTime(Array(words[0])), ["stdout", "stderr"].contains(String(words[1])!),
            let tag = words[2].first, tag == 0x46 || tag == 0x50,
            words[2].count == 1 || words[2].dropFirst().first == 0x3A
        else { return plain }
        // Tags beyond 64 bytes, or that nothing follows, are the scanner's own choice.
        guard words[2].count < 60, words.count == 4 || words[2].count == 1 else { return nil }
        let text = words.count == 4 ? String(decoding: words[3], as: UTF8.self) : ""
        return .entry(stream: String(words[1])!, text: text, isPartial: tag == 0x50)
    }

    private static func readJSON(_ line: String) -> Line? {
        let plain = Line.text(withoutReturn(line))
        let value: JSONValue
        do { value = try JSONValue(parsing: Array(line.utf8)) } catch {
            // Names that stand twice are read, the last one counts; depth has a bound of its own.
            return "\(error)".contains("twice") || "\(error)".contains("deep") || line.contains("[[[") ? nil : plain
        }
        guard case .object(let members) = value, let log = members["log"]?.string, let time = members["time"]?.string,
            let stream = members["stream"]?.string
        else { return plain }
        // Escapes in these two are never Docker's.
        guard !line.contains("\\u") || line.utf8.count < 16 else { return nil }
        guard ["stdout", "stderr"].contains(stream), isTime(Array(time.utf8)) else { return plain }
        guard log.utf8.last == 0x0A else {
            return .entry(stream: stream, text: log, isPartial: log.utf8.count >= 16 << 10)
        }
        return .entry(stream: stream, text: String(decoding: log.utf8.dropLast(), as: UTF8.self), isPartial: false)
    }

    /// `dddd-dd-ddTdd:dd:dd[.d…](Z|±dd:dd)` with values that exist.
    private static func isTime(_ text: [UInt8]) -> Bool {
        func number(_ from: Int, _ count: Int) -> Int? {
            guard from + count <= text.count else { return nil }
            let digits = text[from..<from + count]
            return digits.allSatisfy { (0x30...0x39).contains($0) } ? Int(String(decoding: digits, as: UTF8.self)) : nil
        }
        func sign(_ place: Int) -> UInt8 { place < text.count ? text[place] : 0 }
        guard text.count <= 35, number(0, 4) != nil, let month = number(5, 2), let day = number(8, 2),
            let hour = number(11, 2), let minute = number(14, 2), let second = number(17, 2),
            [sign(4), sign(7), sign(10), sign(13), sign(16)] == Array("--T::".utf8), (1...12).contains(month),
            (1...31).contains(day), hour < 24, minute < 60, second <= 60
        else { return false }
        var place = 19
        if sign(place) == 0x2E {
            let digits = text[(place + 1)...].prefix { (0x30...0x39).contains($0) }.count
            guard (1...9).contains(digits) else { return false }
            place += 1 + digits
        }
        if sign(place) == 0x5A { return text.count == place + 1 }
        guard text.count == place + 6, sign(place) == 0x2B || sign(place) == 0x2D, sign(place + 3) == 0x3A,
            let hours = number(place + 1, 2), let minutes = number(place + 4, 2)
        else { return false }
        return hours < 24 && minutes < 60
    }
}
