// From the labels of one container to its declarations.
internal import Core

/// Reads labels as the contract, the platform's pair and log-pilot have them. Pure and deterministic; the work is bounded
/// by the bytes of the labels, what it gives by `LabelLimits`. Values are data: nothing in them is ever expanded.
///
/// Every declaration stands alone. A problem that `isFatal` means that its declaration is not followed: then it is not
/// in `declarations`, but for one that asks for stdout, which is there so that it can be shown. An empty value counts
/// as left out, but for a path.
package struct LabelReader: Sendable {
    /// What a prefix's labels look like.
    enum Dialect: Hashable { case longshore, logPilot }

    /// Labels of one declaration: what stands behind its name (`path`, `topic`, empty for the short form) to the label.
    typealias Fields = [String: LabelEntry]

    private let options: LabelOptions
    private let prefixes: [(text: String, dialect: Dialect)]

    package init(_ options: LabelOptions) {
        self.options = options
        let compatible = options.compatible.filter { $0 != options.prefix }
        prefixes = [(options.prefix, .longshore)] + compatible.map { ($0, .logPilot) }
    }

    /// What the labels of one container mean.
    package func read(_ labels: [String: String]) -> LabelReading {
        var groups = [[String: Fields]](repeating: [:], count: prefixes.count)
        var strange: [(entry: LabelEntry, remedy: String)] = []
        for (key, value) in labels where key != options.directory && key != options.extensions {
            let entry = LabelEntry(key: key, value: value)
            if let place = prefixes.firstIndex(where: { begins(key, with: $0.text + ".") }) {
                let (name, field) = split(key, behind: prefixes[place].text)
                groups[place][name, default: [:]][field] = entry
            } else if let remedy = prefixes.lazy.compactMap({ nearMiss(key, of: $0.text) }).first {
                strange.append((entry, remedy))
            }
        }
        var pass = Pass()
        for (place, prefix) in prefixes.enumerated() {
            if place == 1 { readPlatform(labels, &pass) }
            read(groups[place], of: prefix.text, prefix.dialect, &pass)
        }
        if prefixes.count == 1 { readPlatform(labels, &pass) }
        return finish(pass, strange)
    }

    /// What one reading has found so far.
    private struct Pass {
        var declarations: [LabelDeclaration] = []
        var problems = LabelProblems()
        /// Name to the key that took it.
        var names: [String: String] = [:]
        var firstTooMany: (entry: LabelEntry, count: Int)?
    }

    private func finish(_ pass: Pass, _ strange: [(entry: LabelEntry, remedy: String)]) -> LabelReading {
        var problems = pass.problems
        if let (entry, count) = pass.firstTooMany {
            problems.add(
                "", entry, "more than \(LabelLimits.declarations) declarations: \(count) are left out",
                "declare fewer, with several paths each")
        }
        for (entry, remedy) in strange.sorted(by: { precedes($0.entry.key, $1.entry.key) }) {
            problems.add("", entry, "this label is unknown", remedy)
        }
        let declarations = pass.declarations.sorted { precedes($0.name, $1.name) }
        return LabelReading(declarations: declarations, problems: problems.list)
    }
}

extension LabelReader {
    private func read(_ group: [String: Fields], of prefix: String, _ dialect: Dialect, _ pass: inout Pass) {
        for (written, fields) in group.sorted(by: { precedes($0.key, $1.key) }) {
            let first = fields.values.min { precedes($0.key, $1.key) }!
            guard let name = name(written, first, of: prefix, dialect, &pass) else { continue }
            guard take(name, for: first, &pass) else { continue }
            let builder = LabelBuilder(name: name, prefix: "\(prefix).\(written)", dialect: dialect, fields: fields)
            if let declaration = builder.build(&pass.problems) { pass.declarations.append(declaration) }
        }
    }

    /// The declaration's name; log-pilot's are made legal.
    private func name(
        _ written: String, _ entry: LabelEntry, of prefix: String, _ dialect: Dialect, _ pass: inout Pass
    ) -> String? {
        if LabelText.isName(written) { return written }
        let rule = "write a name of 1 to 32 of a-z, 0-9, _ and -"
        guard let legal = LabelText.legalName(written.utf8) else {
            let message = written.isEmpty ? "the declaration has no name" : "\(quoted(written)) is too long for a name"
            pass.problems.add("", entry, message, rule + ": \(prefix).app", isFatal: true)
            return nil
        }
        let message = "\(quoted(written)) is no name of a declaration"
        switch dialect {
        case .longshore: pass.problems.add("", entry, message, rule + ", for example \(quoted(legal))", isFatal: true)
        case .logPilot: pass.problems.add(legal, entry, message + ": it is called \(quoted(legal))", rule)
        }
        return dialect == .logPilot ? legal : nil
    }

