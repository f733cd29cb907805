// The table of sources in `longshore status`: as wide as the terminal, whatever the paths.
internal import Core

/// Lays out one row per source. On a terminal a table that is too wide gets shorter paths, its reasons on lines of their
/// own, and at last fewer columns. Every string came from tenants or over a socket, and is escaped.
struct SourceTable {
    private let sources: [SourceStatus]
    private let width: Int?

    /// `width`: columns of the terminal; nil: lines may be of any length. Sources are shown by container, declaration and
    /// path, those of the host first and those with a reason last.
    init(sources: [SourceStatus], width: Int?) {
        self.sources = sources.sorted { SourceTable.place($0) < SourceTable.place($1) }
        self.width = width
    }

    private static func place(_ source: SourceStatus) -> (Int, String, String, String) {
        (source.reason == nil ? 0 : 1, source.container ?? "", source.declaration, source.path)
    }

    /// Characters of a cell that are shown at most; of a path the end is kept.
    private static let cellLimit = 72
    /// Shorter than this a path says nothing.
    private static let shortestPath = 24

    private typealias Column = (heading: String, side: TextTable.Side, cell: (SourceStatus) -> String)

    var lines: [String] {
        let whole = render(all, reasonsBelow: false)
        guard let width, isWider(whole, than: width) else { return whole }
        let narrowed = fitted(all, to: width)
        return isWider(narrowed, than: width) ? fitted(few, to: width) : narrowed
    }

    private var all: [Column] {
        leading + [
            ("OFFSET", .right, { HumanUnits.bytes($0.offset) }), size, unread,
            ("IN-FLIGHT", .right, { HumanUnits.bytes($0.ledger.inFlight) }),
            ("OLDEST", .right, { $0.oldestUnacknowledgedSeconds.map(HumanUnits.duration) ?? "-" }),
            ("TOPIC", .left, { end(safe($0.topic), SourceTable.cellLimit) }), state,
        ]
    }

    private var few: [Column] { leading + [size, unread, state] }

    /// What tells sources apart, the path last.
    private var leading: [Column] {
        sources.contains { $0.container != nil } ? [container, declaration, path] : [declaration, path]
    }

    private var container: Column { ("CONTAINER", .left, { safe(String(($0.container ?? "-").prefix(12))) }) }
    private var declaration: Column {
        ("DECLARATION", .left, { end(safe($0.declaration), SourceTable.cellLimit) })
    }
    private var path: Column { ("PATH", .left, { end(location($0), SourceTable.cellLimit) }) }
    private var size: Column { ("SIZE", .right, { HumanUnits.bytes($0.ledger.size) }) }
    private var unread: Column { ("UNREAD", .right, { HumanUnits.bytes($0.ledger.unread) }) }
    private var state: Column { ("STATE", .left, { safe($0.state) }) }

    /// The rows with paths cut to what the other columns leave, reasons below them.
    private func fitted(_ columns: [Column], to width: Int) -> [String] {
        var columns = columns
        let path = leading.count - 1
        columns[path].cell = { _ in "" }
        let rest = render(columns, reasonsBelow: true, showsReasons: false).map(TextTable.width).max() ?? 0
        let room = max(SourceTable.shortestPath, width - rest + columns[path].heading.count)
        columns[path].cell = { end(location($0), room) }
        return render(columns, reasonsBelow: true)
    }

    private func isWider(_ lines: [String], than width: Int) -> Bool {
        // A reason on a line of its own may wrap: it is text, no column.
        lines.contains { TextTable.width($0) > width && !$0.hasPrefix(SourceTable.reasonIndent) }
    }

    private static let reasonIndent = "    "

    private func render(_ columns: [Column], reasonsBelow: Bool, showsReasons: Bool = true) -> [String] {
        var table = TextTable(columns: columns.map { ($0.heading, $0.side) })
        for source in sources {
            var cells = columns.map { $0.cell(source) }
            if !reasonsBelow, let reason = source.reason { cells[cells.count - 1] += ": " + safe(reason) }
            table.add(cells)
        }
        guard reasonsBelow, showsReasons else { return table.lines }
        var lines = [table.lines[0]]
        for (source, line) in zip(sources, table.lines.dropFirst()) {
            lines.append(line)
            if let reason = source.reason { lines.append(SourceTable.reasonIndent + safe(reason)) }
        }
        return lines
    }

    /// The live path, and where the file is now: of a rename within its directory the new name is enough.
    private func location(_ source: SourceStatus) -> String {
        var text = source.path
        if let current = source.currentPath {
            let directory = source.path.lastIndex(of: "/").map { source.path[...$0] } ?? ""
            let isNear = !directory.isEmpty && current.hasPrefix(directory)
            text += " (now \(isNear ? current.dropFirst(directory.count) : current[...]))"
        }
        return safe(text + (source.deleted ? " (deleted)" : ""))
    }

    private func safe(_ text: String) -> String { escapedForTerminal(text) }

    /// The end of a long text: of a path it is what tells files apart.
    private func end(_ text: String, _ limit: Int) -> String {
        text.count <= limit ? text : "..." + text.suffix(limit - 3)
    }
}
