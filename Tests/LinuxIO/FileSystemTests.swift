// File-system calls on names of any bytes, and opens that never wait.
import CLinux
import Glibc
import LinuxIO
import TestSupport
import Testing

@Suite struct FileSystemTests {
    private let directory: TemporaryDirectory
    private let path: RawPath
    /// Names a tenant may choose: anything but NUL and `/`.
    private let names: [RawPath] = [
        Array("plain.log".utf8), Array("new\nline".utf8), [0xFF, 0xFE, 0x61], [0xC3], Array("日志".utf8), [0x1B, 0x5B],
        Array("...".utf8), Array(".hidden".utf8), [0x20], [UInt8](repeating: 0x62, count: 255),
        (1...255).map { UInt8($0) }.filter { $0 != 0x2F },
    ]

    init() throws {
        directory = try TemporaryDirectory()
        path = Array(directory.path.utf8)
    }

    private func make(_ name: RawPath, _ text: String = "x") throws -> RawPath {
        let full = path + [0x2F] + name
        let raw = FileSystem.withCString(full) { creat($0, 0o600) }
        try #require(raw >= 0)
        let descriptor = FileDescriptor(owning: raw)
        try writeAll(Array(text.utf8), to: descriptor.raw)
        return full
    }

    @Test func `every name is listed, opened and looked at byte by byte`() throws {
        var inodes: [RawPath: UInt64] = [:]
        for name in names {
            let full = try make(name)
            let status = try FileSystem.status(full).get()
            #expect(status.size == 1)
            let descriptor = FileDescriptor(owning: try FileSystem.open(full, flags: O_RDONLY).get())
            #expect(try FileSystem.status(descriptor: descriptor.raw).get().inode == status.inode)
            inodes[name] = status.inode
        }
        var listed: [RawPath: UInt64] = [:]
        try FileSystem.forEachEntry(in: path) { name, type, inode in
            #expect(type == UInt8(DT_REG) || type == UInt8(DT_UNKNOWN))
            listed[Array(name)] = inode
            return true
        }
        #expect(listed == inodes)
    }

    @Test func `a listing stops when it is told to`() throws {
        for name in names { _ = try make(name) }
        var seen = 0
        try FileSystem.forEachEntry(in: path) { _, _, _ in
            seen += 1
            return seen < 3
        }
        #expect(seen == 3)
    }

    @Test func `what is not there is an error with a safe path`() throws {
        let missing = path + Array("/no\u{1B}[31m".utf8) + [0xFF]
        guard case .failure(let error) = FileSystem.open(missing, flags: O_RDONLY) else {
            throw FixtureError("it was opened")
        }
        #expect(error.errno == ENOENT)
        #expect(error.description == "open \(directory.path)/no\\u{1b}[31m\\xff: No such file or directory")
        #expect(throws: SystemError("open directory", "\(directory.path)/no\\u{1b}[31m\\xff", errno: ENOENT)) {
            try FileSystem.forEachEntry(in: missing) { _, _, _ in true }
        }
        guard case .failure(let status) = FileSystem.status(missing) else { throw FixtureError("a status") }
        #expect(status.errno == ENOENT)
    }

    @Test func `a FIFO without a writer is opened at once`() throws {
        let fifo = path + Array("/fifo".utf8)
        try #require(FileSystem.withCString(fifo) { mkfifo($0, 0o600) } == 0)
        let descriptor = FileDescriptor(owning: try FileSystem.open(fifo, flags: O_RDONLY).get())
        #expect(try FileSystem.status(descriptor: descriptor.raw).get().mode & UInt32(S_IFMT) == UInt32(S_IFIFO))
    }

    @Test func `a lease of the file's owner does not hold up an open`() throws {
        let full = try make(Array("leased".utf8))
        let owner = FileDescriptor(owning: FileSystem.withCString(full) { open($0, O_WRONLY | O_CLOEXEC) })
        // The break is announced by a signal that is ignored by default.
        try #require(fcntl(owner.raw, F_SETSIG_, SIGURG) == 0)
        try #require(fcntl(owner.raw, F_SETLEASE_, F_WRLCK) == 0)
        guard case .failure(let error) = FileSystem.open(full, flags: O_RDONLY) else {
            throw FixtureError("it was opened")
        }
        #expect(error.errno == EAGAIN)
        try #require(fcntl(owner.raw, F_SETLEASE_, F_UNLCK) == 0)
        close(try FileSystem.open(full, flags: O_RDONLY).get())
    }

    @Test func `descriptors are closed on exec and magic links are refused`() throws {
        let full = try make(Array("a".utf8))
        let descriptor = FileDescriptor(owning: try FileSystem.open(full, flags: O_RDONLY).get())
        #expect(fcntl(descriptor.raw, F_GETFD) & FD_CLOEXEC != 0)
        let magic = Array("/proc/self/fd/\(descriptor.raw)".utf8)
        guard case .failure(let error) = FileSystem.open(magic, flags: O_RDONLY) else {
            throw FixtureError("it was opened")
        }
        #expect(error.errno == ELOOP)
        let place = FileDescriptor(owning: try FileSystem.open(full, flags: CLINUX_O_PATH).get())
        #expect(place.raw >= 0)
    }

    @Test func `a link is followed only when asked`() throws {
        let target = try make(Array("target".utf8))
        let link = path + Array("/link".utf8)
        try #require(FileSystem.withCString(link) { link in FileSystem.withCString(target) { symlink($0, link) } } == 0)
        #expect(try FileSystem.status(link).get().inode == FileSystem.status(target).get().inode)
        let itself = try FileSystem.status(link, follow: false).get()
        #expect(itself.mode & UInt32(S_IFMT) == UInt32(S_IFLNK))
    }

    @Test func `a file system's identity is the same for all its files and differs from another's`() throws {
        let first = try make(Array("a".utf8))
        let one = FileDescriptor(owning: try FileSystem.open(first, flags: O_RDONLY).get())
        let two = FileDescriptor(owning: try FileSystem.open(path, flags: O_RDONLY | O_DIRECTORY).get())
        let proc = FileDescriptor(owning: try FileSystem.open(Array("/proc".utf8), flags: O_RDONLY).get())
        let identity = FileSystem.fileSystemID(descriptor: one.raw)
        #expect(identity.count == 16)
        #expect(identity == FileSystem.fileSystemID(descriptor: one.raw))
        #expect(identity == FileSystem.fileSystemID(descriptor: two.raw))
        #expect(identity != FileSystem.fileSystemID(descriptor: proc.raw))
        #expect(identity.contains { $0 != 0 })
    }

    @Test func `a path for people hides no control character`() {
        #expect(printable([0x61, 0x0A, 0xFF, 0x1B]) == #"a\u{a}\xff\u{1b}"#)
    }

    // fcntl(2): constants of _GNU_SOURCE.
    private let F_SETSIG_: Int32 = 10
    private let F_SETLEASE_: Int32 = 1024
}
