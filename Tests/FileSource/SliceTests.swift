// Walks in slices: what changes between two entries of a directory that is being looked at.
import Core
import Glibc
import LinuxIO
import TestSupport
import Testing

@testable import FileSource

private func declared(_ path: String, by container: String) -> FileDeclaration {
    FileDeclaration(name: "app", container: container, patterns: [PathPattern(path)], route: "logs")
}

struct SliceTests {
    private let directory: TemporaryDirectory
    init() throws {
        directory = try TemporaryDirectory()
        try directory.makeDirectory("d")
    }

    /// One entry a slice.
    private func sliced(_ declarations: [FileDeclaration], known: [GenerationRecord] = []) throws -> TestEngine {
        try TestEngine(declarations, known: known, finishesWalks: false) { $0.rescanBudget = 1 }
    }

    private func fill(_ count: Int, in name: String = "d") throws {
        for number in 0..<count { try directory.write("line\n", to: "\(name)/\(number).log") }
    }

    /// Names of files that have not been looked at yet.
    private func unseen(_ engine: TestEngine, _ count: Int) -> [Int] {
        let seen = Set(engine.generations.map(\.path))
        return (0..<count).filter { !seen.contains(directory.path("d/\($0).log")) }
    }

    private func walkHalf(_ engine: TestEngine, _ count: Int) {
        while engine.isWalking, engine.generations.count < count / 2 { engine.turn() }
        #expect(engine.isWalking && engine.generations.count >= count / 2)
    }

    @Test func anotherFileIsReadWhileALargeDirectoryIsWalked() throws {
        try fill(200)
        try directory.makeDirectory("calm")
        try directory.write("", to: "calm/a.log")
        let engine = try sliced([files(directory.path("calm/*.log"), directory.path("d/*.log"))])
        while engine.generations(of: directory.path("calm/a.log")).isEmpty { engine.turn() }
        var turns = 0
        while engine.isWalking {
            try directory.append("\(turns)\n", to: "calm/a.log")
            engine.turn()
            turns += 1
            #expect(engine.text(directory.path("calm/a.log")).hasSuffix("\(turns - 1)\n"))
        }
        #expect(turns > 0)
        #expect(engine.generations.count == 201)
        engine.tailer.beginRescan(engine.now)
        turns = 0
        while engine.isWalking {
            engine.turn()
            turns += 1
        }
        #expect(turns > 200, "a rescan looks at one entry a turn, too")
    }

    @Test func startAtTheEndIsForFilesThatWereThereWhenTheWalkBegan() throws {
        try fill(40)
        let engine = try sliced([files(directory.path("d/*.log"), startAtEnd: true)])
        walkHalf(engine, 40)
        // Birth times are as fine as the kernel's tick.
        usleep(20_000)
        try directory.write("new\n", to: "d/new.log")
        engine.pump()
        #expect(engine.text(directory.path("d/new.log")) == "new\n")
        #expect(engine.generations.count == 41)
        #expect(engine.generations.filter { $0.skipped == .startAtEnd }.count == 40)
    }

    @Test func knownGenerationsAreMissedOnlyWhenTheWholeWalkIsOver() throws {
        try fill(40)
        let before = try TestEngine([files(directory.path("d/*.log"))])
        let records = before.records()
        directory.delete("d/0.log")
        for number in 1..<10 { directory.rename("d/\(number).log", "d/\(number).old") }
        let engine = try sliced([files(directory.path("d/*.log"))], known: records)
        while engine.isWalking {
            #expect(engine.vanished.isEmpty)
            engine.turn()
        }
        #expect(engine.vanished.map(\.record.path) == [Array(directory.path("d/0.log").utf8)])
        #expect(engine.generations.count == 39 && engine.generations.allSatisfy { !$0.isNew })
        let first = engine.generations.prefix(9).map(\.record)
        #expect(first.map(\.opened) == first.map(\.opened).sorted(), "the renamed come first, the oldest before all")
        #expect(Set(first.map(\.path)) == Set((1..<10).map { Array(directory.path("d/\($0).log").utf8) }))
    }

