// Containers that write to stdout and stderr under a real Docker Engine: every line once, in order, with its metadata.
import Core
import Glibc
import TestSupport
import Testing

extension ContainerScenarios {
    @Suite("Output", .serialized)
    struct Output {
        private func container(_ name: String, lines: Int, options: [String: String] = [:]) -> DockerContainer {
            var container = DockerContainer(
                script: """
                    i=0; while [ $i -lt \(lines) ]; do i=$((i+1)); echo "\(name) $i"; \
                    case $i in *00) echo "\(name)-e $((i/100))" >&2; usleep 20000;; esac; done
                    """)
            container.labels = ["longshore.logs.out": "stdout"]
            container.logDriver = "json-file"
            container.logOptions = options
            return container
        }

        @Test("stdout and stderr of containers whose logs are rotated and packed: each line once, in order")
        func everyLineOnce() async throws {
            let stage = try await ContainerStage()
            try await stage.daemon.start()
            let options = [
                [:], ["max-size": "40k", "max-file": "5"], ["max-size": "200k", "max-file": "5", "compress": "true"],
            ]
            let containers = (0..<9).map { ("out\($0)", container("out\($0)", lines: 3000, options: options[$0 % 3])) }
            let ids = try await stage.start(containers)
            var expected = ids.mapValues { _ in 3000 }
            for name in ids.keys { expected[name + "-e"] = 30 }
            try await stage.waitForLines(expected)
            let arrived = stage.arrived()
            for (name, count) in expected {
                #expect(arrived[name] == Array(1...count), "\(name): \(arrived[name]?.count ?? 0) lines")
            }
            for line in stage.lines.items() {
                guard let fields = line.fields else { continue }
                #expect(fields.string("log.iostream") == (line.name.hasSuffix("-e") ? "stderr" : "stdout"))
                #expect(fields.string("log.declaration") == "out")
                #expect(fields.string("container.name") == line.name.split(separator: "-").first.map(String.init))
                #expect(fields.string("@timestamp") != fields.string("observed_timestamp"))
            }
            #expect(try stage.events("gap").isEmpty)
        }
    }
}
