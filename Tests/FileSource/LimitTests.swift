// Overflow, watch limit, descriptor limit, ten thousand files: bounded and complete.
import Core
import Glibc
import TestSupport
import Testing

@testable import FileSource

@Suite struct LimitTests {
    let directory = try! TemporaryDirectory()

    @Test func anOverflowOfTheEventQueueLosesNothing() throws {
        try directory.write("one\n", to: "app.log")
        let engine = try TestEngine([files(directory.path("*.log"))])
        for number in 0..<9_000 {
            let path = directory.path("\(number)")
            close(open(path, O_WRONLY | O_CREAT, 0o644))
            unlink(path)
        }
        // None of this is told any more.
        try directory.append("two\n", to: "app.log")
        directory.rename("app.log", "old.log")
        try directory.write("three\n", to: "app.log")
        try directory.write("new\n", to: "new.log")
        engine.pump()
        #expect(engine.tailer.overflows == 1)
        #expect(engine.allText.sorted() == ["new\n", "one\ntwo\n", "three\n"])
        try directory.append("four\n", to: "app.log")
        // The directory is polled now.
        engine.advance(seconds: 1)
        #expect(engine.text(directory.path("app.log")) == "one\ntwo\nthree\nfour\n")
    }

    @Test func withoutWatchesDirectoriesArePolled() throws {
        try directory.makeDirectory("a/b")
        try directory.write("one\n", to: "a/b/x.log")
        try directory.makeDirectory("links")
        directory.symlink("../a/target", "links/y.log")
        try directory.write("linked\n", to: "a/target")
        let engine = try TestEngine([files(directory.path("a/**/*.log"), directory.path("links/*.log"))]) {
            $0.watchLimit = 1
        }
        #expect(engine.tailer.watchCount == 1 && engine.tailer.polledDirectories >= 4)
        #expect(engine.tailer.nextDeadline <= engine.now + nanosecondsPerSecond)
        try directory.append("two\n", to: "a/b/x.log")
        try directory.append("more\n", to: "a/target")
        try directory.makeDirectory("a/c/d")
        try directory.write("new\n", to: "a/c/d/x.log")
        engine.advance(seconds: 1)
        #expect(engine.allText.sorted() == ["linked\nmore\n", "new\n", "one\ntwo\n"])
        directory.rename("a/b/x.log", "a/b/z.log")
        try directory.write("three\n", to: "a/b/x.log")
        engine.advance(seconds: 1)
        #expect(engine.text(directory.path("a/b/x.log")) == "one\ntwo\nthree\n")
    }

