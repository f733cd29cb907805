// Finding the built `longshore`, and running its short commands.
internal import Glibc

/// Runs the built `longshore` to its end, for `validate`, `--help` and wrong usage.
package func runLongshore(
    _ arguments: [String], environment: [String: String] = [:], timeout: Duration = .seconds(60)
) async throws -> (end: ProcessEnd, output: String, error: String) {
    try await withTemporaryDirectory { directory in
        let child = try ChildProcess(
            try longshoreBinary(), arguments, environment: environment, directory: directory)
        let end = try await child.wait(timeout: timeout)
        return (end, child.standardOutput, child.standardError)
    }
}

/// $LONGSHORE_BINARY, or the one that was built with this test executable.
package func longshoreBinary() throws -> String {
    if let named = getenv("LONGSHORE_BINARY") { return String(cString: named) }
    do { return try builtProgram("longshore") } catch {
        throw FixtureError("\(error), or name it in LONGSHORE_BINARY")
    }
}

/// The executable target `name` of this package, beside this test executable, where SwiftPM puts both.
func builtProgram(_ name: String) throws -> String {
    var buffer = [UInt8](repeating: 0, count: 4096)
    let count = buffer.withUnsafeMutableBytes {
        readlink("/proc/self/exe", $0.baseAddress!.assumingMemoryBound(to: CChar.self), $0.count)
    }
    let own = String(decoding: buffer[..<max(count, 0)], as: UTF8.self)
    let arguments = (try? readWholeFile("/proc/self/cmdline"))?.split(separator: 0) ?? []
    // The runner may be a helper of the toolchain that was handed the test bundle: then that lies beside the product.
    for path in [own] + arguments.map({ String(decoding: $0, as: UTF8.self) }) {
        let candidate = path.split(separator: "/").dropLast().map { "/\($0)" }.joined() + "/\(name)"
        if path.hasPrefix("/"), access(candidate, X_OK) == 0 { return candidate }
    }
    throw FixtureError("no \(name) beside \(own): build it with `swift build`")
}

/// A variable of this process's environment; nil when it is not set.
package func environmentVariable(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }
