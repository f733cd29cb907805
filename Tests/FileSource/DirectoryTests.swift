// Files and directories that come, go, move and loop.
import Core
import Glibc
import TestSupport
import Testing

@testable import FileSource

@Suite struct DirectoryTests {
    let directory = try! TemporaryDirectory()

    @Test func filesThatAppearLaterRaiseAnEventAndAreRead() throws {
        let engine = try TestEngine([files(directory.path("*.log"))])
        #expect(engine.generations.isEmpty && !engine.hasEvents(milliseconds: 0))
        try directory.write("one\n", to: "app.log")
        #expect(engine.hasEvents(milliseconds: 5_000))
        engine.pump()
        #expect(engine.allText == ["one\n"])
        try directory.append("two\n", to: "app.log")
        #expect(engine.hasEvents(milliseconds: 5_000))
        engine.pump()
        #expect(engine.allText == ["one\ntwo\n"])
    }

    @Test(arguments: ["base/*/*/*/x.log", "base/**/*.log", "base/a/b/c/x.log"])
    func severalLevelsThatAppearAtOnceAreRead(pattern: String) throws {
        let engine = try TestEngine([files(directory.path(pattern))])
        try directory.makeDirectory("base/a/b/c")
        try directory.write("one\n", to: "base/a/b/c/x.log")
        engine.pump()
        try directory.append("two\n", to: "base/a/b/c/x.log")
        engine.pump()
        #expect(engine.allText == ["one\ntwo\n"])
    }

    @Test func levelsThatAppearWhileTheyAreEnteredAreRead() async throws {
        let engine = try TestEngine([files(directory.path("base/**/*.log"))])
        let place = directory
        async let made: Void = onOwnThread("maker") {
            for number in 0..<200 {
                try place.makeDirectory("base/\(number)/b/c")
                try place.write("\(number)\n", to: "base/\(number)/b/c/x.log")
            }
        }
        while engine.generations.count < 200, engine.hasEvents(milliseconds: 20_000) { engine.pump() }
        try await made
        engine.pump()
        #expect(Set(engine.allText) == Set((0..<200).map { "\($0)\n" }) && engine.generations.count == 200)
    }

    @Test(arguments: ["logs/*.log", "*/app.log", "**/app.log"])
    func aDirectoryRemovedAndMadeAgainIsFollowedAgain(pattern: String) throws {
        try directory.makeDirectory("logs")
        try directory.write("one\n", to: "logs/app.log")
        let engine = try TestEngine([files(directory.path(pattern))])
        for round in 0..<3 {
            if round % 2 == 1 { engine.pump() }
            directory.delete("logs/app.log")
            directory.removeDirectory("logs")
            if round == 2 { engine.pump() }
            try directory.makeDirectory("logs")
            try directory.write("round \(round)\n", to: "logs/app.log")
            engine.pump()
        }
        #expect(engine.allText == ["one\n", "round 0\n", "round 1\n", "round 2\n"])
        #expect(Set(engine.generations.map(\.stream)).count == 1)
    }

    /// A process with its working directory there keeps the old one alive, so no event tells of its end.
    @Test func aDirectoryMadeAgainWhileTheOldOneIsHeldOpenIsFollowed() throws {
        try directory.makeDirectory("logs")
        let engine = try TestEngine([files(directory.path("*/app.log"))])
        let held = open(directory.path("logs"), O_RDONLY)
        defer { close(held) }
        directory.removeDirectory("logs")
        try directory.makeDirectory("logs")
        try directory.write("one\n", to: "logs/app.log")
        engine.pump()
        #expect(engine.allText == ["one\n"])
    }

    @Test(arguments: ["logs/*.log", "**/*.log", "*/*.log"])
    func aDirectoryRenamedAwayAndANewOneInItsPlaceAreToldApart(pattern: String) throws {
        try directory.makeDirectory("logs")
        try directory.write("old\n", to: "logs/app.log")
        let engine = try TestEngine([files(directory.path(pattern))])
        try directory.append("unread\n", to: "logs/app.log")
        directory.rename("logs", "moved")
        try directory.makeDirectory("logs")
        try directory.write("new\n", to: "logs/app.log")
        engine.pump()
        #expect(engine.allText == ["old\nunread\n", "new\n"])
        try directory.append("late\n", to: "moved/app.log")
        engine.pump()
        engine.advance(seconds: 2)
        #expect(engine.allText == ["old\nunread\nlate\n", "new\n"])
        #expect(engine.tailer.nameless.isEmpty == (pattern != "logs/*.log") && engine.tailer.polledDirectories == 0)
    }

