// A FUSE file system whose answers a test holds back: what a hanging network volume looks like.
internal import Core
internal import Glibc
internal import LinuxIO
internal import Synchronization

/// Operations of a FUSE file system, as bits of their opcodes in linux/fuse.h.
package struct FuseOperations: OptionSet, Sendable {
    package let rawValue: UInt64
    package init(rawValue: UInt64) { self.rawValue = rawValue }

    package static let lookup = FuseOperations(rawValue: 1 << 1)
    package static let getattr = FuseOperations(rawValue: 1 << 3)
    package static let open = FuseOperations(rawValue: 1 << 14)
    package static let read = FuseOperations(rawValue: 1 << 15)
    package static let statfs = FuseOperations(rawValue: 1 << 17)
    /// opendir(3) and readdir(3).
    package static let readdir = FuseOperations(rawValue: 1 << 27 | 1 << 28)
    package static let all: FuseOperations = [.lookup, .getattr, .open, .read, .statfs, .readdir]
}

/// A read-only, uncached view of the directory `backing` at `path`, served by a process of its own (Tests/FuseServer).
/// Needs root and /dev/fuse: see `isAvailable`.
///
/// Nothing can hang for ever: the server ends with `end()`, with the last reference, with this process however that
/// ends, and when it has held a request for `limit`; then the kernel fails everything that waits (ECONNABORTED). It is a
/// process because a thread that waits for an answer is not killed by SIGKILL and keeps the descriptors of its process
/// open: a server in the same process would keep itself alive. Safe to use from any thread.
package final class FuseMount: Sendable {
    /// Where the file system is mounted.
    package let path: String
    /// The directory that it shows; change it directly for what `append` cannot do.
    package let backing: String
    private let server: Server
    private let directory: TemporaryDirectory

    /// Whether mounts are permitted here.
    package static var isAvailable: Bool { geteuid() == 0 && access("/dev/fuse", R_OK | W_OK) == 0 }

    /// Mounts `name` in `directory`; `name`.backing beside it holds the content.
    package static func start(
        in directory: TemporaryDirectory, name: String = "fuse", limit: Duration = .seconds(120)
    ) throws -> FuseMount {
        let path = try directory.makeDirectory(name)
        let backing = try directory.makeDirectory("\(name).backing")
        let arguments = [path, backing, "\(getpid())", "\(limit.components.seconds)"]
        let server = try Server(arguments, errorPath: directory.path("\(name).stderr"))
        let mount = FuseMount(path: path, backing: backing, server: server, directory: directory)
        guard try server.line() == "ready" else { throw FixtureError("the FUSE server did not start: \(server.error)") }
        return mount
    }

    private init(path: String, backing: String, server: Server, directory: TemporaryDirectory) {
        self.path = path
        self.backing = backing
        self.server = server
        self.directory = directory
    }

    deinit { end() }

    /// Appends to the file `name`, made with the directories above it when it is missing.
    package func write(_ name: String, _ bytes: [UInt8]) throws {
        let file = "\(backing)/\(name)"
        for index in file.indices.dropFirst(backing.count + 1) where file[index] == "/" {
            if mkdir(String(file[..<index]), 0o755) != 0 && errno != EEXIST {
                throw SystemError("mkdir", String(file[..<index]), errno: errno)
            }
        }
        let descriptor = FileDescriptor(
            owning: try retryingInterrupts("open", file) {
                Glibc.open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
            })
        try writeAll(bytes, to: descriptor.raw)
    }

    /// From now on, requests of `operations` too get no answer before `release` or the end.
    package func hang(_ operations: FuseOperations) throws {
        let opcodes = (0..<64).filter { operations.rawValue >> $0 & 1 == 1 }
        try server.command("hang " + opcodes.map(String.init).joined(separator: " "))
    }

    /// Answers all that is held back, and holds back nothing any more.
    package func release() throws { try server.command("release") }

    /// From now on the bytes of `range` of every file cannot be read (EIO), as on a bad disk; empty: all can.
    package func breakBytes(_ range: Range<UInt64>) throws {
        try server.command("bad \(range.lowerBound) \(range.upperBound)")
    }

    /// How many requests are held back.
    package var held: Int { get throws { try server.command("held") } }

    /// Fails everything that waits, unmounts, and ends the server; whoever has files open there gets errors. Returns
    /// when the server is gone; calling it again is fine.
    package func end() {
        server.end()
        // For a server that was killed; else nothing is mounted there any more.
        umount2(path, Int32(MNT_DETACH))
    }
}

