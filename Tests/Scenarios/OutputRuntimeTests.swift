// stdout and stderr of many containers under each runtime: at full speed with rotation, and with all of them killed.
import Core
import Glibc
import TestSupport
import Testing

extension ContainerScenarios {
    @Suite("OutputRuntime", .serialized)
    struct OutputRuntimeScenarios {
        private static let labels = ["app": "shop", "longshore.logs.out": "stdout"]

        /// A runtime, the daemon that follows it, and the containers of a scenario.
        private final class World {
            let kind: RuntimeKind
            let runtime: any OutputRuntime
            let stage: RuntimeStage
            let all: KafkaReader<KafkaRecord>
            var ids: [String: String] = [:]
            private let control: String

            init(_ kind: RuntimeKind) async throws {
                self.kind = kind
                runtime = try await kind.start(labels: labels)
                stage = try await RuntimeStage(runtimes: runtime.configuration)
                all = try KafkaReader(stage.broker.bootstrap, topic: "logs")
                control = try runtime.directory.makeDirectory("ctl")
                try await stage.daemon.start()
            }

            /// Some at a time. They write once there is `/ctl/go`, and make `/ctl/NAME` at their end.
            func start(_ names: [String], size: String?, script: @Sendable (String) -> String) async throws {
                let (runtime, control) = (runtime, control)
                ids = try await withThrowingTaskGroup(of: (String, String).self) { group in
                    var ids: [String: String] = [:]
                    for (index, name) in names.enumerated() {
                        if index >= 4, let (name, id) = try await group.next() { ids[name] = id }
                        let text = "until [ -e /ctl/go ]; do usleep 50000; done; \(script(name)); touch /ctl/\(name)"
                        group.addTask {
                            (name, try await runtime.start(name, text, mounts: ["/ctl": control], size: size))
                        }
                    }
                    for try await (name, id) in group { ids[name] = id }
                    return ids
                }
            }

            func go() throws { try runtime.directory.write("", to: "ctl/go") }

            var allEnded: Bool { ids.keys.allSatisfy { access("\(control)/\($0)", F_OK) == 0 } }

            /// Files of a container's log: as it is and as it was renamed to.
            func files(of name: String) async throws -> [String] {
                let path = try await runtime.log(of: name, ids[name]!)
                var found = glob_t()
                defer { globfree(&found) }
                guard glob(path + "*", 0, nil, &found) == 0 else { throw FixtureError("no log at \(path)") }
                return (0..<Int(found.gl_pathc)).map { String(cString: found.gl_pathv[$0]!) }
            }

            func holes() async throws -> UInt64? {
                let (_, output, _) = try await runLongshore(
                    [
                        "verify", "--brokers", stage.broker.bootstrap, "--topic", "logs", "--audit-topic", "audit",
                        "--json",
                    ], timeout: .seconds(60))
                return try JSONValue(parsing: Array(output.utf8))["totals"]?["holes"]?.uint64
            }
        }

        /// Some hundred bytes per line and 20,000 in one of a hundred, as fast as a shell can; a line of stderr per hundred.
        private static func writer(_ name: String, lines: Int, pause: Int) -> String {
            """
            i=0; while [ $i -lt \(lines) ]; do i=$((i+1)); case $i in *77) printf '\(name) %020000d\\n' $i;; \
            *00) printf '\(name) %0300d\\n' $i; echo "\(name)-e $((i/100))" >&2; usleep \(pause);; \
            *) printf '\(name) %0300d\\n' $i;; esac; done
            """
        }

