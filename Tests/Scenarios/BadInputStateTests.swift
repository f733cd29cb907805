// State directories that cannot be used, and brokers that do not answer.
import Core
import Glibc
import LinuxIO
import TestSupport
import Testing

extension DaemonTests {
    @Suite("Bad input: state directory and brokers")
    struct BadState {
        @Test("A state directory of another user: cannot run, and says whose right is missing")
        func forbiddenState() async throws {
            let stage = try LifeStage { options, directory in
                options.wrapper = asNobody
                options.stateDirectory = try directory.makeDirectory("private")
                try give(directory.path, mode: 0o755)
                try give(directory.path("private"), to: 0, mode: 0o700)
            }
            let child = try stage.daemon.launch()
            #expect(try await child.wait() == .exited(1))
            let said = child.standardError
            #expect(said.contains("longshore run: state directory \(stage.directory.path("private"))"), "\(said)")
            #expect(said.contains("Permission denied; give the daemon's user read and write access"), "\(said)")
        }

        @Test("A state directory that cannot be made: cannot run, and says why")
        func missingParent() async throws {
            let stage = try LifeStage { options, _ in options.stateDirectory = "/nonexistent/longshore/state" }
            let child = try stage.daemon.launch()
            #expect(try await child.wait() == .exited(1))
            #expect(
                child.standardError.contains("state directory /nonexistent/longshore/state"), "\(child.standardError)")
            #expect(child.standardError.contains("No such file or directory"), "\(child.standardError)")
        }

