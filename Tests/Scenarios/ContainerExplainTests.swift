// `longshore explain` against a real Docker Engine: with the daemon, without it, and when nobody answers.
import Core
import Glibc
import TestSupport
import Testing

extension ContainerScenarios {
    struct ExplainTests {
        /// A Docker Engine with one container that declares well and badly, and a configuration for it.
        private static func withDocker(
            _ body: (DockerEngine, Daemon, TemporaryDirectory) async throws -> Void
        ) async throws {
            let engine = try await DockerEngine.start(liveRestore: true)
            try await engine.importBusybox()
            let directory = try TemporaryDirectory()
            try directory.makeDirectory("data")
            try directory.write("one\n", to: "data/app.log")
            try await engine.run(
                name: "shop",
                labels: [
                    "longshore.logs.app.path": "/data/*.log", "longshore.logs.none.path": "/data/none/*.log",
                    "longshore.logs.conf.path": "/conf/*.log", "longshore.logs.bad.path": "\u{1b}[2J",
                ],
                mounts: [directory.path("data") + ":/data", "/etc:/conf"], command: ["sleep", "1000"])
            try await engine.run(name: "silent", command: ["sleep", "1000"])
            var options = DaemonOptions(brokers: "127.0.0.1:1", topic: "logs", paths: [directory.path("x/*.log")])
            options.topLevelLines = [Daemon.dockerOnly(engine.socket)]
            let daemon = try Daemon(options, in: directory)
            try await body(engine, daemon, directory)
            try await engine.stop()
        }

        private static func explain(_ daemon: Daemon, _ more: String...) async throws -> (Int32, String, String) {
            let answer = try await runLongshore(["explain", "--config", daemon.configurationPath] + more)
            guard case .exited(let status) = answer.end else { throw FixtureError("explain ended by \(answer.end)") }
            return (status, answer.output, answer.error)
        }

        @Test func withoutADaemonTheEngineIsAsked() async throws {
            try await Self.withDocker { engine, daemon, _ in
                let (status, output, error) = try await Self.explain(daemon)
                #expect(status == 1 && error.isEmpty, "something needs a hand")
                #expect(output.hasPrefix("no daemon answers on \(daemon.adminSocket): asked docker itself\n"))
                #expect(output.contains("  [ok]  app: active\n") && output.contains("/data/app.log  fits"))
                #expect(output.contains("  [..]  none: no match yet\n"))
                #expect(output.contains("there is no /data/none in the container; /data has app.log"))
                #expect(output.contains("  [!!]  conf: refused\n"))
                #expect(output.contains("  [!!]  bad: bad value\n") && !output.contains("\u{1b}"))
                #expect(output.contains("1 container declares no logs: silent"))
                let (fine, one, _) = try await Self.explain(daemon, "silent")
                #expect(fine == 0 && one.contains("none declared"))
                try await engine.terminate()
                let (gone, nothing, reason) = try await Self.explain(daemon)
                #expect(gone == 1 && nothing.isEmpty)
                #expect(reason.contains("no daemon answers at") && reason.contains("docker: "))
            }
        }

        @Test func theDaemonKnowsItsContainersAlsoWithoutTheEngine() async throws {
            try await Self.withDocker { engine, daemon, _ in
                try await daemon.start()
                try await waitUntil("the daemon to know the container") {
                    try await Self.explain(daemon).1.contains("\nshop  running  docker ")
                }
                let (status, output, _) = try await Self.explain(daemon)
                #expect(status == 1 && output.hasPrefix("[ok]  docker: answers at \(engine.socket), version "))
                #expect(output.contains("  [!!]  conf: refused\n") && output.contains("  [!!]  bad: bad value\n"))
                try await engine.docker("rename", "shop", "store")
                try await waitUntil("the new name") { try await Self.explain(daemon).1.contains("\nstore  running") }
                try await engine.kill()
                try await waitUntil("the loss of the engine to show") {
                    try await Self.explain(daemon).1.hasPrefix("[!!]  docker: does not answer at ")
                }
                let (_, still, _) = try await Self.explain(daemon, "store")
                #expect(still.contains("\nstore  running") && still.contains("  [!!]  conf: refused\n"))
                let metrics = try await daemon.metrics("/metrics")
                let page = String(decoding: metrics.body, as: UTF8.self)
                #expect(page.contains("longshore_runtime_up{runtime=\"docker\"} 0\n"))
                #expect(page.contains("longshore_containers{runtime=\"docker\"} 2\n"))
                #expect(try await daemon.terminate() == .exited(0))
            }
        }
    }
}
