// Reads the keys of one mapping: types, ranges, unknown keys, keys that are not available yet.
internal import Core

/// One mapping of the file while it is decoded. Every getter gives the default where the key is left out or wrong, and
/// records what is wrong, so that one load finds every problem.
struct Section {
    /// The dotted path of this section, "" at the top.
    let path: String
    /// Where the mapping begins, or where it would have to be.
    let position: Position
    let problems: Problems
    private let entries: [String: YAMLNode.Entry]

    /// `node` nil: the section is left out. Reports unknown keys at once.
    init(_ node: YAMLNode?, path: String, fallback: Position, problems: Problems) {
        self.path = path
        self.problems = problems
        position = node?.position ?? fallback
        var byKey: [String: YAMLNode.Entry] = [:]
        if let node, let found = Section.entries(of: node, path: path, problems: problems) {
            for entry in found { byKey[entry.key] = entry }
            entries = byKey
            for entry in found where !(Schema.available[path] ?? []).contains(entry.key) {
                refuse(entry, in: path)
            }
        } else {
            entries = byKey
        }
    }

    /// The value of a key; nil when it is left out, null or refused already.
    func node(_ key: String) -> YAMLNode? {
        guard let value = entries[key]?.value, !value.isAbsent else { return nil }
        return value
    }

    func section(_ key: String) -> Section {
        Section(node(key), path: dotted(path, key), fallback: place(of: key), problems: problems)
    }

    /// Where to point for a key: its value, else this section.
    func place(of key: String) -> Position { entries[key]?.value.position ?? position }

    /// True when the key is there but was refused already, so that nobody calls it missing.
    func wasRefused(_ key: String) -> Bool {
        if case .refused = entries[key]?.value.content { true } else { false }
    }

    /// True for a list (or an empty text instead) that holds nothing, or is left out; false when it was refused.
    func isEmpty(_ key: String) -> Bool {
        switch entries[key]?.value.content {
        case nil: true
        case .scalar(let scalar): scalar.isNull || scalar.text.isEmpty
        case .sequence(let items): items.isEmpty
        case .mapping, .refused: false
        }
    }

    func add(_ key: String, _ message: String, _ remedy: String) {
        problems.add(place(of: key), "\(dotted(path, key)): \(message)", remedy)
    }

    func add(_ key: String, _ objection: Objection) { add(key, objection.message, objection.remedy) }

    private static func entries(of node: YAMLNode, path: String, problems: Problems) -> [YAMLNode.Entry]? {
        if node.isAbsent { return nil }
        if case .mapping(let entries) = node.content { return entries }
        problems.add(
            node.position, "\(path.isEmpty ? "the file" : path): expected a mapping, got \(node.kind)",
            "write lines of key: value" + (Schema.keys(of: path).first.map { ", for example \($0):" } ?? ""))
        return nil
    }
}

extension Section {
    /// A text; nil when left out or empty.
    func text(_ key: String) -> String? {
        guard let node = node(key) else { return nil }
        guard case .scalar(let scalar) = node.content else {
            add(key, "expected a text, got \(node.kind)", "write \(key): and one value")
            return nil
        }
        return scalar.text.isEmpty ? nil : scalar.text
    }

    /// A text that `check` has no objection to.
    func text(_ key: String, default fallback: String, check: (String) -> Objection?) -> String {
        guard let text = text(key) else { return fallback }
        guard let objection = check(text) else { return text }
        add(key, objection)
        return fallback
    }

    func flag(_ key: String, default fallback: Bool) -> Bool {
        value(key, "true or false", default: fallback, example: "\(fallback)") { ["true": true, "false": false][$0] }
    }

    func choice<Choice: RawRepresentable & CaseIterable>(_ key: String, default fallback: Choice) -> Choice
    where Choice.RawValue == String {
        let names = Choice.allCases.map(\.rawValue)
        guard let text = text(key) else { return fallback }
        if let choice = Choice(rawValue: text) { return choice }
        let near = Spelling.nearest(to: text, among: names.map { $0.lowercased() })
        let suggestion = names.first { $0.lowercased() == near }.map { "did you mean \($0)?" }
        add(
            key, "expected \(listed(names)), got \(shown(key))",
            suggestion ?? "write \(key): \(fallback.rawValue)")
        return fallback
    }

    /// Bytes.
    func size(_ key: String, default fallback: Int, in range: ClosedRange<Int>) -> Int {
        value(
            key, "a size such as 64KiB, 1MiB or 10MB", default: fallback, example: SizeText.render(fallback),
            SizeText.parse, in: range, render: SizeText.render)
    }

    /// Nanoseconds.
    func duration(_ key: String, default fallback: Int64, in range: ClosedRange<Int64>) -> Int64 {
        value(
            key, "a duration such as 250ms, 5s or 1h", default: fallback, example: DurationText.render(fallback),
            DurationText.parse, in: range, render: DurationText.render)
    }

    func integer(_ key: String, default fallback: Int, in range: ClosedRange<Int>) -> Int {
        value(
            key, "a whole number", default: fallback, example: "\(fallback)", { Int($0) }, in: range,
            render: { "\($0)" })
    }

