// The table of topics in `longshore status`: those in trouble, and what each is waiting for.
internal import Core

/// Lays out one row per topic. Topics with trouble come last, next to the problems; of those that are well only so many
/// are shown as a screen has room for. Names and reasons came over a socket, and are escaped.
struct TopicTable {
    private let topics: [TopicStatus]
    private let width: Int?
    /// Healthy topics that are shown.
    private static let shownHealthy = 20
    private static let nameLimit = 72
    private static let shortestName = 16

    /// `width`: columns of the terminal; nil: lines may be of any length.
    init(topics: [TopicStatus], width: Int?) {
        self.topics = topics
        self.width = width
    }

    private typealias Column = (heading: String, side: TextTable.Side, cell: (TopicStatus) -> String)

    /// Empty without topics.
    var lines: [String] {
        guard !topics.isEmpty else { return [] }
        let calm = topics.filter { !TopicTable.isNotable($0) }.sorted { $0.name < $1.name }
        let notable = topics.filter(TopicTable.isNotable).sorted {
            ($0.isInTrouble ? 1 : 0, $0.name) < ($1.isInTrouble ? 1 : 0, $1.name)
        }
        var lines = table(calm.prefix(TopicTable.shownHealthy) + notable)
        let left = calm.count - min(calm.count, TopicTable.shownHealthy)
        if left > 0 { lines.insert("... and \(left) topics that are healthy", at: 1) }
        return lines
    }

    /// Something besides its counters is to be seen.
    private static func isNotable(_ topic: TopicStatus) -> Bool {
        topic.state != "healthy" || topic.quarantinedRecords > 0 || topic.leaderless > 0
    }

    private func table(_ shown: [TopicStatus]) -> [String] {
        let whole = render(columns(nameLimit: TopicTable.nameLimit), shown)
        guard let width, let widest = whole.map(TextTable.width).max(), widest > width else { return whole }
        // Why goes below its row first, then the name is cut.
        let narrow = Array(columns(nameLimit: TopicTable.nameLimit).dropLast())
        let rest = render(narrow, shown).map(TextTable.width).max() ?? 0
        let name = shown.map { TextTable.width(safe($0.name)) }.max() ?? 0
        let limit =
            rest <= width
            ? TopicTable.nameLimit : max(TopicTable.shortestName, min(name, TopicTable.nameLimit) - (rest - width))
        let rows = render(Array(columns(nameLimit: limit).dropLast()), shown)
        var lines = [rows[0]]
        for (topic, row) in zip(shown, rows.dropFirst()) {
            lines.append(row)
            let why = TopicTable.why(topic)
            if !why.isEmpty { lines += TextFlow.lines(safe(why), lead: "    ", width: width) }
        }
        return lines
    }

    private func columns(nameLimit: Int) -> [Column] {
        [
            ("TOPIC", .left, { end(safe($0.name), nameLimit) }),
            ("STATE", .left, { safe($0.state) }),
            ("SINCE", .right, { $0.parkedSeconds.map(HumanUnits.duration) ?? "-" }),
            ("NEXT TRY", .right, { TopicTable.nextTry($0) }),
            ("IN-FLIGHT", .right, { "\($0.inFlight)" }),
            ("OLDEST", .right, { $0.oldest.map { HumanUnits.duration($0.seconds) } ?? "-" }),
            ("QUARANTINED", .right, { "\($0.quarantinedRecords)" }),
            (
                "WHY", .left,
                {
                    let why = TopicTable.why($0); return why.isEmpty ? "-" : safe(why)
                }
            ),
        ]
    }

    private static func nextTry(_ topic: TopicStatus) -> String {
        guard let seconds = topic.nextTrySeconds else { return "-" }
        return seconds > 0 ? "in " + HumanUnits.duration(seconds) : "now"
    }

    private static func why(_ topic: TopicStatus) -> String {
        if topic.reason == nil, topic.leaderless > 0 {
            return "\(topic.leaderless) of \(topic.partitions) partitions have no leader"
        }
        return [topic.reason, topic.why].compactMap(\.self).joined(separator: ": ")
    }

    private func render(_ columns: [Column], _ shown: [TopicStatus]) -> [String] {
        var table = TextTable(columns: columns.map { ($0.heading, $0.side) })
        for topic in shown { table.add(columns.map { $0.cell(topic) }) }
        return table.lines
    }

    private func safe(_ text: String) -> String { escapedForTerminal(text) }

    /// The end of a long name: it is what tells topics apart.
    private func end(_ text: String, _ limit: Int) -> String {
        text.count <= limit ? text : "..." + text.suffix(limit - 3)
    }
}
