// $NAME and ${NAME:-default} in a Compose file.
internal import Core

/// Replaces variables as Compose does: `$NAME`, `${NAME}`, with `:-` `-` (default), `:?` `?` (needed), `:+` `+`
/// (instead); `$$` is one `$`. A default is text, without variables of its own. An unset variable is empty, and said so.
struct ComposeVariables {
    /// What variables may still add to all texts of the file together, in bytes.
    private final class Budget {
        var rest = 4 << 20
    }

    /// What they may add to one text, in bytes.
    private static let longest = 1 << 20

    let values: [String: String]
    private let budget = Budget()

    /// `environment` before the lines of `.env` (NAME=value, `#` comments, quotes around values).
    init(environment: [String: String], dotEnv: [UInt8]) {
        var values: [String: String] = [:]
        for line in String(decoding: dotEnv, as: UTF8.self).split(whereSeparator: \.isNewline) {
            let text = line.drop { $0 == " " || $0 == "\t" }
            guard !text.hasPrefix("#"), let equals = text.firstIndex(of: "=") else { continue }
            var name = text[..<equals]
            if name.hasPrefix("export ") { name = name.dropFirst(7) }
            var value = text[text.index(after: equals)...]
            while value.last == " " { value.removeLast() }
            for quote in ["\"", "'"] where value.count > 1 && value.hasPrefix(quote) && value.hasSuffix(quote) {
                value = value.dropFirst().dropLast()
            }
            values[String(name)] = String(value)
        }
        self.values = values.merging(environment) { $1 }
    }

    /// `text` with its variables replaced, and what is wrong with them.
    func expand(_ text: String) -> (text: String, objections: [Objection]) {
        guard text.utf8.contains(UInt8(ascii: "$")) else { return (text, []) }
        var result = String.UnicodeScalarView()
        var objections: [Objection] = []
        // Bytes that came from variables.
        var length = 0
        var rest = text.unicodeScalars[...]
        while let scalar = rest.popFirst() {
            guard scalar == "$" else {
                result.append(scalar)
                continue
            }
            if length > Self.longest || budget.rest < 0 {
                return ("", [Objection("the text becomes too long", "write less")])
            }
            switch variable(&rest) {
            case .success(let value):
                result.append(contentsOf: value.unicodeScalars)
                length += value.utf8.count
                budget.rest -= value.utf8.count
            case .failure(let objection): objections.append(objection)
            }
        }
        return (String(result), objections)
    }

    /// Takes what follows a `$`.
    private func variable(_ rest: inout Substring.UnicodeScalarView) -> Result<String, Objection> {
        if rest.first == "$" {
            rest.removeFirst()
            return .success("$")
        }
        if rest.first == "{" {
            guard let end = rest.firstIndex(of: "}") else {
                rest = rest[rest.endIndex...]
                return .failure(Objection("${ is not closed", "write ${NAME}, or $$ for a $"))
            }
            let body = rest[rest.index(after: rest.startIndex)..<end]
            rest = rest[rest.index(after: end)...]
            return value(of: body)
        }
        let name = rest.prefix(while: Self.isNameScalar)
        if name.isEmpty { return .failure(Objection("a $ without a name", "write $$ for a $")) }
        rest = rest[name.endIndex...]
        return value(of: name)
    }

    private func value(of body: Substring.UnicodeScalarView) -> Result<String, Objection> {
        let name = String(body.prefix(while: Self.isNameScalar))
        let rest = String(body.dropFirst(name.unicodeScalars.count))
        let found = values[name]
        if let found, rest.isEmpty { return .success(found) }
        let isColon = rest.hasPrefix(":")
        let value = isColon && found == "" ? nil : found
        let mark = rest.dropFirst(isColon ? 1 : 0)
        let word = String(mark.dropFirst())
        if name.isEmpty || word.contains("${") || isColon && mark.isEmpty {
            return .failure(
                Objection("\(quoted("${\(String(body))}")) is not understood", "write ${NAME} or ${NAME:-default}"))
        }
        switch mark.first {
        case nil:
            let unset = Objection(
                "the variable \(quoted(name)) is not set: taken as empty", "set it, or write ${\(name):-}")
            return value.map { .success($0) } ?? .failure(unset)
        case "-": return .success(value ?? word)
        case "+": return .success(value == nil ? "" : word)
        case "?":
            let missing = Objection("the variable \(quoted(name)) is needed: \(quoted(word))", "set it")
            return value.map { .success($0) } ?? .failure(missing)
        default:
            return .failure(
                Objection("\(quoted("${\(String(body))}")) is not understood", "write ${NAME} or ${NAME:-default}"))
        }
    }

    private static func isNameScalar(_ scalar: Unicode.Scalar) -> Bool {
        guard let byte = UInt8(exactly: scalar.value) else { return false }
        return isLetterOrDigit(byte) || byte == UInt8(ascii: "_")
    }
}
