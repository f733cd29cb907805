// Torture: everything at once goes wrong, and every line that is lost must be announced. `make torture`, `make soak`.
import Core
import Glibc
import TestSupport
import Testing

/// Rounds of torture, each with its own seed: $LONGSHORE_TORTURE_SECONDS in all (120), of at most
/// $LONGSHORE_TORTURE_ROUND seconds each (120); the first has $LONGSHORE_SEED, or one by chance, the next ones follow it.
/// Ends at the first round that fails.
@Suite("Torture", .serialized, .timeLimit(.minutes(60 * 24)))
struct TortureTests {
    @Test("Nothing is lost that is not announced")
    func torture() async throws {
        let total = number("LONGSHORE_TORTURE_SECONDS") ?? 120
        let length = min(total, number("LONGSHORE_TORTURE_ROUND") ?? 120)
        var seed = environmentVariable("LONGSHORE_SEED").flatMap { UInt64($0) } ?? UInt64.random(in: 1...999_999)
        let engine = try await engine()
        var played = 0
        var lines = 0
        while played < total {
            let story = TortureStory(seed: seed, seconds: min(length, total - played), hasContainers: engine != nil)
            say("torture: \(story)")
            let (verdict, figures) = try await TortureRound(story: story, engine: engine).play()
            say("torture: seed \(seed): \(verdict)\n  \(figures)")
            if !verdict.isOrderPromised {
                for line in verdict.disordered.prefix(5) { say("  out of order, which is not judged here: \(line)") }
            }
            #expect(verdict.lost.isEmpty, "seed \(seed): lost and not announced: \(verdict.lost.prefix(10))")
            #expect(verdict.wrong.isEmpty, "seed \(seed): \(verdict.wrong.prefix(10))")
            #expect(
                verdict.disordered.isEmpty || !verdict.isOrderPromised,
                "seed \(seed): out of order: \(verdict.disordered.prefix(10))")
            #expect(verdict.arrived > 0, "seed \(seed): nothing was tortured")
            guard verdict.isGood else { return }
            played += story.seconds
            lines += verdict.lines
            seed += 1
        }
        say("torture: \(played) s, \(lines) lines, 0 lost unannounced")
        try await engine?.stop()
    }

    /// A Docker Engine for all rounds; none where $LONGSHORE_TORTURE_CONTAINERS is 0.
    private func engine() async throws -> DockerEngine? {
        if environmentVariable("LONGSHORE_TORTURE_CONTAINERS") == "0" { return nil }
        let engine = try await DockerEngine.start()
        try await engine.importBusybox()
        return engine
    }

    private func number(_ name: String) -> Int? { environmentVariable(name).flatMap { Int($0) } }

    /// Seen while it runs, also in a pipe.
    private func say(_ text: String) {
        print(text)
        fflush(nil)
    }
}
