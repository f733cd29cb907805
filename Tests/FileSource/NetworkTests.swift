// Files on file systems that may hang: read by their worker, with everything a local file has, and without waiting.
import Core
import Glibc
import LinuxIO
import Resolver
import TestSupport
import Testing

@testable import FileSource

@Suite(.enabled(if: FuseMount.isAvailable, "mounting FUSE needs root and /dev/fuse")) struct NetworkTests {
    private let directory: TemporaryDirectory
    private let mount: FuseMount

    init() throws {
        directory = try TemporaryDirectory()
        mount = try FuseMount.start(in: directory)
    }

    private func path(_ name: String) -> String { "\(mount.path)/\(name)" }
    private func backing(_ name: String) -> String { "\(mount.backing)/\(name)" }
    private func write(_ name: String, _ text: String) throws { try mount.write(name, Array(text.utf8)) }
    private func rename(_ old: String, _ new: String) {
        precondition(Glibc.rename(backing(old), backing(new)) == 0, "rename \(old)")
    }

    @Test func aFileOnANetworkVolumeIsReadAndFollowed() throws {
        try write("app.log", "one\n")
        let engine = try TestEngine([files(path("*.log"))])
        #expect(engine.generations.isEmpty, "nothing of it is touched by the tailer's own thread")
        engine.pumpNetwork { engine.allText == ["one\n"] }
        try write("app.log", "two\n")
        engine.pollNetwork { engine.allText == ["one\ntwo\n"] }
        #expect(engine.allText == ["one\ntwo\n"] && engine.generations.map(\.path) == [path("app.log")])
        #expect(engine.tailer.openCount == 0 && engine.tailer.polledDirectories == 0)
    }

    @Test func globsExcludesAndDirectoriesThatAppearLaterWork() throws {
        for name in ["a/x.log", "a/x.gz", "b/y.log", "c/not"] { try write(name, "\(name)\n") }
        let engine = try TestEngine([files(path("**/*"), exclude: ["*.gz", path("c/*")])])
        engine.pumpNetwork { engine.generations.count == 2 }
        try write("d/e/z.log", "late\n")
        engine.pollNetwork { engine.generations.count == 3 && engine.generations[2].text == "late\n" }
        #expect(
            engine.generations.map(\.path).sorted() == ["a/x.log", "b/y.log", "d/e/z.log"].map { path($0) }
                && engine.text(path("d/e/z.log")) == "late\n")
    }

    @Test(arguments: ["app.log", "app.log*"])
    func renameRotationReadsTheOldFileToItsEndFirst(pattern: String) throws {
        try write("app.log", "one\n")
        let engine = try TestEngine([files(path(pattern))])
        engine.pumpNetwork { engine.allText == ["one\n"] }
        try write("app.log", "two\n")
        rename("app.log", "app.log.1")
        try write("app.log", "three\n")
        engine.pollNetwork { engine.allText == ["one\ntwo\n", "three\n"] }
        let found = engine.generations
        #expect(
            found.map(\.text) == ["one\ntwo\n", "three\n"] && found.map(\.path) == [path("app.log"), path("app.log")])
        #expect(found[0].stream == found[1].stream && engine.readOrder == found.map(\.file))
        #expect(engine.tailer.nameless.count == (pattern == "app.log" ? 1 : 0))
    }

    @Test func aDeletedFileIsReadToItsEndAndKnownToBeDeleted() throws {
        try write("app.log", "one\n")
        let engine = try TestEngine([files(path("app.log"))])
        engine.pumpNetwork { engine.allText == ["one\n"] }
        try write("app.log", "two\n")
        precondition(unlink(backing("app.log")) == 0)
        engine.pollNetwork { engine.tailer.isDeleted(0) && engine.allText == ["one\ntwo\n"] }
        #expect(engine.tailer.isDeleted(0) && engine.allText == ["one\ntwo\n"])
        engine.endNameless()
        engine.pumpNetwork { engine.generations[0].hasEnded || engine.tailer.nameless.isEmpty }
        engine.endNameless()
        #expect(engine.generations[0].hasEnded)
    }

    @Test func aTruncatedFileIsANewGeneration() throws {
        try write("app.log", "one one one\n")
        let engine = try TestEngine([files(path("app.log"))])
        engine.pumpNetwork { engine.allText == ["one one one\n"] }
        precondition(truncate(backing("app.log"), 0) == 0)
        try write("app.log", "two\n")
        engine.pollNetwork { engine.allText == ["one one one\n", "two\n"] }
        #expect(engine.allText == ["one one one\n", "two\n"])
        #expect(engine.generations[0].hasEnded && engine.generations[0].gap == 0)
        #expect(engine.generations[0].stream == engine.generations.last?.stream)
    }

    @Test func aNewRunContinuesWhereTheLastEndedAlsoAfterARename() throws {
        try write("app.log", "one\n")
        try write("other.log", "1\n")
        var engine = try TestEngine([files(path("*.log"))])
        engine.pumpNetwork { engine.allText.joined().count == 6 }
        let records = engine.records()
        try write("app.log", "two\n")
        rename("app.log", "app.log.1")
        try write("app.log", "three\n")
        engine = try TestEngine([files(path("*.log"), isKnown: true)], known: records)
        engine.pumpNetwork { engine.text(path("app.log")) == "two\nthree\n" }
        #expect(engine.text(path("app.log")) == "two\nthree\n" && engine.text(path("other.log")).isEmpty)
        #expect(engine.vanished.isEmpty && engine.generations.count == 3)
        #expect(engine.generations.filter { !$0.isNew }.count == 2)
    }

    @Test func aGenerationThatIsGoneIsAnnouncedAndAReplacedOneToo() throws {
        try write("gone.log", "one\n")
        try write("replaced.log", "one\n")
        var engine = try TestEngine([files(path("*.log"))])
        engine.pumpNetwork { engine.allText == ["one\n", "one\n"] }
        let records = engine.records()
        precondition(unlink(backing("gone.log")) == 0 && truncate(backing("replaced.log"), 0) == 0)
        try write("replaced.log", "other\n")
        engine = try TestEngine([files(path("*.log"), isKnown: true)], known: records)
        engine.pumpNetwork { engine.vanished.count == 2 && engine.allText == ["other\n"] }
        #expect(engine.vanished.map(\.reason).sorted { $0.rawValue < $1.rawValue } == [.deleted, .replaced])
        #expect(engine.allText == ["other\n"])
    }

    @Test func startEndSkipsWhatWasThereAndNothingThatComesLater() throws {
        try write("app.log", "old\n")
        let engine = try TestEngine([files(path("*.log"), startAtEnd: true)])
        engine.pumpNetwork { engine.generations.count == 1 }
        try write("app.log", "new\n")
        try write("late.log", "all\n")
        engine.pollNetwork { engine.allText == ["new\n", "all\n"] }
        #expect(engine.allText == ["new\n", "all\n"] && engine.generations[0].skipped == .startAtEnd)
    }

    @Test func aHangingVolumeHoldsUpNothingElseAndIsToldAndGoesOn() throws {
        try write("app.log", "one\n")
        try directory.write("local\n", to: "local.log")
        let engine = try TestEngine([files(path("*.log"), directory.path("local.log"))])
        engine.pumpNetwork { engine.allText.count == 2 && engine.allText.contains("one\n") }
        try mount.hang(.all)
        try write("app.log", "two\n")
        engine.advance(seconds: 1)
        engine.pumpNetwork(turns: 3) { false }
        try directory.append("more\n", to: "local.log")
        engine.pump()
        #expect(engine.text(directory.path("local.log")) == "local\nmore\n")
        let slot = try #require(engine.slots.first { engine.path(ofSlot: $0) == path("app.log") })
        // Whatever the engine asks of the slot is answered without waiting.
        let later = Clock.monotonic() + 12 * nanosecondsPerSecond
        #expect(engine.tailer.presentSize(slot) == 4 && engine.tailer.hasWriter(slot) == nil)
        #expect(engine.tailer.evidence(slot, committed: 4).headLength == 4)
        #expect(
            engine.tailer.hangingReason(slot, now: later)?.contains("the fuse file system at \(mount.path)") == true)
        #expect(engine.tailer.hangingVolumes(now: later).map(\.files) == [1])
        engine.rescanBeforeEvents()
        engine.advance(seconds: 60)
        try mount.release()
        engine.pollNetwork { engine.text(path("app.log")) == "one\ntwo\n" }
        #expect(engine.text(path("app.log")) == "one\ntwo\n" && engine.generations.count == 2)
    }

    @Test func aVolumeThatHangsBeforeAnyFileWasFoundIsToldToo() throws {
        try mount.hang(.all)
        let engine = try TestEngine([files(path("*.log"))])
        engine.pumpNetwork { (try? mount.held) != 0 }
        let problems = engine.tailer.hangingProblems(now: Clock.monotonic() + 5 * nanosecondsPerSecond)
        #expect(problems.map(\.state) == ["hanging"] && problems.map { printable($0.path) } == [mount.path])
        try mount.release()
    }

    @Test func linksIntoANetworkVolumeAreFollowedByItsWorker() throws {
        try write("real/app.log", "one\n")
        try directory.makeDirectory("logs")
        directory.symlink(path("real/app.log"), "logs/app.log")
        directory.symlink(path("real"), "logs/all")
        let engine = try TestEngine([
            files(directory.path("logs/*.log"), name: "a"),
            files(
                directory.path("logs/all/*.log"), name: "b", route: "other"),
        ])
        engine.pumpNetwork { engine.allText == ["one\n", "one\n"] }
        engine.rescanBeforeEvents()
        try write("real/app.log", "two\n")
        engine.pollNetwork { engine.allText == ["one\ntwo\n", "one\ntwo\n"] }
        #expect(engine.allText == ["one\ntwo\n", "one\ntwo\n"])
        #expect(engine.tailer.resolvedPath(0).map { printable($0) } == path("real/app.log"))
        let records = engine.records()
        try write("real/app.log", "three\n")
        let next = try TestEngine(
            [files(directory.path("logs/*.log"), name: "a", isKnown: true)],
            known: records.filter { $0.declaration == "a" })
        next.pumpNetwork { next.allText == ["three\n"] }
        #expect(next.allText == ["three\n"] && next.vanished.isEmpty)
    }

    @Test func refusedNetworkVolumesAreSaidSoAndNotTouched() throws {
        try write("app.log", "one\n")
        try mount.hang(.all)
        let engine = try TestEngine([files(path("*.log"))]) { $0.refusesNetwork = true }
        #expect(engine.problems.map(\.state) == ["refused"] && engine.tailer.volumes.isEmpty)
        #expect(engine.problems[0].reason.contains("paths.network_volumes"))
        #expect(try mount.held == 0)
    }

    @Test func aHundredFilesOfOneVolumeAreReadInTurnWithOneChunkInMemory() throws {
        let line = String(repeating: "x", count: 99) + "\n"
        for number in 0..<100 { try write("\(number).log", String(repeating: line, count: 100)) }
        let engine = try TestEngine([files(path("*.log"))])
        engine.pumpNetwork(turns: 5_000) {
            engine.allText.count == 100 && engine.allText.allSatisfy { $0.count == 10_000 }
        }
        #expect(engine.allText.count == 100 && engine.allText.allSatisfy { $0.utf8.count == 10_000 })
        #expect(engine.tailer.chunkBytes <= TestEngine.chunk + Tailer.anchorSize)
    }

    @Test func aReaderThatIsParkedDoesNotStopAnother() throws {
        try write("a.log", "one\n")
        try write("b.log", "two\n")
        let engine = try TestEngine([files(path("*.log"))])
        engine.reads = { engine.path(ofSlot: $0) != path("a.log") }
        engine.pumpNetwork { engine.text(path("b.log")) == "two\n" }
        #expect(engine.text(path("b.log")) == "two\n" && engine.text(path("a.log")).isEmpty)
        engine.unpark()
        engine.pumpNetwork { engine.text(path("a.log")) == "one\n" }
        #expect(engine.text(path("a.log")) == "one\n")
    }
}