        @Test(
            "50 containers at full speed, their logs rotated: each line once, in order",
            arguments: RuntimeKind.available)
        func fullSpeed(_ kind: RuntimeKind) async throws {
            let (world, lines) = (try await World(kind), 300)
            let names = (0..<50).map { "c\($0)" }
            try await world.start(names, size: "100k") { Self.writer($0, lines: lines, pause: 100_000) }
            let started = Clock.wall()
            try world.go()
            try await waitUntil(timeout: .seconds(60), "the writers' ends") {
                for name in names { await world.runtime.rotate(name, world.ids[name]!) }
                return world.allEnded
            }
            var expected = Dictionary(uniqueKeysWithValues: names.map { ($0, lines) })
            for name in names { expected[name + "-e"] = lines / 100 }
            try await world.stage.waitForLines(expected)
            let took = Double(Clock.wall() - started) / 1e9
            let arrived = world.stage.arrived()
            for (name, count) in expected {
                #expect(arrived[name] == Array(1...count), "\(kind) \(name): \(arrived[name]?.count ?? 0) of \(count)")
            }
            for line in world.stage.lines.items() {
                guard let fields = line.fields else { continue }
                #expect(fields.string("log.iostream") == (line.name.hasSuffix("-e") ? "stderr" : "stdout"))
                #expect(fields.string("container.name") == line.name.split(separator: "-").first.map(String.init))
            }
            #expect(try world.stage.events("gap").isEmpty)
            var files = 0
            for name in names { files += try await world.files(of: name).count }
            #expect(try await world.holes() == 0)
            let total = expected.values.reduce(0, +)
            print(
                "\(kind): \(world.stage.lines.count) records for \(total) lines of \(names.count) containers in \(files) files, "
                    + "\((took * 10).rounded() / 10) s from the start of the writers")
            #expect(try await world.stage.daemon.terminate() == .exited(0))
            try await world.runtime.stop()
        }

        @Test("the daemon and the runtime are killed: no line of the logs is missing", arguments: RuntimeKind.available)
        func killed(_ kind: RuntimeKind) async throws {
            let world = try await World(kind)
            let stage = world.stage
            try await world.start((0..<8).map { "k\($0)" }, size: "300k") {
                Self.writer($0, lines: 2500, pause: 250_000)
            }
            try world.go()
            for round in 0..<2 {
                try await stage.lines.waitForCount(stage.lines.count + 1000, timeout: .seconds(60))
                try await stage.daemon.kill9()
                if round == 0 { try await stage.daemon.start() }
                try await world.runtime.kill()
                if round == 1 { try await stage.daemon.start() }
                try await world.runtime.restart()
            }
            try await waitUntil(timeout: .seconds(90), "the containers to have written all") { world.allEnded }
            var written: [String: Set<String>] = [:]
            for name in world.ids.keys { written[name] = try await RuntimeLogs.lines(in: try world.files(of: name)) }
            let count = written.values.reduce(0) { $0 + $1.count }
            #expect(count > 8 * 2000, "\(kind): the runtime has written \(count) lines only")
            var missing: [String: Set<String>] = [:]
            do {
                var seen = -1
                try await waitUntil(timeout: .seconds(60), "the lines of the logs") {
                    guard world.all.count != seen else { return false }
                    seen = world.all.count
                    missing = written
                    for record in world.all.items() {
                        let fields = try record.fields()
                        guard let name = fields.string("container.name"), let stream = fields.string("log.iostream")
                        else { continue }
                        missing[name]?.remove("\(stream) \(fields.message ?? "")")
                    }
                    return missing.values.allSatisfy(\.isEmpty)
                }
            } catch {
                let examples = missing.flatMap { name, lines in lines.prefix(2).map { "\(name): \($0.suffix(60))" } }
                Issue.record("\(kind): missing \(missing.mapValues(\.count)), \(examples)")
            }
            #expect(try stage.events("gap").isEmpty)
            for id in world.ids.values { try await world.runtime.remove(id) }
            #expect(try await stage.daemon.terminate() == .exited(0))
            #expect(try await world.holes() == 0)
            print("\(kind): \(world.all.count) records for \(count) lines that the logs hold, 2 kills of both")
            try await world.runtime.stop()
        }
    }
}
