// The report for people.
internal import Core

/// Renders a report as lines. Names come from tenants and messages from anybody: all of it is escaped.
package struct VerifyText {
    let verifier: Verifier
    let run: VerifyFigures
    let summary: VerifySummary
    let width: Int?
    let colours: Bool

    /// The whole text, newline at its end. `width`: of the terminal, nil where lines may be of any length.
    package static func render(
        _ verifier: Verifier, _ run: VerifyFigures, _ summary: VerifySummary, width: Int?, colours: Bool
    ) -> String {
        let text = VerifyText(verifier: verifier, run: run, summary: summary, width: width, colours: colours)
        let lines = text.header + text.table + text.missing + text.problems + text.messages + text.remarks + text.end
        return lines.joined(separator: "\n") + "\n"
    }

    private var header: [String] {
        run.topics.map { topic in
            let role = topic.role == .records ? "topic" : topic.role == .audit ? "audit topic" : "dead letters"
            let partitions = topic.partitions == 1 ? "1 partition" : "\(topic.partitions) partitions"
            let trimmed = topic.trimmed > 0 ? ", the beginning removed by retention in \(topic.trimmed)" : ""
            return pad(role, 14)
                + "\(safe(topic.name)): \(grouped(topic.messages)) messages in \(partitions)\(trimmed)"
        }
    }

    // MARK: Tables

    private static let rowLimit = 200

    private var rows: [(group: VerifySummary.Group, totals: VerdictTotals)] {
        Array(summary.sortedGroups.prefix(VerifyText.rowLimit))
    }

    private var hasHosts: Bool { Set(summary.groups.keys.map(\.host)).count > 1 }

    private func name(_ group: VerifySummary.Group) -> String {
        let name = group.container.isEmpty ? "(host)" : safe(group.container)
        return fit(hasHosts ? "\(safe(group.host))/\(name)" : name, 16)
    }

    /// On a terminal long names are cut in their middle.
    private func fit(_ text: String, _ room: Int) -> String {
        guard width != nil, TextTable.width(text) > room else { return text }
        let half = (room - 1) / 2
        return text.prefix(half) + "…" + text.suffix(room - 1 - half)
    }

    private var table: [String] {
        guard !summary.groups.isEmpty else { return ["", "no record of Longshore, and no announcement of one"] }
        var table = TextTable(columns: [
            ("CONTAINER", .left), ("DECLARATION", .left), ("FILES", .right), ("OPEN", .right), ("RECORDS", .right),
            ("BYTES", .right), ("REPEATED", .right), ("HOLES", .right),
        ])
        for (group, totals) in rows { table.add([name(group), fit(safe(group.declaration), 14)] + cells(totals)) }
        if summary.groups.count > 1 { table.add(["together", ""] + cells(summary.totals)) }
        let left = summary.groups.count - rows.count
        return [""] + table.lines + (left > 0 ? ["and \(left) more containers and declarations: see --json"] : [])
    }

    private func cells(_ totals: VerdictTotals) -> [String] {
        [
            grouped(totals.generations), grouped(totals.generations - totals.closed), grouped(totals.records),
            HumanUnits.bytes(totals.bytes), grouped(totals.duplicates), grouped(totals.holes),
        ]
    }

    /// What is not covered by records, for whom there is any.
    private var missing: [String] {
        func hasAny(_ totals: VerdictTotals) -> Bool {
            totals.skipped | totals.gapBytes | totals.gaps | totals.expiredBytes | totals.outsideBytes
                | totals.summedUpBytes | totals.holeBytes | totals.outOfOrder | totals.overlaps > 0
        }
        let rows = rows.filter { hasAny($0.totals) }
        guard !rows.isEmpty else { return [] }
        let columns: [(heading: String, value: (VerdictTotals) -> UInt64, isCount: Bool)] = [
            ("SKIPPED", { $0.skipped }, false), ("GAPS", { $0.gapBytes }, false),
            ("EXPIRED", { $0.expiredBytes }, false), ("OUTSIDE", { $0.outsideBytes }, false),
            ("SUMMED UP", { $0.summedUpBytes }, false), ("OVERLAPS", { $0.overlaps }, true),
            ("DISORDER", { $0.outOfOrder }, true), ("UNANNOUNCED", { $0.holeBytes }, false),
        ]
        let shown = columns.filter { column in
            column.heading == "UNANNOUNCED" || rows.contains { column.value($0.totals) > 0 }
        }
        var table = TextTable(
            columns: [("CONTAINER", .left), ("DECLARATION", .left)]
                + shown.map { ($0.heading, TextTable.Side.right) })
        for (group, totals) in rows {
            let values = shown.map { column in
                column.isCount ? grouped(column.value(totals)) : HumanUnits.bytes(column.value(totals))
            }
            table.add([name(group), fit(safe(group.declaration), 14)] + values)
        }
        return [""] + table.lines
    }

    // MARK: Generations

    private var problems: [String] {
        let shown = summary.holed + summary.notable
        guard !shown.isEmpty else { return [] }
        let left = summary.notables - UInt64(shown.count)
        return shown.flatMap { [""] + lines($0) }
            + (left > 0 ? ["", "and \(grouped(left)) more files with something to say: see --all, or --json"] : [])
    }

    private func lines(_ verdict: GenerationVerdict) -> [String] {
        let mark = verdict.holeBytes > 0 ? bad("[!!]") : "[..]"
        let origin = verdict.origin
        let container = origin.containerName.isEmpty ? String(origin.container.prefix(12)) : origin.containerName
        let whose = container.isEmpty ? "host \(safe(origin.host))" : "container \(safe(container))"
        var lines = flow("\(mark)  ", "\(safe(verdict.path))", leadWidth: 6)
        lines += flow("      ", "\(whose), declaration \(safe(origin.declaration))")
        lines += flow("      file      ", "\(verdict.file), \(state(verdict))")
        lines += flow("      records   ", records(verdict))
        lines += ranges("hole", verdict.holes)
        if verdict.vagueHoleBytes > 0 {
            lines += flow(
                "      hole      ",
                "\(grouped(verdict.vagueHoleBytes)) bytes more are missing in announced ranges than were announced")
        }
        if verdict.isTruncated { lines += flow("      ", "too many holes: what is behind them was not counted") }
        lines += gaps(verdict)
        lines += ranges("expired", verdict.expired) + ranges("outside", verdict.outside)
        lines +=
            ranges("summed up", verdict.summedUp) + ranges("dead letter without a gap", verdict.unannouncedDeadLetters)
        return lines + order(verdict)
    }

    private func state(_ verdict: GenerationVerdict) -> String {
        guard verdict.isClosed else { return "open" }
        return verdict.size.map { "closed with \(grouped($0)) bytes" } ?? "closed with an end that nobody knows"
    }

    private func records(_ verdict: GenerationVerdict) -> String {
        guard verdict.records > 0 else { return "none" }
        let place = verdict.topic.map { ", in \(safe($0))/\(verdict.partition ?? 0)" } ?? ""
        let repeated = verdict.duplicates > 0 ? ", \(grouped(verdict.duplicates)) repeated" : ""
        return "\(grouped(verdict.records))\(repeated)\(place)\(verdict.isSpread ? " and other partitions" : "")"
    }

    private static let rangeLimit = 8

    private func ranges(_ name: String, _ spans: [Span]) -> [String] {
        let shown = spans.prefix(VerifyText.rangeLimit).map { span in
            "      \(pad(name, 10))\(span.start)-\(span.end)  (\(grouped(span.count)) bytes)"
        }
        return shown + more(spans.count)
    }

    private func more(_ count: Int) -> [String] {
        count > VerifyText.rangeLimit ? ["                and \(count - VerifyText.rangeLimit) more: see --json"] : []
    }

    private func gaps(_ verdict: GenerationVerdict) -> [String] {
        let shown = verdict.gaps.prefix(VerifyText.rangeLimit).map { gap in
            let size = gap.to.map { "\($0)  (\(grouped($0 - gap.from)) bytes" } ?? "?  (nobody knows how far"
            return "      gap       \(gap.from)-\(size), \(safe(gap.reason)))"
        }
        return shown + more(verdict.gaps.count)
    }

    private func order(_ verdict: GenerationVerdict) -> [String] {
        var lines: [String] = []
        if !verdict.disorder.isEmpty {
            let places = verdict.disorder.prefix(VerifyText.rangeLimit).map { String($0) }.joined(separator: ", ")
            lines += flow("      disorder  ", "what begins at \(places) came before what lies in front of it")
        }
        if verdict.isLate { lines += flow("      disorder  ", "some of it came behind the next file of its stream") }
        if verdict.isSpread {
            lines += flow("      order     ", "not known: its records are in several partitions")
        } else if !verdict.isOrderKnown {
            lines += flow("      order     ", "not known: too much was sent again")
        }
        if verdict.overlaps > 0 {
            let where_ = verdict.overlapSamples.prefix(4).map { "\($0.start)-\($0.end)" }.joined(separator: ", ")
            lines += flow(
                "      overlaps  ",
                "\(grouped(verdict.overlaps)) records lie over others in part (\(grouped(verdict.overlapBytes)) bytes): \(where_)"
            )
        }
        return lines
    }

    // MARK: Messages and the end

    private var messages: [String] {
        func lines(_ title: String, _ tally: MessageTally, isExplained: Bool) -> [String] {
            guard tally.count > 0 else { return [] }
            var lines = ["", "\(title): \(grouped(tally.count))"]
            for example in tally.examples.prefix(5) {
                let place = "\(safe(example.place.topic))/\(example.place.partition)@\(example.place.offset)"
                lines += flow("      ", isExplained ? "\(place): \(safe(example.reason))" : place)
            }
            if tally.count > 5 { lines.append("      …") }
            return lines
        }
        return lines("messages of others, left alone", verifier.foreign, isExplained: false)
            + lines("malformed records, not counted", verifier.malformed, isExplained: true)
            + lines("forged or contradictory records, not counted", verifier.forged, isExplained: true)
            + lines("events that were not understood", verifier.badEvents, isExplained: true)
    }

    private var remarks: [String] {
        var texts = run.remarks
        let notices = verifier.notices
        texts += notices.stateLost.map { "a daemon lost its state \($0); what it had shipped may have come again" }
        if notices.unknownExtents > 0 {
            texts.append(
                "whether \(notices.unknownExtents) logs had anything nobody knows: "
                    + notices.unknownExtent.prefix(5).joined(separator: "; "))
        }
        let elsewhere = verifier.elsewhere
        if elsewhere > 0 {
            texts.append("\(grouped(elsewhere)) files were announced that go to other topics: left alone")
        }
        if summary.totals.unannouncedDeadLetters > 0 {
            texts.append("\(summary.totals.unannouncedDeadLetters) dead letters have no gap on the audit topic")
        }
        return texts.isEmpty ? [] : [""] + texts.flatMap { flow("note  ", safe($0)) }
    }

    private var end: [String] {
        let rate = run.seconds > 0 ? UInt64(Double(run.messages) / run.seconds) : 0
        let figures =
            "\(grouped(run.messages)) messages in \(humanDuration(run.seconds)), \(grouped(rate)) a second; "
            + "at most \(HumanUnits.bytes(run.peakBytes)) of memory"
        return ["", figures] + flow("", verdict)
    }

    private var verdict: String {
        let totals = summary.totals
        let files = totals.generations == 1 ? "1 file" : "\(grouped(totals.generations)) files"
        guard totals.holeBytes == 0 else {
            let holes = totals.holes == 1 ? "1 unannounced hole" : "\(grouped(totals.holes)) unannounced holes"
            let title = verifier.options.readsAudit ? holes : holes.replacing("unannounced ", with: "")
            return bad("FAIL") + ": \(title), \(grouped(totals.holeBytes)) bytes, in \(files)"
                + (verifier.options.readsAudit ? "" : " (no audit topic read: announced gaps are not known)")
        }
        if totals.generations == 0 { return good("PASS") + ": nothing was found, so nothing is missing" }
        let announced = totals.gapBytes + totals.summedUpBytes
        let gaps = totals.gaps > 0 || announced > 0 ? "; \(grouped(announced)) bytes are announced as gaps" : ""
        let expired =
            totals.expiredBytes > 0 ? "; retention has removed \(grouped(totals.expiredBytes)) bytes" : ""
        let outside =
            totals.outsideBytes > 0 ? "; \(grouped(totals.outsideBytes)) bytes are outside of the time asked for" : ""
        return good("PASS")
            + ": \(grouped(totals.records)) \(totals.records == 1 ? "record" : "records") of \(files) leave no byte out\(gaps)\(expired)\(outside)"
    }

    // MARK: Pieces

    private func flow(_ lead: String, _ text: String, leadWidth: Int? = nil) -> [String] {
        guard let width else { return [lead + text] }
        guard let leadWidth else { return TextFlow.lines(text, lead: lead, width: width) }
        // The lead has colours, which take no room.
        var lines = TextFlow.lines(text, lead: String(repeating: " ", count: leadWidth), width: width)
        lines[0] = lead + lines[0].dropFirst(leadWidth)
        return lines
    }

    private func pad(_ text: String, _ room: Int) -> String {
        text + String(repeating: " ", count: max(1, room - text.count))
    }

    private func safe(_ text: String) -> String { escapedForTerminal(text) }
    private func good(_ text: String) -> String { colours ? "\u{1b}[32m\(text)\u{1b}[0m" : text }
    private func bad(_ text: String) -> String { colours ? "\u{1b}[1;31m\(text)\u{1b}[0m" : text }
}

/// A number with commas between thousands.
func grouped(_ number: UInt64) -> String {
    var text = ""
    for (index, digit) in String(number).reversed().enumerated() {
        if index > 0, index % 3 == 0 { text.append(",") }
        text.append(digit)
    }
    return String(text.reversed())
}
