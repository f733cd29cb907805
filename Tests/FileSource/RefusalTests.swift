// What is not followed and why; hostile names; permissions.
import CLinux
import Core
import Glibc
import LinuxIO
import TestSupport
import Testing

@testable import FileSource

@Suite struct RefusalTests {
    let directory = try! TemporaryDirectory()

    private func reasons(_ engine: TestEngine) -> String {
        engine.problems.map(\.reason).sorted().joined(separator: "; ")
    }

    @Test func whatIsNoRegularFileIsRefusedWithWhatToDo() throws {
        try directory.makeDirectory("app")
        #expect(mkfifo(directory.path("fifo.log"), 0o644) == 0)
        let engine = try TestEngine([files(directory.path("app"), directory.path("*.log"))])
        #expect(engine.generations.isEmpty && engine.problems.count == 2)
        #expect(reasons(engine).contains("this is a directory: write \(directory.path)/app/*.log"))
        #expect(reasons(engine).contains("not a regular file (a FIFO)"))
        let server = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(server) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(directory.path("s.log").utf8)) }
        let size = socklen_t(MemoryLayout<sockaddr_un>.size)
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(server, $0, size) }
        }
        #expect(bound == 0)
        engine.pump()
        #expect(reasons(engine).contains("a socket"))
        directory.delete("fifo.log")
        directory.delete("s.log")
        engine.pump()
        #expect(engine.problems.count == 1)
    }

    @Test func aFileWithoutPermissionIsReportedAndFollowedWhenItIsGiven() throws {
        let entry = dlsym(nil, "setfsuid")
        let setUser = unsafeBitCast(entry, to: (@convention(c) (UInt32) -> Int32).self)
        #expect(chmod(directory.path, 0o755) == 0)
        try directory.write("secret\n", to: "app.log")
        #expect(chmod(directory.path("app.log"), 0) == 0)
        // Of this thread only; it also takes away the capabilities that ignore permissions.
        _ = setUser(65_534)
        defer { _ = setUser(0) }
        let engine = try TestEngine([files(directory.path("*.log"))])
        #expect(engine.generations.isEmpty && reasons(engine).contains("give the daemon's user the right to read it"))
        _ = setUser(0)
        #expect(chmod(directory.path("app.log"), 0o644) == 0)
        _ = setUser(65_534)
        engine.pump()
        #expect(engine.allText == ["secret\n"] && engine.problems.isEmpty)
    }

    @Test func aDirectoryWithoutPermissionIsReadWhenItIsGiven() throws {
        let setUser = unsafeBitCast(dlsym(nil, "setfsuid"), to: (@convention(c) (UInt32) -> Int32).self)
        #expect(chmod(directory.path, 0o755) == 0)
        try directory.makeDirectory("logs")
        try directory.write("secret\n", to: "logs/app.log")
        #expect(chmod(directory.path("logs"), 0) == 0)
        _ = setUser(65_534)
        defer { _ = setUser(0) }
        let engine = try TestEngine([files(directory.path("logs/*.log"))])
        #expect(engine.problems.map(\.state) == ["unreadable"])
        _ = setUser(0)
        #expect(chmod(directory.path("logs"), 0o755) == 0)
        _ = setUser(65_534)
        engine.advance(seconds: 2)
        #expect(engine.allText == ["secret\n"] && engine.problems.isEmpty && engine.tailer.polledDirectories == 0)
    }

    @Test(.enabled(if: geteuid() == 0)) func aLinkThatItsOwnerCouldNotHaveReadIsRefused() throws {
        try directory.write("root's\n", to: "real")
        directory.symlink("real", "app.log")
        #expect(lchown(directory.path("app.log"), 65_534, 65_534) == 0)
        let engine = try TestEngine([files(directory.path("*.log"))])
        #expect(engine.generations.isEmpty && reasons(engine).contains("uid 65534"))
    }

    @Test func theDaemonsOwnFilesAreRefused() throws {
        try directory.makeDirectory("state/deep")
        try directory.write("own\n", to: "state/x.log")
        try directory.write("own\n", to: "state/deep/y.log")
        try directory.write("own\n", to: "own.log")
        try directory.write("app\n", to: "app.log")
        try directory.makeDirectory("links")
        directory.symlink("../state", "links/a")
        directory.symlink("../state/deep", "links/b")
        directory.symlink("..", "links/c")
        directory.symlink("state/x.log", "z.log")
        guard case .success(let own) = FileSystem.status(Array(directory.path("own.log").utf8)) else { return }
        let engine = try TestEngine([
            files(directory.path("**/*.log"), directory.path("links/*/*.log"), directory.path("links/*/*/*.log"))
        ]) {
            $0.refusedDirectories = [Array(directory.path("state").utf8)]
            $0.ownLog = (own.device, own.inode)
        }
        #expect(engine.allText == ["app\n"])
        #expect(reasons(engine).contains("Longshore's own log"))
        try directory.write("own\n", to: "state/later.log")
        engine.pump()
        engine.advance(seconds: 61)
        #expect(engine.allText == ["app\n"])
    }

    @Test func namesOfAnyBytesAreRead() throws {
        let names: [[UInt8]] = [
            Array("new\nline.log".utf8), [0xFF, 0xFE, 0x2E, 0x6C, 0x6F, 0x67],
            [UInt8](repeating: 0x78, count: 251) + Array(".log".utf8), Array(" \u{1B}[31m.log".utf8),
        ]
        func append(_ name: [UInt8], _ text: String) throws {
            let path = Array(directory.path.utf8) + [0x2F] + name
            let raw = FileSystem.withCString(path) { open($0, O_WRONLY | O_CREAT | O_APPEND, 0o644) }
            defer { close(raw) }
            try writeAll(Array(text.utf8), to: raw)
        }
        for name in names.prefix(2) { try append(name, "one\n") }
        let engine = try TestEngine([files(directory.path("*.log"))])
        for name in names { try append(name, "two\n") }
        engine.pump()
        #expect(engine.allText.sorted() == ["one\ntwo\n", "one\ntwo\n", "two\n", "two\n"])
        #expect(
            engine.generations.contains { $0.path.hasSuffix("/\\xFF\\xFE.log") || $0.path.hasSuffix("/\\xff\\xfe.log") }
        )
    }

    @Test func overlappingDeclarationsShipOncePerRoute() throws {
        try directory.write("one\n", to: "app.log")
        let engine = try TestEngine([
            files(directory.path("*.log"), name: "a", route: "x"), files(directory.path("app*"), name: "b", route: "x"),
            files(directory.path("app.log"), name: "c", route: "y"),
        ])
        #expect(engine.generations.map(\.declaration) == [0, 2])
        #expect(engine.problems.map(\.declaration) == [1] && reasons(engine).contains("ships this file already"))
        try directory.append("two\n", to: "app.log")
        engine.pump()
        directory.rename("app.log", "gone")
        try directory.append("three\n", to: "gone")
        try directory.write("four\n", to: "app.log")
        engine.pump()
        #expect(engine.allText == ["one\ntwo\nthree\n", "one\ntwo\nthree\n", "four\n", "four\n"])
    }

    @Test func oneFileUnderTwoNamesIsShippedOncePerRoute() throws {
        try directory.write("one\n", to: "a.log")
        directory.link("a.log", "b.log")
        let engine = try TestEngine([
            files(directory.path("a.log"), name: "a"), files(directory.path("b.log"), name: "b"),
        ])
        #expect(engine.allText == ["one\n"] && reasons(engine).contains("is the same file"))
    }

    /// Its writer may take a lease; a daemon that tried until it got the file would stand still for lease-break-time.
    @Test func aLeaseOnAFileDoesNotHoldUpTheOthers() throws {
        signal(SIGIO, SIG_IGN)
        try directory.write("held\n", to: "a.log")
        try directory.write("free\n", to: "b.log")
        let setLease: Int32 = 1024
        let holder = open(directory.path("a.log"), O_RDWR)
        #expect(fcntl(holder, setLease, Int32(F_WRLCK)) == 0)
        let engine = try TestEngine([files(directory.path("*.log"))])
        #expect(engine.allText == ["free\n"] && engine.problems.map(\.state) == ["unreadable"])
        close(holder)
        engine.advance(seconds: 61)
        #expect(engine.allText.sorted() == ["free\n", "held\n"] && engine.problems.isEmpty)
    }

    @Test func excludedFilesAreNotFollowedAlsoWhenTheyAppearLater() throws {
        let engine = try TestEngine([files(directory.path("**/*.log"), exclude: ["b*", directory.path("c/**")])])
        try directory.makeDirectory("c/d")
        for name in ["a.log", "b.log", "c/a.log", "c/d/a.log"] { try directory.write("x\n", to: name) }
        engine.pump()
        #expect(engine.generations.map(\.path) == [directory.path("a.log")])
    }
}