    @Test(arguments: [true, false])
    func tenDescriptorsServeTwoHundredFiles(activates: Bool) throws {
        for number in 0..<200 where number % 3 != 0 { try directory.write("one \(number)\n", to: "\(number).log") }
        for number in 0..<200 where number % 3 == 0 { try directory.write("", to: "\(number).log") }
        let engine = try TestEngine([files(directory.path("*.log"))], start: false) { $0.openLimit = 10 }
        engine.activates = activates
        engine.begin()
        if !activates { for slot in engine.slots { engine.tailer.activate(slot) } }
        engine.settle()
        for round in 0..<3 {
            for number in 0..<200 { try directory.append("round \(round)\n", to: "\(number).log") }
            engine.pump()
        }
        for number in 0..<200 {
            let expected = (number % 3 == 0 ? "" : "one \(number)\n") + "round 0\nround 1\nround 2\n"
            #expect(engine.text(directory.path("\(number).log")) == expected)
        }
        #expect(engine.generations.count == 200 && engine.maximumOpen <= 11)
        engine.advance(seconds: 61)
        #expect(engine.maximumOpen <= 11)
        let records = engine.records()
        let again = try TestEngine([files(directory.path("*.log"))], known: records) { $0.openLimit = 10 }
        #expect(
            again.vanished.isEmpty && again.allText.allSatisfy(\.isEmpty) && again.generations.allSatisfy { !$0.isNew })
    }

    @Test func aClosedFileThatWasReplacedIsNoticed() throws {
        for name in ["a", "b", "c"] { try directory.write("\(name)\n", to: "\(name).log") }
        let engine = try TestEngine([files(directory.path("*.log"))]) { $0.openLimit = 1 }
        // Away and back without an event for the tailer to see: the directory is scanned, not watched.
        directory.delete("a.log")
        try directory.write("other a\n", to: "a.log")
        directory.rename("b.log", "d.log")
        try directory.write("other b\n", to: "b.log")
        try directory.append("more\n", to: "d.log")
        engine.pump()
        #expect(engine.text(directory.path("a.log")) == "a\nother a\n")
        #expect(engine.text(directory.path("b.log")) == "b\nmore\nother b\n")
        #expect(engine.generations.count == 5)
    }

    @Test func bytesOfAClosedFileThatWasDeletedUnreadAreAGap() throws {
        try directory.write("one\n", to: "a.log")
        try directory.write("one\n", to: "b.log")
        let engine = try TestEngine([files(directory.path("*.log"))], start: false) { $0.openLimit = 1 }
        engine.activates = false
        engine.begin()
        directory.delete("a.log")
        directory.delete("b.log")
        engine.tailer.handleEvents(now: engine.now)
        for slot in engine.slots { engine.tailer.activate(slot) }
        engine.settle()
        engine.advance(seconds: 3)
        engine.endNameless()
        #expect(engine.generations.reduce(0) { $0 + $1.bytes.count + Int($1.gap) } == 8)
        #expect(engine.generations.contains { $0.gap == 4 })
    }

    @Test func aFreedSlotIsCleanForTheNextFile() throws {
        try directory.write("one\n", to: "a.log")
        let engine = try TestEngine([files(directory.path("*.log"))])
        directory.delete("a.log")
        engine.pump()
        // Signalled, and freed before the engine takes it.
        engine.tailer.markReady(0)
        engine.endNameless()
        #expect(!engine.tailer.isInUse(0) && engine.tailer.openCount == 0)
        engine.activates = false
        try directory.write("two\n", to: "b.log")
        engine.tailer.handleEvents(now: engine.now)
        #expect(engine.tailer.takeReady().isEmpty, "a generation that is not durable must not be read")
        engine.settle()
        #expect(engine.tailer.isRegistering(0) && engine.tailer.slotCount == 1)
        #expect(!engine.tailer.isDeleted(0) && !engine.tailer.isWaiting(0))
        engine.tailer.activate(0)
        engine.settle()
        #expect(engine.allText == ["one\n", "two\n"])
    }

    @Test func tenThousandFilesAreCheap() throws {
        for number in 0..<100 { try directory.makeDirectory("d/\(number)") }
        for number in 0..<10_000 { try directory.write("line\n", to: "d/\(number % 100)/application-\(number).log") }
        let engine = try TestEngine([files(directory.path("d/*/*.log"))], start: false)
        let before = (threadTime(), try residentBytes())
        engine.tailer.start(now: engine.now)
        let appeared = engine.tailer.takeAppeared().map(\.slot)
        let heap = try residentBytes() - before.1
        print(
            "start() with 10,000 files: \((threadTime() - before.0) / nanosecondsPerMillisecond) ms of CPU, \(heap / 10_000) resident bytes a file"
        )
        #expect(appeared.count == 10_000)
        for slot in appeared { engine.tailer.activate(slot) }
        _ = engine.tailer.takeReady()
        let rescan = threadTime()
        engine.tailer.rescanEverything(engine.now)
        print("a rescan of 10,000 files: \((threadTime() - rescan) / nanosecondsPerMillisecond) ms of CPU")
        let file = MemoryLayout<TailedFile>.stride * engine.tailer.files.capacity / 10_000
        print("\(file) of them are its slot")
        #expect(file < 256)
        let gone = threadTime()
        directory.rename("d", "e")
        engine.tailer.handleEvents(now: engine.now)
        for slot in engine.tailer.nameless { engine.tailer.free(slot) }
        print("10,000 files lose their names and end: \((threadTime() - gone) / nanosecondsPerMillisecond) ms of CPU")
        #expect(engine.tailer.nameless.isEmpty && engine.tailer.openCount == 0)
    }
}
