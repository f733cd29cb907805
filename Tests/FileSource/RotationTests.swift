// Rename, deletion, replacement: every byte of every generation, in order, in the right stream.
import Core
import Glibc
import TestSupport
import Testing

@testable import FileSource

@Suite struct RotationTests {
    let directory = try! TemporaryDirectory()
    var log: String { directory.path("app.log") }

    @Test(arguments: ["app.log", "app.log*"])
    func renameRotationReadsTheOldFileToItsEndFirst(pattern: String) throws {
        try directory.write("one\n", to: "app.log")
        let engine = try TestEngine([files(directory.path(pattern))])
        try directory.append("two\n", to: "app.log")
        directory.rename("app.log", "app.log.1")
        try directory.append("late\n", to: "app.log.1")
        try directory.write("three\n", to: "app.log")
        engine.pump()
        let found = engine.generations
        #expect(found.map(\.text) == ["one\ntwo\nlate\n", "three\n"])
        #expect(found.map(\.path) == [log, log])
        #expect(found[0].stream == found[1].stream && found[0].file != found[1].file)
        #expect(engine.readOrder == found.map(\.file))
        #expect(engine.path(ofSlot: 0) == log + ".1")
    }

    @Test func aSuccessorWaitsUntilItsPredecessorIsRead() throws {
        try directory.write("one\n", to: "app.log")
        let engine = try TestEngine([files(log)], start: false)
        engine.activates = false
        engine.begin()
        directory.rename("app.log", "app.log.1")
        try directory.write("two\n", to: "app.log")
        engine.pump()
        #expect(engine.generations.count == 2 && engine.tailer.isWaiting(1) && !engine.tailer.isWaiting(0))
        engine.tailer.activate(1)
        engine.settle()
        #expect(engine.text(log).isEmpty)
        engine.tailer.activate(0)
        engine.settle()
        #expect(engine.text(log) == "one\ntwo\n" && !engine.tailer.isWaiting(1))
    }

    @Test(arguments: ["app.log", "app.log*"])
    func fiveRotationsBetweenTwoLooksLoseNothing(pattern: String) throws {
        try directory.write("generation 0\n", to: "app.log")
        let engine = try TestEngine([files(directory.path(pattern))])
        for rotation in 1...5 {
            for number in stride(from: rotation, to: 1, by: -1) {
                directory.rename("app.log.\(number - 1)", "app.log.\(number)")
            }
            directory.rename("app.log", "app.log.1")
            try directory.write("generation \(rotation)\n", to: "app.log")
        }
        engine.pump()
        #expect(engine.allText == (0...5).map { "generation \($0)\n" })
        #expect(Set(engine.generations.map(\.stream)).count == 1 && Set(engine.generations.map(\.file)).count == 6)
        #expect(engine.readOrder == engine.generations.map(\.file))
        #expect(engine.path(ofSlot: engine.slots[0]) == log + ".5")
    }

    /// A look at the directory can be ahead of the events: it meets the second generation first.
    @Test func aGenerationRenamedAwayBeforeItsSuccessorWasMetIsStillReadAndFirst() throws {
        let engine = try TestEngine([files(log)])
        try directory.write("one\n", to: "app.log")
        directory.rename("app.log", "app.log.1")
        try directory.write("two\n", to: "app.log")
        engine.rescanBeforeEvents()
        engine.pump()
        #expect(Set(engine.allText) == ["one\n", "two\n"])
        #expect(Set(engine.generations.map(\.path)) == [log] && Set(engine.generations.map(\.stream)).count == 1)
        let first = try #require(engine.generations.first { $0.text == "one\n" })
        #expect(engine.readOrder.first == first.file, "the older generation is read first")
    }

    @Test func aRotationIntoAnUndeclaredNameThatEndsInDeletionIsReadWhileOpen() throws {
        try directory.write("one\n", to: "app.log")
        let engine = try TestEngine([files(log)])
        try directory.append("two\n", to: "app.log")
        directory.delete("app.log")
        try directory.write("three\n", to: "app.log")
        engine.pump()
        #expect(engine.allText == ["one\ntwo\n", "three\n"])
        #expect(engine.tailer.isDeleted(0))
        engine.endNameless()
        #expect(engine.generations[0].hasEnded && engine.tailer.nameless.isEmpty && engine.tailer.openCount == 1)
    }

    @Test func aRenamedFileKeepsBeingFollowed() throws {
        try directory.write("one\n", to: "app.log")
        let engine = try TestEngine([files(log)])
        directory.rename("app.log", "app.log.1")
        engine.pump()
        try directory.append("two\n", to: "app.log.1")
        engine.pump()
        #expect(engine.allText == ["one\ntwo\n"] && engine.tailer.nameless.isEmpty)
        directory.rename("app.log.1", "app.log")
        engine.pump()
        try directory.append("three\n", to: "app.log")
        engine.pump()
        #expect(engine.allText == ["one\ntwo\nthree\n"])
    }

    @Test func aFileRenamedOutOfTheWatchedDirectoriesIsReadThroughItsDescriptor() throws {
        try directory.makeDirectory("logs")
        try directory.makeDirectory("archive")
        try directory.write("one\n", to: "logs/app.log")
        let engine = try TestEngine([files(directory.path("logs/*.log"))])
        directory.rename("logs/app.log", "archive/app.log")
        try directory.append("two\n", to: "archive/app.log")
        engine.pump()
        #expect(engine.tailer.nameless == [0] && !engine.tailer.isDeleted(0))
        try directory.append("three\n", to: "archive/app.log")
        engine.advance(seconds: 2)
        #expect(engine.allText == ["one\ntwo\nthree\n"])
        directory.rename("archive/app.log", "logs/back.log")
        engine.pump()
        #expect(engine.tailer.nameless.isEmpty && engine.generations.count == 1)
    }

