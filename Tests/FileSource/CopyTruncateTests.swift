// copytruncate: what was not read of a truncated file is continued in its copy, and only there.
import Core
import Glibc
import TestSupport
import Testing

@testable import FileSource

@Suite struct CopyTruncateTests {
    /// The line `number`, of a length that grows, so that no two places of a file look alike.
    private func lines(_ numbers: Range<Int>) -> String {
        numbers.map { "line \($0) \(String(repeating: "x", count: $0 % 50))\n" }.joined()
    }

    private func copy(_ directory: TemporaryDirectory, _ name: String, to other: String, truncate: Bool = true) throws {
        try directory.write(bytes: directory.read(name), to: other)
        if truncate { directory.truncate(name) }
    }

    @Test(
        "the rest is read from the copy, and the new content behind it as a new generation", arguments: [true, false])
    func restIsInTheCopy(isDeclared: Bool) throws {
        let directory = try TemporaryDirectory()
        try directory.write(lines(0..<100), to: "app.log")
        let engine = try TestEngine([files(directory.path(isDeclared ? "app.log*" : "app.log"))])
        try directory.append(lines(100..<200), to: "app.log")
        try copy(directory, "app.log", to: "app.log.1")
        try directory.append(lines(200..<300), to: "app.log")
        engine.pump()
        let path = directory.path("app.log")
        #expect(engine.generations(of: path).map(\.text) == [lines(0..<200), lines(200..<300)])
        #expect(engine.generations.map(\.gap) == [0, 0] + engine.generations.dropFirst(2).map { _ in 0 })
        #expect(engine.generations.filter { !$0.bytes.isEmpty }.count == 2, "the copy is not read as a file of its own")
        #expect(engine.moved.count == 1)
    }

    @Test("a copy that is declared is not read a second time when all of the original had been read")
    func nothingUnread() throws {
        let directory = try TemporaryDirectory()
        try directory.write(lines(0..<100), to: "app.log")
        let engine = try TestEngine([files(directory.path("app.log*"))])
        for round in 0..<5 {
            if round > 0 { directory.rename("app.log.1", "app.log.2") }
            try copy(directory, "app.log", to: "app.log.1")
            engine.pump()
            try directory.append(lines((round + 1) * 100..<(round + 2) * 100), to: "app.log")
            engine.pump()
        }
        #expect(engine.allText.joined() == lines(0..<600))
    }

    @Test("a copy that ends before what was read of the original is not read again")
    func copyBehindTheReader() throws {
        let directory = try TemporaryDirectory()
        try directory.write(lines(0..<100), to: "app.log")
        let engine = try TestEngine([files(directory.path("app.log*"))])
        try directory.append(lines(100..<110), to: "app.log")
        engine.pump()
        try copy(directory, "app.log", to: "app.log.1", truncate: false)
        try directory.append(lines(110..<120), to: "app.log")
        engine.reads = { [unowned engine] in engine.path(ofSlot: $0).hasSuffix("app.log") }
        engine.pump()
        directory.truncate("app.log")
        try directory.append(lines(120..<130), to: "app.log")
        engine.unpark()
        engine.pump()
        #expect(engine.allText.joined() == lines(0..<130))
        #expect(engine.generations.allSatisfy { $0.gap == 0 })
    }

    @Test("while it was down: copied, truncated and written again", arguments: [true, false])
    func whileDown(isDeclared: Bool) throws {
        let directory = try TemporaryDirectory()
        try directory.write(lines(0..<100), to: "app.log")
        let declaration = files(directory.path(isDeclared ? "app.log*" : "app.log"))
        let first = try TestEngine([declaration])
        let records = first.records()
        try directory.append(lines(100..<200), to: "app.log")
        try copy(directory, "app.log", to: "app.log.1")
        try directory.append(lines(200..<210), to: "app.log")
        let second = try TestEngine([declaration], known: records)
        second.pump()
        #expect(second.generations.map(\.text).filter { !$0.isEmpty } == [lines(100..<200), lines(200..<210)])
        #expect(second.vanished.isEmpty)
        #expect(second.readOrder == second.generations.filter { !$0.bytes.isEmpty }.map(\.file), "in the log's order")
        // And once more: each is where it is now.
        let third = try TestEngine([declaration], known: second.records())
        third.pump()
        #expect(third.allText.joined().isEmpty)
        #expect(third.vanished.isEmpty)
    }

    @Test("a file that begins like another one and is no copy is read all the same, after a while")
    func sameBeginning() throws {
        let directory = try TemporaryDirectory()
        try directory.write(lines(0..<100), to: "app.log")
        let engine = try TestEngine([files(directory.path("*"))])
        try directory.write(lines(0..<50), to: "app.log.bak")
        try directory.write(lines(0..<50), to: "other.log")
        engine.pump()
        #expect(engine.text(directory.path("app.log.bak")).isEmpty, "it may be the copy: it waits")
        #expect(engine.text(directory.path("other.log")) == lines(0..<50))
        for _ in 0..<7 { engine.advance(seconds: 1) }
        #expect(engine.text(directory.path("app.log.bak")) == lines(0..<50))
    }

