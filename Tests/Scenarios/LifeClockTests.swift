// A wall clock that is set back by a day while the daemon runs, by libfaketime.
import Glibc
import LinuxIO
import TestSupport
import Testing

extension DaemonTests {
    @Suite("Life: clock")
    struct LifeClock {
        /// Debian's package faketime.
        private static let library: String? = ["x86_64", "aarch64"].map { (machine: String) -> String in
            "/usr/lib/\(machine)-linux-gnu/faketime/libfaketime.so.1"
        }.first { (path: String) -> Bool in access(path, R_OK) == 0 }

        @Test("Rotation before and after the clock is set back a day: every line once, in order, and timers go on")
        func setBack() async throws {
            let library = try #require(LifeClock.library, "install the Debian package faketime")
            let stage = try LifeStage { options, directory in
                try directory.write("+0\n", to: "clock")
                options.environment = [
                    "LD_PRELOAD": library, "FAKETIME_TIMESTAMP_FILE": directory.path("clock"), "FAKETIME_NO_CACHE": "1",
                    "DONT_FAKE_MONOTONIC": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1", "NO_FAKE_STAT": "1",
                ]
            }
            try await stage.daemon.start()
            var lines: [String] = []
            for round in 0..<6 {
                if round == 3 { try stage.directory.write("-1d\n", to: "clock") }
                for part in ["a", "b"] {
                    lines.append("\(round) \(part)")
                    try stage.append([lines.last!])
                }
                try retryingInterrupts("rename") { rename(stage.log("a.log"), stage.log("a.log.\(round)")) }
                if round % 2 == 1 { _ = try await stage.messages(count: lines.count) }
            }
            let records = try await stage.records(count: lines.count)
            #expect(records.map { $0.message ?? "" } == lines)
            let times = records.compactMap { $0.string("observed_timestamp") }
            #expect(times.count == lines.count && times.last! < times.first!, "the clock was set back: \(times)")
            try await stage.waitUntilShipped(24)
            #expect(try await stage.daemon.terminate() == .exited(0))
            try stage.append(["after"])
            try await stage.daemon.start()
            #expect(try await stage.messages(count: lines.count + 1) == lines + ["after"])
        }
    }
}