    private func value<Value: Comparable>(
        _ key: String, _ expected: String, default fallback: Value, example: String, _ parse: (String) -> Value?,
        in range: ClosedRange<Value>, render: (Value) -> String
    ) -> Value {
        let found = value(key, expected, default: fallback, example: example, parse)
        if range.contains(found) { return found }
        add(
            key, "\(shown(key)) is out of range",
            "write a value from \(render(range.lowerBound)) to \(render(range.upperBound))")
        return fallback
    }

    /// A scalar through `parse`; `expected` says in words what `parse` takes.
    func value<Value>(
        _ key: String, _ expected: String, default fallback: Value, example: String, _ parse: (String) -> Value?
    ) -> Value {
        guard let node = node(key) else { return fallback }
        guard case .scalar(let scalar) = node.content else {
            add(key, "expected \(expected), got \(node.kind)", "write \(key): \(example)")
            return fallback
        }
        if scalar.text.isEmpty { return fallback }
        if let value = parse(scalar.text) { return value }
        add(key, "expected \(expected), got \(shown(key))", "write \(key): \(example)")
        return fallback
    }

    /// A value for a message: as the file has it, without values of the environment, which may be secrets.
    private func shown(_ key: String) -> String { entries[key]?.value.kind ?? "nothing" }
}

extension Section {
    /// The items of a list; empty when left out. `example` is one item.
    func list(_ key: String, example: String) -> [YAMLNode] {
        guard let node = node(key) else { return [] }
        if case .sequence(let items) = node.content { return items }
        if case .scalar(let scalar) = node.content, scalar.text.isEmpty { return [] }
        add(key, "expected a list, got \(node.kind)", "write \(key): [\(example)]")
        return []
    }

    /// Texts of a list that `check` has no objection to, each problem at its item.
    func texts(_ key: String, example: String, check: (String) -> Objection?) -> [String] {
        list(key, example: example).compactMap { item in
            if case .refused = item.content { return nil }
            let name = dotted(path, key)
            guard case .scalar(let scalar) = item.content, !scalar.isNull, !scalar.text.isEmpty else {
                problems.add(
                    item.position, "\(name): expected a text, got \(item.kind)", "write for example \(example)")
                return nil
            }
            guard let objection = check(scalar.text) else { return scalar.text }
            problems.add(item.position, objection, at: name)
            return nil
        }
    }

    /// A mapping of texts; `check` sees each key and value, its objection stands at the key.
    func map(_ key: String, example: String, check: (_ key: String, _ value: String) -> Objection?) -> [String: String]
    {
        guard let node = node(key) else { return [:] }
        let name = dotted(path, key)
        guard case .mapping(let found) = node.content else {
            if case .scalar(let scalar) = node.content, scalar.text.isEmpty { return [:] }
            add(key, "expected a mapping, got \(node.kind)", "write \(key): {\(example)}")
            return [:]
        }
        var map: [String: String] = [:]
        for entry in found {
            var text = ""
            switch entry.value.content {
            case .scalar(let scalar): text = scalar.text
            case .refused: continue
            case .sequence, .mapping:
                problems.add(
                    entry.value.position, "\(name).\(entry.key): expected a text, got \(entry.value.kind)",
                    "write \(key): {\(example)}")
                continue
            }
            if let objection = check(entry.key, text) {
                problems.add(entry.keyPosition, objection, at: "\(name).\(entry.key)")
            } else {
                map[entry.key] = text
            }
        }
        return map
    }
}

extension Section {
    /// Says that a key is unknown or not available yet.
    private func refuse(_ entry: YAMLNode.Entry, in section: String) {
        let name = dotted(section, entry.key)
        if let accepted = Schema.notYet[name] {
            if !isOff(entry.value, accepted) { refuseLater(entry, name, accepted) }
        } else if Schema.isLater(section: name) {
            let found = Section.entries(of: entry.value, path: name, problems: problems) ?? []
            for inner in found { refuse(inner, in: name) }
        } else {
            let known = Schema.keys(of: section)
            let near = Spelling.nearest(to: entry.key, among: known).map { dotted(section, $0) }
            let elsewhere = Schema.home(of: entry.key)
            problems.add(
                entry.keyPosition, "unknown key \(quoted(name))",
                (near ?? elsewhere).map { "did you mean \($0)?" } ?? "write one of \(listed(known))")
        }
    }

    private func refuseLater(_ entry: YAMLNode.Entry, _ name: String, _ accepted: [String]) {
        let remedy = accepted.first.map { "leave it out or write \(entry.key): \($0)" } ?? "leave it out"
        problems.add(entry.keyPosition, "\(name) is not available yet", remedy)
    }

    private func isOff(_ value: YAMLNode, _ accepted: [String]) -> Bool {
        switch value.content {
        case .scalar(let scalar): scalar.isNull || scalar.text.isEmpty || accepted.contains(scalar.text)
        case .sequence(let items): items.isEmpty
        case .mapping(let entries): entries.isEmpty
        case .refused: true
        }
    }
}

/// `a, b or c`.
func listed(_ names: [String]) -> String {
    guard names.count > 1 else { return names.first ?? "" }
    return names.dropLast().joined(separator: ", ") + " or " + names.last!
}
