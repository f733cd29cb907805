// The status report as JSON, both ways.
package import Core
internal import FoundationEssentials

/// JSON of `StatusReport`: compact on the socket, indented for people and scripts.
package enum StatusJSON {
    static func encode(_ report: StatusReport) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.withoutEscapingSlashes]
        return Array(try encoder.encode(report))
    }

    static func decode(_ bytes: [UInt8]) throws -> StatusReport {
        try JSONDecoder().decode(StatusReport.self, from: Data(bytes))
    }

    /// Indented, keys sorted, newline at the end. Control and format characters inside strings are written as `\uXXXX`:
    /// the same JSON, and nothing a tenant named can drive the terminal.
    package static func pretty(_ report: StatusReport) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        let raw = String(decoding: try encoder.encode(report), as: UTF8.self)
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
