// One declaration from the labels that belong to its name.
internal import Core

/// Makes a declaration of its fields. `prefix` is what stands before them in the labels' keys, with the name.
struct LabelBuilder {
    let name: String
    let prefix: String
    let dialect: LabelReader.Dialect
    let fields: LabelReader.Fields

    /// Keys behind a declaration's name.
    private static let available = ["path", "include", "exclude", "topic", "start", "labels", "enabled", "container"]
    /// Keys of the contract that are not available yet, with the values that change nothing.
    private static let notYet: [String: [String]] = [
        "multiline": [], "format": ["plain"], "json_message": [], "json_level": [], "json_time": [],
        "charset": ["utf-8", "utf8"], "timestamp": [], "timezone": [],
    ]
    /// log-pilot's keys, as the contract calls them.
    private static let logPilot = ["tags": "labels", "target": "topic", "format": "format"]

    /// The declaration; nil when a fatal problem was added, or when it is switched off and says no path.
    func build(_ problems: inout LabelProblems) -> LabelDeclaration? {
        let known = understood(&problems)
        var declaration = LabelDeclaration(name: name, paths: [])
        declaration.keys = known.values.map(\.key).sorted()
        declaration.isEnabled = isEnabled(known["enabled"], &problems)
        declaration.container = container(known["container"], &problems)
        guard let path = path(known, &problems) else {
            if declaration.isEnabled {
                let first = fields.values.min { $0.key < $1.key }!
                let remedy = "write \(prefix)\(dialect == .longshore ? ".path" : ""): /var/log/app/*.log"
                problems.add(name, first, "the declaration has no path", remedy, isFatal: true)
            }
            return nil
        }
        guard setPaths(path, known, of: &declaration, &problems) else { return nil }
        declaration.exclude = patterns(known["exclude"], LabelPath.flaw(inExclude:), &problems)
        declaration.topic = topic(known["topic"], &problems)
        declaration.start = start(known["start"], &problems)
        declaration.labels = labels(known["labels"], &problems)
        return declaration
    }

    /// The fields whose names are known, by the contract's names; the others become problems, unless they change nothing.
    private func understood(_ problems: inout LabelProblems) -> LabelReader.Fields {
        var known: LabelReader.Fields = [:]
        for (written, entry) in fields.sorted(by: { $0.value.key < $1.value.key }) {
            let field = dialect == .longshore || written.isEmpty ? written : Self.logPilot[written]
            if let field, field.isEmpty || Self.available.contains(field) {
                known[field] = entry
            } else if let field, let neutral = Self.notYet[field] {
                let value = LabelText.trimmed(entry.value.utf8.prefix(64)).lowercased()
                let isNeutral = neutral.contains(value) || dialect == .logPilot && value == "none"
                if value.isEmpty || isNeutral { continue }
                let remedy = "leave it out" + (neutral.first.map { ", or write \($0)" } ?? "")
                problems.add(name, entry, "\(field) is not available yet", remedy)
            } else {
                refuse(written, entry, &problems)
            }
        }
        return known
    }

    private func refuse(_ written: String, _ entry: LabelEntry, _ problems: inout LabelProblems) {
        let keys =
            dialect == .longshore ? Self.available + Self.notYet.keys.sorted() : Self.logPilot.keys.sorted()
        let near = Spelling.nearest(to: written, among: keys).map { "did you mean \(prefix).\($0)?" }
        let shown = written == "." ? "" : written
        problems.add(
            name, entry, "unknown key \(quoted("." + shown))",
            near ?? "write one of " + keys.map { "." + $0 }.joined(separator: ", "))
    }

    /// `.path` before the short form; two that differ are a problem.
    private func path(_ known: LabelReader.Fields, _ problems: inout LabelProblems) -> LabelEntry? {
        guard let long = known["path"] else { return known[""] }
        guard let short = known[""] else { return long }
        if LabelText.trimmed(long.value.utf8).isEmpty { return short }
        if short.value != long.value, !LabelText.trimmed(short.value.utf8).isEmpty {
            problems.add(
                name, short, "\(prefix).path says another path, which is what is followed", "remove one of the two")
        }
        return long
    }

    /// False: nothing can be followed, and a fatal problem says why.
    private func setPaths(
        _ entry: LabelEntry, _ known: LabelReader.Fields, of declaration: inout LabelDeclaration,
        _ problems: inout LabelProblems
    ) -> Bool {
        let (items, isCut) = LabelText.items(entry.value)
        if items == ["stdout"] {
            declaration.isStdout = true
            return true
        }
        let found = LabelPaths(items, isDirectory: false)
        let wantsInclude = found.paths.contains { $0.kind != .files }
        var include = patterns(known["include"], LabelPath.flaw(inInclude:), &problems)
        if !wantsInclude, !found.paths.isEmpty, let label = known["include"], !include.isEmpty {
            problems.add(
                name, label, "include does nothing: the path is a pattern of files",
                "end the path with / to name a directory, or leave include out")
        }
        if include.isEmpty { include = ["*.log"] }
        return found.apply(
            to: &declaration, include: include, isCut: isCut, label: entry,
            example: "write a path in the container such as /var/log/app/*.log", &problems)
    }

