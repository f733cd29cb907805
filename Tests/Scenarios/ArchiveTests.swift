// Rotation into .gz with the daemon itself: each byte exactly once, or exactly announced.
import Core
import Glibc
import LinuxIO
import TestSupport
import Testing

@Suite("Rotation into .gz", .serialized, .timeLimit(.minutes(6)))
struct ArchiveScenarios {
    /// Lines with numbers of their own, so that what is lost or repeated shows.
    private static func lines(_ range: Range<Int>) -> String {
        range.map { "line \($0) \(String(UInt64($0) &* 0x9E37_79B9_7F4A_7C15, radix: 36))\n" }.joined()
    }

    /// A daemon that has shipped lines 0..<1000 of `app.log` and is stopped.
    private final class Stage {
        let directory: TemporaryDirectory
        let cluster: MockCluster
        let daemon: Daemon
        let reader: KafkaReader<KafkaRecord>
        static let first = 1_000

        init(startAtEnd: Bool = false) async throws {
            directory = try TemporaryDirectory()
            try directory.makeDirectory("logs")
            cluster = try MockCluster()
            try cluster.createTopic("logs", partitions: 4)
            try cluster.createTopic("audit", partitions: 1)
            reader = try KafkaReader(cluster.bootstrap, topic: "logs")
            var options = DaemonOptions(
                brokers: cluster.bootstrap, topic: "logs", paths: [directory.path("logs/*.log")])
            options.topLevelLines = ["log: {level: info}"] + (startAtEnd ? ["start: end"] : [])
            daemon = try Daemon(options, in: directory)
            if !startAtEnd { try await shipFirst() }
        }

        private func shipFirst() async throws {
            try directory.write(ArchiveScenarios.lines(0..<Self.first), to: "logs/app.log")
            try await daemon.start()
            try await reader.waitForCount(Self.first)
            try await daemon.terminate()
        }

        func gzip(_ name: String, to archive: String) async throws {
            _ = try await run(
                "/bin/sh",
                [
                    "-c",
                    "gzip '\(directory.path("logs/" + name))' && cd '\(directory.path("logs"))' && test '\(name).gz' = '\(archive)' || mv '\(directory.path("logs/" + name)).gz' '\(directory.path("logs/" + archive))'",
                ],
                timeout: .seconds(120))
        }

        /// Waits until nothing is left to do.
        func waitUntilShipped(generations: Int, timeout: Duration = .seconds(60)) async throws {
            try await daemon.waitForStatus(timeout: timeout, "everything shipped and stored") { status in
                let totals = status["totals"]
                return totals?["unread"]?.uint64 == 0 && totals?["inFlight"]?.uint64 == 0
                    && status["store"]?["outboxEvents"]?.uint64 == 0 && status["sources"]?.array?.count == generations
            }
        }

        /// Messages of each generation that begins with one of `app.log`'s lines, in order of arrival.
        func messages() throws -> [(file: String, message: String, offset: UInt64)] {
            try reader.items().map { record in
                let fields = try record.fields()
                return (fields.fileID ?? "", fields.message ?? "", fields.offset ?? 0)
            }
        }

        func events(_ kind: String) async throws -> [RecordFields] {
            try await readRecords(cluster.bootstrap, topic: "audit").map { try $0.fields() }
                .filter { $0.string("event") == kind }
        }
    }

