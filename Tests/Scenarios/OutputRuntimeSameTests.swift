// One application with one set of labels under each runtime: the same records but for what names the runtime's own.
import Core
import Glibc
import TestSupport
import Testing

extension ContainerScenarios {
    @Suite("OutputRuntimeSame", .serialized)
    struct OutputRuntimeSame {
        /// What the application writes to stdout, and to its file.
        private static let output: [UInt8] = {
            // Its characters end where Docker cuts, which writes half a character as U+FFFD into its log.
            let euros = String(repeating: "€", count: 6_666)
            let text = """
                plain
                "quoted" 'single' back\\slash \\n \\u0041 / <&> {"log":"x\\n","stream":"stderr"}
                tab\there, \u{1B}[31mred\u{1B}[0m, bell \u{7}, nul \u{0}, del \u{7F}
                Grüße, 你好, 🚢, \u{2028}, \u{FEFF}, \u{FFFD}

                \u{20} blanks \u{20}
                2026-11-29T08:00:00Z stdout P not an entry

                """
            let ends = "carriage return\r\n\r\n"
            var bytes = Array((text + ends).utf8)
            bytes += Array("broken ".utf8) + [0xFF, 0x41, 0xC0, 0x80, 0x0A]
            bytes += Array((String(repeating: "a", count: 40_000) + "\n").utf8)
            bytes += Array((String(repeating: "b", count: 16_384) + "\n").utf8)
            bytes += Array((String(repeating: "c", count: 16_383) + "\n").utf8)
            return bytes + Array("x\(euros)\nbehind\n".utf8)
        }()
        private static let errors = Array("first of errors\n\tat Main\nlast words of errors".utf8)

        private static let labels = [
            "app": "shop", "longshore.logs.out": "stdout", "longshore.logs.app.path": "/logs/*.log",
            "longshore.logs.app.labels": "tier=front",
        ]

        /// stderr first, so that nothing lies between the entries of stdout's long lines; a line in two writes; last words.
        private static let script = """
            cat /in/errors >&2; usleep 300000; cat /in/output; printf 'in two '; usleep 300000; echo writes; \
            printf 'last words'; cat /in/output >/logs/app.log; printf 'last words' >>/logs/app.log
            """

        /// Fields that may differ: names of the runtime's own, places and times.
        private static let own: Set<String> = [
            "@timestamp", "observed_timestamp", "container.id", "container.runtime.name", "container.image.name",
            "log.file.id", "log.stream.id", "log.file.path_resolved",
        ]
        private static let ownOfOutputs: Set<String> = [
            "log.file.path", "log.file.offset", "log.record.bytes", "log.record.parts",
        ]

        private func records(_ kind: RuntimeKind, expected: [String: Int]) async throws -> [String: [RecordFields]] {
            let runtime = try await kind.start(labels: Self.labels)
            let stage = try await RuntimeStage(runtimes: runtime.configuration)
            let all = try KafkaReader(stage.broker.bootstrap, topic: "logs")
            try runtime.directory.makeDirectory("in")
            try runtime.directory.write(bytes: Self.output, to: "in/output")
            try runtime.directory.write(bytes: Self.errors, to: "in/errors")
            let logs = try runtime.directory.makeDirectory("app")
            try await stage.daemon.start()
            _ = try await runtime.start(
                "shop", Self.script, mounts: ["/in": runtime.directory.path("in"), "/logs": logs], size: nil)
            let count = expected.values.reduce(0, +)
            do { try await all.waitForCount(count, timeout: .seconds(60)) } catch {
                Issue.record("\(kind): \(all.count) of \(count) records; \(stage.daemon.process.errorTail)")
            }
            #expect(try await stage.daemon.terminate() == .exited(0))
            try await all.waitForEnds()
            let fields = try all.items().map { try $0.fields() }
            try await runtime.stop()
            #expect(fields.allSatisfy { $0.string("container.runtime.name") == kind.name })
            return Dictionary(grouping: fields) { $0.string("log.iostream") ?? "file" }
        }

        /// The lines of a text as records have them.
        private func messages(_ bytes: [UInt8]) -> [String] {
            bytes.split(separator: 0x0A, omittingEmptySubsequences: false).map { line in
                String(decoding: line.last == 0x0D ? line.dropLast() : line, as: UTF8.self)
            }
        }

        @Test("the same records under every runtime, field by field")
        func sameRecords() async throws {
            let lines = messages(Self.output).dropLast()
            let expected = [
                "stdout": lines + ["in two writes", "last words"], "stderr": messages(Self.errors),
                "file": lines + ["last words"],
            ]
            var first: [String: [RecordFields]] = [:]
            for kind in RuntimeKind.available {
                let found = try await records(kind, expected: expected.mapValues(\.count))
                for (name, texts) in expected {
                    compare(found[name]?.map { $0.message ?? "" } ?? [], texts, "\(kind) \(name)")
                    #expect(
                        found[name]?.filter { $0["log.unterminated"] != nil }.map(\.message) == [texts.last],
                        "\(kind) \(name)")
                    if let other = first[name], let own = found[name] { compare(own, other, name, "\(kind) \(name)") }
                }
                if first.isEmpty { first = found }
                let fields = Set(found.values.joined().flatMap { $0.fields.keys }).count
                print("\(kind): \(found.values.reduce(0) { $0 + $1.count }) records with \(fields) names of fields")
            }
        }

        private func compare(_ found: [String], _ expected: [String], _ what: String) {
            #expect(found.count == expected.count, "\(what): \(found.count) of \(expected.count)")
            for (message, text) in zip(found, expected) where message != text {
                Issue.record(
                    "\(what): \(message.debugDescription.prefix(200)) is not \(text.debugDescription.prefix(200))")
            }
        }

        private func compare(_ found: [RecordFields], _ other: [RecordFields], _ name: String, _ what: String) {
            let ignored = name == "file" ? Self.own : Self.own.union(Self.ownOfOutputs)
            for (left, right) in zip(found, other) {
                func judged(_ record: RecordFields) -> [String: JSONValue] {
                    record.fields.filter { !ignored.contains($0.key) && !$0.key.hasPrefix("k8s.") }
                }
                let (left, right) = (judged(left), judged(right))
                for key in Set(left.keys).union(right.keys).sorted() where left[key] != right[key] {
                    let values = [left[key], right[key]].map { "\($0.map { "\($0)" } ?? "none")".prefix(100) }
                    Issue.record("\(what), \(key): \(values[0]) is not \(values[1])")
                }
            }
        }
    }
}
