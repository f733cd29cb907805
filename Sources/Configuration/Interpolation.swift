// ${VAR} and ${VAR:-default} in scalars, replaced by values of the environment.
internal import Core

/// Replaces variables after the files were parsed, so a value can never become YAML structure. `$${` is a literal `${`.
struct Interpolation {
    let environment: [String: String]
    let problems: Problems

    /// The tree with every scalar expanded; an unset variable without a default is a problem at its scalar.
    func expanded(_ node: YAMLNode) -> YAMLNode {
        var result = node
        switch node.content {
        case .scalar(var scalar):
            let (text, objections) = expand(scalar.source)
            for objection in objections { problems.add(node.position, objection.message, objection.remedy) }
            scalar.text = text
            result.content = objections.isEmpty ? .scalar(scalar) : .refused
        case .sequence(let items): result.content = .sequence(items.map(expanded))
        case .mapping(let entries):
            result.content = .mapping(
                entries.map { .init(key: $0.key, keyPosition: $0.keyPosition, value: expanded($0.value)) })
        case .refused: break
        }
        return result
    }

    /// `text` with its variables replaced, and what is wrong with them. Taken scalar by scalar: an accent behind a brace is
    /// text, and hides no brace.
    func expand(_ text: String) -> (text: String, objections: [Objection]) {
        guard text.utf8.contains(UInt8(ascii: "$")) else { return (text, []) }
        var result = String.UnicodeScalarView()
        var objections: [Objection] = []
        var known: Set<Objection> = []
        var rest = text.unicodeScalars[...]
        while let dollar = rest.firstIndex(of: "$") {
            result += rest[..<dollar]
            rest = rest[dollar...]
            if rest.starts(with: "$${".unicodeScalars) {
                result += "${".unicodeScalars
                rest = rest.dropFirst(3)
            } else if rest.starts(with: "${".unicodeScalars) {
                let body = rest.dropFirst(2)
                guard let end = body.firstIndex(of: "}") else {
                    let open = quoted(Substring(rest))
                    objections.append(Objection("\(open) is not closed", "write ${NAME} or, for the text, $${"))
                    return (String(result), objections)
                }
                switch value(of: body[..<end]) {
                case .success(let value): result += value.unicodeScalars
                case .failure(let objection):
                    if known.insert(objection).inserted { objections.append(objection) }
                }
                rest = body[body.index(after: end)...]
            } else {
                result.append("$")
                rest = rest.dropFirst()
            }
        }
        return (String(result + rest), objections)
    }

    /// As sh does it: the default also stands in for a variable that is set but empty.
    private func value(of body: Substring.UnicodeScalarView) -> Result<String, Objection> {
        let colon = body.firstIndex(of: ":")
        let name = String(body[..<(colon ?? body.endIndex)])
        guard Interpolation.isName(name) else {
            return .failure(
                Objection("\(quoted("${\(String(body))}")) names no variable", "write ${NAME} or ${NAME:-default}"))
        }
        guard let colon else {
            if let value = environment[name] { return .success(value) }
            return .failure(
                Objection(
                    "the environment variable \(name) is not set",
                    "set it, or write ${\(name):-default} (nothing behind the - means the key's own default)"))
        }
        let fallback = body[colon...]
        let word = String(fallback.dropFirst(2))
        guard fallback.starts(with: ":-".unicodeScalars), !word.utf8.contains("${".utf8) else {
            return .failure(
                Objection(
                    "\(quoted("${\(String(body))}")) is not understood", "write ${\(name):-default}, without ${ in it")
            )
        }
        if let value = environment[name], !value.isEmpty { return .success(value) }
        return .success(word)
    }

    private static func isName(_ name: String) -> Bool {
        guard let first = name.utf8.first, !(0x30...0x39).contains(first) else { return false }
        return name.utf8.allSatisfy { isLetterOrDigit($0) || $0 == UInt8(ascii: "_") }
    }
}

/// ASCII letters and digits only.
func isLetterOrDigit(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
    default: false
    }
}
