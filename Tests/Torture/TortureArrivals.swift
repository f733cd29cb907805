// What came back from Kafka in a round: lines, the ranges they claim, announced gaps.
import Core
import Synchronization
import TestSupport

/// One record that carried a whole line, as the judge needs it: 64 bytes.
struct ArrivedRecord: Sendable {
    let file: Identifier128
    let stream: Identifier128
    let line: NumberedLine
    let offset: UInt64
    /// When it was read back: monotonic nanoseconds.
    let time: Int64
    /// When the daemon read it, by its own clock: milliseconds of the day.
    let observed: Int64
}

/// A gap event.
struct ArrivedGap: Sendable {
    /// Empty where a container's declaration is told, not a file.
    let file: String
    let path: String
    /// Full id; empty for files of the host.
    let container: String
    let reason: String
    /// `to` nil: the extent is not known.
    let ranges: [(from: UInt64, to: UInt64?)]
}

/// Filled by the readers' threads; asked by everybody.
final class TortureArrivals: Sendable {
    struct Content: Sendable {
        var checker = SequenceChecker()
        var records: [ArrivedRecord] = []
        var recordCount = 0
        var coverage = CoverageChecker<String>()
        /// Pieces of long lines, by generation and line, by ordinal.
        var pieces: [String: [UInt64: [UInt8]]] = [:]
        var pieceCount = 0
        /// Records that are neither a line nor a piece of one, for messages.
        var strange: [String] = []
        var gaps: [ArrivedGap] = []
        var stateLosses = 0
        /// Paths of the streams of which gaps are told in sum only; empty for the whole host.
        var summaries: [String] = []
        /// Every audit event as it came.
        var events: [String] = []
    }

    private let content = Mutex(Content())

    var snapshot: Content { content.withLock { $0 } }

    /// Different whole lines of a stream that have arrived.
    func count(_ stream: UInt32) -> UInt64 { content.withLock { $0.checker.distinct(of: stream) } }

    /// Every line that was written so far and must arrive whole has arrived, and none is half written.
    func hasAll(_ stream: TortureStream) -> Bool { stream.isWhole && count(stream.number) == stream.wholeLines }

    func hasArrived(_ line: NumberedLine) -> Bool { content.withLock { $0.checker.hasArrived(line) } }

    /// Takes in a record of a log's topic. Throws for what is no record.
    func take(_ view: KafkaRecordView) throws {
        let summary = try RecordSummary(view)
        let fields = summary.line == nil ? try view.copy().fields() : nil
        content.withLock { content in
            content.recordCount += 1
            content.coverage.record(
                summary.fileID.description, offset: summary.offset, byteCount: summary.byteCount,
                skipped: summary.skippedBytes, partition: summary.partition)
            if let line = summary.line {
                content.arrived(line, summary)
            } else if let fields {
                content.take(piece: fields, summary)
            }
        }
    }

    /// Takes in an audit event.
    func take(event view: KafkaRecordView) throws {
        let record = view.copy()
        let event = try record.fields()
        content.withLock { content in
            content.events.append(record.text)
            switch event.string("event") {
            case "gap":
                content.coverage.gap(event)
                content.gaps.append(ArrivedGap(event))
            case "gap_summary": content.summaries.append(event.string("log.file.path") ?? "")
            case "state_lost": content.stateLosses += 1
            default: break
            }
        }
    }
}

extension TortureArrivals.Content {
    fileprivate mutating func arrived(_ line: NumberedLine, _ summary: RecordSummary, offset: UInt64? = nil) {
        checker.arrived(line, partition: summary.partition, at: 0)
        records.append(
            ArrivedRecord(
                file: summary.fileID, stream: summary.streamID ?? Identifier128(high: 0, low: 0), line: line,
                offset: offset ?? summary.offset, time: Clock.monotonic(), observed: summary.observed ?? 0))
    }

    /// A piece of a line that was longer than `limits.line`. With the last one the line is there.
    fileprivate mutating func take(piece: RecordFields, _ summary: RecordSummary) {
        guard let id = piece.string("log.partial.id"), let ordinal = piece.uint64("log.partial.ordinal"),
            let text = piece.message
        else {
            // The beginning of a line that a stopped program never ended.
            if piece["log.unterminated"]?.bool != true, strange.count < 20 {
                strange.append("\(summary.fileID) at \(summary.offset): \(piece.message?.prefix(80) ?? "no message")")
            }
            return
        }
        let key = "\(summary.fileID) \(id)"
        pieces[key, default: [:]][ordinal] = Array(text.utf8)
        pieceCount += 1
        guard piece["log.partial.last"]?.bool == true else { return }
        var whole: [UInt8] = []
        for number in 0...ordinal {
            guard let part = pieces[key]?[number] else { return }
            whole += part
        }
        guard let line = NumberedLines.check(whole) else {
            if strange.count < 20 {
                strange.append("\(summary.fileID): \(ordinal + 1) pieces that end at \(summary.offset) are no line")
            }
            return
        }
        let first = summary.offset + summary.byteCount - UInt64(whole.count + 1)
        arrived(line, summary, offset: first)
    }
}

extension ArrivedGap {
    init(_ event: RecordFields) {
        file = event.fileID ?? ""
        path = event.string("log.file.path") ?? ""
        container = event.string("container.id") ?? ""
        reason = event.string("reason") ?? ""
        let listed = event["ranges"]?.array?.compactMap { pair -> (from: UInt64, to: UInt64?)? in
            guard let from = pair.array?.first?.uint64 else { return nil }
            return (from, pair.array?.last?.uint64)
        }
        ranges = listed ?? [(event.uint64("from") ?? 0, event.uint64("to"))]
    }
}
