// JSON values for reports.
internal import Core

/// A value to be written. Members keep their order.
enum JSONNode {
    case object([(String, JSONNode)])
    case array([JSONNode])
    case text(String)
    case number(UInt64)
    case integer(Int64)
    case fraction(Double)
    case bool(Bool)
    case null

    /// The text at an indentation: objects over lines, arrays of simple values on one. Control and format characters are
    /// written as \uXXXX: the same JSON, and nothing a tenant named can drive a terminal.
    func write(_ indent: Int, _ out: inout String) {
        switch self {
        case .object(let members): JSONNode.write(members, indent, &out)
        case .array(let values): JSONNode.write(values, indent, &out)
        case .text(let text): JSONNode.quote(text, &out)
        case .number(let value): out += String(value)
        case .integer(let value): out += String(value)
        case .fraction(let value): out += JSONNode.decimal(value)
        case .bool(let value): out += value ? "true" : "false"
        case .null: out += "null"
        }
    }

    private static func write(_ members: [(String, JSONNode)], _ indent: Int, _ out: inout String) {
        if members.isEmpty { return out += "{}" }
        out += "{"
        for (index, (name, value)) in members.enumerated() {
            out += index == 0 ? "\n" : ",\n"
            out += String(repeating: " ", count: indent + 2)
            quote(name, &out)
            out += ": "
            value.write(indent + 2, &out)
        }
        out += "\n" + String(repeating: " ", count: indent) + "}"
    }

    private static func write(_ values: [JSONNode], _ indent: Int, _ out: inout String) {
        let isFlat = values.allSatisfy { if case .object = $0 { false } else { true } }
        out += "["
        for (index, value) in values.enumerated() {
            if index > 0 { out += isFlat ? ", " : "," }
            if !isFlat { out += "\n" + String(repeating: " ", count: indent + 2) }
            value.write(indent + 2, &out)
        }
        if !isFlat { out += "\n" + String(repeating: " ", count: indent) }
        out += "]"
    }

    private static func decimal(_ value: Double) -> String {
        guard value.isFinite, value >= 0, value < 1e15 else { return "null" }
        let thousandths = UInt64((value * 1000).rounded())
        let rest = String(thousandths % 1000)
        return "\(thousandths / 1000)." + String(repeating: "0", count: 3 - rest.count) + rest
    }

    private static func quote(_ text: String, _ out: inout String) {
        out += "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": out += "\\" + String(scalar)
            case _ where scalar.isASCII && scalar.value >= 0x20 && scalar.value < 0x7F:
                out.unicodeScalars.append(scalar)
            case _ where String(scalar) == escapedForTerminal(String(scalar)): out.unicodeScalars.append(scalar)
            default:
                for unit in UTF16.encode(scalar)! {
                    let digits = String(unit, radix: 16)
                    out += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
                }
            }
        }
        out += "\""
    }
}

extension JSONNode: ExpressibleByStringLiteral {
    init(stringLiteral value: String) { self = .text(value) }

    static func optional(_ text: String?) -> JSONNode { text.map { .text($0) } ?? .null }
    static func optional(_ number: UInt64?) -> JSONNode { number.map { .number($0) } ?? .null }
    /// Empty texts are values that are not there.
    static func name(_ text: String) -> JSONNode { text.isEmpty ? .null : .text(text) }
    static func spans(_ spans: [Span]) -> JSONNode {
        .array(spans.map { .array([.number($0.start), .number($0.end)]) })
    }
}
