// Glob syntax of paths: `*`, `?`, `[..]`, and `**` as a whole component.
internal import Core

/// Checks patterns, byte by byte as they are matched: a character that joins a slash must not hide a name. Matching them
/// is the file source's work.
package enum PathPattern {
    /// What is wrong with an absolute pattern of `files[].paths`, nil when nothing is.
    package static func objection(toPath pattern: String) -> Objection? {
        if pattern.utf8.first != slash {
            return Objection("\(quoted(pattern)) is not absolute", "write a path that begins with /")
        }
        if pattern.utf8.last == slash {
            return Objection("\(quoted(pattern)) names a directory", "write the files in it: \(pattern)*.log")
        }
        return objection(toAbsolute: pattern)
    }

    /// What is wrong with a pattern of `files[].exclude`: a file name's pattern, or an absolute one.
    package static func objection(toExclude pattern: String) -> Objection? {
        if pattern.utf8.first == slash { return objection(toAbsolute: pattern) }
        if pattern.utf8.contains(slash) {
            return Objection(
                "\(quoted(pattern)) has a / in the middle", "write a file name's pattern such as *.gz, or a whole path")
        }
        if pattern == "**" { return Objection("** excludes everything", "write a pattern such as *.gz") }
        return objection(toComponent: pattern)
    }

    /// An absolute path without patterns, as directories and sockets are given. The message does not quote it: it may
    /// be a secret that stands where a secret's file belongs.
    static func objection(toPlainPath path: String) -> Objection? {
        if path.utf8.first != slash { return Objection("not an absolute path", "write a path that begins with /") }
        if path.utf8.count > 4095 { return Objection("the path is longer than 4095 bytes", "write a shorter one") }
        if path != "/", components(of: path).contains(where: isNoName) {
            return Objection(
                "the path holds an empty name, . or ..", "write it without //, /./, /../ and / at the end")
        }
        return nil
    }

    /// True when every file the pattern can match lies in `directory`.
    static func lies(_ pattern: String, in directory: String) -> Bool {
        pattern == directory || pattern.utf8.starts(with: (directory == "/" ? "/" : directory + "/").utf8)
    }

    private static func objection(toAbsolute pattern: String) -> Objection? {
        if pattern.utf8.count > 4095 { return Objection("the path is longer than 4095 bytes", "write a shorter one") }
        for component in components(of: pattern) {
            if isNoName(component) {
                return Objection(
                    "\(quoted(pattern)) holds an empty name, . or ..", "write the path without //, /./ and /../")
            }
            if component == "**" { continue }
            if let objection = objection(toComponent: component) { return objection }
        }
        return nil
    }

    private static let slash = UInt8(ascii: "/")

    /// What stands behind the first slash, between the others.
    private static func components(of path: String) -> [Substring] {
        path.utf8.dropFirst().split(separator: slash, omittingEmptySubsequences: false).map { Substring($0) }
    }

    private static func isNoName(_ component: Substring) -> Bool { ["", ".", ".."].contains(component) }

    private static func objection(toComponent component: some StringProtocol) -> Objection? {
        GlobSyntax.flaw(inComponent: component).map { Objection($0.message, $0.remedy) }
    }
}
