// `longshore status` for people: header, problems, the table of sources, the sum of the ledger.
package import Core

/// Renders a StatusReport as text. Everything in it came from tenants or over a socket, so every string is escaped.
package struct StatusText {
    private let report: StatusReport
    private let colours: Bool
    private let now: Double
    private let width: Int?

    /// The whole text, newline at its end. `now` is seconds since 1970; `colours` adds SGR sequences; `width` is that of
    /// the terminal in columns, nil where lines may be of any length. Problems come last: of many sources a terminal
    /// shows the end.
    package static func render(_ report: StatusReport, now: Double, colours: Bool, width: Int? = nil) -> String {
        let text = StatusText(report: report, colours: colours, now: now, width: width)
        return (text.header + text.delivery + text.containers + text.topics + text.table + text.problems + text.ledger)
            .joined(
                separator: "\n") + "\n"
    }

    private var header: [String] {
        let kafka = report.kafka
        let store = report.store
        let acknowledged = kafka.lastAcknowledgement.map { "\(HumanUnits.duration(now - $0)) ago" } ?? "never"
        let checkpoint = store.secondsSinceCheckpoint.map { "\(HumanUnits.duration($0)) ago" } ?? "none yet"
        return [
            "longshore \(safe(report.version)) on \(safe(report.host)), pid \(report.processID), up \(HumanUnits.duration(report.uptimeSeconds))",
            "configuration  \(safe(report.configuration))",
            "brokers        \(kafka.up ? good("up") : bad("down"))  \(safe(kafka.brokers)), last acknowledgement \(acknowledged)"
                + (kafka.embedded ? ", embedded: for trying things out only" : ""),
            "store          \(store.ok ? good("ok") : bad("failing"))  \(safe(store.path)), checkpoint \(checkpoint), \(outbox)",
            "memory         \(HumanUnits.bytes(report.memory.residentBytes)) resident, buffers \(HumanUnits.bytes(report.memory.bufferBytes)) of \(HumanUnits.bytes(report.memory.limitBytes)), beside them \(HumanUnits.bytes(report.memory.overheadBytes)) of at most \(HumanUnits.bytes(report.memory.overheadLimitBytes))",
        ]
    }

    /// The runtimes that answer or should, and what their containers declare.
    private var containers: [String] {
        let discovery = report.discovery
        let expected = discovery.runtimes.filter { $0.isUp || $0.isExpected }
        guard !expected.isEmpty else { return [] }
        var lines = expected.map { runtime in
            let count = discovery.containers[runtime.name] ?? 0
            let word = runtime.isUp ? good("up") : bad("down")
            return
                "containers     \(word)  \(safe(runtime.name)) \(safe(runtime.version)) at \(safe(runtime.socket)), \(count) \(count == 1 ? "container" : "containers")"
        }
        let states = discovery.declarations.filter { $0.value > 0 }.sorted { $0.key < $1.key }
        if !states.isEmpty {
            let counts = states.map { "\($0.value) \(safe($0.key))" }.joined(separator: ", ")
            lines.append("declarations   \(counts); longshore explain says more")
        }
        return lines
    }

    private var topics: [String] {
        let lines = TopicTable(topics: report.kafka.topics, width: width).lines
        return lines.isEmpty ? [] : [""] + lines
    }

    /// What waits longest, and how often the producer had to be made anew: lines that are there only when there is
    /// something to say.
    private var delivery: [String] {
        let kafka = report.kafka
        var lines: [String] = []
        if let oldest = kafka.oldest {
            let container = oldest.container.map { ", container \(safe(String($0.prefix(12))))" } ?? ""
            lines += flow(
                "oldest         ",
                "\(HumanUnits.duration(oldest.seconds)) without acknowledgement: \(safe(oldest.path)) (\(safe(oldest.declaration))\(container)), topic \(safe(oldest.topic))"
            )
        }
        if kafka.rebuilds > 0 {
            lines += flow(
                "producer       ",
                "made anew \(kafka.rebuilds) \(kafka.rebuilds == 1 ? "time" : "times") after fatal errors, everything not acknowledged is sent again; the last: \(safe(kafka.lastFatal ?? "?"))"
            )
        }
        return lines
    }

    private var outbox: String {
        let store = report.store
        let oldest = store.outboxOldestSeconds.map { ", oldest \(HumanUnits.duration($0))" } ?? ""
        let left = report.counters.outboxDropped.values.reduce(0, &+)
        let dropped = left > 0 ? ", \(left) dropped" : ""
        return
            "outbox \(store.outboxEvents) \(store.outboxEvents == 1 ? "event" : "events") (\(bytes(clamping: store.outboxBytes)))\(oldest)\(dropped)"
    }

    private var problems: [String] {
        var lines = report.problems
        func add(_ room: String, _ error: String) {
            if !lines.contains(where: { $0.contains(error) }) { lines.append("\(room): \(error)") }
        }
        if let error = report.kafka.lastError, !report.kafka.up { add("kafka", error) }
        if let error = report.store.lastError, !report.store.ok { add("store", error) }
        let left = report.sources.count { $0.state == "refused" || $0.state == "unreadable" }
        if left > 0 { lines.append("\(left) of \(report.sources.count) files cannot be shipped: STATE says why") }
        if lines.isEmpty { return ["", "no problems"] }
        return ["", bad("problems (\(lines.count)):")] + lines.flatMap { flow("  - ", safe($0)) }
    }

    private var table: [String] {
        let table = SourceTable(sources: report.sources, width: width)
        return report.sources.isEmpty ? ["", "no sources"] : [""] + table.lines
    }

    /// The books: every byte of every source is in exactly one of these places. Those of the run, which hold the sources
    /// that were closed as well, before those of the sources above.
    private var ledger: [String] {
        var lines = [""]
        if report.books != report.totals, report.books != LedgerStatus() {
            lines.append("this run: " + books(report.books))
        }
        return lines + [books(report.totals)]
    }

    private func books(_ sum: LedgerStatus) -> String {
        let isRight = StatusText.balances(sum) && report.ledgerImbalances == 0
        return
            "size \(sum.size) = acknowledged \(sum.acknowledged) + in flight \(sum.inFlight) + spooled \(sum.spooled) + skipped \(sum.skipped) + gap \(sum.gap) + unread \(sum.unread): \(isRight ? good("balances") : bad("DOES NOT BALANCE"))"
    }

    /// The report came over a socket: a sum that overflows is one that does not balance.
    private static func balances(_ sum: LedgerStatus) -> Bool {
        let parts = [sum.acknowledged, sum.inFlight, sum.spooled, sum.skipped, sum.gap, sum.unread]
        let total = parts.reduce(UInt64?.some(0)) { sum, part in
            sum.flatMap { $0.addingReportingOverflow(part).overflow ? nil : $0 + part }
        }
        return total == sum.size
    }

    /// On a terminal wrapped at words, else one line.
    private func flow(_ lead: String, _ text: String) -> [String] {
        width.map { TextFlow.lines(text, lead: lead, width: $0) } ?? [lead + text]
    }

    private func safe(_ text: String) -> String { escapedForTerminal(text) }

    private func bytes(clamping count: Int) -> String { HumanUnits.bytes(UInt64(clamping: count)) }
    private func good(_ text: String) -> String { colours ? "\u{1b}[32m\(text)\u{1b}[0m" : text }
    private func bad(_ text: String) -> String { colours ? "\u{1b}[1;31m\(text)\u{1b}[0m" : text }
}
