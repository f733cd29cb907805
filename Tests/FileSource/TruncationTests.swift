// Truncation, beginnings and restarts: what is a new generation and what continues.
import Core
import Glibc
import TestSupport
import Testing

@testable import FileSource

@Suite struct TruncationTests {
    let directory = try! TemporaryDirectory()
    var log: String { directory.path("app.log") }

    @Test func truncationToZeroBeginsANewGeneration() throws {
        try directory.write("one\ntwo\n", to: "app.log")
        let engine = try TestEngine([files(log)])
        directory.truncate("app.log")
        engine.pump()
        try directory.append("three\n", to: "app.log")
        engine.pump()
        #expect(engine.allText == ["one\ntwo\n", "three\n"])
        #expect(engine.generations[0].stream == engine.generations[1].stream && engine.generations[0].hasEnded)
        #expect(engine.generations[1].isNew && engine.tailer.openCount == 1)
    }

    @Test func truncationToShorterShipsWhatIsThereAgain() throws {
        try directory.write("one\ntwo\n", to: "app.log")
        let engine = try TestEngine([files(log)])
        directory.truncate("app.log", to: 4)
        engine.pump()
        #expect(engine.allText == ["one\ntwo\n", "one\n"] && engine.generations[0].gap == 0)
    }

    @Test func unreadBytesThatWereCutOffAreAGap() throws {
        try directory.write("one\ntwo\n", to: "app.log")
        let engine = try TestEngine([files(log)], start: false)
        engine.activates = false
        engine.begin()
        directory.truncate("app.log")
        engine.pump()
        engine.tailer.activate(0)
        engine.settle()
        #expect(engine.generations[0].gap == 8 && engine.generations[0].bytes.isEmpty)
    }

    @Test func regrowthPastTheOldOffsetIsSeenByTheBytesBeforeIt() throws {
        try directory.write("one\ntwo\n", to: "app.log")
        let engine = try TestEngine([files(log)])
        directory.truncate("app.log")
        try directory.append("other content, much longer than before\n", to: "app.log")
        engine.pump()
        #expect(engine.allText == ["one\ntwo\n", "other content, much longer than before\n"])
    }

    @Test func regrowthIsSeenAlsoWhereTheSourceGoesBackToAnEarlierOffset() throws {
        try directory.write(String(repeating: "first\n", count: 500), to: "app.log")
        let engine = try TestEngine([files(log)])
        let slot = try #require(engine.slots.first)
        _ = engine.tailer.evidence(slot, committed: 600)
        directory.truncate("app.log")
        try directory.append(String(repeating: "other\n", count: 700), to: "app.log")
        let buffer = UnsafeMutablePointer<UInt8>.allocate(capacity: 8192)
        defer { buffer.deallocate() }
        let outcome = engine.tailer.read(slot, at: 600, into: buffer, capacity: 4096, now: engine.now)
        #expect(outcome == .truncated(lastSize: 3_000))
    }

    @Test func aTruncatedRotatedFileKeepsItsStream() throws {
        try directory.write("one\n", to: "app.log")
        let engine = try TestEngine([files(log)])
        directory.rename("app.log", "app.log.1")
        engine.pump()
        directory.truncate("app.log.1")
        engine.pump()
        try directory.append("two\n", to: "app.log.1")
        engine.pump()
        #expect(engine.text(log) == "one\ntwo\n" && engine.generations.count == 2)
    }

    @Test func startAtEndHoldsOnlyForTheFirstScanOfANewDeclaration() throws {
        try directory.write("old\nunfinished", to: "a.log")
        try directory.write("unfinished", to: "b.log")
        let pattern = directory.path("*.log")
        let engine = try TestEngine([files(pattern, startAtEnd: true)])
        try directory.append(" line\n", to: "a.log")
        try directory.append(" line\n", to: "b.log")
        try directory.write("later\n", to: "c.log")
        engine.pump()
        #expect(engine.text(directory.path("a.log")) == "unfinished line\n")
        #expect(engine.text(directory.path("b.log")) == "unfinished line\n")
        #expect(engine.text(directory.path("c.log")) == "later\n")
        let first = engine.generations(of: directory.path("a.log"))[0]
        #expect(first.start == 4 && first.skipped == .startAtEnd && first.record.counts.skipped == 4)
        let known = try TestEngine([files(pattern, startAtEnd: true, isKnown: true)])
        #expect(known.text(directory.path("a.log")) == "old\nunfinished line\n")
    }

    @Test func olderFilesAreLeftAloneUntilTheyGrow() throws {
        try directory.write("ancient\n", to: "old.log")
        try directory.write("fresh\n", to: "new.log")
        var times = [timeval(tv_sec: 1000, tv_usec: 0), timeval(tv_sec: 1000, tv_usec: 0)]
        #expect(utimes(directory.path("old.log"), &times) == 0)
        let engine = try TestEngine([files(directory.path("*.log"), ignoreOlder: 3600 * nanosecondsPerSecond)])
        #expect(engine.text(directory.path("old.log")).isEmpty && engine.text(directory.path("new.log")) == "fresh\n")
        #expect(engine.generations(of: directory.path("old.log"))[0].skipped == .ignoredOlder)
        try directory.append("new\n", to: "old.log")
        engine.pump()
        #expect(engine.text(directory.path("old.log")) == "new\n")
    }

