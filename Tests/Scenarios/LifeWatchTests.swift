// inotify at its limits: no watches left, and events the kernel dropped.
import Core
import Glibc
import LinuxIO
import TestSupport
import Testing

extension DaemonTests {
    @Suite("Life: watches")
    struct LifeWatch {
        @Test("Without watches directories are polled, the status says how many, and their files are shipped")
        func watchesExhausted() async throws {
            let stage = try LifeStage { options, directory in
                // The limit of a user namespace of its own: nobody else notices.
                options.wrapper = [
                    "unshare", "-Ur", "sh", "-c", "echo 3 > /proc/sys/user/max_inotify_watches && exec \"$@\"", "sh",
                ]
                options.paths = [directory.path("logs/*/*.log")]
                for number in 0..<5 { try directory.makeDirectory("logs/\(number)") }
            }
            for number in 0..<5 { try stage.append(["before \(number)"], to: "\(number)/a.log") }
            try await stage.daemon.start()
            _ = try await stage.messages(count: 5)
            let status = try await stage.daemon.status()
            let polled = try #require(status["watching"]?["polled"]?.uint64)
            #expect(status["watching"]?["watches"]?.uint64 == 3)
            #expect(polled == (status["watching"]?["directories"]?.uint64 ?? 0) - 3 && polled >= 5)
            let text = try await stage.statusText()
            #expect(
                text.contains(
                    "\(polled) directories are polled every second because inotify has no watch left: "
                        + "raise fs.inotify.max_user_watches"), "\(text)")
            for number in 0..<5 {
                try stage.append(["after \(number)"], to: "\(number)/a.log")
                try stage.append(["new \(number)"], to: "\(number)/b.log")
            }
            try retryingInterrupts("rename") { rename(stage.log("0/a.log"), stage.log("0/a.log.1")) }
            try stage.append(["rotated"], to: "0/a.log")
            try stage.directory.makeDirectory("logs/late")
            try stage.append(["late"], to: "late/a.log")
            let messages = try await stage.messages(count: 17)
            #expect(counts(messages).values.allSatisfy { $0 == 1 } && messages.count == 17)
            let metrics = try await httpGet(.tcp(port: stage.metricsPort()), "/metrics").text
            #expect(metrics.contains("longshore_directories_polled \(polled + 1)\n"))
        }

        @Test("Events that overflow the kernel's queue lose nothing, and the overflow is counted")
        func overflow() async throws {
            let limit = try #require(
                Int(
                    String(decoding: try readWholeFile("/proc/sys/fs/inotify/max_queued_events"), as: UTF8.self).prefix
                    { $0.isNumber }))
            let stage = try LifeStage()
            try stage.append(["first"])
            try stage.append(["first"], to: "b.log")
            try await stage.daemon.start()
            _ = try await stage.messages(count: 2)
            stage.daemon.process.signal(SIGSTOP)
            // Equal events in a row are merged, so they go to two files in turn; creation and rotation come at the end.
            let files = ["a.log", "b.log"]
            let each = limit * 2 / 3
            let descriptors = files.map { open(stage.log($0), O_WRONLY | O_CREAT | O_APPEND, 0o644) }
            for number in 0..<each {
                for raw in descriptors { try writeAll(Array("\(number)\n".utf8), to: raw) }
            }
            for raw in descriptors { close(raw) }
            try retryingInterrupts("rename") { rename(stage.log("b.log"), stage.log("b.log.1")) }
            try stage.append(["after the rotation"], to: "b.log")
            try stage.append(["created in the overflow"], to: "c.log")
            try retryingInterrupts("unlink") { unlink(stage.log("c.log")) }
            try stage.append(["in its place"], to: "c.log")
            stage.daemon.process.signal(SIGCONT)
            let clock = ContinuousClock()
            let begin = clock.now
            let goal = 2 + 2 * each + 2
            let messages = try await stage.messages(count: goal)
            print(
                "inotify overflow: \(2 * each) writes beyond a queue of \(limit), all shipped after \(clock.now - begin)"
            )
            #expect(messages.count == goal, "nothing is repeated")
            let expected = counts(
                (0..<each).flatMap { ["\($0)", "\($0)"] } + ["first", "first", "after the rotation", "in its place"])
            let found = counts(messages)
            let different = expected.filter { found[$0.key] != $0.value }.count
            #expect(different == 0)
            let overflows = try await stage.daemon.status()["watching"]?["overflows"]?.uint64 ?? 0
            #expect(overflows >= 1)
            let metrics = try await httpGet(.tcp(port: stage.metricsPort()), "/metrics").text
            #expect(metrics.contains("longshore_inotify_overflows_total \(overflows)\n"))
        }
    }
}
