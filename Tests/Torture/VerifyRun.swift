// `longshore verify` over the topics of a round: it knows nothing of the manifest, and must come to the same.
import Core
import TestSupport

/// One run of the command. Its report becomes part of the evidence.
struct VerifyRun {
    private let world: TortureWorld

    init(_ world: TortureWorld) { self.world = world }

    /// What it found wrong; empty where it agrees with what the readers of the round have seen.
    func findings() async throws -> (findings: [String], report: String) {
        let (end, output, error) = try await runLongshore(
            [
                "verify", "--brokers", world.cluster.bootstrap, "--topic", TortureStory.topics.joined(separator: ","),
                "--audit-topic", "audit", "--dead-letter-topic", "dead", "--json",
            ], timeout: .seconds(120))
        guard let report = try? JSONValue(parsing: Array(output.utf8)), let totals = report["totals"] else {
            return (["verify gave no report: \(end), \(error.suffix(1000))"], output)
        }
        let content = world.arrivals.snapshot
        var findings: [String] = []
        func expect(_ name: String, _ found: UInt64?, _ expected: UInt64) {
            if found != expected { findings.append("verify: \(name) \(found.map { "\($0)" } ?? "?"), not \(expected)") }
        }
        expect("holes", totals["holes"]?.uint64, 0)
        expect("unannounced dead letters", totals["unannounced_dead_letters"]?.uint64, 0)
        expect("expired bytes", totals["expired_bytes"]?.uint64, 0)
        expect("records", totals["records"]?.uint64, UInt64(content.recordCount))
        for name in ["foreign", "malformed", "forged", "bad_events"] { expect(name, report[name]?["count"]?.uint64, 0) }
        if end != .exited(findings.isEmpty ? 0 : 1) {
            findings.append("verify ended with \(end): \(error.suffix(1000))")
        }
        return (findings, output)
    }
}