/// The process that serves. Its parent is a thread that lives as long as it does: when this process ends in any way,
/// that thread ends and the kernel tells the server (PR_SET_PDEATHSIG of prctl(2) is about threads).
private final class Server: Sendable {
    private enum State {
        case starting
        case running(pid_t)
        case ended
    }
    private let state = Mutex(State.starting)
    private let thread: Mutex<Thread?> = Mutex(nil)
    /// One command at a time: its line and the line that answers it.
    private let exchange = Mutex(())
    private let input: Pipe
    private let output: Pipe
    private let errorPath: String

    init(_ arguments: [String], errorPath: String) throws {
        let program = try builtProgram("FuseServer")
        input = try Pipe()
        output = try Pipe()
        self.errorPath = errorPath
        let (childInput, childOutput) = (input.path(0), output.path(1))
        thread.withLock {
            $0 = try? Thread(name: "fuse-parent") { [self] in
                let started = try? spawn(
                    program, arguments, environment: [:], input: childInput, output: childOutput, error: errorPath)
                state.withLock { $0 = started.map { .running($0) } ?? .ended }
                output.close(1)
                if let started { reap(started) }
            }
        }
    }

    private func reap(_ process: pid_t) {
        var info = siginfo_t()
        while waitid(P_PID, id_t(process), &info, WEXITED | WNOWAIT) != 0 && errno == EINTR {}
        state.withLock { state in
            state = .ended
            waitpid(process, nil, 0)
        }
    }

    var error: String { String(decoding: (try? readWholeFile(errorPath)) ?? [], as: UTF8.self) }

    @discardableResult
    func command(_ text: String) throws -> Int {
        try exchange.withLock { _ in
            try writeAll(Array("\(text)\n".utf8), to: input.raw(1))
            guard let count = Int(try line()) else { throw FixtureError("the FUSE server failed: \(error)") }
            return count
        }
    }

    /// The next line of the server, within ten seconds; empty at its end.
    func line() throws -> String {
        var bytes: [UInt8] = []
        var byte: UInt8 = 0
        while true {
            var descriptor = pollfd(fd: output.raw(0), events: Int16(POLLIN), revents: 0)
            if poll(&descriptor, 1, 10_000) == 0 { throw FixtureError("the FUSE server does not answer: \(error)") }
            if read(output.raw(0), &byte, 1) <= 0 || byte == 0x0A { return String(decoding: bytes, as: UTF8.self) }
            bytes.append(byte)
        }
    }

    func end() {
        guard let thread = thread.withLock({ $0.take() }) else { return }
        for round in 0..<2000 {
            let isOver = state.withLock { state -> Bool in
                if case .running(let process) = state { kill(process, round < 1000 ? SIGTERM : SIGKILL) }
                if case .ended = state { return true }
                return false
            }
            if isOver { break }
            usleep(2000)
        }
        thread.join()
    }
}

/// Both ends of a pipe(7), closed on exec and at deinit.
private final class Pipe: Sendable {
    private let ends: Mutex<[Int32]>

    init() throws {
        var raw: [Int32] = [-1, -1]
        try retryingInterrupts("pipe") { pipe(&raw) }
        for end in raw { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        ends = Mutex(raw)
    }

    deinit { for end in 0...1 { close(end) } }

    func raw(_ end: Int) -> Int32 { ends.withLock { $0[end] } }

    /// A path by which a child can open this end.
    func path(_ end: Int) -> String { "/proc/self/fd/\(raw(end))" }

    func close(_ end: Int) {
        ends.withLock { ends in
            if ends[end] >= 0 { Glibc.close(ends[end]) }
            ends[end] = -1
        }
    }
}
