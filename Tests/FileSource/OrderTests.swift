// The order of a stream's generations when birth times say the contrary: the clock was set back.
import CLinux
import Core
import Glibc
import LinuxIO
import TestSupport
import Testing

@testable import FileSource

/// Files that are moved to their live name were born before the ones that they replace: as after a clock set back.
struct OrderTests {
    private let directory: TemporaryDirectory
    private var declared: FileDeclaration { files(directory.path("app.log")) }

    init() throws {
        directory = try TemporaryDirectory()
        try directory.makeDirectory("made")
    }

    /// Files with the texts `0` … `count - 1`, the last one born first.
    private func prepare(_ count: Int) throws {
        for index in (0..<count).reversed() {
            // Birth times are as fine as the kernel's tick.
            repeat {
                unlink(directory.path("made/\(index)"))
                try directory.write("\(index)\n", to: "made/\(index)")
            } while try index + 1 < count && born("made/\(index)") <= born("made/\(index + 1)")
        }
    }

    private func born(_ name: String) throws -> Int64 {
        try FileSystem.status(Array(directory.path(name).utf8)).get().born_ns
    }

    private func appear(_ index: Int) { directory.rename("made/\(index)", "app.log") }

    private func rotate(to index: Int, depth: Int = 1) {
        for name in stride(from: depth - 1, to: 0, by: -1) {
            directory.rename("app.log.\(name)", "app.log.\(name + 1)")
        }
        directory.rename("app.log", "app.log.1")
        appear(index)
    }

    private func readTexts(_ engine: TestEngine) -> [String] {
        engine.readOrder.compactMap { file in engine.generations.first { $0.file == file }?.text }
    }

    @Test func theFileUnderTheLiveNameIsReadAfterTheOneThatHadIt() throws {
        try prepare(2)
        appear(0)
        let engine = try TestEngine([declared])
        engine.reads = { _ in false }
        try directory.append("0 more\n", to: "app.log")
        rotate(to: 1)
        engine.pump()
        engine.unpark()
        engine.settle()
        #expect(engine.readOrder.count == 2 && readTexts(engine) == ["0\n0 more\n", "1\n"])
    }

    @Test(arguments: [false, true])
    func filesThatWereRotatedBeforeTheyWereLookedAtAreReadInTheOrderOfEvents(rescansFirst: Bool) throws {
        try prepare(4)
        let engine = try TestEngine([declared])
        engine.reads = { _ in false }
        appear(0)
        for index in 1..<4 { rotate(to: index, depth: index) }
        if rescansFirst { engine.rescanBeforeEvents() }
        engine.pump()
        engine.unpark()
        engine.settle()
        #expect(readTexts(engine) == ["0\n", "1\n", "2\n", "3\n"])
    }

    /// A rescan meets the second file; the events, which are of earlier, then tell of the first.
    @Test func aFileThatEventsTellOfLateIsReadBeforeTheOneFoundByItsName() throws {
        try prepare(3)
        let engine = try TestEngine([declared])
        engine.reads = { _ in false }
        appear(0)
        rotate(to: 1)
        engine.rescanBeforeEvents()
        rotate(to: 2, depth: 2)
        engine.pump()
        engine.unpark()
        engine.settle()
        #expect(readTexts(engine) == ["0\n", "1\n", "2\n"])
    }

    @Test func generationsThatWereRenamedWhileTheDaemonWasDownAreReadInTheOrderOfTheirFirstSight() throws {
        try prepare(3)
        appear(0)
        let first = try TestEngine([declared])
        rotate(to: 1)
        first.pump()
        let records = first.records()
        #expect(records.count == 2)
        try directory.append("0 late\n", to: "app.log.1")
        try directory.append("1 late\n", to: "app.log")
        rotate(to: 2, depth: 2)
        // The store gives them in the order of their random ids.
        for records in [records, records.reversed()] {
            let second = try TestEngine([declared], known: records, start: false)
            second.reads = { _ in false }
            second.begin()
            second.unpark()
            second.settle()
            #expect(readTexts(second) == ["0 late\n", "1 late\n", "2\n"])
        }
    }

    /// The directory is watched and its first look has begun, but nothing of it is admitted yet, when events tell that
    /// the file under the live name was renamed too.
    @Test(arguments: [false, true])
    func aGenerationThatWasRenamedWhileTheDaemonWasDownIsReadBeforeThoseThatEventsTellOf(isListed: Bool) throws {
        try prepare(3)
        appear(0)
        let records = try TestEngine([declared]).records()
        try directory.append("0 late\n", to: "app.log")
        rotate(to: 1)
        let engine = try TestEngine([declared], known: records, finishesWalks: false) { $0.rescanBudget = 1 }
        let tailer = engine.tailer
        let scan = try #require(tailer.directories.indices.lazy.compactMap { tailer.scans[Int32($0)] }.first)
        while isListed, scan.renamed.isEmpty, !scan.isOver { _ = tailer.goOnWithWalks(engine.now, until: 0) }
        #expect(scan.inodes.count == 1 && scan.renamed.isEmpty != isListed)
        directory.rename("app.log", "app.log.2")
        appear(2)
        #expect(engine.generations.isEmpty && engine.hasEvents(milliseconds: 0))
        engine.pump()
        #expect(readTexts(engine) == ["0 late\n", "1\n", "2\n"])
        #expect(engine.generations.map(\.isNew) == [false, true, true] && engine.vanished.isEmpty)
    }

