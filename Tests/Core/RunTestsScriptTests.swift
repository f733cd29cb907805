// packaging/run-tests.sh: the end of a log names what failed.
import Glibc
import TestSupport
import Testing

/// The script runs `swift`, found in PATH: here one that says what a runner says.
@Suite struct RunTestsScriptTests {
    private static let script =
        #filePath.split(separator: "/").dropLast(3).map { "/\($0)" }.joined() + "/packaging/run-tests.sh"

    /// Lines of output and the end of the script, when `swift` says `text` and then does `last`.
    private func run(_ text: String, then last: String) async throws -> (lines: [Substring], end: ProcessEnd) {
        try await withTemporaryDirectory { directory in
            try directory.write(text, to: "text")
            try directory.write("#!/bin/sh\ncat '\(directory.path("text"))'\n\(last)\n", to: "swift")
            chmod(directory.path("swift"), 0o755)
            let path = "\(directory.path):\(environmentVariable("PATH") ?? "/usr/bin:/bin")"
            let child = try ChildProcess(
                Self.script, ["--filter", "A|B"], environment: ["PATH": path], directory: directory)
            let end = try await child.wait()
            #expect(child.standardError == "")
            return (child.standardOutput.split(separator: "\n"), end)
        }
    }

    @Test func `a run without an issue ends with the runner's own summary`() async throws {
        let known = "━ Test a() recorded a known issue at A.swift:1:2: Issue recorded\n↳ why\n"
        let summary = "━ Test run with 2 tests in 1 suite passed after 1 second with 1 known issue."
        let (lines, end) = try await run(known + summary + "\n", then: "")
        #expect(end == .exited(0) && lines.last == summary[...] && lines.count == 3)
    }

    @Test func `issues come again with all of their messages, known ones do not`() async throws {
        let text = """
            ◇ Test a() started.
            ✘ Test a() recorded an issue with 1 argument x → 1 at A.swift:1:2: Expectation failed: x == 2
            ↳ first line
              second line
            ━ Test b() recorded a known issue at A.swift:1:2: Issue recorded
            ↳ known
            ✘ Test a() with 2 test cases failed after 0.1 seconds with 1 issue.
            ✔ Test b() passed after 0.1 seconds.
            ✘ Suite S failed after 0.2 seconds with 1 issue.
            ✘ Test run with 2 tests in 1 suite failed after 0.2 seconds with 1 issue.

            """
        let (lines, end) = try await run(text, then: "exit 7")
        #expect(end == .exited(7))
        #expect(
            lines.drop { !$0.hasPrefix("===") } == [
                "=== swift test --filter A|B ended with status 7:",
                "✘ Test a() recorded an issue with 1 argument x → 1 at A.swift:1:2: Expectation failed: x == 2",
                "↳ first line", "  second line",
                "✘ Test a() with 2 test cases failed after 0.1 seconds with 1 issue.",
                "✘ Test run with 2 tests in 1 suite failed after 0.2 seconds with 1 issue.",
            ])
    }

    @Test func `of a runner that died the tests that were under way are named`() async throws {
        let text = """
            ◇ Test run started.
            ◇ Test a() started.
            ◇ Test "in words" started.
            ◇ Test case passing 1 argument x → 1 to c(x:) started.
            ✔ Test a() passed after 0.1 seconds.
            LongshoreTests/A.swift:3: Fatal error: Index out of range

            """
        let (lines, end) = try await run(text, then: "exit 1")
        #expect(end == .exited(1))
        #expect(
            lines.suffix(2) == ["LongshoreTests/A.swift:3: Fatal error: Index out of range", "  \"in words\""])
    }
}
