// The state directory in a daemon's life: held by another, damaged, older than the logs.
import Core
import Glibc
import LinuxIO
import TestSupport
import Testing

extension DaemonTests {
    @Suite("Life: state")
    struct LifeState {
        @Test(
            "A second daemon on the same state directory does not run and says who holds it; the first is not disturbed"
        )
        func secondDaemon() async throws {
            let stage = try LifeStage()
            try stage.append(["one"])
            try await stage.daemon.start()
            let state = stage.directory.path("state")
            let other = try LifeStage { options, _ in options.stateDirectory = state }
            let child = try other.daemon.launch()
            #expect(try await child.wait() == .exited(1))
            #expect(
                child.standardError.contains(
                    "longshore run: state directory \(state) is in use by process \(stage.daemon.process.processID); stop it"
                ),
                "\(child.standardError)")
            try stage.append(["two"])
            #expect(try await stage.messages(count: 2) == ["one", "two"])
        }

        @Test("Without a snapshot a damaged store is set aside and announced: records are repeated, none is missing")
        func damagedStore() async throws {
            let stage = try LifeStage()
            try stage.append((0..<100).map { "\($0)" })
            try await stage.daemon.start()
            try await stage.waitUntilShipped(290)
            #expect(try await stage.daemon.terminate() == .exited(0))
            try damage(stage)
            try retryingInterrupts("unlink") { unlink(stage.directory.path("state/store.snapshot.db")) }
            try stage.append(["after"])
            try await stage.daemon.start()
            let messages = try await stage.messages(count: 201)
            #expect(counts(messages) == counts((0..<100).flatMap { ["\($0)", "\($0)"] } + ["after"]))
            try await expectLossTold(stage, instead: "an empty store is used")
            let event = try #require(try await stage.auditEvents("state_lost").first)
            #expect(event.fields["snapshot"] == .null)
        }

        @Test("With a snapshot only what came after it is repeated")
        func snapshot() async throws {
            let stage = try LifeStage()
            try stage.append((0..<100).map { "\($0)" })
            try await stage.daemon.start()
            try await stage.waitUntilShipped(290)
            #expect(try await stage.daemon.terminate() == .exited(0))
            try await stage.daemon.start()
            try stage.append((100..<120).map { "\($0)" })
            try await stage.waitUntilShipped(370)
            try await stage.daemon.kill9()
            try damage(stage)
            try stage.append(["after"])
            try await stage.daemon.start()
            let messages = try await stage.messages(count: 141)
            #expect(counts(messages) == counts((0..<120).map(String.init) + (100..<120).map(String.init) + ["after"]))
            try await expectLossTold(stage, instead: "the snapshot of 20")
            let event = try #require(try await stage.auditEvents("state_lost").first)
            #expect(event.string("snapshot")?.hasPrefix("20") == true)
        }

        /// Overwrites the whole database with what is none.
        private func damage(_ stage: LifeStage) throws {
            let size = try stage.directory.read("state/store.db").count
            try stage.directory.write(bytes: (0..<max(size, 8192)).map { UInt8($0 % 251) }, to: "state/store.db")
        }

        private func expectLossTold(_ stage: LifeStage, instead: String) async throws {
            let status = try await stage.daemon.status()
            let problem = status["problems"]?.array?.compactMap(\.string).first { $0.contains("set aside as") }
            #expect(problem?.contains(instead) == true, "\(String(describing: problem))")
            #expect(try await stage.statusText().contains("the store was damaged and set aside as"))
            #expect(stage.logText.contains("the store was damaged; records may be repeated"))
            let event = try #require(try await stage.auditEvents("state_lost").first)
            let aside = try #require(event.string("set_aside"))
            let path = aside.hasPrefix("/") ? aside : stage.directory.path("state/\(aside)")
            #expect(access(path, F_OK) == 0, "\(aside)")
        }

        @Test("start: end leaves out what was there at the first sight of the declaration, and nothing ever after")
        func startAtEnd() async throws {
            let stage = try LifeStage { options, _ in options.topLevelLines = ["start: end"] }
            try stage.append(["old 1", "old 2"])
            try await stage.daemon.start()
            try await stage.daemon.waitForStatus("the old is skipped") { $0["totals"]?["skipped"]?.uint64 == 12 }
            try stage.append(["new 1"])
            try stage.append(["created later"], to: "b.log")
            _ = try await stage.messages(count: 2)
            #expect(try await stage.daemon.terminate() == .exited(0))
            try stage.append(["while down"])
            try stage.append(["created while down"], to: "c.log")
            try await stage.daemon.start()
            let messages = try await stage.messages(count: 4)
            #expect(Set(messages) == ["new 1", "created later", "while down", "created while down"])
            #expect(messages.count == 4)
        }

        @Test(
            "ignore_older leaves old files alone at first sight; once they grow, only the new lines come, also after a restart"
        )
        func ignoreOlder() async throws {
            let stage = try LifeStage { options, _ in options.topLevelLines = ["ignore_older: 1h"] }
            try stage.append(["ancient"], to: "old.log")
            try await run("touch", ["-d", "3 hours ago", stage.log("old.log")])
            try stage.append(["fresh"], to: "new.log")
            try await stage.daemon.start()
            #expect(try await stage.messages(count: 1) == ["fresh"])
            #expect(try await stage.daemon.terminate() == .exited(0))
            try stage.append(["grown while down"], to: "old.log")
            try await run("touch", ["-d", "2 hours ago", stage.log("old.log")])
            try await stage.daemon.start()
            #expect(try await stage.messages(count: 2) == ["fresh", "grown while down"])
            let opened = try await stage.auditEvents("generation_opened", count: 2)
            #expect(opened.contains { $0.uint64("skipped") == 8 && $0.uint64("from") == 8 })
        }
    }
}
