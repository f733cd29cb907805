// Columns of text, aligned by spaces.

/// A table with a heading. The last column is not padded, so lines have no trailing spaces.
struct TextTable {
    /// On which side a column's cells meet.
    enum Side { case left, right }

    private let sides: [Side]
    private var rows: [[String]]

    init(columns: [(heading: String, side: Side)]) {
        sides = columns.map(\.side)
        rows = [columns.map(\.heading)]
    }

    /// Adds a row with one cell per column.
    mutating func add(_ cells: [String]) {
        precondition(cells.count == sides.count)
        rows.append(cells)
    }

    var lines: [String] {
        let widths = sides.indices.map { column in rows.reduce(0) { max($0, $1[column].count) } }
        return rows.map { row in
            sides.indices.map { column in
                let space = String(repeating: " ", count: widths[column] - row[column].count)
                if sides[column] == .right { return space + row[column] }
                return column == sides.count - 1 ? row[column] : row[column] + space
            }.joined(separator: "  ")
        }
    }
}
