// The worker of a file system that may hang: bounded, quiet, never waited for, and no burden to a successor.
import Core
import Glibc
import LinuxIO
import Synchronization
import TestSupport
import Testing

@Suite struct IOWorkerTests {
    private let directory: TemporaryDirectory
    private let ready: EventDescriptor

    init() throws {
        directory = try TemporaryDirectory()
        ready = try EventDescriptor()
    }

    /// A worker that answers with the content of the files it is asked for; errno below zero when there is none.
    private func reader(_ name: String, capacity: Int = 4) throws -> IOWorker<String, [Int32]> {
        try IOWorker(name: name, capacity: capacity, ready: ready) { path in
            let raw = open(path, O_RDONLY | O_CLOEXEC)
            if raw < 0 { return [-errno] }
            defer { close(raw) }
            var bytes = [UInt8](repeating: 0, count: 100)
            let count = read(raw, &bytes, bytes.count)
            return count < 0 ? [-errno] : bytes.prefix(count).map(Int32.init)
        }
    }

    /// A FIFO: opening it for reading hangs until `openGate`.
    private func makeGate(_ name: String) throws -> String {
        let path = directory.path(name)
        try retryingInterrupts("mkfifo", path) { mkfifo(path, 0o600) }
        return path
    }

    private func openGate(_ gate: String) throws {
        let writer = FileDescriptor(
            owning: try retryingInterrupts("open", gate) { open(gate, O_WRONLY | O_CLOEXEC) })
        try writeAll([7], to: writer.raw)
    }

    private func isReadable(_ event: EventDescriptor) throws -> Bool {
        let epoll = try Epoll()
        try epoll.add(event.raw, tag: 1)
        return epoll.wait(milliseconds: 30_000) == 1
    }

    /// Waits on `ready` until `count` answers have come.
    private func answers(_ worker: IOWorker<String, [Int32]>, _ count: Int) throws -> [[Int32]] {
        let epoll = try Epoll()
        try epoll.add(ready.raw, tag: 1)
        var all: [[Int32]] = []
        while all.count < count {
            try #require(epoll.wait(milliseconds: 30_000) == 1, "only \(all.count) of \(count) answers")
            ready.drain()
            all += worker.takeAnswers()
        }
        return all
    }

