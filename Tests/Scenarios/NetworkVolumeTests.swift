// A volume that hangs: its neighbours are shipped as before, it is said so, and nothing of it is lost.
import Core
import Glibc
import LinuxIO
import TestSupport
import Testing

@Suite(
    "Network volumes", .serialized, .timeLimit(.minutes(4)),
    .enabled(if: FuseMount.isAvailable, "mounting FUSE needs root and /dev/fuse"))
struct NetworkVolumeTests {
    private let directory: TemporaryDirectory
    private let cluster: MockCluster
    private let mount: FuseMount

    init() throws {
        directory = try TemporaryDirectory()
        cluster = try MockCluster()
        for topic in ["logs", "remote", "audit"] { try cluster.createTopic(topic, partitions: 1) }
        mount = try FuseMount.start(in: directory, limit: .seconds(200))
        try directory.makeDirectory("local")
    }

    private func options(_ more: [String] = []) -> DaemonOptions {
        var options = DaemonOptions(
            brokers: cluster.bootstrap, topic: "logs", paths: [directory.path("local/*.log")])
        options.files = [
            "{name: local, paths: [\"\(directory.path("local/*.log"))\"], topic: logs}",
            "{name: remote, paths: [\"\(mount.path)/*.log\"], topic: remote}",
        ]
        options.topLevelLines = ["limits: {drain: 3s}"] + more
        return options
    }

    /// Delivery latencies (ns) of `count` lines written one every 4 ms, as this process sees them: from the write to
    /// their arrival in the topic.
    private func latencies(_ name: String, _ reader: KafkaReader<ArrivedLine>, count: Int) async throws -> [Int64] {
        let log = FileDescriptor(
            owning: try retryingInterrupts("open") {
                open(directory.path("local/app.log"), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o644)
            })
        for index in 0..<count {
            try writeAll(Array("\(name) \(index) \(Clock.wall())\n".utf8), to: log.raw)
            try await Task.sleep(for: .milliseconds(4))
        }
        try await waitUntil("\(count) lines of \(name)") {
            reader.items().filter { $0.name == name }.count >= count
        }
        let arrived = reader.items().filter { $0.name == name }
        #expect(arrived.count == count, "nothing is shipped twice")
        return arrived.map(\.latency).sorted()
    }

    @Test("A volume that hangs leaves its neighbours' p99 latency, is told, does not stop the stop, and loses nothing")
    func hangingVolume() async throws {
        let daemon = try Daemon(options(), in: directory)
        let reader = try KafkaReader(cluster.bootstrap, topics: ["logs"]) { try ArrivedLine($0.copy()) }
        let remote = try KafkaReader(cluster.bootstrap, topic: "remote")
        try mount.write("app.log", Array("one\n".utf8))
        try directory.write("", to: "local/app.log")
        try await daemon.start()
        try await waitUntil("the first line of the volume") { remote.items().count == 1 }
        _ = try await latencies("warm", reader, count: 300)
        let before = try await latencies("before", reader, count: 1500)

        try mount.hang(.all)
        try mount.write("app.log", Array("two\n".utf8))
        try await waitUntil("a request to hang") { try mount.held > 0 }
        try await daemon.waitForStatus("a hanging source") { status in
            status["sources"]?.array?.contains {
                $0["state"]?.string == "hanging"
                    && $0["reason"]?.string?.contains("the fuse file system at \(mount.path) has not answered") == true
            } == true
        }
        // What else the machine does only ever adds to a latency: a true effect is there in every round.
        var isWithin = false
        for round in 1...4 where !isWithin {
            let during = try await latencies("during\(round)", reader, count: 1500)
            let (p99Before, p99During) = (before[before.count * 99 / 100], during[during.count * 99 / 100])
            print(
                "network/neighbour's delivery latency: p50 \(milliseconds(before[750])) -> \(milliseconds(during[750])), "
                    + "p99 \(milliseconds(p99Before)) -> \(milliseconds(p99During))")
            // Below a few ms the scheduler of a busy test machine decides.
            isWithin = Double(p99During) <= 1.5 * Double(max(p99Before, 20 * nanosecondsPerMillisecond))
        }
        #expect(isWithin)
        let status = try await daemon.status()
        #expect(
            status["problems"]?.array?.contains { $0.string?.contains("check its server") == true } == true)
        #expect(try await daemon.metrics("/metrics").text.contains("longshore_volumes_hanging 1"))
        #expect(try await daemon.metrics("/healthz").status == 200)

        // Its process cannot be reaped while the kernel waits for the volume: but it has ended, and all it held is free.
        let ended = Clock.monotonic()
        daemon.process.signal(SIGTERM)
        try await waitUntil(timeout: .seconds(10), "the end of the daemon") { hasEnded(daemon.process.processID) }
        print("network/stop with a hanging volume: \(milliseconds(Clock.monotonic() - ended))")
        let next = try Daemon(options(), in: directory)
        try await next.start()
        _ = try await latencies("restarted", reader, count: 50)
        try mount.release()
        try await waitUntil(timeout: .seconds(30), "the rest of the volume") { remote.items().count >= 2 }
        try mount.write("app.log", Array("three\n".utf8))
        try await waitUntil("what comes later") { remote.items().count >= 3 }
        #expect(try remote.items().map { try $0.fields().string("message") } == ["one", "two", "three"])
        #expect(try await next.terminate() == .exited(0))
        #expect(try await daemon.process.wait(timeout: .seconds(10)) == .exited(0))
    }

    @Test("paths.network_volumes: refuse says so in the status and touches nothing")
    func refusal() async throws {
        try mount.write("app.log", Array("one\n".utf8))
        try mount.hang(.all)
        let daemon = try Daemon(options(["paths: {network_volumes: refuse}"]), in: directory)
        try await daemon.start()
        try await daemon.waitForStatus("the refusal") { status in
            status["sources"]?.array?.contains {
                $0["state"]?.string == "refused" && $0["declaration"]?.string == "remote"
                    && $0["reason"]?.string?.contains("paths.network_volumes") == true
            } == true
        }
        #expect(try mount.held == 0)
        #expect(try await daemon.terminate() == .exited(0))
    }
}

/// One line `name number time` as it arrived.
private struct ArrivedLine: Sendable {
    let name: String
    /// From its writing to its arrival, nanoseconds.
    let latency: Int64

    init?(_ record: KafkaRecord) throws {
        let words = try record.fields().message?.split(separator: " ") ?? []
        guard words.count == 3, let written = Int64(words[2]) else { return nil }
        name = String(words[0])
        latency = Clock.wall() - written
    }
}

/// True when a process has ended, also while one of its threads still waits in the kernel (proc(5), stat).
private func hasEnded(_ process: pid_t) -> Bool {
    guard let stat = try? readWholeFile("/proc/\(process)/stat"), let name = stat.lastIndex(of: 0x29) else {
        return true
    }
    return stat.dropFirst(name + 2).first == UInt8(ascii: "Z")
}

private func milliseconds(_ nanoseconds: Int64) -> String {
    "\(Double(nanoseconds / 10_000) / 100) ms"
}
