// Rights that are taken away and given back: nothing is concluded from what may not be looked at.
import Core
import Glibc
import LinuxIO
import TestSupport
import Testing

@testable import FileSource

/// Runs `body` on this thread without the capabilities by which root reads everything (capabilities(7)); other threads
/// keep them. The files of these tests are root's own: without rights it may not read them then.
private func withoutPrivilege<Value>(_ body: () throws -> Value) throws -> Value {
    let former = try Capabilities.ofThisThread()
    var few = former
    few.effective &= ~(1 << 1 | 1 << 2)  // CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
    try few.set()
    defer { try! former.set() }
    return try body()
}

private struct Capabilities {
    var effective: UInt64
    let permitted: UInt64
    let inheritable: UInt64

    private typealias Call = @convention(c) (UnsafeMutableRawPointer, UnsafeMutableRawPointer) -> Int32
    // The C library has both calls, its headers have not.
    private static func function(_ name: String) -> Call { unsafeBitCast(dlsym(nil, name)!, to: Call.self) }
    private static let header: [UInt32] = [0x2008_0522, 0]

    static func ofThisThread() throws -> Capabilities {
        var (header, words) = (header, [UInt32](repeating: 0, count: 6))
        guard function("capget")(&header, &words) == 0 else { throw SystemError("capget", "", errno: errno) }
        func join(_ place: Int) -> UInt64 { UInt64(words[place]) | UInt64(words[place + 3]) << 32 }
        return Capabilities(effective: join(0), permitted: join(1), inheritable: join(2))
    }

    func set() throws {
        var header = Capabilities.header
        let sets = [effective, permitted, inheritable]
        var words = sets.map { UInt32(truncatingIfNeeded: $0) } + sets.map { UInt32(truncatingIfNeeded: $0 >> 32) }
        guard Capabilities.function("capset")(&header, &words) == 0 else {
            throw SystemError("capset", "", errno: errno)
        }
    }
}

struct RightsTests {
    private let directory: TemporaryDirectory
    private var pattern: String { directory.path("logs/*.log") }

    init() throws {
        directory = try TemporaryDirectory()
        try directory.makeDirectory("logs")
        try directory.write("one\n", to: "logs/app.log")
    }

    private func rights(_ name: String, _ mode: mode_t) { precondition(chmod(directory.path(name), mode) == 0, name) }

    /// A writer that had opened the file before.
    private func writer(_ name: String) -> FileDescriptor {
        FileDescriptor(owning: open(directory.path(name), O_WRONLY | O_APPEND))
    }

    private func write(_ text: String, _ writer: borrowing FileDescriptor) {
        precondition(Glibc.write(writer.raw, text, text.utf8.count) == text.utf8.count)
    }

    private func states(_ engine: TestEngine) -> [String] { engine.problems.map(\.state) }

    @Test func aFileThatIsOpenIsReadOnWithoutRights() throws {
        try withoutPrivilege {
            let engine = try TestEngine([files(pattern)])
            let writer = writer("logs/app.log")
            for name in ["logs/app.log", "logs"] {
                rights(name, 0)
                write("\(name)\n", writer)
                engine.pump()
                engine.rescanBeforeEvents()
                engine.pump()
            }
            #expect(engine.text(directory.path("logs/app.log")) == "one\nlogs/app.log\nlogs\n")
            #expect(engine.tailer.nameless.isEmpty && engine.generations.count == 1)
            rights("logs", 0o755)
            rights("logs/app.log", 0o644)
            write("back\n", writer)
            engine.pump()
            #expect(engine.allText == ["one\nlogs/app.log\nlogs\nback\n"] && engine.problems.isEmpty)
        }
    }

    @Test(arguments: ["logs/app.log", "logs"])
    func aFileWhoseDescriptorWasGivenUpGoesOnAtItsOffset(name: String) throws {
        try withoutPrivilege {
            try directory.write("other\n", to: "logs/other.log")
            let engine = try TestEngine([files(pattern)]) { $0.openLimit = 1 }
            for slot in engine.slots where engine.path(ofSlot: slot).hasSuffix("app.log") {
                engine.tailer.suspend(slot)
            }
            let writer = writer("logs/app.log")
            rights(name, 0)
            write("two\n", writer)
            engine.pump()
            engine.advance(seconds: 60)
            #expect(engine.text(directory.path("logs/app.log")) == "one\n" && engine.tailer.nameless.isEmpty)
            rights(name, 0o755)
            engine.pump()
            for slot in engine.slots { engine.tailer.markReady(Int32(slot)) }  // the engine's next try
            engine.settle()
            #expect(engine.text(directory.path("logs/app.log")) == "one\ntwo\n" && engine.generations.count == 2)
            engine.advance(seconds: 1)
            #expect(engine.problems.isEmpty)
        }
    }

