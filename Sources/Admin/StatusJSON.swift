// The status report as JSON, both ways.
package import Core
internal import FoundationEssentials

/// JSON of `StatusReport`: compact on the socket, indented for people and scripts.
package enum StatusJSON {
    /// Sources are encoded one by one: JSONEncoder builds a tree of boxed values first, which for 10,000 sources at once
    /// would take ten times the memory of the text.
    static func encode(_ report: StatusReport) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.withoutEscapingSlashes]
        var frame = report
        frame.sources = []
        let bytes = Array(try encoder.encode(frame))
        // Inside of a string the quotes would be escaped: this is the member itself.
        let member = Array("\"sources\":[]".utf8)
        guard !report.sources.isEmpty, let place = bytes.firstRange(of: member) else { return bytes }
        var text = Array(bytes[..<(place.upperBound - 1)])
        for (index, source) in report.sources.enumerated() {
            if index > 0 { text.append(UInt8(ascii: ",")) }
            text += try encoder.encode(source)
        }
        return text + bytes[(place.upperBound - 1)...]
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
