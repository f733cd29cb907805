// Rotation into .gz: what was unread is continued inside the compressed file, once and in order.
import Core
import Glibc
import LinuxIO
import TestSupport
import Testing

@testable import FileSource

@Suite struct ArchiveTests {
    let directory = try! TemporaryDirectory()
    var log: String { directory.path("app.log") }
    static let first = "one, a line that is long enough to tell this file from others: 0123456789\n"

    /// What a first run has read and stored of `app.log`.
    private func firstRun(_ text: String = first) throws -> [GenerationRecord] {
        try directory.write(text, to: "app.log")
        let engine = try TestEngine([files(log)])
        #expect(engine.text(log) == text)
        return engine.records()
    }

    /// The next run, until its searches are over and what they found is read.
    private func nextRun(
        _ known: [GenerationRecord], _ declarations: [FileDeclaration]? = nil,
        _ change: (inout TailerOptions) -> Void = { _ in }
    ) throws -> TestEngine {
        let engine = try TestEngine(declarations ?? [files(log)], known: known, change)
        engine.pumpNetwork { engine.isSettled }
        return engine
    }

    private func gzip(_ name: String, to archive: String? = nil) async throws {
        _ = try await run("/bin/gzip", [directory.path(name)])
        if let archive { directory.rename(name + ".gz", archive) }
    }

