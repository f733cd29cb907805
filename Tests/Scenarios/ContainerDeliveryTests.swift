// Containers that write, stop and are removed while the daemon runs or is killed: every line once, with its metadata.
import Core
import Glibc
import TestSupport
import Testing

extension ContainerScenarios {
    @Suite("Delivery", .serialized)
    struct Delivery {
        private static let lineCount = 10_000

        /// Where a container of the test writes.
        private enum Place: CaseIterable {
            case bind, volume, nested, noMount

            /// Path of the log in the container.
            var path: String {
                switch self {
                case .bind: "/data/app.log"
                case .volume: "/vol/deep/app.log"
                case .nested: "/data/logs/app.log"
                case .noMount: "/var/log/app.log"
                }
            }

            func mounts(_ name: String, _ directory: TemporaryDirectory) throws -> [String] {
                switch self {
                case .bind: return ["\(try directory.makeDirectory("bind/\(name)")):/data"]
                case .volume: return ["v-\(name):/vol"]
                case .nested: return ["\(try directory.makeDirectory("bind/\(name)")):/data", "n-\(name):/data/logs"]
                case .noMount: return []
                }
            }
        }

        /// Twenty containers, five for each place, that write for some seconds.
        private func containers(_ directory: TemporaryDirectory) throws -> [(name: String, container: DockerContainer)]
        {
            try (0..<20).map { index in
                let place = Place.allCases[index % 4]
                let name = "web\(index)"
                var container = DockerContainer(
                    script: """
                        mkdir -p /vol/deep; i=0; while [ $i -lt \(Self.lineCount) ]; do i=$((i+1)); echo "\(name) $i"; \
                        case $i in *00) usleep 40000;; esac; done >>\(place.path)
                        """)
                container.mounts = try place.mounts(name, directory)
                container.labels = [
                    "longshore.logs.app.path": place.path, "longshore.logs.app.labels": "tier=front", "app": "shop",
                ]
                return (name, container)
            }
        }

        private func checkMetadata(_ stage: ContainerStage, _ ids: [String: String]) throws {
            for line in stage.lines.items() {
                guard let fields = line.fields else { continue }
                let index = try #require(Int(line.name.dropFirst(3)))
                #expect(fields.string("container.id") == ids[line.name])
                #expect(fields.string("container.name") == line.name)
                #expect(fields.string("container.image.name") == DockerEngine.image)
                #expect(fields.string("container.runtime.name") == "docker")
                #expect(fields.string("container.labels.app") == "shop")
                #expect(fields.string("service.name") == line.name)
                #expect(fields.string("log.declaration") == "app")
                #expect(fields.string("labels.tier") == "front")
                #expect(fields.string("log.file.path") == Place.allCases[index % 4].path)
            }
        }

        private func removeWhenTheyEnd(_ stage: ContainerStage, _ ids: [String: String]) async throws {
            let engine = stage.engine
            try await withThrowingTaskGroup { group in
                for id in ids.values {
                    group.addTask {
                        #expect(try await engine.wait(id) == 0)
                        try await engine.remove(id)
                    }
                }
                try await group.waitForAll()
            }
        }

        @Test("20 containers on every kind of mount stop and are removed: each line once, in order, with its metadata")
        func everyLineOnce() async throws {
            let stage = try await ContainerStage()
            try await stage.daemon.start()
            let ids = try await stage.start(try containers(stage.directory))
            try await removeWhenTheyEnd(stage, ids)
            try await stage.waitForLines(ids.mapValues { _ in Self.lineCount })
            let arrived = stage.arrived()
            for name in ids.keys {
                #expect(arrived[name] == Array(1...Self.lineCount), "\(name): \(arrived[name]?.count ?? 0) lines")
            }
            for (name, lines) in Dictionary(grouping: stage.lines.items(), by: \.name) {
                #expect(Set(lines.map(\.partition)).count == 1, "\(name) is one stream")
            }
            try checkMetadata(stage, ids)
            #expect(try stage.events("gap").isEmpty)
            try await waitUntil("the audit events") { try stage.events("container_stopped").count >= ids.count }
            #expect(
                Set(try stage.events("container_started").compactMap { $0.string("container.id") }) == Set(ids.values))
        }

        @Test("the same with kill -9 of the daemon in the middle: no line is missing")
        func noneMissingAfterAKill() async throws {
            let stage = try await ContainerStage()
            try await stage.daemon.start()
            let ids = try await stage.start(try containers(stage.directory))
            for _ in 0..<2 {
                let before = stage.lines.count
                try await stage.lines.waitForCount(before + 20_000, timeout: .seconds(60))
                try await stage.daemon.kill9()
                try await stage.daemon.start()
            }
            try await removeWhenTheyEnd(stage, ids)
            try await stage.waitForLines(ids.mapValues { _ in Self.lineCount })
            try checkMetadata(stage, ids)
            let total = stage.lines.count
            let gaps = try stage.events("gap").count
            #expect(gaps == 0)
            print("containers/kill -9: \(total) records for \(ids.count * Self.lineCount) lines, \(gaps) gaps")
        }

        @Test("the engine is killed and started again under load: no container is missed")
        func engineKilled() async throws {
            let stage = try await ContainerStage(liveRestore: true)
            try await stage.daemon.start()
            var names: Set<String> = []
            for round in 0..<4 {
                for index in 0..<8 {
                    let name = "r\(round)x\(index)"
                    names.insert(name)
                    var container = DockerContainer(
                        script: "for i in $(seq 1 40); do echo \"\(name) $i\"; usleep 50000; done >>/data/\(name).log")
                    container.mounts = ["\(try stage.directory.makeDirectory("bind/\(name)")):/data"]
                    container.labels = ["longshore.logs.app": "/data/*.log"]
                    // The kill meets the last ones while they are created or started.
                    let (engine, made) = (stage.engine, container)
                    let start = Task { _ = try? await engine.createAndStart(made, name: name) }
                    if index < 6 || round == 3 { await start.value }
                }
                if round == 3 { break }
                try await stage.engine.kill()
                try await stage.engine.restart()
            }
            let expected = try await linesInFiles(names, stage.directory)
            #expect(expected.count >= 4 * 6, "\(expected)")
            try await stage.waitForLines(expected)
        }

        /// What the containers have written when all have ended: a start that the kill met may have come to nothing.
        private func linesInFiles(_ names: Set<String>, _ directory: TemporaryDirectory) async throws -> [String: Int] {
            func count(_ name: String) -> Int {
                (try? readWholeFile(directory.path("bind/\(name)/\(name).log")))?.count { $0 == 0x0A } ?? 0
            }
            var last: [String: Int] = [:]
            var since = Clock.monotonic()
            try await waitUntil(timeout: .seconds(60), "the containers' ends") {
                let now = Dictionary(uniqueKeysWithValues: names.map { ($0, count($0)) }).filter { $0.value > 0 }
                if now != last { (last, since) = (now, Clock.monotonic()) }
                return Clock.monotonic() - since > 2 * nanosecondsPerSecond
            }
            return last
        }
    }
}