    /// Runs once, stops, lets `change` happen, and starts again with what the store holds.
    private func restart(_ pattern: String, _ change: () throws -> Void) throws -> (TestEngine, [GenerationRecord]) {
        let records: [GenerationRecord]
        do { records = try TestEngine([files(directory.path(pattern))]).records() }
        try change()
        return (try TestEngine([files(directory.path(pattern), isKnown: true)], known: records), records)
    }

    @Test func aRestartContinuesAtTheCommittedOffset() throws {
        try directory.write("one\n", to: "app.log")
        let (engine, records) = try restart("app.log") { try directory.append("two\n", to: "app.log") }
        #expect(engine.allText == ["two\n"] && engine.generations[0].file == records[0].file)
        #expect(!engine.generations[0].isNew && engine.vanished.isEmpty)
    }

    @Test func renamesWhileDownAreFoundByInodeOldestFirst() throws {
        try directory.write("one\n", to: "app.log")
        let (engine, records) = try restart("app.log") {
            try directory.append("two\n", to: "app.log")
            directory.rename("app.log", "app.log.7")
            try directory.write("three\n", to: "app.log")
        }
        #expect(engine.allText == ["two\n", "three\n"] && engine.generations[0].file == records[0].file)
        #expect(engine.generations[0].stream == engine.generations[1].stream && engine.vanished.isEmpty)
        #expect(engine.readOrder == engine.generations.map(\.file))
        // Once more: three generations of one stream are known now.
        let again = engine.records()
        for (name, number) in [("app.log.7", 8), ("app.log", 7)] { directory.rename(name, "app.log.\(number)") }
        try directory.append("late two\n", to: "app.log.8")
        try directory.append("late three\n", to: "app.log.7")
        try directory.write("four\n", to: "app.log")
        let third = try TestEngine([files(log, isKnown: true)], known: again)
        #expect(third.allText == ["late two\n", "late three\n", "four\n"])
        #expect(third.readOrder == third.generations.map(\.file) && third.vanished.isEmpty)
    }

    @Test func truncationWhileDownIsSeenByEvidence() throws {
        try directory.write("one\ntwo\n", to: "app.log")
        let (shorter, _) = try restart("app.log") {
            directory.truncate("app.log")
            try directory.append("new\n", to: "app.log")
        }
        #expect(shorter.allText == ["new\n"] && shorter.vanished.map(\.reason) == [.truncated])
        let (longer, _) = try restart("app.log") {
            directory.truncate("app.log")
            try directory.append("content that is longer\n", to: "app.log")
        }
        #expect(longer.allText == ["content that is longer\n"] && longer.vanished.map(\.reason) == [.replaced])
    }

    @Test func deletionWhileDownIsAnnounced() throws {
        try directory.write("one\n", to: "app.log")
        let (engine, records) = try restart("app.log") { directory.delete("app.log") }
        #expect(engine.generations.isEmpty && engine.vanished.map(\.reason) == [.deleted])
        #expect(engine.vanished[0].record.file == records[0].file)
    }

    @Test func deletionOfTheWholeDirectoryWhileDownIsAnnouncedAfterAWhile() throws {
        try directory.makeDirectory("pod")
        try directory.write("one\n", to: "pod/app.log")
        let records = try TestEngine([files(directory.path("*/app.log"))]).records()
        directory.delete("pod/app.log")
        directory.removeDirectory("pod")
        let engine = try TestEngine([files(directory.path("*/app.log"))], known: records)
        #expect(engine.vanished.isEmpty, "its file system may be mounted late")
        engine.advance(seconds: 200)
        #expect(engine.vanished.isEmpty)
        engine.advance(seconds: 200)
        #expect(engine.vanished.map(\.record.file) == records.map(\.file))
        #expect(engine.vanished.map(\.reason) == [.deleted])
    }

    @Test func whatADirectoryThatComesBackHasContinuesAndTheRestIsAnnouncedAfterAWhile() throws {
        try directory.makeDirectory("pod")
        try directory.write("one\n", to: "pod/app.log")
        try directory.write("two\n", to: "pod/other.log")
        let (engine, records) = try restart("pod/*.log") { directory.rename("pod", "away") }
        directory.delete("away/other.log")
        directory.rename("away", "pod")
        engine.pump()
        #expect(engine.generations.count == 1 && !engine.generations[0].isNew)
        engine.advance(seconds: 200)
        #expect(engine.vanished.isEmpty)
        engine.advance(seconds: 200)
        let other = try #require(records.first { $0.file != engine.generations[0].file })
        #expect(engine.vanished.map(\.record.file) == [other.file])
    }

    @Test func ofTwoKnownGenerationsOfOneFileTheOneThatFitsContinues() throws {
        try directory.write("old content\n", to: "app.log")
        let first = try TestEngine([files(log)]).records()
        directory.truncate("app.log")
        try directory.append("new\n", to: "app.log")
        let second = try TestEngine([files(log)]).records()
        try directory.append("more\n", to: "app.log")
        for known in [first + second, second + first] {
            let engine = try TestEngine([files(log, isKnown: true)], known: known)
            #expect(engine.allText == ["more\n"] && engine.generations[0].file == second[0].file)
            #expect(engine.vanished.map(\.record.file) == [first[0].file])
        }
    }
}