    @Test func `answers come in the order of their requests, and ready tells of them`() throws {
        let worker = try reader("reader", capacity: 100)
        let paths = try (0..<100).map { try directory.write(bytes: [UInt8($0)], to: "\($0)") }
        for path in paths { #expect(worker.submit(path)) }
        #expect(try answers(worker, 100) == (0..<100).map { [$0] })
        #expect(worker.takeAnswers().isEmpty && worker.busySince == nil)
        #expect(worker.submit(directory.path("missing")))
        #expect(try answers(worker, 1) == [[-ENOENT]])
    }

    @Test func `a full worker refuses until answers are taken`() throws {
        let worker = try reader("reader", capacity: 3)
        let gates = try (0..<4).map { try makeGate("gate\($0)") }
        #expect(gates.map { worker.submit($0) } == [true, true, true, false])
        try openGate(gates[0])
        // Answered but not taken is still in memory.
        #expect(try isReadable(ready) && !worker.submit(gates[3]))
        #expect(try answers(worker, 1) == [[7]])
        #expect(worker.submit(gates[3]) && !worker.submit(gates[0]))
        for gate in gates.dropFirst() { try openGate(gate) }
        #expect(try answers(worker, 3) == [[7], [7], [7]])
    }

    @Test func `busySince tells how long the current request has been performed`() async throws {
        let worker = try reader("reader")
        #expect(worker.busySince == nil)
        let gate = try makeGate("gate")
        let before = Clock.monotonic()
        #expect(worker.submit(gate))
        try await waitUntil("the request to be performed") { worker.busySince != nil }
        let since = try #require(worker.busySince)
        #expect(since >= before && since <= Clock.monotonic())
        try openGate(gate)
        #expect(try answers(worker, 1) == [[7]])
        #expect(worker.busySince == nil)
    }

    @Test func `workers that share ready do not wait for each other`() async throws {
        let (stuck, free) = (try reader("stuck"), try reader("free"))
        let gate = try makeGate("gate")
        #expect(stuck.submit(gate))
        try await waitUntil("the request to be performed") { stuck.busySince != nil }
        let path = try directory.write("x", to: "x")
        for _ in 0..<50 {
            #expect(free.submit(path))
            #expect(try answers(free, 1) == [[0x78]] && stuck.takeAnswers().isEmpty)
        }
        try openGate(gate)
        #expect(try answers(stuck, 1) == [[7]])
    }

    @Test func `an idle worker does not wake up`() throws {
        let worker = try reader("w-idle")
        #expect(worker.submit(directory.path("missing")))
        #expect(try answers(worker, 1) == [[-ENOENT]])
        let thread = try #require(try threads("w-idle").first)
        // The thread goes to sleep after its answer; from then on, half a second of silence has no event to wait for.
        func switches() throws -> String {
            let status = String(decoding: try readWholeFile("/proc/self/task/\(thread)/status"), as: UTF8.self)
            return status.split(separator: "\n").filter { $0.contains("ctxt_switches") }.joined()
        }
        usleep(100_000)
        let before = try switches()
        usleep(500_000)
        #expect(try switches() == before)
    }

    @Test func `abandoning never waits, drops what is left and lets the thread end when its call returns`() async throws
    {
        let worker = try reader("w-abandoned")
        let gate = try makeGate("gate")
        for _ in 0..<3 { #expect(worker.submit(gate)) }
        try await waitUntil("the request to be performed") { worker.busySince != nil }
        worker.abandon()
        worker.abandon()
        #expect(!worker.submit(gate) && worker.takeAnswers().isEmpty && worker.busySince != nil)
        #expect(try threads("w-abandoned").count == 1)
        try openGate(gate)
        try await waitUntil("the thread's end") { try threads("w-abandoned").isEmpty }
        #expect(worker.busySince == nil && worker.takeAnswers().isEmpty)
    }

    @Test func `letting go of the last reference ends an idle worker's thread`() async throws {
        do {
            let worker = try reader("w-dropped")
            #expect(try threads("w-dropped").count == 1 && worker.busySince == nil)
        }
        try await waitUntil("the thread's end") { try threads("w-dropped").isEmpty }
    }

    /// In a process of its own, where nobody else opens descriptors.
    @Test func `a worker leaves no descriptor behind, and its own are not those of the process`() async throws {
        await #expect(processExitsWith: .success) {
            let ready = try EventDescriptor()
            let before = entries("/proc/self/fd").count
            for _ in 0..<50 {
                let worker = try IOWorker<Int, [String]>(name: "w", capacity: 1, ready: ready) { _ in
                    _ = open("/", O_RDONLY | O_CLOEXEC)
                    return entries("/proc/thread-self/fd")
                }
                precondition(worker.submit(0))
                var own: [String] = []
                try await waitUntil("its answer") {
                    own = worker.takeAnswers().first ?? []
                    return !own.isEmpty
                }
                // Standard input and output, `ready`, the directory it opened, and the listing itself.
                let standard = ["0", "1", "2"].filter { entries("/proc/self/fd").contains($0) }
                let expected = Set(standard + ["\(ready.raw)"])
                if !expected.isSubset(of: own) || own.count != expected.count + 2 { exit(Int32(own.count)) }
            }
            // The runtime opens some for itself, at any time, but not one for each worker.
            if entries("/proc/self/fd").count > before + 25 { exit(99) }
        }
    }

    @Test(.enabled(if: FuseMount.isAvailable, "mounting FUSE needs root and /dev/fuse"))
    func `a hanging file system is told, its worker can be let go, and its neighbour goes on`() async throws {
        let mount = try FuseMount.start(in: directory)
        try mount.write("a", [1])
        let (stuck, free) = (try reader("w-fuse"), try reader("free"))
        #expect(stuck.submit("\(mount.path)/a"))
        #expect(try answers(stuck, 1) == [[1]])
        try mount.hang(.read)
        #expect(stuck.submit("\(mount.path)/a"))
        try await waitUntil("the request to hang") { try mount.held == 1 }
        #expect(stuck.busySince != nil)
        #expect(free.submit("\(mount.backing)/a"))
        #expect(try answers(free, 1) == [[1]])
        stuck.abandon()
        #expect(try threads("w-fuse").count == 1)
        mount.end()
        try await waitUntil("the thread's end") { try threads("w-fuse").isEmpty }
    }

    /// Such a process cannot end: its parent waits for it until the file system answers. But a successor can start.
    @Test(.enabled(if: FuseMount.isAvailable, "mounting FUSE needs root and /dev/fuse"), arguments: [SIGKILL, 0])
    func `a process that ends while its worker hangs lets go of its locks`(signal: Int32) async throws {
        let mount = try FuseMount.start(in: directory)
        try mount.write("a", [1])
        try mount.hang(.read)
        let (file, state) = ("\(mount.path)/a", try directory.makeDirectory("state"))
        let release = Task { [directory] in
            defer { mount.end() }
            try await waitUntil("the request to hang") { try mount.held == 1 }
            try directory.write("", to: "state/hangs")
            try await waitUntil("the lock to be free") {
                do throws(DirectoryLock.Failure) {
                    _ = try DirectoryLock.acquire(state)
                    return true
                } catch { return false }
            }
            return try mount.held
        }
        let end: ExitTest.Condition = signal == 0 ? .exitCode(3) : .signal(signal)
        await #expect(processExitsWith: end) {
            [file = file as String, state = state as String, signal = signal as Int32] in
            let lock = try DirectoryLock.acquire(state)
            let worker = try IOWorker<String, Int32>(name: "w", capacity: 1, ready: try EventDescriptor()) { path in
                var byte: UInt8 = 0
                return pread(open(path, O_RDONLY | O_CLOEXEC), &byte, 1, 0) == 1 ? 0 : errno
            }
            precondition(worker.submit(file))
            try await waitUntil("the read to hang") { access("\(state)/hangs", F_OK) == 0 }
            if signal == 0 { exit(3) }
            kill(getpid(), signal)
            _ = consume lock
        }
        #expect(try await release.value == 1, "the lock was free only when the file system answered")
    }
}

/// Ids of this process's threads of this name.
private func threads(_ name: String) throws -> [String] {
    entries("/proc/self/task").filter { thread in
        // A thread that ends meanwhile is none.
        (try? readWholeFile("/proc/self/task/\(thread)/comm")).map { $0.dropLast() == Array(name.utf8)[...] } ?? false
    }
}

/// Names in a directory of /proc, sorted.
private func entries(_ path: String) -> [String] {
    var names: [String] = []
    try? FileSystem.forEachEntry(in: Array(path.utf8)) { name, _, _ in
        names.append(String(decoding: name, as: UTF8.self))
        return true
    }
    return names.sorted()
}
