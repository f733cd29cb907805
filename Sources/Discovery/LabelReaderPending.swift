// Stand-in for the reader of labels: paths, topics and switches of single declarations, without checks.

/// Which labels are declarations.
package struct LabelOptions: Hashable, Sendable {
    package var prefix = "longshore.logs"
    package init() {}
}

/// What the labels of one container were understood to mean.
package struct LabelReading: Hashable, Sendable {
    package var declarations: [LabelDeclaration] = []
    package var problems: [LabelProblem] = []
    package init() {}
}

/// Reads labels.
package struct LabelReader: Sendable {
    private let options: LabelOptions

    package init(_ options: LabelOptions) { self.options = options }

    package func read(_ labels: [String: String]) -> LabelReading {
        var found: [String: LabelDeclaration] = [:]
        var reading = LabelReading()
        for (key, value) in labels.sorted(by: { $0.key < $1.key }) where key.hasPrefix(options.prefix + ".") {
            let parts = key.dropFirst(options.prefix.count + 1).split(separator: ".", maxSplits: 1).map(String.init)
            let name = parts[0]
            var declaration = found[name] ?? LabelDeclaration(name: name, paths: [])
            declaration.keys.append(key)
            switch parts.count > 1 ? parts[1] : "path" {
            case "path":
                declaration.isStdout = value == "stdout"
                declaration.paths = value == "stdout" ? [] : value.split(separator: ",").map(String.init)
                if value.hasPrefix("/") || declaration.isStdout { break }
                reading.problems.append(
                    LabelProblem(
                        declaration: name, key: key, value: value, message: "the path is not absolute",
                        remedy: "write \(key): /\(value)", isFatal: true))
            case "topic": declaration.topic = value
            case "enabled": declaration.isEnabled = value != "false"
            case "exclude": declaration.exclude = value.split(separator: ",").map(String.init)
            case "labels":
                for pair in value.split(separator: ",") {
                    let sides = pair.split(separator: "=", maxSplits: 1).map(String.init)
                    declaration.labels[sides[0]] = sides.count > 1 ? sides[1] : ""
                }
            default:
                reading.problems.append(
                    LabelProblem(
                        declaration: name, key: key, value: value, message: "there is no such key",
                        remedy: "did you mean \(options.prefix).\(name).path?"))
            }
            found[name] = declaration
        }
        let fatal = Set(reading.problems.filter(\.isFatal).map(\.declaration))
        reading.declarations = found.values.filter { !fatal.contains($0.name) }.sorted { $0.name < $1.name }
        return reading
    }
}
