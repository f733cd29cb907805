// SIGTERM, missing standard streams, and the daemon's own log.
import Core
import Glibc
import LinuxIO
import TestSupport
import Testing

extension DaemonTests {
    @Suite("Life: stop and log")
    struct LifeStop {
        @Test("SIGTERM with the broker down ends within limits.drain, and the next start ships everything")
        func stopWithoutBroker() async throws {
            let broker = try await NoidaBroker.start()
            let stage = try LifeStage(bootstrap: broker.bootstrap) { options, _ in
                options.topLevelLines = ["limits: {drain: 2s}"]
            }
            try stage.append((0..<100).map { "\($0)" })
            try await stage.daemon.start()
            _ = try await stage.records(count: 100)
            try await stage.waitUntilShipped(290)
            try await broker.stop()
            try stage.append((100..<200).map { "\($0)" })
            try await stage.daemon.waitForStatus("records in flight") { $0["totals"]?["inFlight"]?.uint64 == 400 }
            let clock = ContinuousClock()
            let begin = clock.now
            #expect(try await stage.daemon.terminate() == .exited(0))
            let took = clock.now - begin
            print("SIGTERM with the broker down, limits.drain 2s: ended after \(took)")
            #expect(took >= .milliseconds(1900) && took < .seconds(4))
            #expect(stage.logText.contains("stopped before everything was acknowledged"))
            try await broker.restart()
            try await stage.daemon.start()
            let messages = try await stage.messages(count: 200)
            #expect(Set(messages) == Set((0..<200).map { "\($0)" }))
            try await stage.waitUntilShipped(690)
            #expect(try await stage.daemon.terminate() == .exited(0))
            try await broker.stop()
        }

        @Test("SIGINT ends it as SIGTERM does; a second signal while stopping harms nothing")
        func interrupt() async throws {
            let stage = try LifeStage()
            try await stage.daemon.start()
            stage.daemon.process.signal(SIGINT)
            stage.daemon.process.signal(SIGTERM)
            #expect(try await stage.daemon.process.wait() == .exited(0))
            #expect(access(stage.daemon.adminSocket, F_OK) != 0, "its socket is gone")
        }

        @Test(
            "With standard output and error closed it runs, and no file of its own takes their place",
            arguments: [
                ">&- 2>&-", "<&- >&- 2>&-",
            ])
        func closedStreams(_ closing: String) async throws {
            let stage = try LifeStage { options, _ in options.wrapper = ["sh", "-c", "exec \"$@\" \(closing)", "sh"] }
            try stage.append(["one"])
            try await stage.daemon.start()
            #expect(try await stage.messages(count: 1) == ["one"])
            for number in 0...2 {
                var buffer = [UInt8](repeating: 0, count: 256)
                let count = buffer.withUnsafeMutableBytes {
                    readlink(
                        "/proc/\(stage.daemon.process.processID)/fd/\(number)",
                        $0.baseAddress!.assumingMemoryBound(to: CChar.self), $0.count)
                }
                #expect(
                    String(decoding: buffer[..<max(0, count)], as: UTF8.self) == "/dev/null", "descriptor \(number)")
            }
            #expect(try await stage.daemon.terminate() == .exited(0))
        }

        @Test("Standard error that nobody reads any more does not end it")
        func brokenPipe() async throws {
            let stage = try LifeStage { options, _ in
                options.topLevelLines = ["log: {level: debug}"]
                options.wrapper = ["sh", "-c", "exec \"$@\" 2> >(exec true) >&2", "sh"].map { $0 }
                options.wrapper[0] = "bash"
            }
            try stage.append(["one"])
            try await stage.daemon.start()
            for _ in 0..<5 { stage.daemon.reload() }
            #expect(try await stage.messages(count: 1) == ["one"])
            #expect(try await stage.daemon.terminate() == .exited(0))
        }

        @Test("Its log in JSON is one valid object per line")
        func jsonLog() async throws {
            var stage = try LifeStage { options, directory in
                options.topLevelLines = ["log: {format: json, level: debug}", "limits: {line: 1KiB, line_total: 1KiB}"]
                try directory.makeDirectory("logs/\"quoted\" \u{1B}[31m")
                options.paths.append(directory.path("logs/*/*.log"))
            }
            try stage.append([String(repeating: "x", count: 5000)], to: "\"quoted\" \u{1B}[31m/new\nline.log")
            try await stage.daemon.start()
            try await stage.waitForLog("announced as a gap")
            let lines = stage.options.topLevelLines
            try stage.configure { options in options.topLevelLines = lines + ["strat: end"] }
            stage.daemon.reload()
            try await stage.waitForLog("not applied")
            #expect(try await stage.daemon.terminate() == .exited(0))
            let logged = stage.logText.split(separator: "\n")
            #expect(logged.count > 5)
            for line in logged {
                let object = try JSONValue(parsing: Array(line.utf8))
                for key in ["@timestamp", "log.level", "log.logger", "message"] {
                    #expect(object[key]?.string != nil, "\(key) in \(line)")
                }
            }
            let gap = try logged.map { try JSONValue(parsing: Array($0.utf8)) }.first {
                $0["reason"]?.string == "oversize"
            }
            #expect(
                gap?["path"]?.string?.contains(#"\u{1b}[31m/new\u{a}line.log"#) == true, "\(String(describing: gap))")
        }

        @Test("Its own standard error in a directory it tails is refused: no loop")
        func ownLog() async throws {
            let stage = try LifeStage { options, directory in
                options.paths = [directory.path("*.stderr"), directory.path("logs/*.log")]
                options.topLevelLines = ["log: {level: trace}"]
            }
            try stage.append(["one"])
            try await stage.daemon.start()
            #expect(try await stage.messages(count: 1) == ["one"])
            let source = LifeStage.source(try await stage.daemon.status(), endingIn: "longshore.stderr")
            #expect(source?["state"]?.string == "refused")
            #expect(
                source?["reason"]?.string == "this is Longshore's own log: send it elsewhere, or exclude this path")
            for _ in 0..<20 { try stage.append(["more"]) }
            try await stage.waitUntilShipped(104)
            let size = stage.logText.utf8.count
            print("own log in a tailed directory: \(size) bytes")
            #expect(size < 64 << 10)
            #expect(try await stage.records().allSatisfy { $0.string("log.file.path")?.hasSuffix("a.log") == true })
        }

        @Test("A warning that repeats is said 10 times in 10 s, then summed up")
        func repeatedWarnings() async throws {
            let stage = try LifeStage { options, _ in options.topLevelLines = ["limits: {line: 1KiB, line_total: 1KiB}"]
            }
            let line = String(repeating: "x", count: 1500)
            try stage.append([String](repeating: line, count: 300))
            try await stage.daemon.start()
            try await stage.waitUntilShipped(1501 * 300)
            try await stage.waitForLog("similar messages suppressed")
            let said = stage.logText.ranges(of: "bytes could not be shipped and are announced as a gap from=").count
            #expect(said == 10)
            #expect(stage.logText.contains("290 similar messages suppressed similar="))
        }
    }
}
