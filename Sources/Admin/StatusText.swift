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
        return (text.header + text.containers + text.topics + text.table + text.problems + text.ledger).joined(
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
            "store          \(store.ok ? good("ok") : bad("failing"))  \(safe(store.path)), checkpoint \(checkpoint), outbox \(store.outboxEvents) \(store.outboxEvents == 1 ? "event" : "events") (\(bytes(clamping: store.outboxBytes)))",
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
        func add(_ room: String, _ error: String) {
            if !lines.contains(where: { $0.contains(error) }) { lines.append("\(room): \(error)") }
        }
        if let error = report.kafka.lastError, !report.kafka.up { add("kafka", error) }
        if let error = report.store.lastError, !report.store.ok { add("store", error) }
        let left = report.sources.count { $0.state == "refused" || $0.state == "unreadable" }
        if left > 0 { lines.append("\(left) of \(report.sources.count) files cannot be shipped: STATE says why") }
        if lines.isEmpty { return ["", "no problems"] }
        return ["", bad("problems (\(lines.count)):")] + lines.map { "  - \(safe($0))" }
    }

    private var table: [String] {
        let table = SourceTable(sources: report.sources, width: width)
        return report.sources.isEmpty ? ["", "no sources"] : [""] + table.lines
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

    private func bytes(clamping count: Int) -> String { HumanUnits.bytes(UInt64(clamping: count)) }
    private func good(_ text: String) -> String { colours ? "\u{1b}[32m\(text)\u{1b}[0m" : text }
    private func bad(_ text: String) -> String { colours ? "\u{1b}[1;31m\(text)\u{1b}[0m" : text }
}
