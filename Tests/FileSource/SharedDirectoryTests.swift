// Directories and files that several containers have: what one of them does must not blind the others.
import Core
import LinuxIO
import TestSupport
import Testing

@testable import FileSource

private func declared(_ path: String, by container: String, route: String = "logs") -> FileDeclaration {
    FileDeclaration(name: "app", container: container, patterns: [PathPattern(path)], route: route)
}

struct SharedDirectoryTests {
    private let directory: TemporaryDirectory
    init() throws {
        directory = try TemporaryDirectory()
        try directory.makeDirectory("volume")
    }

    @Test func whoOnlyPassesThroughADirectoryTakesNoEventsFromWhoHasFilesThere() throws {
        try directory.makeDirectory("volume/sub")
        let engine = try TestEngine([])
        engine.follow("c1", [declared("/data/*.log", by: "c1")], mounts: ["/data": directory.path("volume")])
        engine.follow("c2", [declared("/data/sub/*.log", by: "c2")], mounts: ["/data": directory.path("volume")])
        try directory.write("one\n", to: "volume/app.log")
        engine.pump()
        try directory.append("two\n", to: "volume/app.log")
        engine.pump()
        #expect(engine.allText == ["one\ntwo\n"])
    }

    @Test func aFileThatTheNextContainerDoesNotFindLosesItsName() throws {
        let engine = try TestEngine([])
        let first = engine.follow("c1", [declared("/a/*", by: "c1")], mounts: ["/a": directory.path("volume")])
        engine.follow("c2", [declared("/a/*.log", by: "c2")], mounts: ["/a": directory.path("volume")])
        try directory.write("one\n", to: "volume/app.log")
        engine.pump()
        directory.rename("volume/app.log", "volume/app.log.1")
        engine.pump()
        #expect(engine.tailer.isShared(0) && engine.tailer.nameless.isEmpty)
        engine.drain(first[0])
        // Else nobody would ever look at it, and it would be open for ever.
        #expect(engine.tailer.nameless == [0])
    }

    @Test func aTruncatedFileIsStillTheOtherContainersToo() throws {
        try directory.write("one\ntwo\n", to: "volume/app.log")
        let engine = try TestEngine([])
        let first = engine.follow("c1", [declared("/a/*.log", by: "c1")], mounts: ["/a": directory.path("volume")])
        engine.follow("c2", [declared("/b/*.log", by: "c2")], mounts: ["/b": directory.path("volume")])
        try directory.write("x\n", to: "volume/app.log")
        engine.pump()
        engine.drain(first[0])
        try directory.append("y\n", to: "volume/app.log")
        engine.pump()
        #expect(engine.allText == ["one\ntwo\n", "x\ny\n"])
    }

    @Test func aFileOfOneContainerIsNeverTakenForAnUnseenOneOfAnother() throws {
        for name in ["one", "one/sub", "two"] { try directory.makeDirectory(name) }
        let engine = try TestEngine([])
        engine.follow("c1", [declared("/d/sub/*.log", by: "c1")], mounts: ["/d": directory.path("one")])
        engine.follow("c2", [declared("/e/new/*.log", by: "c2", route: "other")], mounts: ["/e": directory.path("two")])
        // One run of events: the number of the first directory is the second's before its file is looked for.
        try directory.write("first\n", to: "one/sub/x.log")
        directory.rename("one/sub", "one/elsewhere")
        try directory.makeDirectory("two/new")
        try directory.write("second\n", to: "two/new/x.log")
        engine.pump()
        let strange = engine.generations.filter { $0.record.container == "c1" && $0.text == "second\n" }
        #expect(strange.isEmpty)
        #expect(engine.generations.contains { $0.record.container == "c2" && $0.text == "second\n" })
    }

    @Test func whatWasFollowedForAnotherContainerAndIsNotMetAgainIsAnnounced() throws {
        try directory.write("one\n", to: "volume/app.log")
        let last = try TestEngine([])
        let first = last.follow("c1", [declared("/a/*.log", by: "c1")], mounts: ["/a": directory.path("volume")])
        last.follow("c2", [declared("/a/*.log", by: "c2")], mounts: ["/a": directory.path("volume")])
        last.drain(first[0])
        let records = last.records()
        #expect(records.map(\.container) == ["c1"])
        directory.delete("volume/app.log")
        let engine = try TestEngine([], known: records)
        #expect(engine.tailer.adoptOrphans(records).isEmpty)
        engine.follow("c2", [declared("/a/*.log", by: "c2")], mounts: ["/a": directory.path("volume")])
        for _ in 0..<6 { engine.advance(seconds: 60) }
        #expect(engine.vanished.map(\.record.file) == records.map(\.file))
    }
}
