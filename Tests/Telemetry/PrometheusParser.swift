// A strict reader of the Prometheus text exposition format 0.0.4, written from its specification.

/// Families in order with their samples. Refuses whatever the format does not allow, also what lenient scrapers accept.
struct PrometheusParser {
    struct Failure: Error, CustomStringConvertible { let description: String }

    struct Sample: Equatable {
        let name: String
        let labels: [String: String]
        let value: Double
    }

    struct Family {
        let name: String
        let type: String
        var samples: [Sample] = []
    }

    private(set) var families: [Family] = []

    /// The value of the sample with exactly these labels.
    func value(_ name: String, _ labels: [String: String] = [:]) -> Double? {
        families.flatMap(\.samples).first { $0.name == name && $0.labels == labels }?.value
    }

    func samples(_ name: String) -> [Sample] { families.flatMap(\.samples).filter { $0.name == name } }

    init(_ text: String) throws {
        guard text.utf8.last == 0x0A else { throw Failure(description: "no newline at the end") }
        var helped: String?
        for line in text.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false).dropLast().map(
            String.init)
        {
            let words = line.split(separator: " ", maxSplits: 3, omittingEmptySubsequences: false).map(String.init)
            if line.hasPrefix("# HELP ") {
                guard words.count == 4, !words[3].isEmpty else { throw Failure(description: line) }
                try Self.check(name: words[2])
                helped = words[2]
            } else if line.hasPrefix("# TYPE ") {
                guard words.count == 4, helped == words[2], ["counter", "gauge", "histogram"].contains(words[3]) else {
                    throw Failure(description: line)
                }
                if families.contains(where: { $0.name == words[2] }) { throw Failure(description: "twice: \(line)") }
                if (words[3] == "counter") != words[2].hasSuffix("_total") {
                    throw Failure(description: "suffix: \(line)")
                }
                families.append(Family(name: words[2], type: words[3]))
            } else {
                try add(try Self.sample(line))
            }
        }
        for family in families where family.type == "histogram" { try Self.check(histogram: family) }
    }

    private mutating func add(_ sample: Sample) throws {
        guard let family = families.last else { throw Failure(description: "sample without family: \(sample)") }
        let allowed =
            family.type == "histogram"
            ? [family.name + "_bucket", family.name + "_sum", family.name + "_count"] : [family.name]
        guard allowed.contains(sample.name) else { throw Failure(description: "not in its family: \(sample)") }
        if family.samples.contains(where: { $0.name == sample.name && $0.labels == sample.labels }) {
            throw Failure(description: "twice: \(sample)")
        }
        families[families.count - 1].samples.append(sample)
    }

    private static func check(name: String) throws {
        let valid = name.unicodeScalars.enumerated().allSatisfy { index, scalar in
            ("a"..."z").contains(scalar) || ("A"..."Z").contains(scalar) || scalar == "_" || scalar == ":"
                || (index > 0 && ("0"..."9").contains(scalar))
        }
        if name.isEmpty || !valid { throw Failure(description: "bad name: \(name)") }
    }

    private static func sample(_ line: String) throws -> Sample {
        var rest = Array(line.unicodeScalars)[...]
        let name = text(rest.prefix { $0 != "{" && $0 != " " })
        try check(name: name)
        rest = rest.dropFirst(name.unicodeScalars.count)
        let labels = rest.first == "{" ? try labels(&rest, line) : [:]
        guard rest.popFirst() == " ", !rest.contains(" ") else { throw Failure(description: line) }
        let number = text(rest)
        guard let value = number == "+Inf" ? .infinity : Double(number) else { throw Failure(description: line) }
        return Sample(name: name, labels: labels, value: value)
    }

    private static func labels(_ rest: inout ArraySlice<Unicode.Scalar>, _ line: String) throws -> [String: String] {
        var labels: [String: String] = [:]
        rest.removeFirst()
        while true {
            let name = text(rest.prefix { $0 != "=" })
            try check(name: name)
            rest = rest.dropFirst(name.unicodeScalars.count)
            guard rest.popFirst() == "=", rest.popFirst() == "\"" else { throw Failure(description: line) }
            var value = ""
            while let scalar = rest.popFirst(), scalar != "\"" {
                if scalar != "\\" {
                    value.unicodeScalars.append(scalar)
                    continue
                }
                switch rest.popFirst() {
                case "n": value += "\n"
                case "\\": value += "\\"
                case "\"": value += "\""
                default: throw Failure(description: "escape: \(line)")
                }
            }
            guard labels.updateValue(value, forKey: name) == nil else { throw Failure(description: line) }
            switch rest.popFirst() {
            case ",": continue
            case "}": return labels
            default: throw Failure(description: line)
            }
        }
    }

    private static func check(histogram family: Family) throws {
        let buckets = family.samples.filter { $0.name == family.name + "_bucket" }
        let bounds = buckets.map { $0.labels["le"].flatMap { $0 == "+Inf" ? .infinity : Double($0) } ?? .nan }
        let counts = buckets.map(\.value)
        let total = family.samples.first { $0.name == family.name + "_count" }?.value
        guard bounds.last == .infinity, total == counts.last, zip(bounds, bounds.dropFirst()).allSatisfy({ $0 < $1 }),
            zip(counts, counts.dropFirst()).allSatisfy({ $0 <= $1 }),
            family.samples.contains(where: { $0.name == family.name + "_sum" })
        else { throw Failure(description: "histogram \(family)") }
    }

    private static func text(_ scalars: some Sequence<Unicode.Scalar>) -> String {
        var text = ""
        text.unicodeScalars.append(contentsOf: scalars)
        return text
    }
}