    @Test func aFileThatIsDeletedWhereNobodyWatchesCountsAsDeletedFromThenOn() throws {
        try directory.makeDirectory("logs")
        try directory.makeDirectory("archive")
        try directory.write("one\n", to: "logs/app.log")
        let engine = try TestEngine([files(directory.path("logs/*.log"))])
        directory.rename("logs/app.log", "archive/app.log")
        engine.pump()
        engine.advance(seconds: 100)
        #expect(engine.tailer.namelessState(0, now: engine.now).forNanoseconds == 100 * nanosecondsPerSecond)
        #expect(!engine.tailer.isDeleted(0))
        directory.delete("archive/app.log")
        #expect(engine.tailer.namelessState(0, now: engine.now).forNanoseconds == 0)
        #expect(engine.tailer.isDeleted(0))
        engine.advance(seconds: 7)
        let state = engine.tailer.namelessState(0, now: engine.now)
        #expect(state.forNanoseconds == 7 * nanosecondsPerSecond && state.quietFor == 7 * nanosecondsPerSecond)
    }

    @Test func aFileWhoseLinkWentBeforeItCountsAsDeleted() throws {
        try directory.makeDirectory("logs")
        try directory.write("one\n", to: "real")
        #expect(symlink(directory.path("real"), directory.path("logs/app.log")) == 0)
        let engine = try TestEngine([files(directory.path("logs/*.log"))])
        directory.delete("logs/app.log")
        engine.pump()
        #expect(engine.tailer.nameless == [0] && !engine.tailer.isDeleted(0))
        directory.delete("real")
        _ = engine.tailer.namelessState(0, now: engine.now)
        #expect(engine.tailer.isDeleted(0))
    }

    @Test func aFileRenamedOverAnotherReplacesIt() throws {
        try directory.write("old\n", to: "app.log")
        let engine = try TestEngine([files(log)])
        try directory.append("unread\n", to: "app.log")
        try directory.write("new\n", to: "next")
        directory.rename("next", "app.log")
        engine.pump()
        #expect(engine.allText == ["old\nunread\n", "new\n"])
        #expect(engine.generations[0].stream == engine.generations[1].stream)
    }

    @Test func twoFollowedFilesThatChangeNamesKeepTheirGenerations() throws {
        try directory.write("a\n", to: "a.log")
        try directory.write("b\n", to: "b.log")
        let engine = try TestEngine([files(directory.path("*.log"))])
        directory.rename("a.log", "c.log")
        directory.rename("b.log", "a.log")
        directory.rename("c.log", "b.log")
        try directory.append("was a\n", to: "b.log")
        try directory.append("was b\n", to: "a.log")
        engine.pump()
        #expect(engine.text(directory.path("a.log")) == "a\nwas a\n" && engine.generations.count == 2)
        #expect(engine.text(directory.path("b.log")) == "b\nwas b\n")
    }

    @Test func aPredecessorThatGetsItsNameBackStillReleasesItsSuccessor() throws {
        try directory.write("one\n", to: "app.log")
        let engine = try TestEngine([files(log)], start: false)
        engine.activates = false
        engine.begin()
        directory.rename("app.log", "app.log.1")
        try directory.write("two\n", to: "app.log")
        engine.pump()
        directory.rename("app.log.1", "app.log")
        engine.pump()
        for slot in 0..<2 { engine.tailer.activate(slot) }
        engine.settle()
        #expect(engine.allText == ["one\n", "two\n"] && engine.readOrder == engine.generations.map(\.file))
    }

    @Test func hardLinksAreShippedOnceAndEqualContentTwice() throws {
        try directory.write("same\n", to: "a.log")
        directory.link("a.log", "b.log")
        try directory.write("same\n", to: "c.log")
        let engine = try TestEngine([files(directory.path("*.log"))])
        try directory.append("more\n", to: "b.log")
        engine.pump()
        #expect(engine.allText.sorted() == ["same\n", "same\nmore\n"])
        directory.delete("a.log")
        engine.pump()
        try directory.append("last\n", to: "b.log")
        engine.advance(seconds: 61)
        #expect(engine.allText.sorted() == ["same\n", "same\nmore\nlast\n"])
    }

    @Test func anEndingGenerationInTheMiddleDoesNotLetTheNextOvertake() throws {
        try directory.write("1\n", to: "app.log")
        let engine = try TestEngine([files(log)], start: false)
        engine.activates = false
        engine.begin()
        for number in 2...3 {
            directory.rename("app.log", "app.log.\(number)")
            try directory.write("\(number)\n", to: "app.log")
        }
        engine.pump()
        #expect(engine.tailer.isWaiting(1) && engine.tailer.isWaiting(2))
        engine.tailer.end(1)
        #expect(engine.tailer.isWaiting(2))
        engine.tailer.activate(0)
        engine.tailer.activate(2)
        engine.settle()
        #expect(engine.allText == ["1\n", "", "3\n"])
    }

    /// Inodes are given again at once on ext4, when nobody holds the old file open.
    @Test func anInodeUsedAgainIsANewGeneration() throws {
        let engine = try TestEngine([files(directory.path("*.log"))]) { $0.openLimit = 1 }
        var expected: Set<String> = []
        for number in 0..<50 {
            try directory.write("first \(number)\n", to: "\(number).log")
            expected.insert("first \(number)\n")
        }
        engine.pump()
        for number in 0..<50 { directory.delete("\(number).log") }
        for number in 0..<50 {
            try directory.write("again \(number)\n", to: "\(number).log")
            expected.insert("again \(number)\n")
        }
        engine.pump()
        #expect(engine.allText.count == 100 && Set(engine.allText) == expected)
    }
}
