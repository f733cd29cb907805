// Lines that are too long for one record, for Kafka, or for anybody.
import Core
import Glibc
import LinuxIO
import TestSupport
import Testing

extension DaemonTests {
    @Suite("Bad input: lines")
    struct BadLines {
        @Test("A line of 1 GiB: 16 MiB of it in partial records, the rest one announced gap, and the next line arrives")
        func hugeLine() async throws {
            let size: UInt64 = 1 << 30
            let total: UInt64 = 16 << 20
            let stage = try LifeStage()
            try stage.append(["first"])
            let begin: UInt64 = 6
            try await onOwnThread("test-writer") { [path = stage.log("a.log")] in
                let raw = try FileSystem.open(Array(path.utf8), flags: O_WRONLY | O_APPEND).get()
                defer { close(raw) }
                let block = [UInt8](repeating: 0x61, count: 1 << 20)
                for _ in 0..<(size >> 20) { try writeAll(block, to: raw) }
                try writeAll(Array("\nnext\n".utf8), to: raw)
            }
            let reader = try KafkaReader<RecordFields>(stage.bootstrap, topics: [stage.topic]) {
                try $0.copy().fields()
            }
            let clock = ContinuousClock()
            let start = clock.now
            try await stage.daemon.start()
            try await waitUntil(timeout: .seconds(120), "the next line; \(reader.count) records came") {
                reader.items().last?.message == "next"
            }
            let usage = try #require(stage.daemon.process.usage())
            print(
                "a line of 1 GiB: passed in \(clock.now - start), CPU \(usage.cpuSeconds) s, "
                    + "peak RSS \(usage.peakResidentBytes >> 20) MiB")
            #expect(usage.peakResidentBytes < 160 << 20)
            let records = try await onOwnThread("test-stop") { reader.stop() }
            let partials = records.dropFirst().dropLast()
            #expect(records.first?.message == "first")
            #expect(Set(partials.map { $0.string("log.partial.id") ?? "none" }).count == 1)
            #expect(
                partials.map { $0.uint64("log.partial.ordinal") ?? 99_999 } == (0..<UInt64(partials.count)).map { $0 })
            #expect(partials.allSatisfy { $0.message?.utf8.allSatisfy { $0 == 0x61 } == true })
            #expect(partials.reduce(0) { $0 + ($1.byteCount ?? 0) } == total)
            #expect(partials.reduce(0) { $0 + ($1.message?.utf8.count ?? 0) } == Int(total))

            let gaps = try await stage.auditEvents("gap")
            let gap = try #require(gaps.first)
            #expect(gaps.count == 1 && gap.string("reason") == "oversize")
            #expect(gap.uint64("from") == begin + total && gap.uint64("to") == begin + size + 1)
            var checker = CoverageChecker<String>()
            for record in records { checker.record(record, partition: 0) }
            checker.gap(gap)
            let file = try #require(gap.fileID)
            checker.expect(file, size: begin + size + 6)
            #expect(checker.coverage(of: file).isComplete, "\(checker.coverage(of: file))")
            try await stage.waitUntilShipped(Int(begin + size + 6))
            #expect(try await stage.statusText().contains("gap \(size + 1 - total) + unread 0: balances"))
        }

        @Test("A line of 1 MiB of control characters becomes partial records, none above message.max.bytes")
        func controlCharacters() async throws {
            let size = 1 << 20
            let stage = try LifeStage()
            var bytes = [UInt8](repeating: 0x01, count: size)
            for index in stride(from: 0, to: size, by: 7) { bytes[index] = 0x1B }
            try stage.directory.write(bytes: bytes + Array("\nnext\n".utf8), to: "logs/a.log")
            try await stage.daemon.start()
            try await stage.waitUntilShipped(size + 6)
            let raw = try await readRecords(stage.bootstrap, topic: stage.topic)
            let largest = raw.map(\.value.count).max() ?? 0
            print("1 MiB of control characters: \(raw.count - 1) partial records, the largest of \(largest) bytes")
            #expect(largest > 256 << 10 && largest <= 1_000_000)
            let records = try raw.map { try $0.fields() }
            #expect(records.last?.message == "next")
            let text = records.dropLast().flatMap { Array(($0.message ?? "").utf8) }
            #expect(text == bytes)
            #expect(records.dropLast().last?["log.partial.last"]?.bool == true)
            var checker = CoverageChecker<String>()
            for record in records { checker.record(record, partition: 0) }
            let file = try #require(records[0].fileID)
            checker.expect(file, size: UInt64(size + 6))
            #expect(checker.coverage(of: file).isComplete, "\(checker.coverage(of: file))")
        }

        @Test("NUL bytes, invalid UTF-8 and a last line without end arrive as they must")
        func oddBytes() async throws {
            let stage = try LifeStage()
            try stage.directory.write(
                bytes: [0, 0x61, 0, 0x0A, 0xFF, 0xFE, 0x0A, 0x0A] + Array("no end".utf8), to: "logs/a.log")
            try await stage.daemon.start()
            let records = try await stage.records(count: 3)
            // Where a line begins a NUL may be the end of a hole: it is skipped, and said.
            #expect(records.map { $0.message ?? "" } == ["a\0", "\u{FFFD}\u{FFFD}", ""])
            #expect(records.map { $0.byteCount ?? 0 } == [3, 3, 1])
            #expect(records[0].uint64("log.skipped.bytes") == 1)
            try stage.append([" at all"])
            #expect(try await stage.messages(count: 4).last == "no end at all")
        }
    }
}
