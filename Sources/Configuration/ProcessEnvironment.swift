// The environment of this process, without Foundation.
@preconcurrency internal import Glibc

/// The variables of this process. Read it once at start, before threads that call setenv(3) could exist.
package enum ProcessEnvironment {
    /// Name to value; bytes that are no UTF-8 become U+FFFD.
    package static func current() -> [String: String] {
        var variables: [String: String] = [:]
        var place = environ
        while let entry = place.pointee {
            let text = String(cString: entry)
            if let equals = text.firstIndex(of: "=") {
                variables[String(text[..<equals])] = String(text[text.index(after: equals)...])
            }
            place += 1
        }
        return variables
    }
}