    @Test(arguments: [false, true])
    func aFileThatIsDeletedBeforeItsTurnIsAnnounced(turnComesFirst: Bool) throws {
        try fill(40)
        let engine = try sliced([files(directory.path("d/*.log"), exclude: [directory.path("d/39.log")])])
        walkHalf(engine, 40)
        let gone = Array(unseen(engine, 39).prefix(5))
        for number in gone { directory.delete("d/\(number).log") }
        if turnComesFirst {
            let scan = engine.tailer.directories.indices.compactMap { engine.tailer.scans[Int32($0)] }.first
            while let scan, !scan.names.isEmpty { _ = engine.tailer.goOnWithWalks(engine.now, until: 0) }
            #expect(scan?.missing.count == 5)
        }
        engine.pump()
        let told = engine.vanished.map { String(decoding: $0.record.path, as: UTF8.self) }
        #expect(told.sorted() == gone.map { directory.path("d/\($0).log") }.sorted())
        #expect(engine.generations.count == 39 - 5)
    }

    @Test func renamedBeforeItsTurnAFileKeepsTheStreamOfItsFormerName() throws {
        try fill(40)
        let engine = try sliced([files(directory.path("d/*.log"))])
        walkHalf(engine, 40)
        let renamed = Array(unseen(engine, 40).prefix(5))
        for number in renamed {
            directory.rename("d/\(number).log", "d/\(number).old")
            try directory.write("next\n", to: "d/\(number).log")
        }
        engine.pump()
        for number in renamed {
            #expect(engine.generations(of: directory.path("d/\(number).log")).map(\.text) == ["line\n", "next\n"])
        }
        #expect(engine.vanished.isEmpty)
    }

    @Test func theDirectoryGoesAwayInTheMiddleAndAnotherOneStandsThere() throws {
        try fill(40)
        let engine = try sliced([files(directory.path("d/*.log"))])
        walkHalf(engine, 40)
        directory.rename("d", "old")
        try directory.makeDirectory("d")
        try fill(40)
        engine.pump()
        #expect(engine.generations.count >= 60)
        #expect(Set(engine.generations.suffix(40).map(\.path)) == Set((0..<40).map { directory.path("d/\($0).log") }))
        #expect(engine.generations.suffix(40).allSatisfy { $0.text == "line\n" })
        #expect(engine.tailer.scans.isEmpty && engine.tailer.directoryOfPath.count == engine.tailer.directoryCount)
    }

    @Test func aStoppedContainersLastLookIsOverWhenAllIsFound() throws {
        try fill(40)
        let engine = try sliced([])
        let number = engine.follow("c1", [declared("/data/*.log", by: "c1")], mounts: ["/data": directory.path("d")])[0]
        #expect(engine.tailer.isLooking(containerOf: number))
        engine.tailer.retire(containerOf: number, true, now: engine.now)
        while engine.tailer.isLooking(containerOf: number) { engine.turn() }
        #expect(engine.generations.count == 40)
        try directory.write("late\n", to: "d/late.log")
        engine.pump()
        #expect(engine.generations.count == 40, "nothing is admitted after the last look")
    }

    @Test func aContainerIsRemovedInTheMiddle() throws {
        try fill(40)
        let engine = try sliced([])
        let number = engine.follow("c1", [declared("/data/*.log", by: "c1")], mounts: ["/data": directory.path("d")])[0]
        walkHalf(engine, 40)
        for slot in engine.slots { engine.close(slot) }
        engine.tailer.remove(containerOf: number, now: engine.now)
        engine.pump()
        #expect(engine.tailer.scans.isEmpty && engine.tailer.scans.firstWalks.isEmpty)
        #expect(engine.tailer.directoryCount == 0 && engine.tailer.watchCount == 0 && engine.tailer.openCount == 0)
        // Its numbers are the next one's.
        engine.follow("c2", [declared("/data/*.log", by: "c2")], mounts: ["/data": directory.path("d")])
        engine.pump()
        #expect(engine.generations.filter { $0.record.container == "c2" }.count == 40)
    }

