// Containers that live for 300 ms, and how soon the first record of a new one is acknowledged.
import CLinux
import Core
import LinuxIO
import TestSupport
import Testing

extension ContainerScenarios {
    @Suite("Short lives", .serialized)
    struct ShortLives {
        private enum Kind: String, CaseIterable {
            case bind, volume, root, removedRoot

            var path: String { self == .bind || self == .volume ? "/data" : "/var/log" }
            var removes: Bool { self != .root }
        }

        @Test("200 containers that live 300 ms and write one line: all arrive, or are announced where nothing is left")
        func oneLineEach() async throws {
            let stage = try await ContainerStage()
            try await stage.daemon.start()
            var containers: [(name: String, container: DockerContainer)] = []
            for index in 0..<200 {
                let kind = Kind.allCases[index % 4]
                let name = "\(kind)\(index)"
                var container = DockerContainer(script: "echo \"\(name) 1\" >\(kind.path)/app.log; usleep 300000")
                container.removes = kind.removes
                container.labels = ["longshore.logs.app": kind.path]
                if kind == .bind { container.mounts = ["\(try stage.directory.makeDirectory("bind/\(name)")):/data"] }
                if kind == .volume { container.mounts = ["\(name):/data"] }
                containers.append((name, container))
            }
            let ids = try await stage.start(containers)
            let sure = ids.keys.filter { !$0.hasPrefix(Kind.removedRoot.rawValue) }
            try await stage.waitForLines(Dictionary(uniqueKeysWithValues: sure.map { ($0, 1) }))
            let unsure = ids.filter { $0.key.hasPrefix(Kind.removedRoot.rawValue) }
            func unexplained() throws -> [String] {
                let arrived = stage.arrived()
                let announced = Set(try stage.events("gap").compactMap { $0.string("container.id") })
                return unsure.filter { arrived[$0.key] == nil && !announced.contains($0.value) }.map(\.key)
            }
            try await waitUntil(
                "every line of the removed root file systems to arrive or be announced; neither: "
                    + "\((try? unexplained()) ?? []); \(stage.daemon.process.errorTail)"
            ) { try unexplained().isEmpty }
            let arrived = stage.arrived()
            #expect(arrived.values.allSatisfy { $0 == [1] }, "each once")
            let saved = unsure.keys.count { arrived[$0] != nil }
            print(
                "containers/300 ms: \(sure.count) of \(sure.count) with something left; --rm without a mount: "
                    + "\(saved) of \(unsure.count) arrived, \(unsure.count - saved) announced")
        }

        @Test("from the start of a container to the acknowledgement of its first record, 100 containers within 10 s")
        func startToAcknowledgement() async throws {
            let stage = try await ContainerStage { $0.kafkaLines = ["linger: 50ms"] }
            try await stage.daemon.start()
            let engine = stage.engine
            let begin = ContinuousClock.now
            let ids = try await withThrowingTaskGroup(of: (String, String).self) { group in
                for index in 0..<100 {
                    let place = index % 2 == 0 ? "/data" : "/var/log"
                    var container = DockerContainer(script: "echo \"s\(index) 1\" >\(place)/app.log; exec sleep 60")
                    if index % 2 == 0 {
                        container.mounts = ["\(try stage.directory.makeDirectory("bind/s\(index)")):/data"]
                    }
                    container.labels = ["longshore.logs.app": place]
                    let made = container
                    group.addTask {
                        try await Task.sleep(until: begin + .milliseconds(100 * index))
                        return ("s\(index)", try await engine.createAndStart(made, name: "s\(index)"))
                    }
                }
                return try await group.reduce(into: [String: String]()) { $0[$1.0] = $1.1 }
            }
            try await stage.waitForLines(ids.mapValues { _ in 1 })
            var latencies: [Int64] = []
            var ownLatencies: [Int64] = []
            for line in stage.lines.items() {
                let state = try await engine.inspect(try #require(ids[line.name]))["State"]
                let started = try #require(state?["StartedAt"]?.string.flatMap(instant))
                latencies.append((line.readAt - started) / nanosecondsPerMillisecond)
                // What the container itself needed until it wrote is not the daemon's: the file says when that was.
                let path = try #require(line.fields?.string("log.file.path_resolved"))
                let written = try FileSystem.status(Array(path.utf8)).get().modified_ns
                ownLatencies.append((line.readAt - written) / nanosecondsPerMillisecond)
            }
            print(
                "containers/start -> acknowledged and read back: p50 \(percentile(latencies, 0.5)) ms, "
                    + "p99 \(percentile(latencies, 0.99)) ms (aim 150 ms); from the write of the line on: "
                    + "p50 \(percentile(ownLatencies, 0.5)) ms, p99 \(percentile(ownLatencies, 0.99)) ms")
            #expect(latencies.count == 100 && ownLatencies.allSatisfy { $0 >= 0 })
            #expect(percentile(ownLatencies, 0.99) < 10_000, "something was found by the slow rescan only")
        }
    }
}