    @Test("a file that turns out to be another one while it is written is read at once")
    func otherContent() throws {
        let directory = try TemporaryDirectory()
        try directory.write(lines(0..<100), to: "app.log")
        let engine = try TestEngine([files(directory.path("app.log*"))])
        try directory.write(lines(0..<10), to: "app.log.bak")
        engine.pump()
        try directory.append("other\n", to: "app.log.bak")
        engine.pump()
        #expect(engine.text(directory.path("app.log.bak")) == lines(0..<10) + "other\n")
    }

    @Test("a file that only begins like another one, and grows and grows, is read")
    func growingFileOfSameBeginning() throws {
        let directory = try TemporaryDirectory()
        try directory.write("the banner of all our programs\n", to: "app.log")
        let engine = try TestEngine([files(directory.path("*.log"))])
        try directory.write("the banner of all our programs\n", to: "app-worker.log")
        engine.pump()
        var written = "the banner of all our programs\n"
        for second in 0..<10 {
            try directory.append("line \(second)\n", to: "app-worker.log")
            written += "line \(second)\n"
            engine.advance(seconds: 1)
        }
        #expect(engine.text(directory.path("app-worker.log")) == written)
    }

    @Test("two files to which the same is written all the time are both read, the second after a while")
    func twins() throws {
        let directory = try TemporaryDirectory()
        try directory.write(lines(0..<1), to: "app.log")
        let engine = try TestEngine([files(directory.path("*.log"))])
        try directory.write(lines(0..<1), to: "app-2.log")
        for second in 1..<130 {
            for name in ["app.log", "app-2.log"] { try directory.append(lines(second..<second + 1), to: name) }
            engine.advance(seconds: 1)
        }
        #expect(engine.text(directory.path("app-2.log")) == lines(0..<130))
    }

    @Test("another log that begins with the same short line is no copy", arguments: ["app-error.log", "db.log"])
    func shortSameLine(name: String) throws {
        let directory = try TemporaryDirectory()
        try directory.write("starting\n", to: "app.log")
        let engine = try TestEngine([files(directory.path("app.log"))])
        try directory.write("starting\nnot declared\n", to: name)
        directory.truncate("app.log")
        engine.pump()
        try directory.append("starting\n", to: "app.log")
        engine.pump()
        #expect(engine.moved.isEmpty)
        #expect(engine.allText.joined() == "starting\nstarting\n")
    }

    @Test("a short file is continued in a copy of its name", arguments: ["app.log.1", "app-20261122.log"])
    func shortCopy(name: String) throws {
        let directory = try TemporaryDirectory()
        try directory.write("starting\n", to: "app.log")
        let engine = try TestEngine([files(directory.path("app.log"))])
        try directory.append("more\n", to: "app.log")
        try copy(directory, "app.log", to: name)
        engine.pump()
        #expect(engine.allText.joined() == "starting\nmore\n")
    }

    @Test(
        "what the log's owner may not read is no copy of it", .enabled(if: geteuid() == 0),
        arguments: [0o600, 0o644])
    func foreignFile(mode: mode_t) throws {
        let directory = try TemporaryDirectory()
        try directory.write(lines(0..<20), to: "app.log")
        precondition(chown(directory.path("app.log"), 12345, 12345) == 0)
        let engine = try TestEngine([files(directory.path("app.log"))])
        try directory.write(lines(0..<40), to: "app.log.1")
        precondition(chmod(directory.path("app.log.1"), mode) == 0)
        directory.truncate("app.log")
        engine.pump()
        #expect(engine.allText.joined() == (mode == 0o644 ? lines(0..<40) : lines(0..<20)))
    }

    @Test("another log that is shorter than what was read, and of which little fits, is not passed over")
    func shorterLogOfSameBeginning() throws {
        let directory = try TemporaryDirectory()
        try directory.write(lines(0..<3), to: "app.log")
        let engine = try TestEngine([files(directory.path("app*.log"))])
        try directory.append(lines(3..<20), to: "app.log")
        engine.pump()
        engine.reads = { [unowned engine] in !engine.path(ofSlot: $0).hasSuffix("-2.log") }
        try directory.write(lines(0..<3) + "its own content\n", to: "app-2.log")
        engine.pump()
        directory.truncate("app.log")
        engine.pump()
        engine.unpark()
        for _ in 0..<7 { engine.advance(seconds: 1) }
        #expect(engine.text(directory.path("app-2.log")) == lines(0..<3) + "its own content\n")
    }
}
