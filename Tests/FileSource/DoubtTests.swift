// Content that is nearly what was read: each of these would be taken for it, were it not for one comparison.
import CLinux
import Core
import LinuxIO
import TestSupport
import Testing

@testable import FileSource

@Suite struct DoubtTests {
    private let directory = try! TemporaryDirectory()
    private var log: String { directory.path("app.log") }

    private func lines(_ numbers: Range<Int>) -> String {
        numbers.map { "line \($0) \(String(repeating: "x", count: $0 % 50))\n" }.joined()
    }

    @Test func aFileWithTheSameBeginningAndOtherContentBehindIsNoCopy() throws {
        try directory.write(lines(0..<100), to: "app.log")
        let engine = try TestEngine([files(log)])
        try directory.write(lines(0..<60) + lines(100..<200), to: "app.log.1")
        directory.truncate("app.log")
        try directory.append("new\n", to: "app.log")
        engine.pump()
        #expect(engine.moved.isEmpty && engine.allText == [lines(0..<100), "new\n"])
    }

    /// The file system gives both the same birth time when they are made within one tick of its clock.
    private func born(_ name: String) throws -> Int64 {
        try FileSystem.status(Array(directory.path(name).utf8)).get().born_ns
    }

    @Test func aFileThatIsOlderThanTheOriginalIsNoCopy() throws {
        try directory.write(lines(0..<150), to: "app.log.1")
        repeat {
            try directory.write(lines(0..<100), to: "new")
            if try born("new") > born("app.log.1") { break }
            directory.delete("new")
        } while true
        directory.rename("new", "app.log")
        let engine = try TestEngine([files(log)])
        directory.truncate("app.log")
        try directory.append("new\n", to: "app.log")
        engine.pump()
        #expect(engine.moved.isEmpty && engine.allText == [lines(0..<100), "new\n"])
    }

    /// Several pairs, because the order in which a directory is listed decides whom the look for a copy meets first.
    @Test func aFileThatWasFollowedItselfIsNoCopy() throws {
        let names = (0..<6).map { "app\($0).log" }
        let declared = files(directory.path("app*"))
        for name in names { try directory.write(lines(0..<100), to: name) }
        let first = try TestEngine([declared])
        for name in names { try directory.write(lines(0..<100), to: name + ".1") }
        for _ in 0..<7 { first.advance(seconds: 1) }
        let records = first.records()
        #expect(records.count == 12)
        for name in names {
            directory.truncate(name)
            try directory.append("new\n", to: name)
            try directory.append("more\n", to: name + ".1")
        }
        let second = try TestEngine([declared], known: records)
        #expect(second.moved.isEmpty)
        for name in names {
            #expect(second.text(directory.path(name)) == "new\n")
            #expect(second.text(directory.path(name + ".1")) == "more\n")
        }
    }

    @Test func whatIsInTheCopyIsReadBeforeTheNewContentOfTheOriginal() throws {
        try directory.write(lines(0..<100), to: "app.log")
        let engine = try TestEngine([files(log)])
        try directory.append(lines(100..<200), to: "app.log")
        repeat { try directory.write(bytes: directory.read("app.log"), to: "app.log.1") } while try !isYounger()
        directory.truncate("app.log")
        try directory.append(lines(200..<300), to: "app.log")
        var read: [UInt8] = []
        engine.onRead = { _, _, bytes in read += bytes }
        engine.pump()
        #expect(String(decoding: read, as: UTF8.self) == lines(100..<300))
    }

    private func isYounger() throws -> Bool {
        if try born("app.log.1") > born("app.log") { return true }
        directory.delete("app.log.1")
        return false
    }

    /// Cut off and longer again before anything was read: the gap ends where the former content did.
    @Test func theGapOfContentThatWasReplacedUnreadHasItsLastSize() throws {
        try directory.write("one\n", to: "app.log")
        let engine = try TestEngine([files(log)], start: false)
        engine.activates = false
        engine.begin()
        try directory.append("two\n", to: "app.log")
        engine.pump()
        directory.truncate("app.log")
        try directory.append("other content, much longer\n", to: "app.log")
        engine.pump()
        engine.tailer.activate(0)
        engine.settle()
        #expect(engine.generations.map(\.gap) == [8, 0])
    }

    /// A checkpoint is made after the content changed and before that was noticed.
    @Test func evidenceIsNotTakenOfContentThatWasNotRead() throws {
        try directory.write("one\ntwo\n", to: "app.log")
        let first = try TestEngine([files(log)])
        _ = first.records()
        directory.truncate("app.log")
        try directory.append("six\nten\n", to: "app.log")
        let second = try TestEngine([files(log)], known: first.records())
        #expect(second.allText.joined() == "six\nten\n")
    }
}
