// JSON for people and scripts, safe on a terminal.
internal import Core
internal import FoundationEssentials

/// Indented, keys sorted, newline at the end. Control and format characters inside strings are written as `\uXXXX`: the
/// same JSON, and nothing a tenant named can drive the terminal.
enum PrettyJSON {
    static func text(_ value: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        let raw = String(decoding: try encoder.encode(value), as: UTF8.self)
        var safe = ""
        for scalar in raw.unicodeScalars {
            if scalar == "\n" || String(scalar) == escapedForTerminal(String(scalar)) {
                safe.unicodeScalars.append(scalar)
            } else {
                for unit in UTF16.encode(scalar)! {
                    let digits = String(unit, radix: 16)
                    safe += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
                }
            }
        }
        return safe + "\n"
    }
}
