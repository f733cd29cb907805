// Things that are no logs, files that may not be read, names that lie, and very many files.
import Core
import Glibc
import LinuxIO
import TestSupport
import Testing

extension DaemonTests {
    @Suite("Bad input: files")
    struct BadFiles {
        @Test("A directory, a FIFO, a socket and a dead link harm nobody, and the status says what they are")
        func specialFiles() async throws {
            let stage = try LifeStage { options, directory in
                options.paths.append(directory.path("logs/folder"))
                try directory.makeDirectory("logs/folder")
            }
            try retryingInterrupts("mkfifo") { mkfifo(stage.log("pipe.log"), 0o644) }
            let socket = try listeningSocket(stage.log("socket.log"))
            try retryingInterrupts("symlink") { symlink("nowhere", stage.log("dead.log")) }
            try stage.append(["fine"], to: "fine.log")
            try await stage.daemon.start()
            #expect(try await stage.messages(count: 1) == ["fine"])
            let status = try await stage.daemon.status()
            for (name, state, reason) in [
                ("pipe.log", "refused", "a FIFO"), ("socket.log", "refused", "a socket"),
                ("/folder", "refused", "this is a directory: write \(stage.log("folder"))/*.log"),
            ] {
                let source = LifeStage.source(status, endingIn: name)
                #expect(source?["state"]?.string == state, "\(name)")
                #expect(source?["reason"]?.string?.contains(reason) == true, "\(name): \(String(describing: source))")
            }
            #expect(LifeStage.source(status, endingIn: "dead.log") == nil)
            let text = try await stage.statusText()
            #expect(text.contains("refused: not a regular file (a FIFO): declare a file that is written to disk"))
            // What replaces them is shipped.
            try retryingInterrupts("unlink") { unlink(stage.log("pipe.log")) }
            try stage.append(["no pipe any more"], to: "pipe.log")
            try stage.append(["no dead link any more"], to: "nowhere")
            #expect(try await stage.messages(count: 2).contains("no pipe any more"))
            try await stage.daemon.waitForStatus("the refusal of the FIFO goes") {
                LifeStage.source($0, endingIn: "pipe.log")?["state"]?.string == "idle"
            }
            try retryingInterrupts("unlink") { unlink(stage.log("socket.log")) }
            try retryingInterrupts("rmdir") { rmdir(stage.log("folder")) }
            try await stage.daemon.waitForStatus("nothing is refused") { status in
                status["sources"]?.array?.contains { $0["state"]?.string == "refused" } == false
            }
            _ = consume socket
        }

        @Test(
            "A file without the right to read is unreadable in the status, with the remedy; given the right, it is shipped"
        )
        func forbiddenFile() async throws {
            let stage = try LifeStage { options, directory in
                options.wrapper = asNobody
                options.paths.append(directory.path("logs/*/inner.log"))
                try directory.makeDirectory("logs/closed")
                try directory.write("in a directory\n", to: "logs/closed/inner.log")
                try directory.write("secret\n", to: "logs/secret.log")
                try give(directory.path, mode: 0o755)
            }
            try give(stage.directory.path("state"))
            try give(stage.log("closed"), to: 0, mode: 0)
            try give(stage.log("secret.log"), to: 0, mode: 0)
            try await stage.daemon.start()
            try await stage.daemon.waitForStatus("both are unreadable") { status in
                ["secret.log", "closed/inner.log"].allSatisfy { name in
                    let source = LifeStage.source(status, endingIn: name)
                    return source?["state"]?.string == "unreadable"
                        && source?["reason"]?.string
                            == "Permission denied: give the daemon's user the right to read it"
                }
            }
            #expect(
                try await stage.statusText().contains(
                    "unreadable: Permission denied: give the daemon's user the right to read it"))
            try give(stage.log("secret.log"), to: 0, mode: 0o644)
            #expect(try await stage.messages(count: 1) == ["secret"])
            try give(stage.log("closed"), to: 0, mode: 0o755)
            #expect(try await stage.messages(count: 2) == ["secret", "in a directory"])
            try await stage.daemon.waitForStatus("nothing is unreadable") { status in
                status["sources"]?.array?.contains { $0["state"]?.string == "unreadable" } == false
            }
        }

