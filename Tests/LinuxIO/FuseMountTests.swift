// The fixture that hangs: it shows what it is given, blocks who it is told to block, and always ends.
import CLinux
import Core
import Glibc
import LinuxIO
import Synchronization
import TestSupport
import Testing

@Suite(.enabled(if: FuseMount.isAvailable, "mounting FUSE needs root and /dev/fuse")) struct FuseMountTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    @Test func `content, names, sizes and space are those of its backing, also as it grows`() throws {
        let mount = try FuseMount.start(in: directory)
        let line = Array("one line\n".utf8)
        let long = [UInt8](repeating: 0x61, count: 300_000)
        try mount.write("app.log", line)
        try mount.write("deep/er/long.log", long)
        #expect(try readWholeFile("\(mount.path)/app.log") == line)
        #expect(try readWholeFile("\(mount.path)/deep/er/long.log") == long)
        try mount.write("app.log", line)
        #expect(try readWholeFile("\(mount.path)/app.log") == line + line)
        let (shown, real) = (try status("\(mount.path)/app.log"), try status("\(mount.backing)/app.log"))
        #expect(shown.size == 18 && shown.inode == real.inode && shown.modified_ns == real.modified_ns)
        #expect(shown.device != real.device)
        for number in 0..<3000 { try mount.write("many/\(number)", []) }
        #expect(try Set(names("\(mount.path)/many")) == Set((0..<3000).map { "\($0)" }))
        var space = statvfs()
        #expect(statvfs(mount.path, &space) == 0 && space.f_blocks > 0)
        #expect(open("\(mount.path)/app.log", O_WRONLY | O_CLOEXEC) == -1 && errno == EROFS)
        mount.end()
        #expect(try names(mount.path).isEmpty, "it is still mounted")
    }

    @Test(arguments: [
        (FuseOperations.read, "read"), (.open, "open"), (.getattr, "stat"), (.readdir, "list"), (.lookup, "stat"),
        (.statfs, "statfs"),
    ])
    func `what hangs blocks, what does not hang goes on, and release lets it go`(
        operation: FuseOperations, use: String
    ) async throws {
        let mount = try FuseMount.start(in: directory)
        try mount.write("a", [1, 2])
        try mount.write("b", [3])
        let path = mount.path
        let opened = try retryingInterrupts("open") { open("\(path)/b", O_RDONLY | O_CLOEXEC) }
        defer { close(opened) }
        try mount.hang(operation)
        let blocked = try Blocked { touch(path, use) }
        try await waitUntil("a request to hang") { try mount.held == 1 }
        var byte: UInt8 = 0
        if operation != .read { #expect(pread(opened, &byte, 1, 0) == 1 && byte == 3) }
        #expect(!blocked.isOver)
        try mount.release()
        #expect(try mount.held == 0)
        try await waitUntil("the blocked thread") { blocked.isOver }
        #expect(blocked.errno == 0)
        #expect(touch(path, use) == 0, "it still hangs")
        mount.end()
    }

    @Test(arguments: [false, true]) func `the end fails whoever waits, and the directory can be removed before`(
        isRemovedFirst: Bool
    ) async throws {
        let mount = try FuseMount.start(in: directory)
        try mount.write("a", [1])
        let path = mount.path
        try mount.hang(.all)
        let blocked = try ["read", "list", "statfs"].map { use in try Blocked { touch(path, use) } }
        try await waitUntil("three requests to hang") { try mount.held == 3 }
        if isRemovedFirst {
            directory.remove()
            #expect(access(directory.path, F_OK) == -1 && errno == ENOENT)
        }
        mount.end()
        mount.end()
        try await waitUntil("the blocked threads") { blocked.allSatisfy(\.isOver) }
        #expect(blocked.allSatisfy { $0.errno == ECONNABORTED || $0.errno == ENOTCONN })
        #expect(throws: FixtureError.self) { try mount.held }
    }

    @Test func `nothing hangs longer than its limit`() async throws {
        let mount = try FuseMount.start(in: directory, limit: .seconds(0))
        try mount.write("a", [1])
        let path = mount.path
        try mount.hang(.read)
        let blocked = try Blocked { touch(path, "read") }
        try await waitUntil("the limit") { blocked.isOver }
        #expect(blocked.errno == ECONNABORTED)
    }

    /// Its thread of the server's parent is gone first, then the server, and only then can the process end.
    @Test func `a process that is killed while it waits for its own mount ends, and takes the mount with it`()
        async throws
    {
        let path = directory.path
        await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String] in
            let mount = try FuseMount.start(in: try TemporaryDirectory(in: path))
            try mount.write("a", [1])
            try mount.hang(.all)
            let place = mount.path
            let blocked = try Blocked { touch(place, "read") }
            try await waitUntil("a request to hang") { try mount.held == 1 && !blocked.isOver }
            kill(getpid(), SIGKILL)
        }
        try await waitUntil("the mount to be gone") {
            !String(decoding: try readWholeFile("/proc/self/mountinfo"), as: UTF8.self).contains(path)
        }
    }

    private func status(_ path: String) throws -> clinux_stat { try FileSystem.status(Array(path.utf8)).get() }

    private func names(_ path: String) throws -> [String] {
        var names: [String] = []
        try FileSystem.forEachEntry(in: Array(path.utf8)) { name, _, _ in
            names.append(String(decoding: name, as: UTF8.self))
            return true
        }
        return names
    }
}

/// A thread with one use of a file system under way: nobody waits for it.
private final class Blocked: Sendable {
    private let result: Result

    private final class Result: Sendable { let errno = Mutex<Int32?>(nil) }

    init(_ body: @escaping @Sendable () -> Int32) throws {
        let result = Result()
        self.result = result
        _ = try Thread(name: "blocked") {
            let code = body()
            result.errno.withLock { $0 = code }
        }
    }

    var isOver: Bool { errno != nil }
    /// 0: it worked; nil: not over.
    var errno: Int32? { result.errno.withLock { $0 } }
}

/// Uses the mount at `path` in one way; errno of what failed, else 0.
private func touch(_ path: String, _ use: String) -> Int32 {
    switch use {
    case "read", "open":
        let raw = open("\(path)/a", O_RDONLY | O_CLOEXEC)
        if raw < 0 { return errno }
        defer { close(raw) }
        var byte: UInt8 = 0
        return use == "open" || pread(raw, &byte, 1, 0) == 1 ? 0 : errno
    case "list":
        do throws(SystemError) { try FileSystem.forEachEntry(in: Array(path.utf8)) { _, _, _ in true } } catch {
            return error.errno
        }
        return 0
    case "statfs":
        var space = statvfs()
        return statvfs(path, &space) == 0 ? 0 : errno
    default:
        if case .failure(let error) = FileSystem.status(Array("\(path)/a".utf8)) { return error.errno }
        return 0
    }
}
