// A directory with a hundred thousand files beside one that is written to.
import Core
import Glibc
import LinuxIO
import TestSupport
import Testing

extension DaemonTests {
    @Suite("Large directories")
    struct LargeDirectory {
        @Test("100,000 files in one directory: while they are walked at the start, another file's lines come in time")
        func neighbour() async throws {
            let (count, marked) = (100_000, 1_000)
            let stage = try LifeStage { options, directory in
                options.paths = [directory.path("calm/*.log"), directory.path("logs/*.log")]
                try directory.makeDirectory("calm")
                try directory.write("", to: "calm/a.log")
            }
            for number in 0..<count {
                try stage.directory.write(number % marked == 0 ? "marked\n" : "", to: "logs/\(number).log")
            }
            try await stage.daemon.start()
            let writer = try PacedLines(path: stage.directory.path("calm/a.log"))
            try await waitUntil(timeout: .seconds(300), "the marked files") {
                try await stage.records().filter { $0.string("message") == "marked" }.count == count / marked
            }
            let written = writer.stop()
            try await waitUntil(timeout: .seconds(60), "the neighbour's lines") {
                try await stage.records().count == count / marked + written
            }
            let delays = try await stage.records().compactMap { record -> Int64? in
                guard let written = record.string("message").flatMap({ Int64($0) }) else { return nil }
                return record.string("observed_timestamp").flatMap(instant).map { $0 - written }
            }
            let usage = try #require(stage.daemon.process.usage())
            print(
                "100,000 files: neighbour's delay p50 \(percentile(delays, 0.5) / 1_000_000) ms, p99 "
                    + "\(percentile(delays, 0.99) / 1_000_000) ms, most \(percentile(delays, 1) / 1_000_000) ms of "
                    + "\(written) lines; RSS \(usage.residentBytes >> 20) MB")
            #expect(delays.count == written)
            // In one step the walk takes longer than this on any machine.
            #expect(percentile(delays, 0.99) < 2 * nanosecondsPerSecond, "the neighbour waited for the walk")
        }
    }
}
