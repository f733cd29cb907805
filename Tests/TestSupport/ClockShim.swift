// A wall clock of its own for a program of a test: Tests/ClockShim, built when it is needed and preloaded.
internal import Glibc

/// The wall clock of the programs that run with `environment`: the machine's, moved by the given seconds. Clocks that cannot
/// be set, and times that the kernel notes itself (a file's birth), are not moved.
package struct ClockShim: Sendable {
    private let directory: TemporaryDirectory
    /// For the programs that are to have this clock.
    package var environment: [String: String] {
        ["LD_PRELOAD": directory.path("clock.so"), "CLOCK_SHIM_FILE": directory.path("clock-offset")]
    }

    /// Builds the library with the C compiler that links every Swift program here.
    package init(in directory: TemporaryDirectory, source: String = #filePath) async throws {
        self.directory = directory
        let tests = source.split(separator: "/").dropLast(2).map { "/\($0)" }.joined()
        try await run(
            "cc", ["-shared", "-fPIC", "-O1", "-Wall", "-o", directory.path("clock.so"), tests + "/ClockShim/clock.c"])
        try set(seconds: 0)
    }

    /// The clock is set: so far from the machine's it is from now on.
    package func set(seconds: Int) throws { try directory.write("\(seconds)\n", to: "clock-offset") }
}