    @Test func aSharedFileGoesToItsHeirAtOnce() throws {
        try fill(40)
        let engine = try sliced([])
        let mounts: KeyValuePairs = ["/data": directory.path("d")]
        let first = engine.follow("c1", [declared("/data/*.log", by: "c1")], mounts: mounts)[0]
        engine.finishWalks()
        engine.follow("c2", [declared("/data/*.log", by: "c2")], mounts: mounts)
        engine.finishWalks()
        #expect(engine.slots.allSatisfy { engine.tailer.isShared($0) })
        engine.tailer.remove(containerOf: first, now: engine.now)
        #expect(engine.tailer.nameless.isEmpty && engine.slots.allSatisfy { engine.tailer.files[$0].hasName })
        for number in 0..<40 { try directory.append("more\n", to: "d/\(number).log") }
        engine.pump()
        #expect(engine.generations.count == 40 && engine.allText.allSatisfy { $0 == "line\nmore\n" })
    }

    @Test func noDirectoryStaysOpenWhileItsNamesAreLookedAt() throws {
        try fill(40)
        let engine = try sliced([files(directory.path("d/*.log"))])
        walkHalf(engine, 40)
        let open = try entries("/proc/self/fd").compactMap { name -> String? in
            var target = [CChar](repeating: 0, count: 4096)
            let count = readlink("/proc/self/fd/\(name)", &target, target.count)
            return count > 0 ? String(decoding: target[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self) : nil
        }
        #expect(!open.contains(directory.path("d")))
    }

    private func entries(_ path: String) throws -> [String] {
        var names: [String] = []
        try FileSystem.forEachEntry(in: Array(path.utf8)) { name, _, _ in
            names.append(String(decoding: name, as: UTF8.self))
            return true
        }
        return names
    }

    /// What is checked is what a turn costs, in time of this thread. With 100,000 files it is a figure of a minute on busy
    /// cores; 20,000 show the same.
    @Test func twentyThousandFilesAreWalkedInShortTurns() throws {
        let count = 20_000
        try directory.makeDirectory("calm")
        try directory.write("", to: "calm/a.log")
        for number in 0..<count { try directory.write("", to: "d/application-\(number).log") }
        let before = try residentBytes()
        let engine = try TestEngine(
            [files(directory.path("calm/*.log"), directory.path("d/*.log"))], start: false, finishesWalks: false
        ) { $0.rescanBudget = 4 * nanosecondsPerMillisecond }
        engine.begin()
        try measure("first walk", engine)
        let bytes = (try residentBytes() - before) / count
        #expect(engine.generations.count == count + 1)
        engine.tailer.beginRescan(engine.now)
        try measure("rescan", engine)
        print("20,000 files: \(bytes) resident bytes a file, the test's own included")
    }

    private func measure(_ what: String, _ engine: TestEngine) throws {
        var (longest, longestCPU, turns) = (Int64(0), Int64(0), 0)
        var delays: [Int64] = []
        let begin = Clock.monotonic()
        while engine.isWalking {
            let (start, cpu) = (Clock.monotonic(), threadTime())
            try directory.append("\(turns)\n", to: "calm/a.log")
            engine.turn()
            longest = max(longest, Clock.monotonic() - start)
            longestCPU = max(longestCPU, threadTime() - cpu)
            delays.append(Clock.monotonic() - start)
            turns += 1
        }
        delays.sort()
        print(
            "20,000 files, \(what): \((Clock.monotonic() - begin) / 1_000_000) ms, \(turns) turns, the longest "
                + "\(longest / 1000) us (\(longestCPU / 1000) us of CPU), p99 \(delays[delays.count * 99 / 100] / 1000) us"
        )
        #expect(turns > 20)
        #expect(longestCPU < 300 * nanosecondsPerMillisecond, "one turn of the \(what) took it all")
    }
}
