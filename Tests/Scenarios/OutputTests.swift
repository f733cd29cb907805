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

        /// Every tenth line has 60,000 characters: Docker cuts it into four entries, among those of stderr, and its log is
        /// rotated in the middle of some.
        private func longWriter(_ name: String, lines: Int) -> DockerContainer {
            var container = DockerContainer(
                script: """
                    (i=0; while [ $i -lt \(lines) ]; do i=$((i+1)); echo "\(name)-e $i"; usleep 500; done >&2) & \
                    i=0; while [ $i -lt \(lines) ]; do i=$((i+1)); case $i in *0) usleep 3000; printf '\(name) %060000d\\n' $i;; \
                    *) echo "\(name) $i";; esac; done; wait
                    """)
            container.labels = ["longshore.logs.out": "stdout"]
            container.logDriver = "json-file"
            container.logOptions = ["max-size": "2m", "max-file": "100"]
            return container
        }

        @Test(
            "lines of 60 KB on stdout among those of stderr, rotated in the middle, the daemon killed: whole, none missing"
        )
        func longLines() async throws {
            let stage = try await ContainerStage()
            let records = stage.all
            try await stage.daemon.start()
            let lines = 1000
            let containers = (0..<4).map { ("long\($0)", longWriter("long\($0)", lines: lines)) }
            let ids = try await stage.start(containers)
            for _ in 0..<3 {
                let before = stage.lines.count
                try await stage.lines.waitForCount(before + 1000, timeout: .seconds(60))
                try await stage.daemon.kill9()
                try await stage.daemon.start()
            }
            var expected = ids.mapValues { _ in lines }
            for name in ids.keys { expected[name + "-e"] = lines }
            try await stage.waitForLines(expected)
            #expect(try stage.events("gap").isEmpty)
            // The last occurrence of each line, in the order of its output.
            for (name, numbers) in stage.arrived() {
                var last: [Int: Int] = [:]
                for (place, number) in numbers.enumerated() { last[number] = place }
                #expect(last.sorted { $0.value < $1.value }.map(\.key) == Array(1...lines), "\(name)")
            }
            let fields = try records.items().map { try $0.fields() }
            let joined = fields.filter { ($0.message?.utf8.count ?? 0) > 60_000 }
            #expect(joined.count >= 4 * lines / 10, "whole lines: \(joined.count)")
            #expect(joined.contains { $0["log.record.parts"] != nil }, "no entry of stderr fell into a line")
            #expect(joined.contains { $0["log.record.former"] != nil }, "no log was rotated in the middle of a line")
            #expect(fields.allSatisfy { $0["log.partial.id"] == nil })
            let report = try await verified(stage)
            #expect(report["totals"]?["holes"]?.uint64 == 0, "\(report["totals"] ?? .null)")
        }

        private func verified(_ stage: ContainerStage) async throws -> JSONValue {
            let (_, output, _) = try await runLongshore(
                ["verify", "--brokers", stage.broker.bootstrap, "--topic", "logs", "--audit-topic", "audit", "--json"],
                timeout: .seconds(60))
            return try JSONValue(parsing: Array(output.utf8))
        }
    }
}
