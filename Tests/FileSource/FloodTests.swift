// A directory with more changes than inotify's queue holds: it is polled, all others keep their watches.
import CLinux
import Core
import Glibc
import LinuxIO
import TestSupport
import Testing

@testable import FileSource

struct FloodTests {
    private let directory: TemporaryDirectory
    private let quiet = ["a", "b", "c"]

    init() throws {
        directory = try TemporaryDirectory()
        for name in ["flood", "a", "b", "c"] { try directory.makeDirectory(name) }
    }

    private func engine(_ change: @escaping (inout TailerOptions) -> Void = { _ in }) throws -> TestEngine {
        for name in quiet { try directory.write("first\n", to: "\(name)/app.log") }
        return try TestEngine([files(directory.path("*/*.log"))], change)
    }

    private func node(_ engine: TestEngine, _ name: String) throws -> DirectoryNode {
        let path = ViewPath(view: 0, path: Array(directory.path(name).utf8))
        return engine.tailer.directories[Int(try #require(engine.tailer.directoryOfPath[path]))]
    }

    /// More events than the queue holds; two files in turn, since the kernel merges equal ones. Returns the lines of each.
    private func write(_ times: Int = 12_000) throws -> String {
        var text = ""
        for number in 0..<times {
            for name in ["x", "y"] { try directory.append("\(number)\n", to: "flood/\(name).log") }
            text += "\(number)\n"
        }
        return text
    }

    /// More files made, renamed and deleted than the queue holds.
    private func churn(_ times: Int = 6_000) throws {
        for number in 0..<times {
            try directory.write("", to: "flood/\(number).tmp")
            directory.rename("flood/\(number).tmp", "flood/\(number).old")
            directory.delete("flood/\(number).old")
        }
    }

    private func maximumEvents() throws -> Int {
        let text = String(decoding: try readWholeFile("/proc/sys/fs/inotify/max_queued_events"), as: UTF8.self)
        return try #require(Int(text.split(separator: "\n")[0]))
    }

    private func expectQuietOnesWatched(_ engine: TestEngine, _ line: String) throws {
        for name in quiet {
            let node = try node(engine, name)
            #expect(!node.isPolled && node.watch >= 0 && node.mask & UInt32(IN_MODIFY) != 0)
            try directory.append(line, to: "\(name)/app.log")
        }
        engine.pump()
        for name in quiet { #expect(engine.text(directory.path("\(name)/app.log")).hasSuffix(line)) }
    }

    @Test(arguments: [Int64.max, 1])
    func aDirectoryWrittenToTooOftenIsPolledAndWatchedAgainWhenCalm(budget: Int64) throws {
        guard try maximumEvents() <= 16_384 else { return }
        let engine = try engine { $0.rescanBudget = budget }
        for name in quiet { try directory.append("before\n", to: "\(name)/app.log") }
        var text = try write()
        for name in quiet { try directory.append("lost\n", to: "\(name)/app.log") }
        engine.pump()
        #expect(engine.tailer.overflows == 1)
        for name in ["x", "y"] { #expect(engine.text(directory.path("flood/\(name).log")) == text) }
        for name in quiet { #expect(engine.text(directory.path("\(name)/app.log")) == "first\nbefore\nlost\n") }
        #expect(try node(engine, "flood").isPolled && engine.tailer.polledDirectories == 1)
        #expect(engine.tailer.floodedDirectories.map(\.path) == [Array(directory.path("flood").utf8)])
        try expectQuietOnesWatched(engine, "watched\n")
        // The flood goes on, and is nobody else's trouble.
        for _ in 0..<3 {
            text += try write()
            engine.advance(seconds: 1)
        }
        #expect(engine.tailer.overflows == 1)
        for name in ["x", "y"] { #expect(engine.text(directory.path("flood/\(name).log")) == text) }
        #expect(try #require(engine.tailer.floodedDirectories.first?.rate) > 1000)
        // Of names it still tells at once.
        directory.rename("flood/x.log", "flood/x.log.1")
        try directory.write("next\n", to: "flood/x.log")
        engine.pump()
        #expect(engine.generations(of: directory.path("flood/x.log")).map(\.text) == [text, "next\n"])
        for _ in 0..<4 { engine.advance(seconds: 1) }
        #expect(try node(engine, "flood").isPolled, "it is to be calm for five polls")
        engine.advance(seconds: 1)
        engine.advance(seconds: 1)
        #expect(try !node(engine, "flood").isPolled && engine.tailer.polledDirectories == 0)
        #expect(engine.tailer.floodedDirectories.isEmpty && engine.tailer.gauge == nil)
        try directory.append("after\n", to: "flood/y.log")
        engine.pump()
        #expect(engine.text(directory.path("flood/y.log")) == text + "after\n")
        #expect(engine.tailer.takeFloodNews().count == 2)
    }

    @Test func aDirectoryWithTooManyNamesTellsOfItsOwnEndOnly() throws {
        guard try maximumEvents() <= 16_384 else { return }
        let engine = try engine()
        try directory.write("one\n", to: "flood/app.log")
        try churn()
        engine.pump()
        #expect(engine.tailer.overflows == 1)
        #expect(engine.text(directory.path("flood/app.log")) == "one\n")
        try expectQuietOnesWatched(engine, "watched\n")
        try churn()
        #expect(!engine.hasEvents(milliseconds: 0), "no event of it reaches the queue")
        // Rotated between two polls, and a file that came and went.
        directory.rename("flood/app.log", "flood/app.log.1")
        try directory.append("two\n", to: "flood/app.log.1")
        try directory.write("three\n", to: "flood/app.log")
        engine.advance(seconds: 1)
        #expect(engine.generations(of: directory.path("flood/app.log")).map(\.text) == ["one\ntwo\n", "three\n"])
        try directory.write("unseen\n", to: "flood/short.log")
        directory.delete("flood/short.log")
        engine.advance(seconds: 1)
        #expect(engine.vanished.map(\.record.path) == [Array(directory.path("flood/short.log").utf8)])
        // Its end comes at once.
        directory.rename("flood", "gone")
        try directory.makeDirectory("flood")
        try directory.write("new\n", to: "flood/app.log")
        engine.pump()
        #expect(engine.text(directory.path("flood/app.log")).hasSuffix("new\n"))
        #expect(engine.tailer.floodedDirectories.isEmpty && engine.tailer.gauge == nil)
        #expect(engine.tailer.polledDirectories == 0, "another directory is not to blame")
    }

    @Test func floodedAgainItMustBeCalmForLonger() throws {
        guard try maximumEvents() <= 16_384 else { return }
        let engine = try engine()
        _ = try write()
        engine.pump()
        for _ in 0..<6 { engine.advance(seconds: 1) }
        #expect(try !node(engine, "flood").isPolled)
        _ = try write()
        engine.pump()
        #expect(try node(engine, "flood").isPolled && engine.tailer.overflows == 2)
        for _ in 0..<9 { engine.advance(seconds: 1) }
        #expect(try node(engine, "flood").isPolled)
        for _ in 0..<3 { engine.advance(seconds: 1) }
        #expect(try !node(engine, "flood").isPolled)
    }

    @Test func manyDirectoriesTogetherAreNotToBlame() throws {
        guard try maximumEvents() <= 16_384 else { return }
        for number in 0..<40 { try directory.makeDirectory("many\(number)") }
        let engine = try engine()
        for number in 0..<24_000 { try directory.append("\(number)\n", to: "many\(number % 40)/app.log") }
        engine.pump()
        #expect(engine.tailer.overflows == 1 && engine.tailer.polledDirectories == 0)
        #expect(engine.generations(of: directory.path("many39/app.log")).first?.text.hasSuffix("23999\n") == true)
    }

    @Test func ofAPolledDirectoryDescriptorsAreKept() throws {
        guard try maximumEvents() <= 16_384 else { return }
        let engine = try engine { $0.openLimit = 6 }
        try churn()
        engine.pump()
        for number in 0..<3 { try directory.write("one\n", to: "flood/\(number).log") }
        engine.advance(seconds: 1)
        // Others need descriptors now.
        for name in quiet {
            for number in 0..<4 { try directory.write("x\n", to: "\(name)/\(number).log") }
        }
        engine.pump()
        for number in 0..<3 {
            try directory.append("two\n", to: "flood/\(number).log")
            directory.delete("flood/\(number).log")
        }
        for _ in 0..<4 { engine.advance(seconds: 1) }
        for number in 0..<3 { #expect(engine.text(directory.path("flood/\(number).log")) == "one\ntwo\n") }
    }

    @Test func deletedWithoutADescriptorItIsAnnounced() throws {
        guard try maximumEvents() <= 16_384 else { return }
        let engine = try engine { $0.openLimit = 1 }
        try churn()
        engine.pump()
        for number in 0..<3 { try directory.write("one\n", to: "flood/\(number).log") }
        engine.advance(seconds: 1)
        let closed = engine.slots.filter {
            engine.tailer.files[$0].descriptor < 0 && engine.path(ofSlot: $0).contains("/flood/")
        }
        #expect(closed.count >= 2)
        for number in 0..<3 {
            try directory.append("two\n", to: "flood/\(number).log")
            directory.delete("flood/\(number).log")
        }
        engine.advance(seconds: 1)
        engine.advance(seconds: 3)
        for slot in closed {
            let buffer = UnsafeMutablePointer<UInt8>.allocate(capacity: 1024)
            defer { buffer.deallocate() }
            let now = engine.now
            func read() -> ReadOutcome { engine.tailer.read(slot, at: 4, into: buffer, capacity: 512, now: now) }
            #expect(read() == .pending, "it may be in an archive")
            engine.awaitSearches()
            #expect(read() == .lost)
        }
    }
}
