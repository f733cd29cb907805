// Whether what the encoder shipped is what the contract says, record by record.
import Core
import Pipeline
import TestSupport

/// Compares a driver's records with the model; gives the first difference in words, nil when there is none.
struct RecordCheck {
    let model: FramingModel
    /// Records may be cut smaller than the model's pieces, since Kafka takes no larger ones.
    let mayCutSmaller: Bool
    private var records: ArraySlice<Shipped>

    init(_ model: FramingModel, _ shipped: [Shipped], mayCutSmaller: Bool) {
        self.model = model
        self.mayCutSmaller = mayCutSmaller
        records = shipped[...]
    }

    mutating func difference() -> String? {
        for line in model.lines { if let difference = check(line) { return "line at \(line.start): \(difference)" } }
        return records.isEmpty ? nil : "a record too many at \(records.first!.start)"
    }

    private mutating func check(_ line: ModelLine) -> String? {
        let mine = records.prefix { $0.start < UInt64(line.end) }
        records = records.dropFirst(mine.count)
        var at = line.start
        var text: [UInt8] = []
        for (ordinal, record) in mine.enumerated() {
            if record.start != UInt64(at) || record.end <= record.start || record.end > UInt64(line.end) {
                return "range \(record.start)..<\(record.end) where \(at) comes next"
            }
            at = Int(record.end)
            let isOnly = record.kind == .lineEnd && ordinal == 0
            if let difference = check(record, line, ordinal: isOnly ? nil : ordinal, &text) { return difference }
        }
        if line.isComplete, at != line.end { return "ends at \(at), not at \(line.end)" }
        return mayCutSmaller ? checkOutline(line, mine, at, text) : checkPieces(line, mine, text)
    }

    private func checkPieces(_ line: ModelLine, _ mine: ArraySlice<Shipped>, _ text: [UInt8]) -> String? {
        let ranges = mine.map { "\($0.start)..<\($0.end) \($0.kind)" }
        let expected = line.pieces.map { "\($0.start)..<\($0.end) \($0.kind)" }
        if ranges != expected { return "\(ranges) where \(expected) is expected" }
        return text == repaired(line.shipped) ? nil : "the messages together are not the line"
    }

    private func checkOutline(_ line: ModelLine, _ mine: ArraySlice<Shipped>, _ at: Int, _ text: [UInt8]) -> String? {
        if line.isComplete {
            let gap = line.pieces.last.flatMap { $0.kind == .oversizeGap ? $0.start : nil }
            let found = mine.last.flatMap { $0.kind == .oversizeGap ? Int($0.start) : nil }
            if gap != found { return "gap at \(found ?? -1) where \(gap ?? -1) is expected" }
            return text == repaired(line.shipped) ? nil : "the messages together are not the line"
        }
        let waits = line.end - at < model.limits.line + 2 || at >= line.start + model.limits.lineTotal - 3
        if !waits { return "stopped at \(at)" }
        return text == repaired(line.start..<at) ? nil : "the messages together are not the line so far"
    }

    private func check(_ record: Shipped, _ line: ModelLine, ordinal: Int?, _ text: inout [UInt8]) -> String? {
        if record.kind == .oversizeGap { return record.payload.isEmpty ? nil : "a gap with a payload" }
        let fields: RecordFields
        do { fields = try RecordFields(parsing: record.payload) } catch { return "\(error)" }
        text += Array((fields.message ?? "").utf8)
        let skipped = record.start == UInt64(line.start) ? UInt64(line.skipped) : 0
        let isLast = record.kind == .lineEnd
        let isUnterminated = isLast && line.pieces.last?.isUnterminated == true
        let expectations: [(String, Bool)] = [
            ("message", fields.message != nil),
            ("log.file.offset", fields.offset == record.start),
            ("log.record.bytes", fields.byteCount == record.end - record.start),
            ("log.skipped.bytes", fields.uint64("log.skipped.bytes") == (skipped == 0 ? nil : skipped)),
            (
                "log.partial.id",
                fields.string("log.partial.id") == ordinal.map { _ in "\(EncoderDriver.file)-\(line.start)" }
            ),
            ("log.partial.ordinal", fields.uint64("log.partial.ordinal") == ordinal.map { UInt64($0) }),
            ("log.partial.last", fields["log.partial.last"]?.bool == ordinal.map { _ in isLast }),
            ("log.unterminated", fields["log.unterminated"]?.bool == (isUnterminated ? true : nil)),
            ("size", record.payload.count <= model.limits.record),
        ]
        return expectations.first { !$0.1 }.map { "\($0.0) of \(String(decoding: record.payload, as: UTF8.self))" }
    }

    private func repaired(_ range: Range<Int>) -> [UInt8] {
        Array(String(decoding: model.content[range], as: UTF8.self).utf8)
    }
}