    @Test(arguments: ["app.log.1.gz", "app.log.2.gz", "app.log-20261122.gz", "app-20261122.log.gz", "other.gz"])
    func aFileCompressedWhileDownIsContinuedInsideItsArchiveAndFirst(archive: String) async throws {
        let known = try firstRun()
        try directory.append("two\nthree", to: "app.log")
        try await gzip("app.log", to: archive)
        try directory.write("next\n", to: "app.log")
        let engine = try nextRun(known)
        #expect(engine.vanished.isEmpty)
        let found = try #require(engine.generations.first { $0.file == known[0].file })
        #expect(found.text == "two\nthree" && !found.isNew && found.path == log)
        #expect(engine.generations.map(\.text).sorted() == ["next\n", "two\nthree"])
        #expect(engine.readOrder.first == known[0].file, "the older generation is read first")
        #expect(
            engine.tailer.archivePath(engine.slot(of: known[0].file)!).map { escapingInvalidUTF8($0) }
                == directory.path(archive))
        engine.endNameless()
        #expect(engine.generations.first { $0.file == known[0].file }?.hasEnded == true)
    }

    /// The file under the live name is met in one of the many steps of the first look at its directory, before it is known
    /// that the one before is gone.
    @Test func whatGoesOnInAnArchiveIsReadBeforeItsSuccessorThatIsMetEarlier() async throws {
        let known = try firstRun()
        try directory.append("two\n", to: "app.log")
        try await gzip("app.log", to: "app.log.1.gz")
        try directory.write("next\n", to: "app.log")
        let engine = try TestEngine([files(log + "*", exclude: ["*.gz"])], known: known, finishesWalks: false) {
            $0.rescanBudget = 1
        }
        engine.finishWalks()
        engine.pumpNetwork { engine.isSettled }
        let order = engine.readOrder.map { file in engine.generations.first { $0.file == file }!.text }
        #expect(order == ["two\n", "next\n"])
        #expect(engine.vanished.isEmpty)
    }

    /// Found among its stream's later generations, one of which is compressed too.
    @Test func aChainOfArchivesIsContinuedInOrder() async throws {
        var known = try firstRun()
        try directory.append("rest of one\n", to: "app.log")
        directory.rename("app.log", "app.log.1")
        try directory.write(Self.first.replacing("one", with: "two"), to: "app.log")
        let second = try TestEngine([files(log)], known: known)
        second.pump()
        known = second.records()
        try #require(known.count == 2)
        try directory.append("late\n", to: "app.log.1")
        try directory.append("rest of two\n", to: "app.log")
        try await gzip("app.log.1", to: "app.log.2.gz")
        try await gzip("app.log", to: "app.log.1.gz")
        try directory.write("three\n", to: "app.log")
        let engine = try nextRun(known)
        #expect(engine.vanished.isEmpty)
        let order = engine.readOrder.map { file in engine.generations.first { $0.file == file }!.text }
        #expect(order == ["late\n", "rest of two\n", "three\n"])
    }

    @Test func withoutUnreadBytesTheGenerationJustEnds() async throws {
        let known = try firstRun()
        try await gzip("app.log", to: "app.log.1.gz")
        let engine = try nextRun(known)
        #expect(engine.vanished.isEmpty && engine.allText == [""])
        engine.endNameless()
        #expect(engine.generations[0].hasEnded)
    }

    @Test func aForeignArchiveIsNoContinuation() async throws {
        let known = try firstRun()
        try directory.append("two\n", to: "app.log")
        directory.delete("app.log")
        // Another head; the same head and another tail; shorter than what was read; not compressed at all; a link.
        try directory.write("another file that is not it, but long enough\n" + Self.first, to: "app.log.1")
        try directory.write(Self.first.replacing("456789", with: "987654") + "two\n", to: "app.log.2")
        try directory.write(String(Self.first.prefix(20)), to: "app.log.3")
        for name in ["app.log.1", "app.log.2", "app.log.3"] { try await gzip(name) }
        try directory.write(Self.first + "two\n", to: "app.log.4.gz")
        try directory.makeDirectory("elsewhere")
        try directory.write(Self.first + "two\n", to: "elsewhere/app.log")
        try await gzip("elsewhere/app.log")
        directory.symlink("elsewhere/app.log.gz", "app.log.5.gz")
        let engine = try nextRun(known)
        #expect(engine.vanished == [VanishedGeneration(record: known[0], reason: .deleted)])
        #expect(engine.generations.isEmpty && engine.tailer.archives.files.isEmpty)
    }

    /// The archive of yesterday, of a log that says the same every day.
    @Test func anArchiveThatIsOlderThanTheGenerationIsAnothersToo() async throws {
        try directory.write(Self.first + "yesterday\n", to: "app.log")
        try await gzip("app.log", to: "app.log.1.gz")
        let known = try firstRun().map { record in
            GenerationRecord(
                file: record.file, stream: record.stream, declaration: record.declaration, route: record.route,
                path: record.path, identity: record.identity, evidence: record.evidence, counts: record.counts,
                opened: Clock.wall() + 10 * nanosecondsPerSecond)
        }
        directory.delete("app.log")
        let engine = try nextRun(known)
        #expect(engine.vanished.map(\.record) == known && engine.generations.isEmpty)
    }

    @Test func weakEvidenceMustFitOneArchiveOnly() async throws {
        let known = try firstRun("start\n")
        try directory.append("two\n", to: "app.log")
        try await gzip("app.log", to: "app.log.1.gz")
        #expect(try nextRun(known).allText == ["two\n"])
        try directory.write("start\nthree\n", to: "app.log.2")
        try await gzip("app.log.2")
        let engine = try nextRun(known)
        #expect(engine.vanished.map(\.record) == known && engine.generations.isEmpty)
    }

    @Test func anArchiveThatIsCutOffIsReadToItsCut() async throws {
        let known = try firstRun()
        let seed = UInt64.random(in: 1...999_999_999)
        var random = SeededGenerator(seed: seed)
        let rest = (0..<20_000).map { "\($0) \(random.next() as UInt64)\n" }.joined()
        try directory.append(rest, to: "app.log")
        try await gzip("app.log", to: "app.log.1.gz")
        directory.truncate("app.log.1.gz", to: 100_000)
        let engine = try nextRun(known)
        #expect(engine.vanished.isEmpty && engine.generations.count == 1)
        let text = engine.allText[0]
        #expect(!text.isEmpty && rest.hasPrefix(text) && text.utf8.count < rest.utf8.count, "seed \(seed)")
        #expect(engine.tailer.archiveDamage(engine.slots[0]) == "it is cut off")
    }

    /// The restart is in the middle of the archive: what the store holds then finds the same place again.
    @Test func aRestartWhileContinuingGoesOn() async throws {
        let known = try firstRun()
        let rest = (0..<5_000).map { "line \($0)\n" }.joined()
        try directory.append(rest, to: "app.log")
        try await gzip("app.log", to: "app.log.1.gz")
        let engine = try TestEngine([files(log)], known: known)
        // One chunk, then no more.
        engine.reads = { slot in engine.generations.last!.bytes.isEmpty }
        engine.readsOnce = true
        engine.pumpNetwork { !engine.generations.isEmpty && !engine.generations[0].bytes.isEmpty }
        let read = engine.text(log)
        #expect(!read.isEmpty && read.utf8.count < rest.utf8.count)
        // The bytes before another offset than the last one are not at hand: then nothing is said of them.
        let earlier = engine.tailer.evidence(engine.slots[0], committed: engine.records()[0].counts.committed - 10)
        #expect(earlier.tailChecksum == FileEvidence.unknownTail)
        let next = try nextRun(engine.records())
        #expect(read + next.text(log) == rest && next.vanished.isEmpty)
    }

    private func halfRead() async throws -> (engine: TestEngine, rest: String) {
        let known = try firstRun()
        let rest = (0..<50_000).map { "line \($0)\n" }.joined()
        try directory.append(rest, to: "app.log")
        try await gzip("app.log", to: "app.log.1.gz")
        let engine = try TestEngine([files(log)], known: known)
        engine.readsOnce = true
        engine.pumpNetwork { engine.text(log).utf8.count >= TestEngine.chunk }
        engine.readsOnce = false
        return (engine, rest)
    }

    @Test func anArchiveThatIsRenamedOrDeletedWhileItIsReadIsReadToItsEnd() async throws {
        let (engine, rest) = try await halfRead()
        let slot = engine.slots[0]
        directory.rename("app.log.1.gz", "app.log.2.gz")
        engine.pumpNetwork(turns: 3) { engine.isSettled }
        #expect(!engine.tailer.isDeleted(slot))
        directory.delete("app.log.2.gz")
        // The engine asks each second how long it has had no name.
        _ = engine.tailer.namelessState(slot, now: engine.now)
        engine.pumpNetwork { engine.tailer.isDeleted(slot) }
        #expect(engine.tailer.isDeleted(slot), "so that it is held within the operator's limits only")
        engine.unpark()
        engine.pumpNetwork { engine.text(log) == rest }
        #expect(engine.text(log) == rest)
    }

    @Test(arguments: [true, false])
    func aSuspendedArchiveIsOpenedAgainOrLost(isThere: Bool) async throws {
        let (engine, rest) = try await halfRead()
        engine.tailer.suspend(engine.slots[0])
        engine.pumpNetwork { !engine.tailer.archives.isBusy && engine.tailer.archives.closes.isEmpty }
        #expect(
            openDescriptors(of: directory.path("app.log.1.gz")) == 0, "nothing keeps its volume from being unmounted")
        if !isThere { directory.delete("app.log.1.gz") }
        engine.unpark()
        engine.pumpNetwork { engine.text(log) == rest || engine.generations[0].hasEnded }
        #expect((engine.text(log) == rest) == isThere && engine.generations[0].hasEnded != isThere)
    }

    /// Descriptors of any thread of this process: the archive worker has a table of its own.
    private func openDescriptors(of path: String) -> Int {
        var count = 0
        try? FileSystem.forEachEntry(in: Array("/proc/self/task".utf8)) { task, _, _ in
            let folder = Array("/proc/self/task/".utf8) + Array(task) + Array("/fd".utf8)
            try? FileSystem.forEachEntry(in: folder) { name, _, _ in
                let link = folder + [0x2F] + Array(name)
                if case .success(let target) = FileSystem.linkTarget(link), target == Array(path.utf8) { count += 1 }
                return true
            }
            return true
        }
        return count
    }

    /// Its row stays and its successor waits until the search is over.
    @Test func whileItIsSearchedNothingIsSaidAndItsSuccessorWaits() async throws {
        let known = try firstRun()
        try directory.append("two\n", to: "app.log")
        try await gzip("app.log", to: "app.log.1.gz")
        try directory.write("next\n", to: "app.log")
        let engine = try TestEngine([files(log)], known: known, start: false)
        engine.settlesSearches = false
        engine.begin()
        #expect(engine.vanished.isEmpty && engine.allText == [""])
        #expect(engine.tailer.isWaiting(engine.slots[0]))
        engine.pumpNetwork { engine.isSettled }
        #expect(engine.generations.map(\.text) == ["next\n", "two\n"] && engine.readOrder.first == known[0].file)
    }

    @Test func aFileCompressedWhileItsDescriptorWasGivenUpIsContinued() async throws {
        for number in 0..<4 { try directory.write("other \(number)\n", to: "\(number).log") }
        try directory.write(Self.first, to: "app.log")
        let engine = try TestEngine([files(directory.path("*.log"))]) { $0.openLimit = 2 }
        for number in 0..<4 { try directory.append("more\n", to: "\(number).log") }
        engine.pump()
        let slot = try #require(engine.slots.first { engine.path(ofSlot: $0) == log })
        #expect(engine.tailer.files[slot].descriptor < 0)
        try directory.append("unread\n", to: "app.log")
        try await gzip("app.log")
        engine.pump()
        // No event tells where it is now: after a while it counts as gone, and is looked for.
        engine.advance(seconds: 3)
        engine.unpark()
        engine.pumpNetwork { engine.text(log) == Self.first + "unread\n" }
        #expect(engine.text(log) == Self.first + "unread\n" && engine.tailer.isInArchive(slot))
        #expect(!engine.generations.contains { $0.hasEnded })
    }

    @Test func aFileDeletedWhileItsDescriptorWasGivenUpIsStillLost() throws {
        try directory.write("other\n", to: "0.log")
        try directory.write(Self.first, to: "app.log")
        let engine = try TestEngine([files(directory.path("*.log"))]) { $0.openLimit = 1 }
        try directory.append("more\n", to: "0.log")
        engine.pump()
        let slot = try #require(engine.slots.first { engine.path(ofSlot: $0) == log })
        #expect(engine.tailer.files[slot].descriptor < 0)
        engine.settlesSearches = false
        try directory.append("unread\n", to: "app.log")
        directory.delete("app.log")
        engine.pump()
        engine.advance(seconds: 3)
        engine.unpark()
        #expect(!engine.generations(of: log)[0].hasEnded, "not while it is searched")
        engine.pumpNetwork { engine.isSettled }
        #expect(engine.generations(of: log)[0].hasEnded && engine.text(log) == Self.first)
    }

    private func container() -> (declared: FileDeclaration, source: String) {
        let declared = FileDeclaration(
            name: "app", container: "c1", patterns: [PathPattern("/data/*.log")], route: "logs")
        return (declared, directory.path("source"))
    }

    private func containersRecord() async throws -> [GenerationRecord] {
        let (declared, source) = container()
        try directory.makeDirectory("source")
        try directory.write(Self.first, to: "source/app.log")
        let first = try TestEngine([])
        first.follow("c1", [declared], mounts: ["/data": source])
        try directory.append("two\n", to: "source/app.log")
        try await gzip("source/app.log", to: "source/app.log.1.gz")
        return first.records()
    }

    @Test func aContainersFileIsContinuedInItsMount() async throws {
        let known = try await containersRecord()
        let (declared, source) = container()
        let engine = try TestEngine([], known: known)
        engine.settlesSearches = false
        let number = engine.follow("c1", [declared], mounts: ["/data": source])[0]
        #expect(engine.tailer.isSearching(containerOf: number), "it is not let go before it is told")
        engine.pumpNetwork { engine.isSettled }
        #expect(engine.allText == ["two\n"] && engine.vanished.isEmpty)
        #expect(!engine.tailer.isSearching(containerOf: number))
        #expect(engine.tailer.archivePath(engine.slots[0]).map { escapingInvalidUTF8($0) } == "/data/app.log.1.gz")
    }

    @Test func aContainerThatIsLetGoDuringTheSearchKeepsItsRecord() async throws {
        let known = try await containersRecord()
        let (declared, source) = container()
        let engine = try TestEngine([], known: known)
        engine.settlesSearches = false
        let number = engine.follow("c1", [declared], mounts: ["/data": source])[0]
        engine.drain(number)
        #expect(engine.vanished.isEmpty && engine.tailer.archives.files.isEmpty)
        engine.pumpNetwork { engine.isSettled }
        #expect(engine.generations.isEmpty)
        #expect(engine.tailer.takeKnown(ofContainer: "c1") == known)
    }

    /// More archives at once than are inflated at once.
    @Test func manyArchivesAreContinuedInBoundedMemory() async throws {
        let count = 3 * ArchiveQueue.maximumLoaded
        for number in 0..<count { try directory.write("log \(number): " + Self.first, to: "\(number).log") }
        let first = try TestEngine([files(directory.path("*.log"))])
        let known = first.records()
        let rest = (0..<3_000).map { "line \($0)\n" }.joined()
        for number in 0..<count {
            try directory.append(rest, to: "\(number).log")
            try await gzip("\(number).log")
        }
        let engine = try TestEngine([files(directory.path("*.log"))], known: known)
        for _ in 0..<200 where engine.generations.count < count || engine.allText.contains(where: { $0 != rest }) {
            engine.pumpNetwork(turns: 20) { engine.isSettled }
            #expect(engine.tailer.archives.loaded.count <= ArchiveQueue.maximumLoaded)
            engine.endNameless()
            engine.advance(seconds: 2)
        }
        #expect(engine.allText == [String](repeating: rest, count: count) && engine.vanished.isEmpty)
    }

    @Test func aCompressedFileIsNoLog() async throws {
        try directory.write("text, whatever its name says\n", to: "app.log")
        try await gzip("app.log")
        let engine = try TestEngine([files(directory.path("app.log*"))])
        #expect(engine.generations.isEmpty)
        #expect(
            engine.problems.map(\.reason) == [
                "a compressed file: what was unread of the file it was made from is continued inside it; exclude *.gz"
            ])
        #expect(try TestEngine([files(directory.path("app.log*"), exclude: ["*.gz"])]).problems.isEmpty)
    }
}

extension TestEngine {
    /// No search and no reading of an archive is under way, and all there is was read.
    var isSettled: Bool {
        tailer.archives.searches.isEmpty && !tailer.archives.isBusy && tailer.archives.wishes.isEmpty
            && tailer.archives.chunk == nil && !tailer.hasNews
    }

    func slot(of file: FileID) -> Int? { slots.first { tailer.file($0) == file } }
}
