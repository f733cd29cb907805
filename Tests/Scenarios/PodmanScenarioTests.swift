// Containers under a real Podman: their files arrive as under Docker, whatever is killed meanwhile.
import Core
import Glibc
import TestSupport
import Testing

extension ContainerScenarios {
    @Suite("Podman", .serialized)
    struct PodmanScenarioTests {
        private static let lineCount = 3000

        @Test("bind, volume and root file system; the daemon and Podman's service are killed: no line is missing")
        func noneMissing() async throws {
            let engine = try await PodmanEngine.start()
            let stage = try await RuntimeStage(runtimes: Daemon.podmanOnly(engine.socket))
            try await stage.daemon.start()
            let control = try engine.directory.makeDirectory("ctl")
            let places: [String: (path: String, mounts: [String])] = [
                "bind": ("/data/app.log", ["\(try engine.directory.makeDirectory("bind")):/data"]),
                "volume": ("/vol/app.log", ["v1:/vol"]), "root": ("/var/log/app.log", []),
            ]
            var ids: [String: String] = [:]
            for (name, place) in places {
                ids[name] = try await engine.run(
                    name: name,
                    labels: [
                        "longshore.logs.app.path": place.path, "longshore.logs.app.labels": "tier=front", "app": "shop",
                    ],
                    mounts: place.mounts + ["\(control):/ctl"],
                    script: RuntimeStage.script(name, count: Self.lineCount, path: place.path))
            }
            // From each one: what nobody knows of cannot be told by a runtime that is away.
            try await stage.waitForLines(ids.mapValues { _ in 300 })
            try await stage.daemon.kill9()
            try await stage.daemon.start()
            try await stage.lines.waitForCount(stage.lines.count + 100, timeout: .seconds(60))
            try await engine.kill()
            try await stage.waitForLines(ids.mapValues { _ in Self.lineCount })
            try engine.directory.write("", to: "ctl/go")
            try await waitUntil(timeout: .seconds(60), "the containers to have written all") {
                ids.keys.allSatisfy { access("\(control)/\($0)", F_OK) == 0 }
            }
            try await engine.restart()
            for id in ids.values { try await engine.podman("rm", "-f", "-t", "0", id) }
            try await stage.checkAllArrived(ids.keys.sorted(), count: Self.lineCount)
            for line in stage.lines.items() {
                guard let fields = line.fields else { continue }
                #expect(fields.string("container.id") == ids[line.name] && fields.string("container.name") == line.name)
                #expect(fields.string("container.runtime.name") == "podman")
                #expect(fields.string("container.image.name") == PodmanEngine.image)
                #expect(fields.string("container.labels.app") == "shop" && fields.string("service.name") == line.name)
                #expect(fields.string("labels.tier") == "front" && fields.string("k8s.pod.name") == nil)
                #expect(fields.string("log.file.path") == places[line.name]?.path)
            }
            try await waitUntil("the daemon to follow the new service") {
                let page = String(decoding: try await stage.daemon.metrics("/metrics").body, as: UTF8.self)
                return page.contains("longshore_runtime_up{runtime=\"podman\"} 1\n")
                    && page.contains("longshore_containers{runtime=\"podman\"} 0\n")
            }
            #expect(try await stage.daemon.terminate() == .exited(0))
            try await engine.stop()
        }
    }
}
