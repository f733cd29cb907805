// How fast `longshore verify` is, and with how much memory: many records of many files in a topic of many partitions.
import Core
import TestSupport
import Testing

extension VerifyScenarios {
    /// `LONGSHORE_VERIFY_RECORDS` says how many (2000000 for the figures of Benchmarks/README.md, with a release build in
    /// LONGSHORE_BINARY).
    @Test("Memory depends on files, not on records")
    func bench() async throws {
        let records = environmentVariable("LONGSHORE_VERIFY_RECORDS").flatMap { Int($0) } ?? 100_000
        let linesPerFile = 10_000
        let cluster = try MockCluster()
        // The mock keeps 5 MB of each: no partition may get more than a few files.
        try cluster.createTopic("logs", partitions: 512)
        try cluster.createTopic("audit", partitions: 1)
        let directory = try TemporaryDirectory()
        defer { directory.remove() }
        try directory.makeDirectory("logs")
        for file in 0..<max(1, records / linesPerFile) {
            var text: [UInt8] = []
            for line in 0..<linesPerFile {
                text +=
                    "2026-11-21T20:46:27.\(line % 900 + 100)Z INFO [worker-\(line % 8)] order \(line &* 7919 % 1_000_003) "
                    .utf8
                text += "shipped to \"Zürich\" in \(line % 97) ms path=/api/v1/orders/\(line) file=\(file)\n".utf8
            }
            try directory.write(bytes: text, to: "logs/\(file).log")
        }
        var options = DaemonOptions(brokers: cluster.bootstrap, topic: "logs", paths: [directory.path("logs/*.log")])
        options.topLevelLines = [Daemon.noContainers]
        let daemon = try Daemon(options, in: directory)
        try await daemon.start()
        let count = UInt64(max(1, records / linesPerFile) * linesPerFile)
        try await daemon.waitForStatus(timeout: .seconds(300), "everything acknowledged") { status in
            status["totals"]?["unread"]?.uint64 == 0 && status["totals"]?["inFlight"]?.uint64 == 0
                && status["totals"]?["acknowledged"]?.uint64 ?? 0 > 0 && status["store"]?["outboxEvents"]?.uint64 == 0
        }
        #expect(try await daemon.terminate() == .exited(0))
        let (end, output, error) = try await runLongshore(
            ["verify", "--config", daemon.configurationPath, "--json"], timeout: .seconds(300))
        #expect(end == .exited(0), "\(error)")
        let report = try JSONValue(parsing: Array(output.utf8))
        #expect(report["totals"]?["records"]?.uint64 == count && report["verdict"]?.string == "pass")
        let seconds = try #require(report["seconds"]?.double)
        let peak = try #require(report["peak_memory_bytes"]?.uint64)
        #expect(peak < 320 << 20, "\(peak >> 20) MiB for \(count) records")
        print(
            "verify: \(count) records of \(report["totals"]?["generations"]?.uint64 ?? 0) files in \(seconds) s, "
                + "\(Int(Double(count) / seconds)) a second, \(peak >> 20) MiB at most")
    }
}
