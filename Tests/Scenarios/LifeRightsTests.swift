// Rights that are taken from a daemon that is not almighty, and given back.
import Glibc
import LinuxIO
import TestSupport
import Testing

extension DaemonTests {
    @Suite("Life: rights")
    struct LifeRights {
        /// Root without the capabilities by which it reads everything: its own files are subject to their mode.
        private static let unprivileged = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]

        private func rights(_ path: String, _ mode: mode_t) throws {
            try retryingInterrupts("chmod", path) { chmod(path, mode) }
        }

        @Test("A file or directory that may not be read is not gone: it goes on at its byte", arguments: ["a.log", ""])
        func takenAndGivenBack(name: String) async throws {
            let stage = try LifeStage { options, _ in options.wrapper = LifeRights.unprivileged }
            try stage.append(["one"])
            try await stage.daemon.start()
            try await stage.waitUntilShipped(4)
            // Open already: read on.
            try stage.append(["two"])
            try rights(stage.log(name), 0)
            try await stage.waitUntilShipped(8)
            #expect(try await stage.daemon.terminate() == .exited(0))
            try rights(stage.log(name), 0o755)
            try stage.append(["three"])
            try rights(stage.log(name), 0)
            try await stage.daemon.start()
            try await stage.daemon.waitForStatus("the problem is said") { "\($0)".contains("unreadable") }
            try rights(stage.log(name), 0o755)
            try await stage.waitUntilShipped(14)
            try await stage.daemon.waitForStatus("the problem is gone") { !"\($0)".contains("unreadable") }
            #expect(try await stage.messages(count: 3) == ["one", "two", "three"])
            let files = Set(try await stage.records().compactMap { $0.string("log.file.id") })
            #expect(files.count == 1)
        }
    }
}
