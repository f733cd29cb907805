// The unix socket: the file, who may use it, and what it answers.
import Core
import Glibc
import LinuxIO
import Synchronization
import TestSupport
import Testing

@testable import Admin

@Suite(.timeLimit(.minutes(2)))
struct AdminServerTests {
    @Test func theStatusArrivesAsItWasGiven() async throws {
        var report = Samples.report()
        report.sources[0].path = "/a\u{1b}[2J\"\\\n日本/.log"
        report.sources[0].offset = .max
        report.counters.latencyBuckets = [1, 2, 3]
        report.counters.gapBytes = ["deleted": 5]
        try await withAdminServer(provider: { [report] in report }) { socket in
            try await expectStatus(socket, report)
        }
    }

    @Test func theSocketHasTheConfiguredModeGroupAndDirectory() async throws {
        let scratch = Scratch()
        let loop = AdminLoop()
        for mode in [0o660, 0o600, 0o666] as [UInt32] {
            var options = AdminServer.Options()
            options.socket = scratch.path + "/run/longshore-\(mode)/admin.sock"
            options.mode = mode
            options.group = String(cString: try #require(getgrgid(getegid())).pointee.gr_name)
            let server = AdminServer(loop: loop, options: options, provider: { StatusReport() })
            try await server.start()
            var status = stat()
            #expect(lstat(options.socket, &status) == 0)
            #expect(status.st_mode & S_IFMT == S_IFSOCK)
            #expect(status.st_mode & 0o7777 == mode)
            #expect(status.st_gid == getegid())
            for directory in ["/run", "/run/longshore-\(mode)"] {
                #expect(lstat(scratch.path + directory, &status) == 0)
                #expect(status.st_mode & 0o7777 == 0o755)
            }
            await server.stop()
            #expect(lstat(options.socket, &status) == -1, "removed at stop")
        }
        await loop.stop()
    }

    @Test func aGroupThatDoesNotExistIsExplained() async throws {
        try await expectStartError(group: "no-such-group-\(getpid())") { error, path in
            #expect(error.message.contains("groupadd") && error.message.contains("admin.group"))
            #expect(access(path, F_OK) != 0)
        }
    }

    @Test func aFileThatIsNoSocketIsLeftAlone() async throws {
        try await expectStartError(prepare: { close(open($0, O_CREAT | O_WRONLY, 0o600)) }) { error, path in
            #expect(error.message.contains("not a socket"))
            #expect(access(path, F_OK) == 0)
        }
    }

    @Test func aPathThatIsTooLongIsExplained() async throws {
        try await expectStartError(name: String(repeating: "x", count: 200)) { error, _ in
            #expect(error.message.contains("shorter"))
        }
    }

    @Test func aDirectoryThatCannotBeMadeIsExplained() async throws {
        try await expectStartError(
            name: "file/admin.sock",
            prepare: { close(open(String($0.dropLast("/admin.sock".count)), O_CREAT | O_WRONLY, 0o600)) },
            check: { error, _ in #expect(error.errno == ENOTDIR && error.message.contains("admin.socket")) })
    }

    /// Starts a server that must fail and checks its error.
    private func expectStartError(
        name: String = "admin.sock", group: String? = nil, prepare: (String) -> Void = { _ in },
        check: (AdminError, String) -> Void
    ) async throws {
        let scratch = Scratch()
        let loop = AdminLoop()
        var options = AdminServer.Options()
        options.socket = scratch.path + "/" + name
        options.group = group
        prepare(options.socket)
        let server = AdminServer(loop: loop, options: options, provider: { StatusReport() })
        let error = await #expect(throws: AdminError.self) { try await server.start() }
        if let error { check(error, options.socket) }
        await server.stop()
        await loop.stop()
    }

    @Test func theSocketOfADeadDaemonIsReplaced() async throws {
        let scratch = Scratch()
        let path = scratch.path + "/admin.sock"
        let dead = FileDescriptor(owning: socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0))
        #expect(try #require(UnixAddress(path)).bind(dead.raw) == 0)
        #expect(listen(dead.raw, 1) == 0)
        close(dead.release())
        #expect(access(path, F_OK) == 0, "as after kill -9")
        let loop = AdminLoop()
        var options = AdminServer.Options()
        options.socket = path
        let server = AdminServer(loop: loop, options: options, provider: { Samples.report() })
        try await server.start()
        try await expectStatus(path, Samples.report())
        await server.stop()
        await loop.stop()
    }

    @Test func aLivingDaemonIsNotReplaced() async throws {
        try await withAdminServer(provider: { Samples.report() }) { socket in
            let loop = AdminLoop()
            var options = AdminServer.Options()
            options.socket = socket
            let second = AdminServer(loop: loop, options: options, provider: { StatusReport() })
            let error = await #expect(throws: AdminError.self) { try await second.start() }
            #expect(error?.message.contains("another daemon (pid \(getpid())) answers there") == true)
            await second.stop()
            await loop.stop()
            try await expectStatus(socket, Samples.report(), "the first one still answers")
        }
    }

    @Test func stoppingLeavesTheSocketOfAnotherDaemon() async throws {
        let scratch = Scratch()
        let loop = AdminLoop()
        var options = AdminServer.Options()
        options.socket = scratch.path + "/admin.sock"
        let first = AdminServer(loop: loop, options: options, provider: { StatusReport() })
        try await first.start()
        #expect(rename(options.socket, options.socket + ".old") == 0)
        let second = AdminServer(loop: loop, options: options, provider: { Samples.report() })
        try await second.start()
        await first.stop()
        try await expectStatus(options.socket, Samples.report())
        await second.stop()
        await loop.stop()
    }

    @Test func aHungEngineIsAnAnswerAndIsAskedOnce() async throws {
        var limits = HTTPLimits()
        limits.answerMilliseconds = 200
        let gate = Gate()
        try await withAdminServer(
            limits: limits,
            provider: {
                await gate.pass()
                return Samples.report()
            }
        ) { socket in
            for _ in 0..<3 {
                let error = await #expect(throws: AdminError.self) { _ = try await AdminClient.status(socket: socket) }
                #expect(error?.message.contains("503 the engine does not answer") == true)
            }
            #expect(await gate.visitors == 1)
            await gate.unlock()
            // The engine is a task here, whose turn other tests may hold up beyond the limit.
            try await waitUntil("an answer") {
                guard let status = try? await AdminClient.status(socket: socket) else { return false }
                #expect(status == Samples.report())
                return true
            }
        }
    }

    @Test func anErrorOfTheEngineReachesTheClientEscaped() async throws {
        struct Broken: Error, CustomStringConvertible { var description: String { "\u{1b}[2Jbroken" } }
        try await withAdminServer(provider: { throw Broken() }) { socket in
            let error = await #expect(throws: AdminError.self) { _ = try await AdminClient.status(socket: socket) }
            #expect(error?.message.contains("broken") == true)
            #expect(error?.message.contains("\u{1b}") == false)
        }
    }
}
