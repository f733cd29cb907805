// Wrong configurations and wrong usage: what the program says and how it ends.
import Glibc
import LinuxIO
import TestSupport
import Testing

extension DaemonTests {
    @Suite("Bad input: configuration")
    struct BadConfiguration {
        private static let good = """
            kafka:
              brokers: ["127.0.0.1:9"]
              topic: t
            files:
              - {name: app, paths: ["/nowhere/*.log"]}

            """

        /// A text that is wrong, the place of its first problem, and words of the message.
        struct Wrong: Sendable, CustomTestStringConvertible {
            let name: String
            let text: String
            let place: String
            let words: [String]
            var testDescription: String { name }
        }

        static let wrong = [
            Wrong(name: "broken YAML", text: "kafka: [1, 2\nfiles: 3\n", place: "2:6", words: ["error:"]),
            Wrong(name: "a tab", text: "kafka:\n\tbrokers: x\n", place: "2:1", words: ["tab", "indent with spaces"]),
            Wrong(name: "an empty file", text: "", place: "1:1", words: ["brokers"]),
            Wrong(
                name: "an unknown key", text: good + "strat: end\n", place: "6:1",
                words: ["unknown key \"strat\"", "did you mean start?"]),
            Wrong(
                name: "an unknown key in a map", text: good + "limits: {memroy: 1MiB}\n", place: "6:10",
                words: ["unknown key", "memory"]),
            Wrong(
                name: "a list for a map", text: good + "limits: [1]\n", place: "6:9",
                words: ["expected a mapping, got a list"]),
            Wrong(
                name: "a word for a size", text: good + "limits: {memory: lots}\n", place: "6:18",
                words: ["lots", "MiB"]),
            Wrong(
                name: "a number for a duration", text: good + "checkpoint: {interval: 5}\n", place: "6:24",
                words: ["5", "ms"]),
            Wrong(
                name: "a bad topic", text: good.replacing("topic: t", with: "topic: \"a b\""), place: "3:10",
                words: ["kafka.topic", "cannot be part of a topic name"]),
            Wrong(
                name: "a bad template", text: good.replacing("topic: t", with: "topic: \"a.{nonsense}\""),
                place: "3:10",
                words: ["nonsense"]),
            Wrong(
                name: "a template without its value",
                text: good.replacing("topic: t", with: "topic: \"a.{labels.team}\""),
                place: "3:10", words: ["labels.team", "not set"]),
            Wrong(
                name: "a relative path", text: good.replacing("/nowhere", with: "nowhere"), place: "5:25",
                words: ["nowhere", "absolute"]),
        ]

        @Test("validate and run refuse it, with its place", arguments: wrong)
        func refused(_ wrong: Wrong) async throws {
            let directory = try TemporaryDirectory()
            let file = try directory.write(wrong.text, to: "longshore.yaml")
            var said: [String] = []
            for command in ["validate", "run"] {
                let answer = try await runLongshore([command, "--config", file])
                #expect(answer.end == .exited(2), "\(command)")
                #expect(answer.output.isEmpty, "\(command)")
                #expect(answer.error.hasPrefix("\(file):\(wrong.place): error: "), "\(command): \(answer.error)")
                for word in wrong.words { #expect(answer.error.contains(word), "\(command): \(answer.error)") }
                said.append(answer.error)
            }
            #expect(said[0] == said[1], "both say the same")
        }

        @Test("Every problem is said at once, and none starts anything")
        func allProblems() async throws {
            let directory = try TemporaryDirectory()
            let state = directory.path("state")
            let file = try directory.write(
                BadConfiguration.good
                    + "state_directory: \(state)\nstrat: end\nlog: {level: loud}\nmetrics: {listen: here}\n",
                to: "longshore.yaml")
            let answer = try await runLongshore(["run", "--config", file])
            #expect(answer.end == .exited(2))
            for line in 7...9 {
                #expect(answer.error.contains("\n\(file):\(line):") || answer.error.hasPrefix("\(file):\(line):"))
            }
            #expect(answer.error.contains("3 problems"))
            #expect(access(state, F_OK) != 0)
        }

        @Test("A missing configuration file says how to make one")
        func missing() async throws {
            for command in ["validate", "run"] {
                let answer = try await runLongshore([command, "--config", "/nonexistent/longshore.yaml"])
                #expect(answer.end == .exited(2))
                #expect(
                    answer.error.hasPrefix(
                        "/nonexistent/longshore.yaml:1:1: error: there is no configuration file; create it"))
            }
        }

        @Test("Help and version end with 0, wrong usage with 2")
        func usage() async throws {
            for arguments in [
                ["--help"], ["run", "--help"], ["validate", "--help"], ["status", "--help"], ["explain", "--help"],
                ["demo", "--help"],
            ] {
                let answer = try await runLongshore(arguments)
                #expect(answer.end == .exited(0), "\(arguments)")
                #expect(answer.output.contains("USAGE: longshore"), "\(arguments)")
                #expect(answer.error.isEmpty)
            }
            let version = try await runLongshore(["--version"])
            #expect(version.end == .exited(0))
            #expect(version.output.hasPrefix("longshore "))
            for arguments in [
                ["--nonsense"], ["nonsense"], ["run", "--config"], ["run", "extra"], ["status", "--jsn"],
            ] {
                let answer = try await runLongshore(arguments)
                #expect(answer.end == .exited(2), "\(arguments)")
                #expect(
                    answer.error.contains("Usage: longshore") || answer.error.contains("See 'longshore"),
                    "\(answer.error)")
            }
        }

        @Test("status without a daemon ends with 1 and says what to do")
        func statusWithoutDaemon() async throws {
            let directory = try TemporaryDirectory()
            let answer = try await runLongshore(["status", "--socket", directory.path("none.sock")])
            #expect(answer.end == .exited(1))
            #expect(answer.error.hasPrefix("longshore status: "))
            #expect(answer.error.contains("none.sock"))
            let json = try await runLongshore(["status", "--json", "--socket", directory.path("none.sock")])
            #expect(json.end == .exited(1) && json.output.isEmpty)
        }
    }
}
