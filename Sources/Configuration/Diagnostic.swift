// One problem of the configuration: where it is, what is wrong, what to write instead.
internal import Core

/// A place in a configuration file; line and column count from 1, columns count characters.
package struct Position: Hashable, Sendable {
    package let file: String
    package let line: Int
    package let column: Int

    /// A place; nothing is checked.
    package init(file: String, line: Int, column: Int) {
        self.file = file
        self.line = line
        self.column = column
    }
}

/// A problem of the configuration, printed as `FILE:LINE:COLUMN: error: what; what to write instead`.
package struct Diagnostic: Error, Hashable, Sendable {
    package let file: String
    /// Counts from 1; problems of a whole file stand at 1:1.
    package let line: Int
    package let column: Int
    /// What is wrong. May quote the file, so it is escaped when printed.
    package let message: String
    /// What to write instead.
    package let remedy: String

    /// A problem at a position.
    package init(_ position: Position, _ message: String, _ remedy: String) {
        file = position.file
        line = position.line
        column = position.column
        self.message = message
        self.remedy = remedy
    }
}

extension Diagnostic: CustomStringConvertible {
    /// Safe for a terminal: control characters are escaped.
    package var description: String {
        escapedForTerminal("\(file):\(line):\(column): error: \(message); \(remedy)")
    }
}

/// Collects every problem of one load. Owned by that load, on its thread only.
final class Problems {
    private(set) var list: [Diagnostic] = []
    private var once: Set<Diagnostic> = []

    func add(_ position: Position, _ message: String, _ remedy: String) {
        list.append(Diagnostic(position, message, remedy))
    }

    func add(_ position: Position, _ objection: Objection, at path: String) {
        list.append(Diagnostic(position, "\(path): \(objection.message)", objection.remedy))
    }

    /// The same, unless it was added by `addOnce` before.
    func addOnce(_ position: Position, _ objection: Objection, at path: String) {
        if once.insert(Diagnostic(position, "\(path): \(objection.message)", objection.remedy)).inserted {
            add(position, objection, at: path)
        }
    }

    /// The problems in the order of `files`, then by line and column.
    func sorted(by files: [String]) -> [Diagnostic] {
        var ranks: [String: Int] = [:]
        for (rank, file) in files.enumerated() where ranks[file] == nil { ranks[file] = rank }
        func key(_ place: Int) -> (Int, Int, Int, Int) {
            (ranks[list[place].file] ?? files.count, list[place].line, list[place].column, place)
        }
        return list.indices.sorted { key($0) < key($1) }.map { list[$0] }
    }
}

/// What is wrong with one value, before it is known where the value stands.
package struct Objection: Error, Hashable, Sendable {
    package let message: String
    package let remedy: String

    init(_ message: String, _ remedy: String) {
        self.message = message
        self.remedy = remedy
    }
}
