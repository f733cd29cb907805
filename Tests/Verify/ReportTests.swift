// The report as people and programs get it.
import Core
import Glibc
import TestSupport
import Testing

@testable import Verify

struct ReportTests {
    /// A stage with everything there is to say.
    private func stage() -> Stage {
        let stage = Stage(partitions: 2, trimmed: [1])
        stage.opened(5, skipped: 5)
        stage.record(5, 1_000_000)
        stage.record(5, 1_000_000)
        stage.record(1_200_000, 10)
        stage.gap(1_000_005, 1_100_000, reason: "trunc\u{1b}[31mated")
        stage.gap(1_300_000, nil, reason: "deleted")
        stage.closed(nil)
        stage.record(
            50, 10, file: other(2), stream: Identifier128(high: 0xB, low: 2), host: "hostile\u{202e}", partition: 1)
        stage.message("\u{1b}]0;owned\u{7}")
        stage.message(#"{"log.file.id":"\u001b[2J"}"#)
        stage.record(0, 10, key: "nobody")
        stage.deadLetter(7_000_000, 10)
        for _ in 0..<2 {
            stage.event("state_lost", #""reason":"\u001b[0m","set_aside":"x""#, file: nil, stream: nil, topic: nil)
        }
        return stage
    }

    private func text(_ stage: Stage, width: Int?, colours: Bool = false) -> String {
        let figures = VerifyFigures(
            topics: [TopicFacts(name: "logs", role: .records, partitions: 2)], remarks: ["there is no topic \u{1b}"],
            messages: 2_000_000, seconds: 4, peakBytes: 60 << 20)
        return VerifyText.render(stage.verifier, figures, stage.summary, width: width, colours: colours)
    }

    @Test func fitsATerminalOf80Columns() {
        for line in text(stage(), width: 80).split(separator: "\n") {
            #expect(TextTable.width(String(line)) <= 80, "\(line)")
        }
    }

    @Test func nothingFromRecordsDrivesTheTerminal() {
        for text in [text(stage(), width: nil), text(stage(), width: 80)] {
            let bad = text.unicodeScalars.filter { $0 != "\n" && escapedForTerminal(String($0)) != String($0) }
            #expect(bad.isEmpty, "\(text)")
        }
    }

    @Test func saysWhatIsMissing() {
        let text = text(stage(), width: nil)
        for part in [
            "topic         logs: 0 messages in 2 partitions", "hole      1100000-1200000  (100,000 bytes)",
            "gap       1000005-1100000  (99,995 bytes, trunc\\u{1b}[31mated)",
            "gap       1300000-?  (nobody knows how far, deleted)", "expired   0-50  (50 bytes)",
            "closed with an end that nobody knows", "3, 1 repeated, in logs/0", "messages of others, left alone: 1",
            "malformed records, not counted: 1", "logs/0@4: log.file.id is not 32 lower-case hexadecimal digits",
            "forged or contradictory records, not counted: 1", "a daemon lost its state",
            "2,000,000 messages in 4.0 s, 500,000 a second; at most 60.0 MiB of memory",
            "FAIL: 1 unannounced hole, 100,000 bytes, in 2 files",
        ] { #expect(text.contains(part), "\(part) is not in \(text)") }
    }

    @Test func passesWithWhatWasAnnounced() {
        let stage = Stage()
        stage.record(0, 10)
        stage.gap(10, 30)
        stage.closed(30)
        #expect(
            text(stage, width: nil).hasSuffix(
                "PASS: 1 record of 1 file leave no byte out; 20 bytes are announced as gaps\n"))
        #expect(text(Stage(), width: nil).hasSuffix("PASS: nothing was found, so nothing is missing\n"))
        #expect(text(stage, width: 80, colours: true).contains("\u{1b}[32mPASS"))
    }

    @Test func theJSONHasEverythingAndIsValid() throws {
        let stage = stage()
        var output = ""
        let summary = VerifyJSON.render(stage.verifier, VerifyFigures(messages: 5, seconds: 0.25)) { output += $0 }
        #expect(!summary.hasPassed)
        let report = try JSONValue(parsing: Array(output.utf8))
        let generations = try #require(report["generations"]?.array)
        #expect(generations.count == 2 && report["seconds"]?.double == 0.25)
        for generation in generations {
            func bytes(_ name: String) -> UInt64 {
                (generation[name]?.array ?? []).reduce(0) { $0 + ($1.array![1].uint64! - $1.array![0].uint64!) }
            }
            let parts =
                ["bytes", "skipped_bytes", "gap_bytes", "hole_bytes"].compactMap { generation[$0]?.uint64 }
                + ["expired", "outside", "summed_up"].map(bytes)
            let end = generation["covered"]?.array?.last?.array?.last?.uint64
            #expect(parts.reduce(0, +) == end, "\(generation)")
        }
        #expect(generations[0]["gaps"]?.array?.last?["to"] == JSONValue.null)
        #expect(generations[1]["host.name"]?.string == "hostile\u{202e}")
        let bad = output.unicodeScalars.filter { $0 != "\n" && escapedForTerminal(String($0)) != String($0) }
        #expect(bad.isEmpty)
    }

    @Test func manyFilesAreNotAllListed() {
        let stage = Stage()
        for number in UInt64(1)...50 { stage.record(10, 10, file: other(number)) }
        let text = text(stage, width: nil)
        #expect(text.split(separator: "\n").count { $0.hasPrefix("[!!]") } == 20)
        #expect(text.contains("and 30 more files with something to say"))
        #expect(text.contains("FAIL: 50 unannounced holes, 500 bytes, in 50 files"))
    }

    /// What a complete file costs, whatever its length, its announcements included.
    @Test func completeFilesAreSmall() throws {
        func resident() -> Int { Int(processUsage(of: getpid())?.residentBytes ?? 0) }
        let stage = Stage()
        let count = 30_000
        let before = resident()
        for number in 1...UInt64(count) {
            stage.opened(file: other(number))
            stage.record(0, 10, file: other(number))
            stage.record(10, 10, file: other(number))
            stage.closed(20, file: other(number))
        }
        #expect(stage.summary.totals.closed == UInt64(count) && stage.summary.hasPassed)
        let each = (resident() - before) / count
        #expect(each < 1024, "\(each) bytes for each file")
        print(
            "verify: \(each) bytes of memory for each complete file, \(MemoryLayout<Generation>.stride) of them its entry"
        )
    }
}
