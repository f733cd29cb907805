// Columns of text, aligned by spaces.

/// A table with a heading. The last column is not padded, so lines have no trailing spaces.
package struct TextTable {
    /// On which side a column's cells meet.
    package enum Side { case left, right }

    private let sides: [Side]
    private var rows: [[String]]

    package init(columns: [(heading: String, side: Side)]) {
        sides = columns.map(\.side)
        rows = [columns.map(\.heading)]
    }

    /// Adds a row with one cell per column.
    package mutating func add(_ cells: [String]) {
        precondition(cells.count == sides.count)
        rows.append(cells)
    }

    package var lines: [String] {
        let widths = sides.indices.map { column in rows.reduce(0) { max($0, TextTable.width($1[column])) } }
        return rows.map { row in
            sides.indices.map { column in
                let space = String(repeating: " ", count: widths[column] - TextTable.width(row[column]))
                if sides[column] == .right { return space + row[column] }
                return column == sides.count - 1 ? row[column] : row[column] + space
            }.joined(separator: "  ")
        }
    }

    /// Columns of a terminal that a text takes: two for wide East Asian characters and emoji (UAX #11), none for marks
    /// that join the character before them.
    package static func width(_ text: String) -> Int {
        if text.utf8.allSatisfy({ $0 < 0x80 }) { return text.utf8.count }
        return text.unicodeScalars.reduce(0) { sum, scalar in
            switch scalar.properties.generalCategory {
            case .nonspacingMark, .enclosingMark: sum
            default: sum + (TextTable.wide.contains { $0.contains(scalar.value) } ? 2 : 1)
            }
        }
    }

    /// The blocks of wide characters.
    private static let wide: [ClosedRange<UInt32>] = [
        0x1100...0x115F, 0x2E80...0x303E, 0x3041...0xA4CF, 0xA960...0xA97F, 0xAC00...0xD7A3, 0xF900...0xFAFF,
        0xFE30...0xFE6F, 0xFF00...0xFF60, 0xFFE0...0xFFE6, 0x1F300...0x1F64F, 0x1F680...0x1F6FF, 0x1F900...0x1FAFF,
        0x20000...0x3FFFD,
    ]
}
