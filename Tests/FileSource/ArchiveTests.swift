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
        let next = try nextRun(engine.records())
        #expect(read + next.text(log) == rest && next.vanished.isEmpty)
    }

    /// Its row stays and its successor waits until the search is over.
    @Test func whileItIsSearchedNothingIsSaidAndItsSuccessorWaits() async throws {
        let known = try firstRun()
        try directory.append("two\n", to: "app.log")
        try await gzip("app.log", to: "app.log.1.gz")
        try directory.write("next\n", to: "app.log")
        let engine = try TestEngine([files(log)], known: known)
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
        try directory.append("unread\n", to: "app.log")
        directory.delete("app.log")
        engine.pump()
        engine.advance(seconds: 3)
        engine.unpark()
        #expect(!engine.generations(of: log)[0].hasEnded, "not while it is searched")
        engine.pumpNetwork { engine.isSettled }
        #expect(engine.generations(of: log)[0].hasEnded && engine.text(log) == Self.first)
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
