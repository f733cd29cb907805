// `longshore explain` for people: a block per container, each declaration with its state, reason and remedy.
package import Core

/// Renders a ContainersReport as text. Everything in it came from tenants or over a socket, so every string is escaped.
package struct ContainersText {
    /// Whether a declaration needs somebody's hand.
    enum Grade {
        case good, waiting, off, bad

        /// So that a pipe and the colour-blind see it too.
        var mark: String {
            switch self {
            case .good: "[ok]"
            case .waiting: "[..]"
            case .off: "[--]"
            case .bad: "[!!]"
            }
        }
    }

    private let report: ContainersReport
    private let colours: Bool
    private let width: Int

    /// Columns of the lines where nothing asks for others.
    package static let usualWidth = 100
    private static let narrowest = 50
    private static let fileLimit = 20
    private static let problemLimit = 50
    /// Characters of one text that are shown.
    private static let textLimit = 600
    /// Columns before what a field says.
    private static let indent = 17

    /// The whole text, newline at its end. `isSelected`: the containers were asked for by name, so that those without a
    /// declaration are shown too. `width`: columns of the terminal.
    package static func render(
        _ report: ContainersReport, isSelected: Bool, colours: Bool, width: Int = usualWidth
    ) -> String {
        let text = ContainersText(report: report, colours: colours, width: max(narrowest, min(width, usualWidth)))
        return (text.head + text.body(isSelected) + text.foot(isSelected)).joined(separator: "\n") + "\n"
    }

    // MARK: - Parts

    private var head: [String] {
        var lines = report.note.map { flow($0, "") } ?? []
        for runtime in report.runtimes {
            let grade: Grade = runtime.isUp ? .good : runtime.isExpected ? .bad : .off
            let mark = grade.mark
            let reason = runtime.reason.map { ": \($0)" } ?? ""
            let version = runtime.version.isEmpty ? "" : ", version \(runtime.version)"
            let said =
                runtime.isUp
                ? "answers at \(runtime.socket)\(version)" : "does not answer at \(runtime.socket)\(reason)"
            var told = flow(said, "\(mark)  \(safe(runtime.name)): ")
            // Painted at last: colours have no width.
            told[0] = paint(mark, grade) + told[0].dropFirst(mark.count)
            lines += told
        }
        return lines
    }

    private func body(_ isSelected: Bool) -> [String] {
        let shown = isSelected ? report.containers : report.containers.filter(ContainersText.isDeclared)
        return shown.flatMap { [""] + block($0) }
    }

    private func foot(_ isSelected: Bool) -> [String] {
        guard !isSelected else { return [] }
        let silent = report.containers.filter { !ContainersText.isDeclared($0) }
        if report.containers.isEmpty { return ["", "no containers"] }
        guard !silent.isEmpty else { return [""] + summary }
        let names = silent.prefix(10).map { cut($0.name, 40) }.joined(separator: ", ")
        let more = silent.count > 10 ? " and \(silent.count - 10) more" : ""
        let count = silent.count == 1 ? "1 container declares" : "\(silent.count) containers declare"
        return [""] + flow("\(count) no logs: \(names)\(more)", "") + summary
    }

    private var summary: [String] {
        let grades = report.containers.flatMap(\.declarations).map { ContainersText.grade($0) }
        func count(_ grade: Grade) -> Int { grades.count { $0 == grade } }
        let problems = report.containers.reduce(0) { $0 + $1.problems.count }
        var parts = ["\(count(.good)) active"]
        if count(.waiting) > 0 { parts.append("\(count(.waiting)) without a match yet") }
        if count(.off) > 0 { parts.append("\(count(.off)) disabled or drained") }
        if count(.bad) > 0 { parts.append("\(count(.bad)) that cannot be shipped") }
        let declarations = grades.count == 1 ? "1 declaration" : "\(grades.count) declarations"
        let tail = problems == 0 ? "" : problems == 1 ? "; 1 problem with labels" : "; \(problems) problems with labels"
        return flow(
            grades.isEmpty ? "no declarations\(tail)" : "\(declarations): \(parts.joined(separator: ", "))\(tail)", "")
    }

    private func block(_ container: ContainerReport) -> [String] {
        var lines = [title(container)]
        lines += field("image", container.image)
        if let pod = container.pod { lines += field("pod", "\(pod) in namespace \(container.namespace ?? "")") }
        if container.service != container.name { lines += field("service", container.service) }
        lines += mounts(container.mounts)
        lines += declarations(container)
        if !ContainersText.isDeclared(container) {
            let example = "\(report.labelPrefix).app.path=/var/log/app/*.log"
            lines += field("logs", "none declared")
            lines += field("to do", "give the container a label that says where its logs are, such as \(example)")
        }
        return lines
    }

    private func title(_ container: ContainerReport) -> String {
        var text = bold(container.name.isEmpty ? "(no name)" : cut(container.name, 80))
        text += "  " + safe(container.state)
        if let code = container.exitCode { text += " (exit code \(code))" }
        if !container.id.isEmpty { text += "  \(safe(container.runtime)) \(safe(String(container.id.prefix(12))))" }
        return text
    }

    private func mounts(_ mounts: [MountReport]) -> [String] {
        guard !mounts.isEmpty else { return [] }
        var table = TextTable(columns: [("", .left), ("", .left), ("", .left)])
        let half = (width - ContainersText.indent - 15) / 2
        for mount in mounts {
            let source = mount.source.isEmpty ? mount.kind : "\(mount.kind) \(mount.source)"
            table.add([end(mount.destination, half), end(source, half), cut(mount.state, 11)])
        }
        // Why one is refused is said where a declaration lies in it; for nobody else it matters.
        return table.lines.dropFirst().enumerated().map { index, row in
            label(index == 0 ? "mounts" : "") + ContainersText.trimmed(row)
        }
    }

    private func block(_ declaration: DeclarationReport, _ problems: [LabelProblemReport]) -> [String] {
        let grade = ContainersText.grade(declaration)
        let state = paint(safe(declaration.state), grade)
        var lines = ["  \(paint(grade.mark, grade))  \(bold(cut(declaration.name, 40))): \(state)"]
        // What a problem says is said with its label.
        let isSaid = problems.contains { declaration.reason == "\($0.key): \($0.message)" }
        if !isSaid, let reason = declaration.reason { lines += field("why", reason) }
        if !isSaid, let remedy = declaration.remedy, !remedy.isEmpty { lines += field("to do", remedy) }
        if !declaration.paths.isEmpty { lines += field("paths", declaration.paths.joined(separator: ", ")) }
        if !declaration.exclude.isEmpty { lines += field("except", declaration.exclude.joined(separator: ", ")) }
        if !declaration.topic.isEmpty {
            let reason = declaration.topicReason.flatMap { reason in
                problems.contains { $0.message == reason } ? nil : " (\(reason))"
            }
            lines += field("topic", declaration.topic + (reason ?? ""))
        }
        return lines + files(declaration.files, said: declaration.reason) + problems.flatMap(block)
    }

    /// A label that was not understood or not obeyed.
    private func block(_ problem: LabelProblemReport) -> [String] {
        let text = problem.key.isEmpty ? "(none)" : problem.key + (problem.value.isEmpty ? "" : "=\(problem.value)")
        let mark = Grade.bad.mark
        var lines = flow(text, "  \(mark)  label    ")
        lines[0] = "  " + paint(mark, .bad) + lines[0].dropFirst(2 + mark.count)
        lines += field("why", problem.message)
        return problem.remedy.isEmpty ? lines : lines + field("to do", problem.remedy)
    }

    /// `said`: the declaration's reason, which is not said again with each file.
    private func files(_ files: [FileReport], said: String?) -> [String] {
        guard !files.isEmpty else { return [] }
        // Those with a reason first: of many only the first are shown.
        let shown = (files.filter { $0.reason != nil } + files.filter { $0.reason == nil }).prefix(
            ContainersText.fileLimit)
        // On a narrow terminal the path is worth more than the sizes.
        let showsSizes = width >= 80
        let room = width - ContainersText.indent - (showsSizes ? 40 : 14)
        var table = TextTable(columns: [("", .left), ("", .left), ("", .left)])
        for file in shown {
            let isCounted = showsSizes && (file.size > 0 || file.offset > 0)
            let amount = isCounted ? "\(HumanUnits.bytes(file.offset)) of \(HumanUnits.bytes(file.size))" : ""
            table.add([end(file.path, room), cut(file.state, 12), amount])
        }
        var lines: [String] = []
        for (index, (file, row)) in zip(shown, table.lines.dropFirst()).enumerated() {
            lines.append(label(index == 0 ? "files" : "") + ContainersText.trimmed(row))
            if let reason = file.reason, !ContainersText.isSaid(reason, by: said) {
                lines += flow(reason, label("") + "  ")
            }
        }
        if files.count > shown.count {
            lines += flow("and \(files.count - shown.count) more: --json shows all", label(""))
        }
        return lines
    }

    /// The block of a declaration with its problems, and those that belong to none. Each is shown once, so many in all.
    private func declarations(_ container: ContainerReport) -> [String] {
        let shown = container.problems.prefix(ContainersText.problemLimit)
        let names = Set(container.declarations.map(\.name))
        var lines: [String] = []
        for declaration in container.declarations {
            lines += [""] + block(declaration, shown.filter { $0.declaration == declaration.name })
        }
        for problem in shown where !names.contains(problem.declaration) { lines += [""] + block(problem) }
        let left = container.problems.count - shown.count
        if left > 0 { lines += ["", "        and \(left) more problems with labels: --json shows all"] }
        return lines
    }

    // MARK: - Judgement

    private static func isDeclared(_ container: ContainerReport) -> Bool {
        !container.declarations.isEmpty || !container.problems.isEmpty
    }

    static func grade(_ declaration: DeclarationReport) -> Grade {
        switch declaration.state {
        case "active": declaration.files.contains { isTrouble($0) } ? .bad : .good
        case "no match yet": .waiting
        case "disabled", "drained": .off
        default: .bad
        }
    }

    private static func isTrouble(_ file: FileReport) -> Bool { file.state == "refused" || file.state == "unreadable" }

    /// Of a file's reason the part before the advice may be what the declaration says.
    private static func isSaid(_ reason: String, by said: String?) -> Bool {
        guard let said else { return false }
        return reason == said || reason.hasPrefix(said + ": ")
    }

    // MARK: - Letters

    private func field(_ name: String, _ text: String) -> [String] { flow(text, label(name)) }

    private func label(_ name: String) -> String {
        "        " + name + String(repeating: " ", count: max(2, 9 - name.count))
    }

    /// `lead` is ours, without colours; `text` is escaped here.
    private func flow(_ text: String, _ lead: String) -> [String] {
        TextFlow.lines(cut(text, ContainersText.textLimit), lead: lead, width: width)
    }

    private func safe(_ text: String) -> String { escapedForTerminal(text) }

    private func cut(_ text: String, _ limit: Int) -> String {
        safe(text.count <= limit ? text : text.prefix(limit - 3) + "...")
    }

    /// Of a path the end is what tells files apart.
    private func end(_ text: String, _ limit: Int) -> String {
        safe(text.count <= limit ? text : "..." + text.suffix(limit - 3))
    }

    private static func trimmed(_ line: String) -> String {
        var line = line
        while line.last == " " { line.removeLast() }
        return line
    }

    private func bold(_ text: String) -> String { colours ? "\u{1b}[1m\(text)\u{1b}[0m" : text }

    private func paint(_ text: String, _ grade: Grade) -> String {
        guard colours else { return text }
        switch grade {
        case .good: return "\u{1b}[32m\(text)\u{1b}[0m"
        case .waiting: return "\u{1b}[33m\(text)\u{1b}[0m"
        case .off: return "\u{1b}[2m\(text)\u{1b}[0m"
        case .bad: return "\u{1b}[1;31m\(text)\u{1b}[0m"
        }
    }
}
