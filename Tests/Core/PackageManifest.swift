// What Package.swift declares: each room's dependencies, read from its text.

/// Reads `room("Name", knows: [...])` and `.executableTarget(name: "Name", ...)`, with the groups of products
/// (`let log: Target.Dependency = ...`) that they name.
struct PackageManifest {
    /// Modules that each room and the executable may import.
    let dependencies: [String: Set<String>]

    init(_ text: String) {
        let lines = text.split(separator: "\n").filter { !$0.drop { $0 == " " }.hasPrefix("//") }
        let code = lines.joined(separator: "\n")
        var groups: [String: [String]] = [:]
        for part in code.split(separator: "\nlet ").dropFirst() {
            let head = part.prefix { $0 != "=" }
            guard head.contains("Target.Dependency") else { continue }
            // The last group is followed by other statements, which begin at the margin.
            let body = part.split(separator: "\n\n").first ?? part
            groups[String(part.prefix { $0.isLetter })] = PackageManifest.modules(body)
        }
        var dependencies: [String: Set<String>] = [:]
        for opening in ["room(", ".executableTarget("] {
            for statement in PackageManifest.statements(opening, in: code) {
                let modules = PackageManifest.modules(statement)
                guard let name = modules.first else { continue }
                let words = Set(PackageManifest.unquoted(statement).split { !$0.isLetter }.map(String.init))
                let named = groups.filter { words.contains($0.key) }.values.joined()
                dependencies[name] = Set(modules.dropFirst()).union(named)
            }
        }
        self.dependencies = dependencies
    }

    /// The arguments of every call that begins a line with `opening`, up to its closing parenthesis.
    private static func statements(_ opening: String, in code: String) -> [Substring] {
        code.split(separator: "\n" + String(repeating: " ", count: 8) + opening).dropFirst().map { rest in
            var depth = 1
            return rest.prefix { character in
                if character == "(" { depth += 1 }
                if character == ")" { depth -= 1 }
                return depth > 0
            }
        }
    }

    /// What stands in quotes, but for the packages that products come from.
    private static func modules(_ code: Substring) -> [String] {
        let pieces = code.split(separator: "\"", omittingEmptySubsequences: false)
        return pieces.indices.filter { $0 % 2 == 1 && !pieces[$0 - 1].hasSuffix("package: ") }.map {
            String(pieces[$0])
        }
    }

    private static func unquoted(_ code: Substring) -> String {
        let pieces = code.split(separator: "\"", omittingEmptySubsequences: false)
        return pieces.indices.filter { $0 % 2 == 0 }.map { String(pieces[$0]) }.joined(separator: " ")
    }
}
