// Files whose topic takes nothing: deleted, they are held within the operator's limits; truncated, their copy is read.
import Core
import Glibc
import LinuxIO
import TestSupport
import Testing

extension DaemonTests.Rotation {
    @Suite struct Limits {
        /// A daemon that follows `logs/*.log` and cannot ship, because its topic is unknown to the brokers.
        private struct Stage {
            let cluster: MockCluster
            let life: LifeStage

            init(limits: String) throws {
                let cluster = try MockCluster()
                self.cluster = cluster
                life = try LifeStage(bootstrap: cluster.bootstrap) { options, _ in
                    options.topLevelLines = ["limits: {\(limits)}"]
                }
                try cluster.createTopic(life.topic, partitions: 1)
                try cluster.createTopic(life.auditTopic, partitions: 1)
                cluster.setTopicError(life.topic, .unknownTopic)
            }

            func delete(_ name: String) async throws {
                let path = life.log(name)
                try retryingInterrupts("unlink", path) { unlink(path) }
            }

            /// Deleted files the daemon holds open.
            func held() throws -> Int {
                let folder = "/proc/\(life.daemon.process.processID)/fd"
                var count = 0
                try FileSystem.forEachEntry(in: Array(folder.utf8)) { name, _, _ in
                    let path = "\(folder)/\(String(decoding: name, as: UTF8.self))"
                    var target = [UInt8](repeating: 0, count: 4096)
                    let length = target.withUnsafeMutableBytes { buffer in
                        readlink(path, buffer.baseAddress!.assumingMemoryBound(to: CChar.self), buffer.count)
                    }
                    let text = String(decoding: target.prefix(max(0, length)), as: UTF8.self)
                    if text.hasPrefix(life.directory.path("logs")), text.hasSuffix(" (deleted)") { count += 1 }
                    return true
                }
                return count
            }

            func told(_ gap: RecordFields) -> String {
                let path = gap.string("log.file.path") ?? ""
                return "\(path.split(separator: "/").last ?? "") \(gap.uint64("from") ?? 0)-"
                    + "\(gap.uint64("to").map(String.init) ?? "?") \(gap.string("reason") ?? "")"
            }
        }

        @Test("A deleted file is held for limits.deleted_file_hold; what is unread then is exactly one gap")
        func time() async throws {
            let stage = try Stage(limits: "deleted_file_hold: 2s")
            try stage.life.append(["one", "two"])
            try await stage.life.daemon.start()
            try await stage.life.daemon.waitForStatus("8 bytes unread") { $0["totals"]?["unread"]?.uint64 == 8 }
            let deleted = Clock.monotonic()
            try await stage.delete("a.log")
            try await stage.life.daemon.waitForStatus("the file is known as deleted") {
                $0["sources"]?.array?.first?["deleted"]?.bool == true
            }
            #expect(try stage.held() == 1)
            let gaps = try await stage.life.auditEvents("gap")
            #expect(Clock.monotonic() - deleted > 2 * nanosecondsPerSecond)
            #expect(gaps.map(stage.told) == ["a.log 0-8 deleted"])
            try await waitUntil("no deleted file is open") { try stage.held() == 0 }
            stage.cluster.setTopicError(stage.life.topic, .none)
            try stage.life.append(["three"], to: "b.log")
            #expect(try await stage.life.messages(count: 1) == ["three"])
            #expect(try await stage.life.daemon.terminate() == .exited(0))
            #expect(try await stage.life.auditEvents("gap").count == 1)
        }

        @Test("Beyond limits.deleted_bytes the longest deleted file is given up, the others are drained")
        func bytes() async throws {
            let stage = try Stage(limits: "deleted_bytes: 10B")
            let names = ["a.log", "b.log"]
            for name in names { try stage.life.append(["one", "two"], to: name) }
            try await stage.life.daemon.start()
            try await stage.life.daemon.waitForStatus("16 bytes unread") { $0["totals"]?["unread"]?.uint64 == 16 }
            for (number, name) in names.enumerated() {
                try await stage.delete(name)
                try await stage.life.daemon.waitForStatus("\(number + 1) deleted") { status in
                    let deleted = status["sources"]?.array?.count { $0["deleted"]?.bool == true } ?? 0
                    return deleted > number || number == 1 && status["totals"]?["gap"]?.uint64 != 0
                }
            }
            #expect(try await stage.life.auditEvents("gap").map(stage.told) == ["a.log 0-8 deleted"])
            stage.cluster.setTopicError(stage.life.topic, .none)
            let records = try await stage.life.records(count: 2)
            #expect(records.compactMap(\.message) == ["one", "two"])
            #expect(records.allSatisfy { $0.string("log.file.path") == stage.life.log("b.log") })
            try await waitUntil("no deleted file is open") { try stage.held() == 0 }
            #expect(try await stage.life.daemon.terminate() == .exited(0))
            #expect(try await stage.life.auditEvents("gap").count == 1)
        }

        @Test("What a copy lacks of what was seen before the truncation is exactly one gap")
        func incompleteCopy() async throws {
            let stage = try Stage(limits: "deleted_file_hold: 1m")
            let copied = (0..<100).map { "line \($0) of those that the copier read" }
            let size = UInt64(copied.reduce(0) { $0 + $1.utf8.count + 1 })
            try stage.life.append(copied)
            try stage.life.directory.write(bytes: try stage.life.directory.read("logs/a.log"), to: "logs/a.log.1")
            try stage.life.append(["too late for the copier"])
            try await stage.life.daemon.start()
            try await stage.life.daemon.waitForStatus("all is seen and unread") {
                $0["totals"]?["unread"]?.uint64 == size + 24
            }
            let path = stage.life.log("a.log")
            try retryingInterrupts("truncate", path) { truncate(path, 0) }
            try stage.life.append(["new"])
            stage.cluster.setTopicError(stage.life.topic, .none)
            let records = try await stage.life.records(count: 101)
            #expect(records.compactMap(\.message) == copied + ["new"])
            #expect(Set(records.compactMap { $0.string("log.file.path") }) == [path])
            let closed = try #require(try await stage.life.auditEvents("generation_closed").first)
            #expect(try await stage.life.daemon.terminate() == .exited(0))
            let gaps = try await stage.life.auditEvents("gap")
            #expect(gaps.map(stage.told) == ["a.log \(size)-\(size + 24) truncated"])
            var coverage = CoverageChecker<String>()
            for record in records { coverage.record(record, partition: 0) }
            for gap in gaps { coverage.gap(gap) }
            let file = try #require(records[0].fileID)
            coverage.expect(file, size: size + 24)
            #expect(coverage.coverage(of: file).isComplete && closed.fileID == file)
            #expect(closed.uint64("size") == size + 24 && closed.uint64("gap_bytes") == 24, "\(closed.fields)")
        }
    }
}
