// The README's commands: the demo, and what the install scripts say to those who may not install.
import Glibc
import TestSupport
import Testing

@Suite("Commands", .serialized, .timeLimit(.minutes(2)))
struct CommandTests {
    /// The repository's root, from this file's place in it.
    private static let root = #filePath.split(separator: "/").dropLast(3).reduce(into: "") { $0 += "/" + $1 }

    @Test("The demo prints as many records as it is asked for, every byte of the application's log once")
    func demo() async throws {
        let (end, output, error) = try await runLongshore(["demo", "--records", "130"])
        #expect(end == .exited(0), "\(error)")
        let records = try output.split(separator: "\n").map { try RecordFields(parsing: Array($0.utf8)) }
        #expect(records.count == 130)
        var coverage = CoverageChecker<String>()
        for record in records {
            coverage.record(
                try #require(record.fileID), offset: try #require(record.offset),
                byteCount: try #require(record.byteCount), skipped: record.skippedBytes, partition: 0)
        }
        #expect(coverage.report().count == 7, "20 lines a file: six rotations")
        #expect(coverage.report().values.allSatisfy { $0.isComplete })
        #expect(Set(records.map(\.streamID)).count == 1, "one stream across rotation")
        #expect(error.contains("130 of 130 lines written arrived as records"))
    }

    @Test("Who may not install is told the line to run as root", arguments: ["build", "test"])
    func notRoot(kind: String) async throws {
        let directory = try TemporaryDirectory()
        defer { directory.remove() }
        // A system on which no package is installed, as an ordinary user sees it.
        try directory.write("#!/bin/sh\nexit 1\n", to: "dpkg-query")
        chmod(directory.path("dpkg-query"), 0o755)
        chmod(directory.path, 0o755)
        let path = directory.path + ":" + (environmentVariable("PATH") ?? "/usr/bin:/bin")
        let script = "\(Self.root)/packaging/install-\(kind)-dependencies.sh"
        let user = getuid() == 0 ? ["/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] : []
        let command = user + ["/bin/bash", script]
        let process = try ChildProcess(
            command[0], Array(command.dropFirst()), environment: ["PATH": path], directory: directory)
        #expect(try await process.wait(timeout: .seconds(30)) == .exited(1))
        let said = process.standardError
        #expect(said.contains("as root"), "\(said)")
        #expect(said.contains("apt-get install -y --no-install-recommends"), "\(said)")
        #expect(said.contains(kind == "build" ? "librdkafka-dev" : "kcat"), "\(said)")
    }
}