    private func patterns(
        _ entry: LabelEntry?, _ check: (String) -> LabelFlaw?, _ problems: inout LabelProblems
    ) -> [String] {
        guard let entry else { return [] }
        let (items, isCut) = LabelText.items(entry.value)
        if isCut { addCut("patterns", entry, &problems) }
        return items.filter { item in
            guard let flaw = check(item) else { return true }
            problems.add(name, entry, flaw.message, flaw.remedy)
            return false
        }
    }

    private func addCut(_ what: String, _ entry: LabelEntry, _ problems: inout LabelProblems) {
        problems.add(
            name, entry, "more than \(LabelLimits.items) \(what): the rest is left out",
            "write at most \(LabelLimits.items)")
    }

    private func isEnabled(_ entry: LabelEntry?, _ problems: inout LabelProblems) -> Bool {
        guard let entry else { return true }
        switch LabelText.trimmed(entry.value.utf8.prefix(64)) {
        case "false": return false
        case "true", "": return true
        default:
            problems.add(name, entry, "neither true nor false: taken as true", "write \"true\" or \"false\"")
            return true
        }
    }

    /// Whether there is such a container only the others of the pod know.
    private func container(_ entry: LabelEntry?, _ problems: inout LabelProblems) -> String? {
        guard let entry else { return nil }
        let container = LabelText.trimmed(entry.value.utf8)
        if container.isEmpty { return nil }
        if container.utf8.count <= LabelLimits.container { return container }
        problems.add(
            name, entry, "the container's name has more than \(LabelLimits.container) characters: left out",
            "write the name of one container of the pod")
        return nil
    }

    /// Whether it is a legal name, and allowed, is decided where the operator's rules are known.
    private func topic(_ entry: LabelEntry?, _ problems: inout LabelProblems) -> String? {
        guard let entry else { return nil }
        let topic = LabelText.trimmed(entry.value.utf8)
        if topic.isEmpty { return nil }
        if topic.utf8.count <= LabelLimits.topic { return topic }
        problems.add(
            name, entry, "the topic's name has more than \(LabelLimits.topic) characters", "write a shorter one")
        return nil
    }

    private func start(_ entry: LabelEntry?, _ problems: inout LabelProblems) -> LabelDeclaration.Start? {
        guard let entry else { return nil }
        let text = LabelText.trimmed(entry.value.utf8)
        if let start = LabelDeclaration.Start(rawValue: text) { return start }
        if text.isEmpty { return nil }
        let near = Spelling.nearest(to: text, among: ["beginning", "end"]).map { "did you mean \($0)?" }
        problems.add(name, entry, "neither beginning nor end", near ?? "write beginning or end")
        return nil
    }
}

extension LabelBuilder {
    /// `k=v,k2=v2`: keys of [A-Za-z0-9._/-], 1 to 63 bytes; values up to 1,024 bytes. Of a key that comes twice the
    /// first counts.
    private func labels(_ entry: LabelEntry?, _ problems: inout LabelProblems) -> [String: String] {
        guard let entry else { return [:] }
        let (items, isCut) = LabelText.items(entry.value)
        if isCut { addCut("labels", entry, &problems) }
        var labels: [String: String] = [:]
        for item in items {
            let parts = item.utf8.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            let key = LabelText.trimmed(parts[0])
            let value = parts.count == 2 ? LabelText.trimmed(parts[1]) : ""
            if parts.count < 2 {
                problems.add(name, entry, "\(quoted(item)) has no =", "write key=value,key2=value2")
            } else if !Self.isLabelKey(key) {
                problems.add(
                    name, entry, "\(quoted(key)) is no label's name",
                    "write 1 to 63 letters, digits, '.', '_', '-' or '/'")
            } else if value.utf8.count > 1024 || LabelText.hasControl(value) {
                problems.add(
                    name, entry, "the value of \(key) is too long or holds a control character",
                    "write at most 1,024 bytes without control characters")
            } else if labels[key] != nil {
                problems.add(name, entry, "\(key) is there twice: the first counts", "write it once")
            } else {
                labels[key] = value
            }
        }
        return labels
    }

    private static func isLabelKey(_ key: String) -> Bool {
        (1...63).contains(key.utf8.count)
            && key.utf8.allSatisfy { byte in
                switch byte {
                case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
                default: "._-/".utf8.contains(byte)
                }
            }
    }
}
