// 500 files at full speed and no broker: what it costs in memory, and how the backlog drains.
import Core
import TestSupport
import Testing

extension DeliveryScenarios {
    @Suite("Memory", .serialized, .timeLimit(.minutes(6)))
    struct Memory {
        /// What the allocator may keep more of one outage than of the one before.
        private static let slack: UInt64 = 4 << 20

        @Test("500 files without a broker stay within limits.memory plus a constant that is printed and does not grow")
        func outages() async throws {
            let bench = try MemoryBench(files: 500, topics: 5)
            try bench.cluster.setDown()
            try await bench.daemon.start()
            try bench.flood(60_000, longLines: true)
            try await bench.daemon.waitForStatus("no broker answers") { $0["kafka"]?["up"]?.bool == false }
            let absent = try memory(try await bench.daemon.status())
            try bench.cluster.setUp()
            try await bench.waitForDrained()
            var peaks: [UInt64] = []
            var overheads: [UInt64] = []
            for cycle in 0..<6 {
                try await bench.setDown()
                try bench.flood(cycle == 0 ? 150_000 : 90_000, longLines: true)
                let full = try await bench.waitForFull()
                try expectWithinQueue(full)
                let sampler = ResidentSampler(bench.daemon)
                let begin = try memory(full)
                let end = try await later(bench, cycle == 0 ? 6 : 2)
                let peak = max(begin.resident, sampler.stop())
                let overhead = max(begin.overhead, end.overhead)
                #expect(begin.buffers <= MemoryBench.memoryLimit && end.buffers <= MemoryBench.memoryLimit)
                #expect(begin.buffers > MemoryBench.memoryLimit / 2, "the buffers are full")
                #expect(peak <= MemoryBench.memoryLimit + end.overheadLimit, "cycle \(cycle)")
                #expect(overhead <= end.overheadLimit, "cycle \(cycle)")
                #expect(end.resident <= begin.resident + Self.slack, "cycle \(cycle): it grows while nothing is read")
                #expect(begin.overheadLimit == end.overheadLimit)
                peaks.append(peak)
                overheads.append(overhead)
                try bench.cluster.setUp()
                try await bench.waitForDrained()
            }
            // From the second on: the first is the first time that everything is in use.
            for peak in peaks.dropFirst(2) { #expect(peak <= peaks[1] + Self.slack, "\(peaks)") }
            try await bench.expectComplete()
            let last = try await bench.daemon.status()
            let limit = try memory(last).overheadLimit
            #expect(try await bench.daemon.terminate() == .exited(0))
            print(
                "delivery/memory: 500 files, \(bench.written >> 20) MiB; started without a broker: RSS "
                    + "\(mebibytes(absent.resident)); six outages: RSS \(peaks.map(mebibytes)), beside the buffers "
                    + "\(overheads.map(mebibytes)), limits.memory \(MemoryBench.memoryLimit >> 20) MiB, printed constant "
                    + mebibytes(limit))
        }

        @Test("After an outage the backlog drains at bulk speed, and files that get a line a second are not starved")
        func drain() async throws {
            let reference = try await drainWithoutOutage()
            let bench = try MemoryBench(files: 500, topics: 1, parsed: 40)
            let quiet = try QuietFiles(bench.directory, count: 40)
            try await bench.daemon.start()
            try await quiet.waitUntilFollowed(bench)
            try await bench.setDown()
            try bench.flood(Self.perFile, longLines: false)
            try expectWithinQueue(try await bench.waitForFull())
            let before = try #require(bench.daemon.process.usage()).cpuSeconds
            let first = bench.reader.count
            try bench.cluster.setUp()
            // How long librdkafka takes to connect again is no matter of fairness.
            let reader = bench.reader
            try await waitUntil("the first record after the outage") { reader.count > first }
            let back = Clock.wall()
            let begin = Clock.monotonic()
            quiet.start()
            // Not by asking for the status over and over: with hundreds of sources that is work as well.
            try await reader.waitForCount(first + bench.lines, timeout: .seconds(120))
            let seconds = Double(Clock.monotonic() - begin) / 1e9
            let cpu = try #require(bench.daemon.process.usage()).cpuSeconds - before
            let lines = quiet.stop()
            try await bench.daemon.waitForStatus("everything acknowledged") {
                $0["totals"]?["unread"]?.uint64 == 0 && $0["totals"]?["inFlight"]?.uint64 == 0
            }
            let delays = try await quietDelays(bench, lines)
            let backlog = bench.reader.items().filter { $0.summary == nil && $0.read > back }
                .map { $0.read - back }
            let drained = Figures(seconds: seconds, cpu: cpu, bytes: bench.written, records: backlog.count)
            #expect(delays.count == lines.count)
            let p99 = quantile(delays.map(\.whole), 0.99)
            let whole = quantile(backlog, 0.99)
            // The backlog's last files wait for nearly the whole drain; a quiet file for a part of it that does not depend
            // on how many others there are.
            #expect(p99 * 2 < whole, "quiet \(p99 / 1_000_000) ms, backlog \(whole / 1_000_000) ms")
            #expect(drained.cpuPerGigabyte < reference.cpuPerGigabyte * 2)
            #expect(try await bench.daemon.terminate() == .exited(0))
            print(
                "delivery/drain: without an outage \(reference); after one \(drained); CPU ratio "
                    + "\(Int(drained.cpuPerGigabyte / reference.cpuPerGigabyte * 100)) %; \(delays.count) lines of 40 quiet files "
                    + "meanwhile p50 \(quantile(delays.map(\.whole), 0.5) / 1_000_000) ms, p99 \(p99 / 1_000_000) ms (until produced p50 "
                    + "\(quantile(delays.map(\.inDaemon), 0.5) / 1_000_000) ms, p99 "
                    + "\(quantile(delays.map(\.inDaemon), 0.99) / 1_000_000) ms); backlog p99 \(whole / 1_000_000) ms")
        }

        private static let perFile = 240_000

        /// RSS and the like `seconds` later: time must pass to see that nothing grows.
        private func later(
            _ bench: MemoryBench, _ seconds: Int
        ) async throws -> (resident: UInt64, buffers: UInt64, overhead: UInt64, overheadLimit: UInt64) {
            try await Task.sleep(for: .seconds(seconds))
            return try memory(try await bench.daemon.status())
        }

        /// The same files, all there when the daemon starts.
        private func drainWithoutOutage() async throws -> Figures {
            let bench = try MemoryBench(files: 500, topics: 1, parsed: 0)
            try bench.flood(Self.perFile, longLines: false)
            try await bench.daemon.start()
            let before = try #require(bench.daemon.process.usage()).cpuSeconds
            let begin = Clock.monotonic()
            try await bench.reader.waitForCount(bench.lines, timeout: .seconds(120))
            let seconds = Double(Clock.monotonic() - begin) / 1e9
            let cpu = try #require(bench.daemon.process.usage()).cpuSeconds - before
            #expect(try await bench.daemon.terminate() == .exited(0))
            return Figures(seconds: seconds, cpu: cpu, bytes: bench.written, records: bench.reader.count)
        }

        /// From the write of each quiet line to the moment the consumer had it, in ns.
        private func quietDelays(
            _ bench: MemoryBench, _ lines: [NumberedLine: Int64]
        ) async throws -> [(inDaemon: Int64, whole: Int64)] {
            let reader = bench.reader
            try await waitUntil("\(lines.count) quiet lines") {
                reader.items().count { arrival in arrival.summary?.line.map { lines[$0] != nil } ?? false }
                    >= lines.count
            }
            var delays: [NumberedLine: (inDaemon: Int64, whole: Int64)] = [:]
            for arrival in reader.items() {
                guard let line = arrival.summary?.line, let at = lines[line], delays[line] == nil else { continue }
                delays[line] = (arrival.produced - at, arrival.read - at)
            }
            return Array(delays.values)
        }
    }
}

/// What draining cost.
private struct Figures: CustomStringConvertible {
    let seconds: Double
    let cpu: Double
    let bytes: UInt64
    let records: Int
    var cpuPerGigabyte: Double { cpu / Double(bytes) * 1e9 }
    var recordsPerSecond: Double { Double(records) / seconds }
    var description: String {
        "\(bytes >> 20) MiB, \(records) records in \(Int(seconds * 100)) cs (\(Int(recordsPerSecond)) records/s, "
            + "\(Int(cpuPerGigabyte * 100)) CPU cs/GB)"
    }
}
