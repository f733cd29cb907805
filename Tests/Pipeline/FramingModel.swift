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
    }

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

    init(_ content: [UInt8], _ limits: FramingLimits, isFinal: Bool) {
        self.content = content
        self.limits = limits
        self.isFinal = isFinal
        var start = content.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
        while start < content.count {
            lines.append(line(at: start))
            start = lines.last!.end
        }
    }

    private func line(at start: Int) -> ModelLine {
        let feed = content[start...].firstIndex(of: 0x0A)
        let end = feed.map { $0 + 1 } ?? content.count
        var textEnd = feed ?? content.count
        if feed != nil, textEnd > start, content[textEnd - 1] == 0x0D { textEnd -= 1 }
        let isComplete = feed != nil || isFinal
        let boundaries = FramingModel.boundaries(content[start..<textEnd])
        var pieces: [ModelLine.Piece] = []
        var at = start
        while true {
            // An unfinished line waits until it is surely longer than one record with its CR LF.
            if !isComplete, textEnd - at < limits.line + 2 { break }
            let allowed = min(limits.line, start + limits.lineTotal - at)
            if textEnd - at <= allowed {
                pieces.append(.init(start: at, end: end, kind: .lineEnd, message: at..<textEnd))
                at = textEnd
                break
            }
            let cut = boundaries.last { $0 <= at + allowed }!
            if cut <= at {
                if isComplete { pieces.append(.init(start: at, end: end, kind: .oversizeGap, message: at..<at)) }
                break
            }
            pieces.append(.init(start: at, end: cut, kind: .partial, message: at..<cut))
            at = cut
        }
        return ModelLine(start: start, end: end, shipped: start..<at, pieces: pieces, isComplete: isComplete)
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
