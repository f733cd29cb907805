// `longshore status` for people: header, problems, the table of sources, the sum of the ledger.
package import Core

/// Renders a StatusReport as text. Everything in it came from tenants or over a socket, so every string is escaped.
package struct StatusText {
    private let report: StatusReport
    private let colours: Bool
    private let now: Double
    /// Characters of a path or reason that are shown at most; of a path the end is kept.
    private static let cellLimit = 72

    /// The whole text, newline at its end. `now` is seconds since 1970; `colours` adds SGR sequences.
    package static func render(_ report: StatusReport, now: Double, colours: Bool) -> String {
        let text = StatusText(report: report, colours: colours, now: now)
        return (text.header + text.topics + text.problems + text.table + text.ledger).joined(separator: "\n") + "\n"
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
            "store          \(store.ok ? good("ok") : bad("failing"))  \(safe(store.path)), checkpoint \(checkpoint), outbox \(store.outboxEvents) events (\(bytes(clamping: store.outboxBytes)))",
            "memory         \(HumanUnits.bytes(report.memory.residentBytes)) resident, buffers \(HumanUnits.bytes(report.memory.bufferBytes)) of \(HumanUnits.bytes(report.memory.limitBytes))",
        ]
    }

    /// The topics that are not well, if any.
    private var topics: [String] {
        let ill = report.kafka.topics.filter { $0.state != "healthy" }
        return ill.map { topic in
            "topic          \(safe(topic.name)) \(bad(safe(topic.state)))"
                + (topic.reason.map { ": \(safe($0))" } ?? "")
        }
    }

    private var problems: [String] {
        var lines = report.problems
        if let error = report.kafka.lastError, !report.kafka.up { lines.append("kafka: \(error)") }
        if let error = report.store.lastError, !report.store.ok { lines.append("store: \(error)") }
        if lines.isEmpty { return ["", "no problems"] }
        return ["", bad("problems (\(lines.count)):")] + lines.map { "  - \(safe($0))" }
    }

    private var table: [String] {
        if report.sources.isEmpty { return ["", "no sources"] }
        var table = TextTable(
            columns: [
                ("DECLARATION", .left), ("PATH", .left), ("OFFSET", .right), ("SIZE", .right), ("UNREAD", .right),
                ("IN-FLIGHT", .right), ("OLDEST", .right), ("TOPIC", .left), ("STATE", .left),
            ])
        for source in report.sources { table.add(row(source)) }
        return [""] + table.lines
    }

    private func row(_ source: SourceStatus) -> [String] {
        let ledger = source.ledger
        let path =
            source.path + (source.currentPath.map { " (now \($0))" } ?? "") + (source.deleted ? " (deleted)" : "")
        return [
            end(safe(source.declaration)), end(safe(path)), HumanUnits.bytes(source.offset),
            HumanUnits.bytes(ledger.size), HumanUnits.bytes(ledger.unread), HumanUnits.bytes(ledger.inFlight),
            source.oldestUnacknowledgedSeconds.map(HumanUnits.duration) ?? "-", end(safe(source.topic)),
            safe(source.state) + (source.reason.map { ": " + safe($0) } ?? ""),
        ]
    }

    /// The books: every byte of every source is in exactly one of these places.
    private var ledger: [String] {
        let sum = report.totals
        let parts = [sum.acknowledged, sum.inFlight, sum.spooled, sum.skipped, sum.gap, sum.unread]
        // The report came over a socket: a sum that overflows is one that does not balance.
        let total = parts.reduce(UInt64?.some(0)) { sum, part in
            sum.flatMap { $0.addingReportingOverflow(part).overflow ? nil : $0 + part }
        }
        let verdict = total == sum.size ? good("balances") : bad("DOES NOT BALANCE")
        return [
            "",
            "size \(sum.size) = acknowledged \(sum.acknowledged) + in flight \(sum.inFlight) + spooled \(sum.spooled) + skipped \(sum.skipped) + gap \(sum.gap) + unread \(sum.unread): \(verdict)",
        ]
    }

    private func safe(_ text: String) -> String { escapedForTerminal(text) }

    /// The end of a long text: of a path it is what tells files apart.
    private func end(_ text: String) -> String {
        text.count <= StatusText.cellLimit ? text : "..." + text.suffix(StatusText.cellLimit - 3)
    }

    private func bytes(clamping count: Int) -> String { HumanUnits.bytes(UInt64(clamping: count)) }
    private func good(_ text: String) -> String { colours ? "\u{1b}[32m\(text)\u{1b}[0m" : text }
    private func bad(_ text: String) -> String { colours ? "\u{1b}[1;31m\(text)\u{1b}[0m" : text }
}