        @Test("Names with newlines, terminal escapes and invalid UTF-8 are shown as what they are, and forge nothing")
        func hostileNames() async throws {
            let stage = try LifeStage()
            let names: [[UInt8]] = [
                Array("line\nother  etc-fake.log  0 B  idle.log".utf8), Array("red\u{1B}[31m\r.log".utf8),
                Array("bad".utf8) + [0xFF, 0xC3, 0x28] + Array(".log".utf8), Array("\u{202E}txt.log".utf8),
            ]
            for name in names {
                let raw = FileSystem.withCString(Array(stage.log("").utf8) + name) {
                    open($0, O_WRONLY | O_CREAT, 0o644)
                }
                defer { close(raw) }
                try writeAll(Array("x\n".utf8), to: raw)
            }
            try await stage.daemon.start()
            let paths = Set(try await stage.records(count: 4).compactMap { $0.string("log.file.path") })
            #expect(
                paths == [
                    stage.log("line\nother  etc-fake.log  0 B  idle.log"), stage.log("red\u{1B}[31m\r.log"),
                    stage.log(#"bad\xff\xc3(.log"#), stage.log("\u{202E}txt.log"),
                ])
            try await stage.waitUntilShipped(8)
            let opened = try await stage.auditEvents("generation_opened", count: 4)
            #expect(Set(opened.compactMap { $0.string("log.file.path") }) == paths)
            let text = try await stage.statusText()
            let table = text.split(separator: "\n").filter { $0.contains("logs/") }
            #expect(table.count == 4, "\(text)")
            for line in text.split(separator: "\n") {
                #expect(!line.contains { $0 == "\u{1B}" || $0 == "\r" || $0 == "\u{202E}" }, "\(line)")
            }
            #expect(text.contains(#"line\u{a}other"#) && text.contains(#"red\u{1b}[31m\u{d}.log"#), "\(text)")
            #expect(text.contains(#"bad\xff\xc3(.log"#) && text.contains(#"\u{202e}txt.log"#))
            #expect(!stage.logText.contains("\u{1B}") && !stage.logText.contains("\r"))
        }

        @Test("Twice as many files as descriptors: all are shipped, also what is appended and renamed later")
        func fewDescriptors() async throws {
            let files = 800
            let stage = try LifeStage { options, _ in
                options.wrapper = ["sh", "-c", "ulimit -n 400; exec \"$@\"", "sh"]
            }
            for file in 0..<files { try stage.append(["\(file) first"], to: "\(file).log") }
            try await stage.daemon.start()
            let reader = try KafkaReader<String>(stage.bootstrap, topics: [stage.topic]) {
                try $0.copy().fields().message
            }
            try await reader.waitForCount(files)
            for file in 0..<files {
                try stage.append(["\(file) second"], to: "\(file).log")
                if file % 4 == 0 {
                    try retryingInterrupts("rename") { rename(stage.log("\(file).log"), stage.log("r\(file).log")) }
                    try stage.append(["\(file) third"], to: "\(file).log")
                }
            }
            let goal = 2 * files + files / 4
            try await reader.waitForCount(goal)
            let messages = try await onOwnThread("test-stop") { reader.stop() }
            #expect(messages.count == goal && Set(messages).count == goal)
            let open = try FileSystem.count(in: "/proc/\(stage.daemon.process.processID)/fd")
            print("\(files) files with 400 descriptors: all shipped, \(open) descriptors open")
            #expect(open < 300)
            let status = try await stage.daemon.status()
            #expect(status["sources"]?.array?.contains { $0["state"]?.string == "unreadable" } == false)
        }

        @Test("10,000 files in 100 directories are all shipped")
        func manyFiles() async throws {
            let stage = try LifeStage { options, directory in options.paths = [directory.path("logs/*/*.log")] }
            for directory in 0..<100 {
                try stage.directory.makeDirectory("logs/\(directory)")
                for file in 0..<100 {
                    try stage.directory.write("\(directory)/\(file)\n", to: "logs/\(directory)/\(file).log")
                }
            }
            let reader = try KafkaReader<String>(stage.bootstrap, topics: [stage.topic]) {
                try $0.copy().fields().message
            }
            let clock = ContinuousClock()
            let begin = clock.now
            try stage.daemon.launch()
            try await reader.waitForCount(10_000, timeout: .seconds(60))
            let shipped = clock.now - begin
            let usage = try #require(stage.daemon.process.usage())
            print(
                "10,000 files: all shipped after \(shipped), CPU \(usage.cpuSeconds) s, "
                    + "RSS \(usage.residentBytes >> 20) MiB, peak \(usage.peakResidentBytes >> 20) MiB")
            #expect(usage.peakResidentBytes < 128 << 20)
            #expect(Set(reader.items()).count == 10_000)
            // Not waited for by asking: a status of 10,000 sources costs more than shipping them.
            let metrics = HTTPEndpoint.tcp(port: try await stage.metricsPort())
            #expect(try await httpGet(metrics, "/metrics").text.contains("longshore_directories_polled 0\n"))
            let stop = clock.now
            #expect(try await stage.daemon.terminate() == .exited(0))
            let stopped = clock.now
            try stage.directory.append("again\n", to: "logs/99/99.log")
            try stage.daemon.launch()
            try await waitUntil("the line written between the runs") { reader.count > 10_000 }
            print("10,000 files: stopped in \(stopped - stop), resumed in \(clock.now - stopped)")
            #expect(reader.count == 10_001, "nothing is repeated")
        }
    }
}

extension FileSystem {
    /// Entries of a directory.
    fileprivate static func count(in directory: String) throws -> Int {
        var count = 0
        try forEachEntry(in: Array(directory.utf8)) { _, _, _ in
            count += 1
            return true
        }
        return count
    }
}

/// A unix socket bound to `path`, for as long as the value lives.
private func listeningSocket(_ path: String) throws -> FileDescriptor {
    let descriptor = FileDescriptor(
        owning: try retryingInterrupts("socket") { socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0) })
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
    let raw = descriptor.raw
    try withUnsafePointer(to: address) { pointer in
        _ = try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
            try retryingInterrupts("bind", path) { bind(raw, generic, socklen_t(MemoryLayout<sockaddr_un>.size)) }
        }
    }
    return descriptor
}
