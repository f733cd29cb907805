// SIGHUP: good, bad and unchanged configurations.
import Core
import Glibc
import LinuxIO
import TestSupport
import Testing

extension DaemonTests {
    @Suite("Life: reload")
    struct LifeReload {
        @Test("A bad configuration changes nothing, and every problem is said, however many there are")
        func badConfiguration() async throws {
            var stage = try LifeStage()
            try stage.append(["one"])
            try await stage.daemon.start()
            _ = try await stage.messages(count: 1)
            let before = try await stage.daemon.status()
            try stage.configure { options in options.topLevelLines = (0..<15).map { "nonsense\($0): 1" } }
            stage.daemon.reload()
            try await stage.waitForLog("the new configuration is not applied; the old one stays in force")
            let logged = stage.logText
            let missing = (0..<15).filter { !logged.contains("unknown key \"nonsense\($0)\"") }
            #expect(missing.isEmpty, "all are said")
            #expect(logged.contains("\(stage.daemon.configurationPath):11:1: error: "), "with their place")
            try stage.append(["two"])
            #expect(try await stage.messages(count: 2) == ["one", "two"])
            let after = try await stage.daemon.status()
            #expect((after["uptimeSeconds"]?.double ?? 0) >= (before["uptimeSeconds"]?.double ?? .infinity))
            #expect(try await stage.daemon.terminate() == .exited(0))
        }

        @Test("A missing configuration changes nothing either")
        func missingConfiguration() async throws {
            let stage = try LifeStage()
            try await stage.daemon.start()
            try retryingInterrupts("unlink") { unlink(stage.daemon.configurationPath) }
            stage.daemon.reload()
            try await stage.waitForLog("there is no configuration file")
            try stage.append(["one"])
            #expect(try await stage.messages(count: 1) == ["one"])
        }

        @Test("An unchanged configuration does nothing")
        func unchanged() async throws {
            let stage = try LifeStage()
            try await stage.daemon.start()
            let before = try await stage.daemon.status()["uptimeSeconds"]?.double ?? .infinity
            stage.daemon.reload()
            try await stage.waitForLog("reload: the configuration has not changed")
            let after = try await stage.daemon.status()["uptimeSeconds"]?.double ?? 0
            #expect(after >= before, "the same engine runs")
        }

        @Test(
            "A good one is applied under load: a new entry is shipped, a removed one stops, log.level holds, nothing is lost or repeated"
        )
        func goodConfiguration() async throws {
            var stage = try LifeStage()
            for name in ["kept", "removed", "added", "later"] { try stage.directory.makeDirectory("logs/\(name)") }
            func entries(_ names: [String]) -> [String] {
                names.map { "{name: \($0), paths: [\"\(stage.log($0))/*.log\"]}" }
            }
            let first = entries(["kept", "removed"])
            let second = entries(["kept", "added"])
            try stage.configure { options in options.files = first }
            let writer = try PacedWriter(paths: [stage.log("kept/a.log")], linesPerSecond: 2000)
            let reader = try KafkaReader<RecordSummary>(summariesOf: stage.topic, stage.bootstrap)
            try stage.append(["to be removed"], to: "removed/a.log")
            try await stage.daemon.start()
            try await reader.waitForCount(500)
            for round in 0..<3 {
                try stage.configure { options in
                    options.files = second
                    options.topLevelLines = [
                        "log: {level: \(round == 2 ? "debug" : "notice")}", "checkpoint: {interval: \(100 + round)ms}",
                    ]
                }
                stage.daemon.reload()
                try await waitUntil("reload \(round)") {
                    stage.logText.ranges(of: "the new configuration is applied").count == round + 1
                }
            }
            // Above notice nothing is said of a reload that works.
            let third = entries(["kept", "added", "later"])
            try stage.configure { options in
                options.files = third
                options.topLevelLines = ["log: {level: error}"]
            }
            stage.daemon.reload()
            try stage.append(["later"], to: "later/a.log")
            try await stage.daemon.waitForStatus("the silent reload") {
                LifeStage.source($0, endingIn: "later/a.log") != nil
            }
            try stage.append(["nobody reads this"], to: "removed/a.log")
            try stage.append(["added"], to: "added/a.log")
            try await writer.waitForTotal(writer.written.total + 500)
            let written = try writer.stop()
            try await reader.waitForCount(Int(written.total) + 3)
            try await stage.waitUntilShipped(Int(written.bytes[0]) + 12)
            let items = try await onOwnThread("test-stop") { reader.stop() }
            #expect(items.count == Int(written.total) + 3, "no duplicates, and nothing of the removed entry")
            let lines = items.compactMap(\.line)
            #expect(lines.map(\.sequence) == (0..<written.total).map { $0 }, "complete and in order")
            let status = try await stage.daemon.status()
            #expect(
                Set(status["sources"]?.array?.compactMap { $0["declaration"]?.string } ?? []) == [
                    "kept", "added", "later",
                ])
            #expect(stage.logText.ranges(of: "the new configuration is applied").count == 3, "log.level is applied")
            print("reloads under load: \(written.total) lines, 4 reloads, no duplicates")
        }

        @Test("A configuration that is valid but cannot be applied leaves the old one in force")
        func inapplicable() async throws {
            var stage = try LifeStage()
            try stage.append(["one"])
            try await stage.daemon.start()
            _ = try await stage.messages(count: 1)
            try stage.configure { options in options.stateDirectory = "/nonexistent/longshore/state" }
            stage.daemon.reload()
            try await stage.waitForLog("the new configuration cannot be applied; the old one stays in force")
            #expect(stage.logText.contains("No such file or directory"))
            try stage.append(["two"])
            #expect(try await stage.messages(count: 2) == ["one", "two"])
        }
    }
}