@Suite(.enabled(if: FuseMount.isAvailable, "mounting FUSE needs root and /dev/fuse")) struct NetworkContainerTests {
    private let directory: TemporaryDirectory
    private let mount: FuseMount

    init() throws {
        directory = try TemporaryDirectory()
        mount = try FuseMount.start(in: directory)
    }

    private func declared(_ path: String, by container: String) -> FileDeclaration {
        FileDeclaration(name: "app", container: container, patterns: [PathPattern(path)], route: "logs")
    }

    @Test func aContainersNetworkVolumeIsReadInItsOwnCoordinates() throws {
        try mount.write("logs/app.log", Array("one\n".utf8))
        let engine = try TestEngine([])
        let number = engine.follow(
            "c1", [declared("/data/*.log", by: "c1")], mounts: ["/data": mount.path + "/logs"])[0]
        engine.pumpNetwork { engine.allText == ["one\n"] }
        #expect(engine.allText == ["one\n"] && engine.generations[0].path == "/data/app.log")
        #expect(engine.generations[0].record.container == "c1")
        #expect(engine.tailer.resolvedPath(0).map { printable($0) } == mount.path + "/logs/app.log")
        // What it wrote last is found by one more listing after its end.
        try mount.write("logs/last.log", Array("last\n".utf8))
        engine.tailer.retire(containerOf: number, true, now: engine.now)
        #expect(engine.tailer.isSearching(containerOf: number))
        engine.pumpNetwork {
            !engine.tailer.isSearching(containerOf: number) && engine.text("/data/last.log") == "last\n"
        }
        #expect(engine.text("/data/last.log") == "last\n" && !engine.tailer.isSearching(containerOf: number))
        for slot in engine.slots { engine.close(slot) }
        engine.tailer.remove(containerOf: number, now: engine.now)
        #expect(engine.tailer.volumes.isEmpty && engine.tailer.directoryCount == 0)
        #expect(engine.tailer.nextDeadline > engine.now + 2 * nanosecondsPerSecond, "nothing is polled any more")
    }

    @Test func twoContainersOnOneNetworkVolumeAreOneSource() throws {
        try mount.write("app.log", Array("one\n".utf8))
        let engine = try TestEngine([])
        let first = engine.follow("c1", [declared("/a/*.log", by: "c1")], mounts: ["/a": mount.path])[0]
        engine.pumpNetwork { engine.allText == ["one\n"] }
        engine.follow("c2", [declared("/b/*.log", by: "c2")], mounts: ["/b": mount.path])
        engine.pollNetwork { engine.tailer.isShared(0) }
        #expect(engine.tailer.isShared(0) && engine.generations.count == 1)
        engine.drain(first)
        try mount.write("app.log", Array("two\n".utf8))
        engine.pollNetwork { engine.allText == ["one\ntwo\n"] }
        #expect(engine.allText == ["one\ntwo\n"] && !engine.tailer.isShared(0))
    }

    @Test func aVolumeCanBeUnmountedAfterSuspension() throws {
        try mount.write("app.log", Array("one\n".utf8))
        let engine = try TestEngine([])
        let number = engine.follow("c1", [declared("/a/*.log", by: "c1")], mounts: ["/a": mount.path])[0]
        engine.pumpNetwork { engine.allText == ["one\n"] }
        #expect(umount2(mount.path, 0) == -1 && errno == EBUSY, "a file is open there")
        engine.tailer.retire(containerOf: number, true, now: engine.now)
        engine.pumpNetwork { !engine.tailer.isSearching(containerOf: number) }
        engine.tailer.suspend(0)
        // The worker closes it in its own time, and says nothing of it.
        var isUnmounted = false
        engine.pumpNetwork {
            isUnmounted = isUnmounted || umount2(mount.path, 0) == 0
            return isUnmounted
        }
        #expect(isUnmounted)
    }
}