        @Test("A state directory on a read-only file system: cannot run, and says what to do")
        func readOnlyState() async throws {
            let directory = try TemporaryDirectory()
            let mount = try TemporaryMount(on: directory.makeDirectory("disk"), bytes: 1 << 20)
            try directory.makeDirectory("disk/state")
            try mount.makeReadOnly()
            let stage = try LifeStage(in: directory) { options, _ in options.stateDirectory = "\(mount.path)/state" }
            let child = try stage.daemon.launch()
            #expect(try await child.wait() == .exited(1))
            #expect(
                child.standardError.contains("Read-only file system; mount its file system read-write or configure"),
                "\(child.standardError)")
        }

        @Test("A state directory that fills up: shipping goes on, and after space is freed a restart repeats nothing")
        func fullState() async throws {
            let directory = try TemporaryDirectory()
            let mount = try TemporaryMount(on: directory.makeDirectory("disk"), bytes: 1 << 20)
            let stage = try LifeStage(in: directory) { options, _ in options.stateDirectory = "\(mount.path)/state" }
            try stage.append((0..<100).map { "before \($0)" })
            try await stage.daemon.start()
            _ = try await stage.records(count: 100)
            try mount.fill("ballast")
            // Each round is acknowledged and wants a checkpoint: the log of the store grows until it does not fit.
            var written = 100
            try await waitUntil(timeout: .seconds(30), "a checkpoint fails; log: \(stage.logText.suffix(1000))") {
                try stage.append((0..<50).map { "full \(written + $0)" })
                written += 50
                _ = try await stage.records(count: written)
                return stage.logText.contains("a checkpoint failed")
            }
            // A new file waits: its generation must be durable before its first record.
            try stage.append(["new while full"], to: "new.log")
            try stage.append((0..<50).map { "while failing \($0)" })
            _ = try await stage.records(count: written + 50)
            written += 50
            #expect(stage.logText.contains("free space or quota on its file system"), "\(stage.logText)")
            let failing = try await stage.daemon.status()
            #expect(failing["store"]?["ok"]?.bool == false)
            #expect(failing["problems"]?.array?.contains { $0.string?.contains("free space") == true } == true)
            #expect(try await stage.statusText().contains("store          failing"))

            try retryingInterrupts("unlink") { unlink("\(mount.path)/ballast") }
            try await stage.daemon.waitForStatus("checkpoints again") { $0["store"]?["ok"]?.bool == true }
            #expect(stage.logText.contains("the state directory can be written again"))
            written += 1
            _ = try await stage.records(count: written)
            try await waitForCheckpoint(stage)
            try await stage.daemon.kill9()
            try await stage.daemon.start()
            try stage.append(["after"])
            let messages = try await stage.messages(count: written + 1)
            #expect(messages.count == written + 1, "nothing is repeated")
            #expect(Set(messages).count == written + 1)
        }

        /// Everything is acknowledged, as the daemon knows it, and stored. What the broker has is not enough: its report
        /// may be on the way still.
        private func waitForCheckpoint(_ stage: LifeStage) async throws {
            try await stage.daemon.waitForStatus("a checkpoint of all acknowledgements") { status in
                let (totals, store) = (status["totals"], status["store"])
                return totals?["inFlight"]?.uint64 == 0 && totals?["unread"]?.uint64 == 0
                    && store?["isBehind"]?.bool == false && store?["outboxEvents"]?.uint64 == 0
            }
        }

        @Test(
            "A state directory that is full at the start or at the end: says what to do, and a later start ships everything"
        )
        func fullAtStart() async throws {
            let directory = try TemporaryDirectory()
            let mount = try TemporaryMount(on: directory.makeDirectory("disk"), bytes: 1 << 20)
            let stage = try LifeStage(in: directory) { options, _ in
                options.stateDirectory = "\(mount.path)/state"
                options.topLevelLines = ["limits: {drain: 1s}"]
            }
            try stage.append(["one"])
            try mount.fill("ballast")
            let child = try stage.daemon.launch()
            #expect(try await child.wait() == .exited(1))
            #expect(child.standardError.contains("No space left on device"), "\(child.standardError)")
            #expect(child.standardError.contains("free space or quota on its file system"), "\(child.standardError)")
            try retryingInterrupts("unlink") { unlink("\(mount.path)/ballast") }
            try await stage.daemon.start()
            #expect(try await stage.messages(count: 1) == ["one"])
            try await waitForCheckpoint(stage)
            try mount.fill("ballast")
            var written = 1
            try await waitUntil(timeout: .seconds(30), "a checkpoint fails") {
                try stage.append((0..<50).map { "\(written + $0)" })
                written += 50
                _ = try await stage.records(count: written)
                return stage.logText.contains("a checkpoint failed")
            }
            #expect(try await stage.daemon.terminate() == .exited(0))
            try retryingInterrupts("unlink") { unlink("\(mount.path)/ballast") }
            try stage.append(["last"])
            try await stage.daemon.start()
            try await stage.waitUntilShipped(9)
            let messages = Set(try await stage.messages(count: written + 1))
            #expect(messages == Set(["one", "last"] + (1..<written).map { "\($0)" }), "nothing is missing")
        }

        @Test("A metrics port or an admin socket that another has: cannot run, and says which")
        func takenListeners() async throws {
            let stage = try LifeStage()
            try await stage.daemon.start()
            let port = try await stage.metricsPort()
            let other = try LifeStage { options, _ in options.environment = ["PORT": "\(port)"] }
            let text = other.daemon.configurationText(other.options)
            try other.directory.write(text.replacing("127.0.0.1:0", with: "127.0.0.1:${PORT}"), to: "longshore.yaml")
            let taken = try other.daemon.launch()
            #expect(try await taken.wait() == .exited(1))
            #expect(taken.standardError.contains("127.0.0.1:\(port)"), "\(taken.standardError)")
            #expect(taken.standardError.contains("Address already in use"), "\(taken.standardError)")

            let third = try LifeStage()
            let path = third.daemon.configurationText(third.options).replacing(
                third.daemon.adminSocket, with: stage.daemon.adminSocket)
            try third.directory.write(path, to: "longshore.yaml")
            let held = try third.daemon.launch()
            #expect(try await held.wait() == .exited(1))
            #expect(held.standardError.contains(stage.daemon.adminSocket), "\(held.standardError)")
            print("taken listeners: \(taken.errorTail.suffix(400)) \(held.errorTail.suffix(400))")
            #expect(try await stage.daemon.status()["processID"]?.uint64 == UInt64(stage.daemon.process.processID))
        }

        @Test("Brokers that do not answer: the daemon runs, says so, is not ready, and ships once they do")
        func unreachableBroker() async throws {
            let broker = try await NoidaBroker.start()
            try await broker.stop()
            let stage = try LifeStage(bootstrap: broker.bootstrap)
            try stage.append(["one", "two"])
            try await stage.daemon.start()
            let metrics = HTTPEndpoint.tcp(port: try await stage.metricsPort())
            try await stage.daemon.waitForStatus("the problem") { status in
                status["problems"]?.array?.contains {
                    $0.string?.contains("check kafka.brokers and the network") == true
                }
                    == true
            }
            let text = try await stage.statusText()
            #expect(text.contains("brokers        down  \(broker.bootstrap), last acknowledgement never"), "\(text)")
            let ready = try await httpGet(metrics, "/readyz")
            #expect(ready.status == 503 && ready.text.contains("no Kafka broker answers"), "\(ready.text)")
            #expect(try await httpGet(metrics, "/healthz").status == 200)
            try await stage.waitForLog("no Kafka broker answers; nothing is lost")

            try await broker.restart()
            #expect(try await stage.messages(count: 2) == ["one", "two"])
            try await waitUntil("ready") { try await httpGet(metrics, "/readyz").status == 200 }
            #expect(try await stage.daemon.terminate() == .exited(0))
            try await broker.stop()
        }
    }
}