    /// As logrotate shifts: where it was listed lies another one by now.
    @Test(arguments: [false, true]) func aGenerationThatIsRenamedAgainBeforeItsTurnIsFound(isListed: Bool) throws {
        try prepare(3)
        appear(0)
        let records = try TestEngine([declared]).records()
        try directory.append("0 late\n", to: "app.log")
        rotate(to: 1)
        let engine = try TestEngine([declared], known: records, finishesWalks: false) { $0.rescanBudget = 1 }
        let tailer = engine.tailer
        let scan = try #require(tailer.directories.indices.lazy.compactMap { tailer.scans[Int32($0)] }.first)
        while isListed, scan.renamed.isEmpty, !scan.isOver { _ = tailer.goOnWithWalks(engine.now, until: 0) }
        rotate(to: 2, depth: 2)
        engine.pump()
        #expect(readTexts(engine) == ["0 late\n", "1\n", "2\n"])
        #expect(engine.vanished.map(\.reason) == [])
    }

    /// The directory is ahead of the events that are taken at once: the name that they give the first file has the second
    /// one by then, and the third has the live one.
    @Test func aGenerationThatHasLeftTheNameThatEventsTellStaysBeforeTheOneThatHasIt() throws {
        try prepare(3)
        appear(0)
        let engine = try TestEngine([files(directory.path("app.log*"))])
        engine.pump()
        engine.reads = { _ in false }
        try directory.append("0 late\n", to: "app.log")
        rotate(to: 1)
        // More than a buffer holds.
        for number in 0..<2_500 { try directory.write("", to: "other.\(number)") }
        rotate(to: 2, depth: 2)
        engine.pump()
        engine.unpark()
        engine.settle()
        #expect(readTexts(engine) == ["0\n0 late\n", "1\n", "2\n"])
    }

    /// It was listed under the one name and has the other when its turn comes; the event that tells of it waits still.
    @Test func aGenerationThatIsRenamedWhileItsDirectoryIsListedIsNotGone() throws {
        try prepare(1)
        appear(0)
        let records = try TestEngine([declared]).records()
        try directory.append("0 late\n", to: "app.log")
        let engine = try TestEngine([files(directory.path("app.log*"))], known: records, finishesWalks: false) {
            $0.rescanBudget = 1
        }
        let tailer = engine.tailer
        let scan = try #require(tailer.directories.indices.lazy.compactMap { tailer.scans[Int32($0)] }.first)
        while scan.names.isEmpty, !scan.isOver { _ = tailer.goOnWithWalks(engine.now, until: 0) }
        directory.rename("app.log", "app.log.1")
        _ = tailer.goOnWithWalks(engine.now, until: .max)
        engine.pump()
        #expect(engine.vanished.map(\.reason) == [])
        #expect(engine.generations.map(\.isNew) == [false] && readTexts(engine) == ["0 late\n"])
    }

    /// The newest generation of a stream is gone: what comes next waits for the one before. Births tell the order here.
    @Test func aNewGenerationWaitsForTheOneBeforeOneThatIsGone() throws {
        try prepare(3)
        appear(2)
        let first = try TestEngine([declared])
        rotate(to: 1)
        first.pump()
        let records = first.records()
        try directory.append("2 late\n", to: "app.log.1")
        directory.delete("app.log")
        let engine = try TestEngine([declared], known: records, start: false)
        engine.reads = { _ in false }
        engine.begin()
        #expect(engine.vanished.map(\.reason) == [.deleted])
        let parked = try #require(engine.slots.first)
        engine.reads = { $0 != parked }
        appear(0)
        engine.pump()
        #expect(engine.readOrder.isEmpty)
        engine.unpark()
        engine.settle()
        #expect(readTexts(engine) == ["2 late\n", "0\n"])
    }

    /// They are met under declared names, in whatever order the directory is listed.
    @Test func generationsThatWereMovedElsewhereWhileTheDaemonWasDownAreReadInTheOrderOfTheirFirstSight() throws {
        try prepare(4)
        try directory.makeDirectory("old")
        appear(0)
        let first = try TestEngine([declared])
        for index in 1..<3 { rotate(to: index, depth: index) }
        first.pump()
        let records = first.records()
        #expect(records.count == 3)
        for (index, name) in ["app.log.2", "app.log.1", "app.log"].enumerated() {
            try directory.append("\(index) late\n", to: name)
            directory.rename(name, "old/\(index).log")
        }
        appear(3)
        let second = try TestEngine(
            [files(directory.path("app.log"), directory.path("old/*.log"))], known: records, start: false)
        second.reads = { _ in false }
        second.begin()
        second.unpark()
        second.settle()
        #expect(readTexts(second) == ["0 late\n", "1 late\n", "2 late\n", "3\n"])
    }

    @Test func theOrderOfFirstSightNeverGoesBackWithTheClock() throws {
        try prepare(2)
        appear(0)
        let first = try TestEngine([declared])
        // As if the first run had been a day later.
        let day = 86_400 * nanosecondsPerSecond
        let records = first.records().map { record in
            GenerationRecord(
                file: record.file, stream: record.stream, declaration: record.declaration, route: record.route,
                path: record.path, identity: record.identity, evidence: record.evidence, counts: record.counts,
                opened: record.opened + day)
        }
        let second = try TestEngine([declared], known: records)
        rotate(to: 1)
        second.pump()
        let opened = second.generations.map(\.record.opened)
        #expect(opened.count == 2 && opened[0] < opened[1])
    }
}
