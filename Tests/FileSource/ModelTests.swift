// Random histories of a directory against the real tailer: what was there to be read was read, or announced.
import Glibc
import TestSupport
import Testing

@testable import FileSource

/// The property, for every content of every file (from creation or truncation to its end): the bytes that were there when
/// the engine looked are in the records of a generation, at their offsets, or in a range that was announced. Without
/// truncation, kill, or hard links nothing is read twice, and nothing is announced of a file that was there all the time;
/// one writer's lines are read in their order.
@Suite struct ModelTests {
    /// $LONGSHORE_MODEL_HISTORIES: how many histories; the time they take grows with it.
    private static let histories = environmentVariable("LONGSHORE_MODEL_HISTORIES").flatMap { Int($0) } ?? 150

    @Test func whatWasThereIsReadOrAnnounced() throws {
        for _ in 0..<ModelTests.histories { try check(UInt64.random(in: 0...UInt64.max)) }
    }

    /// Histories that once failed.
    @Test(
        arguments: [
            10742199688879584778, 2479155955659566982, 14410102953462138301, 18100559122498441130, 13336349440471380022,
            10728243792819560327, 2685824952527254260, 11322574433672407561,
        ] as [UInt64])
    func formerFailuresStayMended(seed: UInt64) throws { try check(seed) }

    private func check(_ seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let setting = ModelSetting(&random)
        let steps = setting.history(&random, count: random.number(20...120))
        let wrong = try ModelRun.play(steps, setting)
        guard let first = wrong.first else { return }
        let kind = first.prefix { $0 != ":" && $0 != "#" }.prefix(8)
        let least = shrink(steps) { (try? ModelRun.play($0, setting))?.first?.hasPrefix(kind) ?? false }
        let told = (try? ModelRun.play(least, setting)) ?? wrong
        let story = least.map { "  .\($0)," }.joined(separator: "\n")
        Issue.record("seed \(seed) (\(setting)):\n\(told.joined(separator: "\n"))\nafter:\n\(story)")
    }
}