    /// True when the name is free and there is room for one more declaration.
    private func take(_ name: String, for entry: LabelEntry, _ pass: inout Pass) -> Bool {
        if let other = pass.names[name] {
            pass.problems.add(
                name, entry, "\(quoted(name)) is declared by \(quoted(other)) already, which is what is followed",
                "remove one of the two, or give it another name")
            return false
        }
        if pass.names.count == LabelLimits.declarations {
            pass.firstTooMany = (pass.firstTooMany?.entry ?? entry, (pass.firstTooMany?.count ?? 0) + 1)
            return false
        }
        pass.names[name] = entry.key
        return true
    }

    /// The platform's pair as one declaration: every directory with every extension. It is called `logdir`, or
    /// `logdir-2` and so on where the container declares that name itself.
    private func readPlatform(_ labels: [String: String], _ pass: inout Pass) {
        func label(_ key: String?) -> LabelEntry? {
            guard let key, let value = labels[key] else { return nil }
            return LabelText.trimmed(value.utf8).isEmpty ? nil : LabelEntry(key: key, value: value)
        }
        let extensions = label(options.extensions)
        guard let directory = label(options.directory) else {
            if let extensions {
                pass.problems.add(
                    "", extensions, "extensions of files, but no directory",
                    options.directory.map { "add the label \($0)" } ?? "use \(options.prefix).app.path")
            }
            return
        }
        var name = "logdir"
        var number = 1
        while pass.names[name] != nil {
            number += 1
            name = "logdir-\(number)"
        }
        guard take(name, for: directory, &pass) else { return }
        let platform = LabelPlatform(name: name, directory: directory, extensions: extensions)
        if let declaration = platform.build(&pass.problems) { pass.declarations.append(declaration) }
    }
}

extension LabelReader {
    private func begins(_ text: String, with start: String) -> Bool { text.utf8.starts(with: start.utf8) }

    private func precedes(_ one: String, _ other: String) -> Bool { one.utf8.lexicographicallyPrecedes(other.utf8) }

    /// The declaration's name and what stands behind its dot; `.` as the field when there is nothing behind it.
    private func split(_ key: String, behind prefix: String) -> (name: String, field: String) {
        let rest = key.utf8.dropFirst(prefix.utf8.count + 1)
        guard let end = rest.firstIndex(of: UInt8(ascii: ".")) else { return (String(Substring(rest)), "") }
        let field = rest[rest.index(after: end)...]
        return (String(Substring(rest[..<end])), field.isEmpty ? "." : String(Substring(field)))
    }

    /// What to write instead of a key whose beginning looks like the prefix misspelt; nil for somebody else's key. One
    /// edit from six letters on, two from twelve on; another case always.
    private func nearMiss(_ key: String, of prefix: String) -> String? {
        let wanted = Array(prefix.utf8)
        let bytes = Array(key.utf8.prefix(wanted.count + 8))
        if bytes.starts(with: wanted) {
            guard let next = bytes.dropFirst(wanted.count).first else { return "write \(prefix).NAME.path" }
            return "/_:-".utf8.contains(next) ? "did you mean \(prefix).NAME.path?" : nil
        }
        let lower = bytes.map { (0x41...0x5A).contains($0) ? $0 + 0x20 : $0 }
        let dots =
            lower.indices.filter { lower[$0] == UInt8(ascii: ".") }
            + (key.utf8.count > bytes.count ? [] : [lower.count])
        let allowed = min(2, wanted.count / 6)
        for end in dots where end > 0 && abs(end - wanted.count) <= allowed {
            if Spelling.distance(Array(lower[..<end]), wanted) <= allowed {
                let rest = LabelText.shortened(String(Substring(key.utf8.dropFirst(end))))
                return "did you mean \(prefix)\(rest)?"
            }
        }
        return nil
    }
}
