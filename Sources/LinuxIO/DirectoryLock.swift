// One daemon per state directory: flock(2) on a file that says who holds it.
internal import Glibc

/// An exclusive lock on a directory, held until the value goes away or the process dies.
package struct DirectoryLock: ~Copyable, Sendable {
    private let descriptor: FileDescriptor

    /// Unlocks before closing: a child of another thread, between fork and exec, still holds copies of all descriptors.
    deinit { flock(descriptor.raw, LOCK_UN) }

    /// What `acquire` found.
    package enum Failure: Error, Sendable, Equatable {
        /// Another process holds the lock; its pid as it wrote it, 0 when it is not to be read.
        case held(byProcess: Int32)
        case system(SystemError)
    }

    /// Takes `directory`/lock or says who has it. flock(2) locks end with the process, also after kill -9.
    package static func acquire(_ directory: String) throws(Failure) -> DirectoryLock {
        let path = directory + "/lock"
        let raw = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o640)
        guard raw >= 0 else { throw .system(SystemError("open", path, errno: errno)) }
        let lock = DirectoryLock(descriptor: FileDescriptor(owning: raw))
        var tries = 0
        while flock(raw, LOCK_EX | LOCK_NB) != 0 {
            guard errno == EWOULDBLOCK else { throw .system(SystemError("lock", path, errno: errno)) }
            let holder = holder(raw)
            // One that is being killed still counts as a process, and may not have written its id.
            let isGone = holder > 0 && kill(holder, 0) != 0 && errno == ESRCH
            guard tries < (isGone ? longestWait : shortWait) / pause else { throw .held(byProcess: holder) }
            tries += 1
            usleep(UInt32(pause) * 1_000)
        }
        let mine = Array("\(getpid())\n".utf8)
        if ftruncate(raw, 0) != 0 || pwrite(raw, mine, mine.count, 0) != mine.count {
            throw .system(SystemError("write", path, errno: errno))
        }
        return lock
    }

    /// The process that wrote itself into the lock file; 0 when it is not to be read.
    private static func holder(_ raw: Int32) -> Int32 {
        var text = [UInt8](repeating: 0, count: 16)
        let count = max(0, pread(raw, &text, 15, 0))
        return Int32(String(decoding: text[..<count].prefix { $0 != 0x0A }, as: UTF8.self)) ?? 0
    }

    /// The kernel closes the files of a killed process after its parent has heard of its death, with a busy disk much
    /// later: whoever starts it again at once finds the lock of nobody. Milliseconds.
    private static let longestWait = 5_000
    private static let shortWait = 1_000
    private static let pause = 10
}
