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

    /// As `PrettyJSON` writes it.
    package static func pretty(_ report: StatusReport) throws -> String { try PrettyJSON.text(report) }
}
