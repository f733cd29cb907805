// Pods under a real containerd: their files arrive with Kubernetes' names, whatever is killed meanwhile.
import Core
import Glibc
import TestSupport
import Testing

extension ContainerScenarios {
    @Suite("Pods", .serialized)
    struct PodScenarioTests {
        private static let lineCount = 3000

        /// Where a container writes; the name is the container's.
        private enum Place: String, CaseIterable {
            case emptydir, subpath, hostpath, root

            var path: String { self == .root ? "/var/log/app.log" : "/logs/app.log" }
        }

        private final class World {
            let engine: ContainerdEngine
            let stage: RuntimeStage
            let kubelet: KubeletPod
            let pod: TestPod
            let control: String
            var logs: String { engine.directory.path("logs") }

            init() async throws {
                kubelet = try KubeletPod()
                engine = try await ContainerdEngine.start()
                try await engine.importImages()
                stage = try await RuntimeStage(runtimes: Daemon.criOnly(engine.socket))
                control = try engine.directory.makeDirectory("ctl")
                var pod = TestPod("shop-7d", uid: kubelet.uid)
                pod.namespace = "shop"
                pod.labels = ["app": "shop", "app.kubernetes.io/name": "store"]
                pod.annotations = [
                    "longshore.logs.app.path": "/logs/*.log,/var/log/app.log",
                    "longshore.logs.app.labels": "tier=front",
                    "longshore.logs.token.path": "/token/*", "longshore.logs.token.container": "emptydir",
                ]
                self.pod = pod
            }

            private func mounts(_ place: Place) throws -> [(source: String, destination: String)] {
                switch place {
                case .emptydir: [(kubelet.emptyDirectory, "/logs"), (kubelet.secret, "/token")]
                case .subpath: [(kubelet.subpath, "/logs")]
                case .hostpath: [(try engine.directory.makeDirectory("host"), "/logs")]
                case .root: []
                }
            }

            func start(_ place: Place, in sandbox: String) async throws -> String {
                var container = TestPodContainer(
                    place.rawValue,
                    script: RuntimeStage.script(place.rawValue, count: lineCount, path: place.path))
                container.attempt = 1
                container.mounts = try mounts(place) + [(control, "/ctl")]
                let id = try await engine.cri.create(container, in: sandbox, of: pod, logs: logs)
                try await engine.cri.start(id)
                return id
            }

            func go() throws { try engine.directory.write("", to: "ctl/go") }

            func waitForEnds() async throws {
                try await waitUntil(timeout: .seconds(60), "the containers to have written all") {
                    Place.allCases.allSatisfy { access("\(control)/\($0.rawValue)", F_OK) == 0 }
                }
            }
        }

        private func checkMetadata(_ world: World, _ ids: [String: String]) throws {
            for line in world.stage.lines.items() {
                guard let fields = line.fields else { continue }
                #expect(fields.string("container.id") == ids[line.name] && fields.string("container.name") == line.name)
                #expect(fields.string("container.runtime.name") == "containerd")
                #expect(fields.string("container.image.name") == ContainerdEngine.image)
                #expect(fields.string("k8s.namespace.name") == "shop" && fields.string("k8s.pod.name") == "shop-7d")
                #expect(fields.string("k8s.pod.uid") == world.kubelet.uid)
                #expect(fields.string("k8s.container.name") == line.name)
                #expect(fields.uint64("k8s.container.restart_count") == 1)
                #expect(fields.string("service.name") == "store" && fields.string("container.labels.app") == "shop")
                #expect(fields.string("log.declaration") == "app" && fields.string("labels.tier") == "front")
                #expect(fields.string("log.file.path") == Place(rawValue: line.name)?.path)
            }
        }

        @Test(
            "emptyDir, subPath, hostPath and root file system; the daemon and containerd are killed: no line is missing"
        )
        func noneMissing() async throws {
            let world = try await World()
            let stage = world.stage
            try await stage.daemon.start()
            let sandbox = try await world.engine.cri.run(world.pod, logs: world.logs)
            var ids: [String: String] = [:]
            for place in Place.allCases { ids[place.rawValue] = try await world.start(place, in: sandbox) }
            // From each one: what nobody knows of cannot be told by a runtime that is away.
            try await stage.waitForLines(ids.mapValues { _ in 300 })
            try await stage.daemon.kill9()
            try await stage.daemon.start()
            try await stage.lines.waitForCount(stage.lines.count + 100, timeout: .seconds(60))
            try await world.engine.kill()
            try await stage.waitForLines(ids.mapValues { _ in Self.lineCount })
            // Written while containerd is away; the daemon starts without it, too.
            try await stage.daemon.kill9()
            try await stage.daemon.start()
            try world.go()
            try await world.waitForEnds()
            try await world.engine.restart()
            for id in ids.values { try await world.engine.cri.remove(id) }
            try await stage.checkAllArrived(Array(ids.keys).sorted(), count: Self.lineCount)
            try checkMetadata(world, ids)
            try await world.engine.stop()
        }

        @Test(
            "a pod that is removed as soon as it has ended: each line once, its ends announced, explain shows the pod")
        func everyLineOnce() async throws {
            let world = try await World()
            let stage = world.stage
            try await stage.daemon.start()
            let sandbox = try await world.engine.cri.run(world.pod, logs: world.logs)
            var ids: [String: String] = [:]
            for place in Place.allCases { ids[place.rawValue] = try await world.start(place, in: sandbox) }
            try await stage.lines.waitForCount(100, timeout: .seconds(60))
            try await checkExplain(world)
            try world.go()
            try await world.waitForEnds()
            try await world.engine.cri.removePod(sandbox)
            try await stage.checkAllArrived(Array(ids.keys).sorted(), count: Self.lineCount)
            let arrived = stage.arrived()
            for name in ids.keys { #expect(arrived[name] == Array(1...(2 * Self.lineCount)), "\(name)") }
            try checkMetadata(world, ids)
            try await waitUntil("the audit events") { try stage.events("container_stopped").count >= ids.count }
            let started = Set(try stage.events("container_started").compactMap { $0.string("container.id") })
            #expect(started == Set(ids.values), "and not the sandbox")
            #expect(try await stage.daemon.terminate() == .exited(0))
            try await world.engine.stop()
        }

        private func checkExplain(_ world: World) async throws {
            let daemon = world.stage.daemon
            let page = String(decoding: try await daemon.metrics("/metrics").body, as: UTF8.self)
            #expect(page.contains("longshore_runtime_up{runtime=\"containerd\"} 1\n"))
            #expect(page.contains("longshore_containers{runtime=\"containerd\"} 4\n"))
            let answer = try await runLongshore(["explain", "--config", daemon.configurationPath, "emptydir"])
            #expect(answer.output.hasPrefix("[ok]  containerd: answers at \(world.engine.socket), version containerd"))
            #expect(answer.output.contains("shop-7d in namespace shop"))
            #expect(answer.output.contains("[ok]  app: active") && answer.output.contains("[!!]  token: refused"))
            let other = try await runLongshore(["explain", "--config", daemon.configurationPath, "root"])
            #expect(other.output.contains("[--]  token: disabled"))
        }
    }
}
