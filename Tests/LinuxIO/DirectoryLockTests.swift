// The lock of the state directory: one process at a time, freed by any death.
import Glibc
import LinuxIO
import TestSupport
import Testing

@Suite struct DirectoryLockTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private func failure() -> DirectoryLock.Failure? {
        do throws(DirectoryLock.Failure) {
            _ = try DirectoryLock.acquire(directory.path)
            return nil
        } catch { return error }
    }

    @Test func `a second taker learns who holds the lock, until the holder lets go`() throws {
        do {
            let lock = try DirectoryLock.acquire(directory.path)
            #expect(failure() == .held(byProcess: getpid()))
            _ = consume lock
        }
        #expect(failure() == nil)
        let text = String(decoding: try directory.read("lock"), as: UTF8.self)
        #expect(text == "\(getpid())\n")
    }

    @Test func `a holder's death frees the lock, also after kill -9`() async throws {
        // The shell writes its process id as the daemon does and becomes sleep, which keeps the locked descriptor.
        let lock = directory.path("lock")
        let script =
            "exec 9<>'\(lock)'; flock -n 9 || exit 1; echo $$ >&9; : >'\(directory.path("held"))'; exec sleep 600"
        let holder = try ChildProcess("/bin/sh", ["-c", script], directory: directory)
        try await waitUntil("the child's lock; it wrote: \(holder.errorTail)") {
            FileSystem.withCString(Array(directory.path("held").utf8)) { access($0, F_OK) } == 0
        }
        #expect(failure() == .held(byProcess: holder.processID))
        holder.signal(SIGKILL)
        #expect(try await holder.wait() == .killed(signal: SIGKILL))
        #expect(failure() == nil)
    }

    @Test func `the lock that outlives its holder for a moment is waited for`() async throws {
        let gone = try ChildProcess("/bin/true", [], directory: directory)
        _ = try await gone.wait()
        let path = try directory.write("\(gone.processID)\n", to: "lock")
        let descriptor = open(path, O_RDWR | O_CLOEXEC)
        #expect(flock(descriptor, LOCK_EX | LOCK_NB) == 0)
        // The taker opens the same file: only then it is let go.
        let directory = directory.path
        let taker = try Thread(name: "test-release") {
            while openDescriptors(of: path) < 2 { usleep(1_000) }
            close(descriptor)
        }
        #expect(throws: Never.self) { _ = try DirectoryLock.acquire(directory) }
        taker.join()
    }

    @Test(arguments: ["", "not a number\n", "99999999999999999999\n"])
    func `a holder that left no readable process id is named 0`(content: String) throws {
        let path = try directory.write(content, to: "lock")
        let descriptor = FileDescriptor(owning: open(path, O_RDWR | O_CLOEXEC))
        #expect(flock(descriptor.raw, LOCK_EX | LOCK_NB) == 0)
        #expect(failure() == .held(byProcess: 0))
    }

    @Test func `a longer text of an earlier holder is replaced`() throws {
        try directory.write("1234567890123\nmore\n", to: "lock")
        let lock = try DirectoryLock.acquire(directory.path)
        #expect(String(decoding: try directory.read("lock"), as: UTF8.self) == "\(getpid())\n")
        _ = consume lock
    }

    @Test func `a directory that is not there is an error with its path`() throws {
        directory.remove()
        guard case .system(let error) = failure() else { throw FixtureError("the lock was taken") }
        #expect(error.errno == ENOENT)
        #expect(error.description.contains(directory.path("lock")))
    }
}

/// How many descriptors of this process are `path`.
private func openDescriptors(of path: String) -> Int {
    (0..<1_024).count { descriptor in
        var target = [CChar](repeating: 0, count: 4_096)
        let length = readlink("/proc/self/fd/\(descriptor)", &target, target.count - 1)
        return length > 0 && String(decoding: target[..<length].map { UInt8(bitPattern: $0) }, as: UTF8.self) == path
    }
}