    @Test func anyDepthOverAThousandDirectoriesFindsAllAndForgetsAll() throws {
        for first in 0..<10 {
            for second in 0..<10 {
                for third in 0..<10 {
                    try directory.makeDirectory("t/\(first)/\(second)/\(third)")
                    try directory.write("\(first)\(second)\(third)\n", to: "t/\(first)/\(second)/\(third)/x.log")
                }
            }
        }
        let engine = try TestEngine([files(directory.path("t/**/x.log"))])
        #expect(Set(engine.allText) == Set((0..<1000).map { "\($0 / 100)\($0 / 10 % 10)\($0 % 10)\n" }))
        #expect(engine.tailer.directoryCount > 1110)
        let start = clock()
        directory.rename("t", "gone")
        engine.pump()
        #expect(engine.tailer.directoryCount < 10 && engine.tailer.nameless.count == 1000)
        directory.rename("gone", "t")
        engine.pump()
        #expect(engine.tailer.nameless.isEmpty && engine.generations.count == 1000)
        print("a tree of 1,110 directories away and back: \((clock() - start) / 1000) ms of CPU")
    }

    @Test func aLinkedFileIsFollowedAndItsTargetsRotationToo() throws {
        try directory.makeDirectory("real")
        try directory.makeDirectory("links")
        try directory.write("one\n", to: "real/0.log")
        directory.symlink(directory.path("real/0.log"), "links/app.log")
        let engine = try TestEngine([files(directory.path("links/*.log"))])
        try directory.append("two\n", to: "real/0.log")
        engine.pump()
        #expect(engine.allText == ["one\ntwo\n"])
        directory.rename("real/0.log", "real/0.log.1")
        engine.pump()
        try directory.write("three\n", to: "real/0.log")
        engine.advance(seconds: 1)
        #expect(engine.allText == ["one\ntwo\n", "three\n"])
        directory.truncate("real/0.log")
        engine.pump()
        try directory.append("four\n", to: "real/0.log")
        engine.pump()
        #expect(
            engine.allText == ["one\ntwo\n", "three\n", "", "four\n"]
                || engine.allText == ["one\ntwo\n", "three\n", "four\n"])
        directory.delete("links/app.log")
        try directory.write("five\n", to: "real/1.log")
        directory.symlink("../real/1.log", "links/app.log")
        engine.pump()
        #expect(engine.text(directory.path("links/app.log")) == "one\ntwo\nthree\nfour\nfive\n")
    }

    @Test func aLinkedFileOnTwoRoutesIsReadTwice() throws {
        try directory.makeDirectory("links")
        try directory.write("one\n", to: "real")
        directory.symlink("../real", "links/app.log")
        let pattern = directory.path("links/*.log")
        let engine = try TestEngine([files(pattern, name: "a", route: "x"), files(pattern, name: "b", route: "y")])
        try directory.append("two\n", to: "real")
        engine.pump()
        #expect(engine.allText == ["one\ntwo\n", "one\ntwo\n"])
    }

    @Test(arguments: ["t/**/*.log", "t/**/a/*.log", "t/**/[ab]/**/*.log"])
    func linkLoopsEnd(pattern: String) throws {
        try directory.makeDirectory("t/a/c")
        try directory.write("x\n", to: "t/a/x.log")
        directory.symlink("..", "t/a/a")
        directory.symlink("../..", "t/a/c/a")
        directory.symlink("..", "t/a/b")
        directory.symlink(".", "t/b")
        let engine = try TestEngine([files(directory.path(pattern))])
        #expect(engine.allText == ["x\n"] && engine.tailer.directoryCount < 60)
        try directory.append("y\n", to: "t/a/x.log")
        engine.pump()
        engine.advance(seconds: 2)
        #expect(engine.allText == ["x\ny\n"])
    }

    @Test func aDirectoryReachedByTwoPathsLosesNothing() throws {
        try directory.makeDirectory("real")
        directory.symlink("real", "link")
        let engine = try TestEngine([files(directory.path("real/a*.log"), directory.path("link/b*.log"))])
        try directory.write("a\n", to: "real/a.log")
        try directory.write("b\n", to: "real/b.log")
        engine.pump()
        engine.advance(seconds: 2)
        try directory.append("a\n", to: "real/a.log")
        try directory.append("b\n", to: "real/b.log")
        engine.pump()
        engine.advance(seconds: 2)
        #expect(engine.allText.sorted() == ["a\na\n", "b\nb\n"])
    }
}
