// The contract's framing, slowly: what records a whole file must become.
import Core
import Pipeline

/// One line of a file and the pieces it must become when no record is too large for Kafka.
struct ModelLine {
    struct Piece: Equatable {
        let start: Int
        let end: Int
        let kind: RecordSlot.Kind
        /// What of the file is the message: without the line's end.
        let message: Range<Int>
        /// Its end is no newline: the file is over, or a hole follows.
        var isUnterminated = false
    }

    /// Bytes before it that are skipped: a byte order mark, NULs.
    let skipped: Int
    /// First byte, and the byte behind the line's end.
    let start: Int
    let end: Int
    /// All the message bytes that are shipped.
    let shipped: Range<Int>
    let pieces: [Piece]
    /// The line has an end, or the file is over.
    let isComplete: Bool
}

/// Frames `content` by the contract's words, knowing all of it.
struct FramingModel {
    let content: [UInt8]
    let limits: FramingLimits
    let isFinal: Bool
    private(set) var lines: [ModelLine] = []
    /// NULs at the end of a final file.
    private(set) var trailing = 0

    init(_ content: [UInt8], _ limits: FramingLimits, isFinal: Bool) {
        self.content = content
        self.limits = limits
        self.isFinal = isFinal
        var from = 0
        var start = content.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
        while true {
            start = content[start...].firstIndex { $0 != 0 } ?? content.count
            guard start < content.count else { break }
            lines.append(line(at: start, skipped: start - from))
            from = lines.last!.end
            start = from
        }
        trailing = isFinal ? content.count - from : 0
    }

    private func line(at start: Int, skipped: Int) -> ModelLine {
        let feed = content[start...].firstIndex(of: 0x0A)
        var end = feed.map { $0 + 1 } ?? content.count
        var textEnd = feed ?? content.count
        let seen = textEnd
        if feed != nil, textEnd > start, content[textEnd - 1] == 0x0D { textEnd -= 1 }
        var isComplete = feed != nil || isFinal
        var isUnterminated = feed == nil
        let boundaries = FramingModel.boundaries(content[start..<textEnd])
        var pieces: [ModelLine.Piece] = []
        var at = start
        while true {
            if let hole = hole(in: at..<min(seen, at + limits.line + 2)) {
                isComplete = isFinal || content[hole...].contains { $0 != 0 }
                if !isComplete { break }
                (textEnd, end, isUnterminated) = (hole, hole, true)
                if hole == at { break }
            } else if !isComplete, textEnd - at < limits.line + 2 {
                // An unfinished line waits until it is surely longer than one record with its CR LF.
                break
            }
            let allowed = min(limits.line, start + limits.lineTotal - at)
            if textEnd - at <= allowed {
                pieces.append(
                    .init(
                        start: at, end: end, kind: .lineEnd, message: at..<textEnd, isUnterminated: isUnterminated))
                at = textEnd
                break
            }
            let cut = beforeNulls(boundaries.last { $0 <= at + allowed }!, from: at, boundaries)
            if cut <= at {
                end = feed.map { $0 + 1 } ?? content.count
                isComplete = feed != nil || isFinal
                if isComplete { pieces.append(.init(start: at, end: end, kind: .oversizeGap, message: at..<at)) }
                break
            }
            pieces.append(.init(start: at, end: cut, kind: .partial, message: at..<cut))
            at = cut
        }
        return ModelLine(
            skipped: skipped, start: start, end: end, shipped: start..<at, pieces: pieces, isComplete: isComplete)
    }

    /// Where a run of 512 NULs begins that lies within `range`.
    private func hole(in range: Range<Int>) -> Int? {
        var length = 0
        for index in range {
            length = content[index] == 0 ? length + 1 : 0
            if length == 512 { return index - 511 }
        }
        return nil
    }

    /// A line is not cut inside a run of NULs nor directly before it, but one character earlier where there is one.
    private func beforeNulls(_ cut: Int, from start: Int, _ boundaries: [Int]) -> Int {
        guard cut > start, cut < content.count, content[cut] == 0 else { return cut }
        var run = cut
        while run > start, content[run - 1] == 0 { run -= 1 }
        let before = boundaries.last { $0 <= run - 1 } ?? cut
        return before > start ? before : cut
    }

    /// Indices at which a line may be cut: between characters, as the standard library's parser finds them.
    private static func boundaries(_ text: ArraySlice<UInt8>) -> [Int] {
        var parser = Unicode.UTF8.ForwardParser()
        var iterator = text.makeIterator()
        var boundaries = [text.startIndex]
        while true {
            switch parser.parseScalar(from: &iterator) {
            case .valid(let scalar): boundaries.append(boundaries.last! + scalar.count)
            case .error(let length): boundaries.append(boundaries.last! + length)
            case .emptyInput: return boundaries
            }
        }
    }
}
