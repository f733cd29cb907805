// The explanation of containers as JSON, both ways.
package import Core
internal import FoundationEssentials

/// JSON of `ContainersReport`: compact on the socket, indented for people and scripts.
package enum ContainersJSON {
    static func encode(_ report: ContainersReport) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.withoutEscapingSlashes]
        return Array(try encoder.encode(report))
    }

    static func decode(_ bytes: [UInt8]) throws -> ContainersReport {
        try JSONDecoder().decode(ContainersReport.self, from: Data(bytes))
    }

    /// As `PrettyJSON` writes it.
    package static func pretty(_ report: ContainersReport) throws -> String { try PrettyJSON.text(report) }
}
