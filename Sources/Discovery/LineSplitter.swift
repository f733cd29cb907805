// Lines out of pieces that are cut anywhere.

/// Joins pieces and cuts them at newlines. Holds `limit` bytes at most: a longer line is dropped whole.
struct LineSplitter {
    let limit: Int
    private var rest: [UInt8] = []
    private var isDropping = false

    init(limit: Int) { self.limit = limit }

    /// The lines that `piece` completes, without their newlines and without empty ones; nil stands for one too long.
    mutating func feed(_ piece: [UInt8]) -> [[UInt8]?] {
        var lines: [[UInt8]?] = []
        var place = 0
        while let newline = piece[place...].firstIndex(of: 0x0A) {
            take(piece[place..<newline])
            if isDropping { lines.append(nil) } else if !rest.isEmpty { lines.append(rest) }
            rest = []
            isDropping = false
            place = newline + 1
        }
        take(piece[place...])
        return lines
    }

    private mutating func take(_ bytes: ArraySlice<UInt8>) {
        if isDropping { return }
        if rest.count + bytes.count > limit {
            isDropping = true
            rest = []
        } else {
            rest += bytes
        }
    }
}
