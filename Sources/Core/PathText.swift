// Paths as texts of a runtime or of a file, made normal.

/// An absolute path without empty names, `.`, `..` and a slash at the end; `..` at the root is the root. Taken byte by
/// byte, as the kernel does it: a character that joins a slash must not hide a name.
package func normalizedPath(_ path: String) -> String {
    var names: [Substring.UTF8View] = []
    for name in path.utf8.split(separator: UInt8(ascii: "/")) {
        if name.elementsEqual("..".utf8) {
            _ = names.popLast()
        } else if !name.elementsEqual(".".utf8) {
            names.append(name)
        }
    }
    return "/" + names.map { String(Substring($0)) }.joined(separator: "/")
}
