// kill -9 at a chosen step of a program of a test: Tests/KillShim, built when it is needed and preloaded.
internal import Glibc

/// Ends a program that runs with `environment` at a step of its work that is chosen by number. Nothing happens, and nothing
/// is counted, until it is armed.
package struct KillShim: Sendable {
    private let directory: TemporaryDirectory
    /// For the programs that are to be ended.
    package var environment: [String: String] {
        ["LD_PRELOAD": directory.path("kill.so"), "KILL_SHIM_FILE": directory.path("kill-step")]
    }

    /// Builds the library with the C compiler that links every Swift program here.
    package init(in directory: TemporaryDirectory, source: String = #filePath) async throws {
        self.directory = directory
        let tests = source.split(separator: "/").dropLast(2).map { "/\($0)" }.joined()
        try await run(
            "cc",
            [
                "-shared", "-fPIC", "-O1", "-Wall", "-o", directory.path("kill.so"), tests + "/KillShim/kill.c", "-ldl",
            ])
    }

    /// From now on steps are counted, and the program ends at this one (the first is 1).
    package func arm(step: Int) throws { try directory.write("\(step)\n", to: "kill-step") }

    /// For the next start: the program that was armed stays so.
    package func disarm() {
        unlink(directory.path("kill-step"))
        unlink(directory.path("kill-step.count"))
    }

    /// Steps since it was armed.
    package func steps() throws -> Int {
        let text = String(decoding: try directory.read("kill-step.count"), as: UTF8.self)
        return Int(text.prefix { $0.isNumber }) ?? 0
    }
}