    @Test(arguments: ["logs/app.log", "logs", ""])
    func aGenerationOfTheStoreThatMayNotBeLookedAtIsNotGone(name: String) throws {
        try withoutPrivilege {
            let first = try TestEngine([files(pattern)])
            try directory.append("two\n", to: "logs/app.log")
            rights(name, 0)
            let second = try TestEngine([files(pattern)], known: first.records())
            // Time enough to count as lost.
            for _ in 0..<6 { second.advance(seconds: 60) }
            #expect(second.vanished.isEmpty && second.generations.isEmpty && states(second) == ["unreadable"])
            rights(name, 0o755)
            second.pump()
            if second.generations.isEmpty { second.advance(seconds: 60) }
            #expect(second.allText == ["two\n"] && second.generations.map(\.isNew) == [false])
            #expect(second.vanished.isEmpty && second.problems.isEmpty)
        }
    }

    @Test(arguments: ["logs/app.log.1", "logs"])
    func aGenerationThatWasRenamedAndMayNotBeLookedAtIsContinuedLater(name: String) throws {
        try withoutPrivilege {
            let first = try TestEngine([files(pattern)])
            try directory.append("two\n", to: "logs/app.log")
            directory.rename("logs/app.log", "logs/app.log.1")
            try directory.write("next\n", to: "logs/app.log")
            rights(name, 0)
            let second = try TestEngine([files(pattern)], known: first.records())
            for _ in 0..<6 { second.advance(seconds: 60) }
            #expect(second.vanished.isEmpty)
            rights(name, 0o755)
            second.pump()
            second.advance(seconds: 60)
            #expect(second.allText.sorted() == ["next\n", "two\n"] && second.vanished.isEmpty)
            #expect(second.generations.contains { !$0.isNew && $0.text == "two\n" } && second.problems.isEmpty)
        }
    }

    @Test func aGenerationThatIsContinuedLateIsReadBeforeThoseThatCameAfterIt() throws {
        try withoutPrivilege {
            let first = try TestEngine([files(pattern)])
            try directory.append("two\n", to: "logs/app.log")
            directory.rename("logs/app.log", "logs/app.log.1")
            try directory.write("next\n", to: "logs/app.log")
            rights("logs/app.log.1", 0)
            let second = try TestEngine([files(pattern)], known: first.records(), start: false)
            second.reads = { _ in false }
            second.begin()
            directory.rename("logs/app.log", "logs/app.log.2")
            try directory.write("last\n", to: "logs/app.log")
            second.pump()
            #expect(second.generations.map(\.isNew) == [true, true])
            rights("logs/app.log.1", 0o644)
            second.pump()
            #expect(second.generations.map(\.isNew) == [true, true, false])
            second.unpark()
            second.settle()
            let read = second.readOrder.compactMap { file in second.generations.first { $0.file == file }?.text }
            #expect(read == ["two\n", "next\n", "last\n"])
        }
    }

    @Test func whatIsGoneWhenTheRightsComeBackIsAnnouncedThen() throws {
        try withoutPrivilege {
            let first = try TestEngine([files(pattern)])
            rights("logs", 0)
            let second = try TestEngine([files(pattern)], known: first.records())
            rights("logs", 0o755)
            directory.delete("logs/app.log")
            for _ in 0..<7 { second.advance(seconds: 60) }
            #expect(second.vanished.map(\.reason) == [.deleted])
        }
    }

    @Test func aDirectoryOnTheWayThatMayNotBeSearchedIsSaidSo() throws {
        try withoutPrivilege {
            try directory.makeDirectory("logs/deep/er")
            try directory.write("deep\n", to: "logs/deep/er/a.log")
            rights("logs/deep", 0)
            let engine = try TestEngine([files(directory.path("logs/deep/er/*.log"))])
            #expect(states(engine) == ["unreadable"])
            rights("logs/deep", 0o755)
            engine.advance(seconds: 1)
            #expect(engine.allText == ["deep\n"] && engine.problems.isEmpty)
            rights("logs/deep", 0)
            engine.pump()
            engine.advance(seconds: 60)
            #expect(engine.tailer.nameless.isEmpty)
            rights("logs/deep", 0o755)
            try directory.append("er\n", to: "logs/deep/er/a.log")
            engine.pump()
            #expect(engine.allText == ["deep\ner\n"])
        }
    }
}
