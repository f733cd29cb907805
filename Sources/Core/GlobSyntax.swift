// Glob syntax of one component of a path: what Longshore's matcher takes.

/// Checks `*`, `?` and `[..]`; `**` is a component of its own, for the caller to let through.
package enum GlobSyntax {
    /// What is wrong with a pattern, and what to write instead. Quotes at most 64 characters of it.
    package struct Flaw: Hashable, Sendable {
        package let message: String
        package let remedy: String
    }

    /// True for a text with one of `*`, `?` and `[`.
    package static func isGlob(_ text: some Sequence<UInt8>) -> Bool {
        text.contains { $0 == UInt8(ascii: "*") || $0 == UInt8(ascii: "?") || $0 == UInt8(ascii: "[") }
    }

    /// nil when nothing is wrong with a component (without slashes).
    package static func flaw(inComponent component: some StringProtocol) -> Flaw? {
        if hasTwoStars(component.utf8) {
            return Flaw(
                message: "** in \(quoted(component)) is not a whole component",
                remedy: "write * here, or ** between two slashes: /**/")
        }
        var rest = Array(component.utf8)[...]
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "\\"):
                return Flaw(
                    message: "\\ in \(quoted(component)) escapes nothing here",
                    remedy: "write [*] for a literal *, [\\] for \\")
            case UInt8(ascii: "{"):
                return Flaw(
                    message: "{ in \(quoted(component)): there are no alternatives",
                    remedy: "write two patterns, or [{] for a literal {"
                )
            case UInt8(ascii: "["):
                if let flaw = skipBrackets(&rest, component) { return flaw }
            default: continue
            }
        }
        return nil
    }

    private static func hasTwoStars(_ bytes: some Sequence<UInt8>) -> Bool {
        var isStar = false
        for byte in bytes {
            if isStar, byte == UInt8(ascii: "*") { return true }
            isStar = byte == UInt8(ascii: "*")
        }
        return false
    }

    /// Takes a bracket expression behind its `[`: glob(7), `!` or `^` negates, a `]` that comes first is literal.
    private static func skipBrackets(_ rest: inout ArraySlice<UInt8>, _ component: some StringProtocol) -> Flaw? {
        if rest.first == UInt8(ascii: "!") || rest.first == UInt8(ascii: "^") { rest.removeFirst() }
        guard let end = rest.dropFirst().firstIndex(of: UInt8(ascii: "]")) else {
            return Flaw(
                message: "[ in \(quoted(component)) is never closed",
                remedy: "close it with ], or write [[] for a literal [")
        }
        let set = Array(rest[rest.startIndex..<end])
        var index = 0
        while index + 2 < set.count {
            if set[index + 1] == UInt8(ascii: "-") {
                if set[index] > set[index + 2] {
                    return Flaw(
                        message: "a range in \(quoted(component)) runs backwards",
                        remedy: "write the lower end first: [0-9]")
                }
                index += 2
            }
            index += 1
        }
        rest = rest[(end + 1)...]
        return nil
    }
}