    @Test(
        "a file rotated and compressed while the daemon was down is shipped to its end, once, before its successor",
        arguments: ["app.log.gz", "app.log.2.gz", "app.log-20261122.gz"])
    func continued(archive: String) async throws {
        let stage = try await Stage()
        try stage.directory.append(Self.lines(1_000..<5_000) + "unended", to: "logs/app.log")
        try await stage.gzip("app.log", to: archive)
        try stage.directory.write("the next file\n", to: "logs/app.log")
        try await stage.daemon.start()
        try await stage.reader.waitForCount(5_002)
        try await stage.waitUntilShipped(generations: 1)
        try await stage.daemon.terminate()
        let messages = try stage.messages()
        let expected = (Self.lines(0..<5_000) + "unended\nthe next file").split(separator: "\n").map { String($0) }
        #expect(messages.map(\.message) == expected)
        #expect(Set(messages.dropLast().map(\.file)).count == 1, "one generation, of one stream")
        #expect(try await stage.events("gap").isEmpty)
        let closed = try await stage.events("generation_closed")
        let size = UInt64((Self.lines(0..<5_000) + "unended").utf8.count)
        #expect(closed.map { $0.uint64("size") } == [size] && closed[0].uint64("acknowledged") == size)
        #expect(
            stage.daemon.process.standardError.contains(
                "continues inside \(stage.directory.path("logs/" + archive)) at plain byte \(Self.lines(0..<1_000).utf8.count)"
            ))
    }

    @Test("a compressed file without unread bytes gives no gap and repeats nothing")
    func nothingUnread() async throws {
        let stage = try await Stage()
        try await stage.gzip("app.log", to: "app.log.1.gz")
        try stage.directory.write("next\n", to: "logs/app.log")
        try await stage.daemon.start()
        try await stage.reader.waitForCount(1_001)
        try await stage.waitUntilShipped(generations: 1)
        try await stage.daemon.terminate()
        #expect(try stage.messages().count == 1_001)
        #expect(try await stage.events("gap").isEmpty)
        #expect(try await stage.events("generation_closed").count == 1)
    }

    @Test("an archive damaged in the middle is read to there, and the rest is a gap", arguments: [true, false])
    func damaged(isCut: Bool) async throws {
        let stage = try await Stage()
        try stage.directory.append(Self.lines(1_000..<50_000), to: "logs/app.log")
        try await stage.gzip("app.log", to: "app.log.1.gz")
        var archive = try stage.directory.read("logs/app.log.1.gz")
        if isCut {
            archive.removeLast(archive.count / 3)
        } else {
            archive.replaceSubrange(
                archive.count / 2..<archive.count / 2 + 64, with: [UInt8](repeating: 0xFF, count: 64))
        }
        unlink(stage.directory.path("logs/app.log.1.gz"))
        try stage.directory.write(bytes: archive, to: "logs/app.log.1.gz")
        try await stage.daemon.start()
        // Before its first look the daemon has nothing to ship either.
        try await waitUntil(timeout: .seconds(60), "the end of the archive to be announced") {
            try await stage.events("generation_closed").count == 1
        }
        try await stage.waitUntilShipped(generations: 0)
        try await stage.daemon.terminate()
        let gaps = try await stage.events("gap")
        let messages = try stage.messages()
        try #require(gaps.count == 1 && messages.count > 5_000)
        #expect(gaps[0].string("reason") == "unreadable" && gaps[0]["to"] == .null)
        let last = try #require(messages.max { $0.offset < $1.offset })
        let end = last.offset + UInt64(last.message.utf8.count)
        // The last line is cut off: it has no newline; or damage falls right behind one.
        #expect([end, end + 1].contains(gaps[0].uint64("from")))
        if isCut {
            #expect(Self.lines(0..<50_000).hasPrefix(messages.map(\.message).joined(separator: "\n")))
        }
        #expect(try await stage.events("generation_closed").count == 1)
    }

    @Test("with no archive but another file's the unread rest is a gap, as it is without any")
    func foreign() async throws {
        let stage = try await Stage()
        try stage.directory.append(Self.lines(1_000..<2_000), to: "logs/app.log")
        unlink(stage.directory.path("logs/app.log"))
        try stage.directory.write(Self.lines(7_000..<9_000), to: "logs/app.log.1")
        try await stage.gzip("app.log.1", to: "app.log.1.gz")
        try await stage.daemon.start()
        try await stage.waitUntilShipped(generations: 0)
        try await stage.daemon.terminate()
        let gaps = try await stage.events("gap")
        #expect(gaps.count == 1 && gaps.first?.uint64("from") == UInt64(Self.lines(0..<1_000).utf8.count))
        #expect(gaps.first?["to"] == .null && gaps.first?.string("reason") == "deleted")
        #expect(try stage.messages().count == 1_000)
    }

    @Test("kills at random moments while an archive is continued lose nothing")
    func killed() async throws {
        let stage = try await Stage()
        let seed = UInt64.random(in: 1...999_999_999)
        var random = SeededGenerator(seed: seed)
        let count = 400_000
        try stage.directory.append(Self.lines(1_000..<count), to: "logs/app.log")
        try await stage.gzip("app.log", to: "app.log.1.gz")
        try stage.directory.write("next\n", to: "logs/app.log")
        for _ in 0..<6 {
            try #require(stage.reader.missedMessages == 0)
            let arrived = stage.reader.items().count
            try stage.daemon.launch()
            // From the first moments of its start to the middle of the archive.
            let goal = arrived + random.number(0...40_000)
            try await waitUntil(timeout: .seconds(60), "\(goal) records") { stage.reader.items().count >= goal }
            try await stage.daemon.kill9()
        }
        try await stage.daemon.start()
        try await stage.waitUntilShipped(generations: 1, timeout: .seconds(120))
        try await stage.daemon.terminate()
        try await stage.reader.waitForEnds()
        let messages = try stage.messages()
        let old = try #require(messages.first).file
        let numbers = Set(
            messages.filter { $0.file == old }.compactMap {
                Int($0.message.split(separator: " ").dropFirst().first ?? "")
            })
        let missing = Set(0..<count).subtracting(numbers)
        #expect(
            missing.isEmpty, "\(missing.count) of \(count), the first \(missing.min() ?? 0), seed \(seed)")
        #expect(messages.filter { $0.message == "next" }.count == 1)
        #expect(try await stage.events("gap").isEmpty, "seed \(seed)")
    }

    /// 400 MB lie before the offset, so that the search has to pass them.
    @Test("an archive of 400 MB does not stall another file")
    func neighbour() async throws {
        let stage = try await Stage(startAtEnd: true)
        let (big, size) = (stage.directory.path("logs/big.log"), UInt64(400_000_000))
        _ = try await run("/bin/sh", ["-c", "yes 'a line of the big file 0123456789' | head -c \(size) > \(big)"])
        try stage.directory.write("", to: "logs/app.log")
        try await stage.daemon.start()
        try stage.directory.append("\nfirst\n", to: "logs/big.log")
        try await stage.reader.waitForCount(2)
        try await stage.daemon.terminate()
        try stage.directory.append("the rest\n", to: "logs/big.log")
        try await stage.gzip("big.log", to: "big.log.1.gz")
        try stage.directory.append("neighbour\n", to: "logs/app.log")
        try await stage.daemon.start()
        try await stage.reader.waitForCount(4)
        try await stage.waitUntilShipped(generations: 1)
        try await stage.daemon.terminate()
        let late = try stage.messages().dropFirst(2).map(\.message)
        #expect(late == ["neighbour", "the rest"], "the neighbour does not wait for the search")
        #expect(try await stage.events("gap").isEmpty)
    }
}
