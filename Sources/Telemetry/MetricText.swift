// Writing the Prometheus text format: families, samples, escaping.

/// Text exposition format 0.0.4 as it grows: `family`, then its samples.
struct MetricText {
    /// TYPE of a family.
    enum Kind: String { case counter, gauge, histogram }

    private(set) var text = ""
    private var name = ""

    /// HELP and TYPE. `help` is a constant of ours, without backslash and newline.
    mutating func family(_ name: String, _ kind: Kind, _ help: StaticString) {
        self.name = name
        text += "# HELP \(name) \(help)\n# TYPE \(name) \(kind.rawValue)\n"
    }

    mutating func sample(_ value: UInt64) { line(name, [], String(value)) }

    mutating func sample(_ value: Double) { line(name, [], MetricText.number(value)) }

    mutating func samples(_ label: String, _ values: [String: UInt64]) {
        for (key, value) in values.sorted(by: { $0.key < $1.key }) { line(name, [(label, key)], String(value)) }
    }

    mutating func samples(_ labels: [String], _ values: [[String]: UInt64]) {
        for (keys, value) in values.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
            line(name, Array(zip(labels, keys)), String(value))
        }
    }

    mutating func ages(_ labels: [String], _ values: [[String]: Double]) {
        for (keys, value) in values.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
            line(name, Array(zip(labels, keys)), MetricText.number(value))
        }
    }

    /// `cumulative` has one count per bound and the total last; missing ones (nothing observed yet) count as the last
    /// before them.
    mutating func histogram(bounds: [Double], cumulative: [UInt64], sum: Double) {
        var count: UInt64 = 0
        for (index, bound) in (bounds + [.infinity]).enumerated() {
            if index < cumulative.count { count = max(count, cumulative[index]) }
            line(name + "_bucket", [("le", MetricText.number(bound))], String(count))
        }
        line(name + "_sum", [], MetricText.number(sum))
        line(name + "_count", [], String(count))
    }

    private mutating func line(_ name: String, _ labels: [(String, String)], _ value: String) {
        text += name
        if !labels.isEmpty {
            text += "{" + labels.map { "\($0)=\"\(MetricText.escaped($1))\"" }.joined(separator: ",") + "}"
        }
        text += " \(value)\n"
    }

    /// Label values escape backslash, quote and newline.
    private static func escaped(_ value: String) -> String {
        var safe = ""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\\": safe += "\\\\"
            case "\"": safe += "\\\""
            case "\n": safe += "\\n"
            default: safe.unicodeScalars.append(scalar)
            }
        }
        return safe
    }

    private static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value > 0 ? "+Inf" : "-Inf" }
        let text = "\(value)"
        return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
    }
}
