// A private directory that goes away with the test that made it.
internal import Glibc
internal import LinuxIO

/// A directory only this user can read, removed with all it holds by `remove()` or at deinit, also when the test fails.
/// Mounts that are left below it are detached: a file system that hangs does not hold up its removal.
package final class TemporaryDirectory: Sendable {
    package let path: String

    /// Makes `longshore-test-XXXXXX` in `parent`, else in $TMPDIR, else in /tmp.
    package init(in parent: String? = nil) throws {
        let parent = parent ?? getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        var template = Array("\(parent)/longshore-test-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw SystemError("mkdtemp", parent, errno: errno) }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit { remove() }

    /// Removes the directory and everything below it, without following links. Calling it again is fine.
    package func remove() {
        detachMounts(below: path)
        removeTree(Array(path.utf8))
    }

    /// The absolute path of `name` in this directory.
    package func path(_ name: String) -> String { "\(path)/\(name)" }

    /// Makes the directory `name` and the ones above it; gives its absolute path.
    @discardableResult
    package func makeDirectory(_ name: String) throws -> String {
        var made = path
        for part in name.split(separator: "/") {
            made += "/\(part)"
            if mkdir(made, 0o755) != 0 && errno != EEXIST { throw SystemError("mkdir", made, errno: errno) }
        }
        return made
    }

    /// Creates or replaces the file `name`; gives its absolute path.
    @discardableResult
    package func write(_ text: String, to name: String) throws -> String {
        try write(bytes: Array(text.utf8), to: name)
    }

    /// Creates or replaces the file `name` with raw bytes; gives its absolute path.
    @discardableResult
    package func write(bytes: [UInt8], to name: String) throws -> String {
        try put(bytes, name, flags: O_WRONLY | O_CREAT | O_TRUNC)
    }

    /// Appends to the file `name`, creating it if need be; gives its absolute path.
    @discardableResult
    package func append(_ text: String, to name: String) throws -> String {
        try put(Array(text.utf8), name, flags: O_WRONLY | O_CREAT | O_APPEND)
    }

    /// Everything in the file `name`.
    package func read(_ name: String) throws -> [UInt8] { try readWholeFile(path(name)) }

    private func put(_ bytes: [UInt8], _ name: String, flags: Int32) throws -> String {
        let file = path(name)
        let descriptor = FileDescriptor(
            owning: try retryingInterrupts("open", file) { open(file, flags | O_CLOEXEC, 0o644) })
        try writeAll(bytes, to: descriptor.raw)
        return file
    }
}

/// Gives `body` a private directory and removes it afterwards, whether `body` returns or throws.
package func withTemporaryDirectory<Result>(
    isolation: isolated (any Actor)? = #isolation, _ body: (TemporaryDirectory) async throws -> Result
) async throws -> Result {
    let directory = try TemporaryDirectory()
    defer { directory.remove() }
    return try await body(directory)
}

/// Everything in a file; also for files of /proc, whose size is told as 0.
package func readWholeFile(_ path: String) throws -> [UInt8] {
    let descriptor = FileDescriptor(
        owning: try retryingInterrupts("open", path) { open(path, O_RDONLY | O_CLOEXEC) })
    var content: [UInt8] = []
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 65_536, alignment: 16)
    defer { buffer.deallocate() }
    while true {
        let count = try retryingInterrupts("read", path) {
            Glibc.read(descriptor.raw, buffer.baseAddress, buffer.count)
        }
        if count == 0 { return content }
        content.append(contentsOf: UnsafeRawBufferPointer(rebasing: buffer[..<count]))
    }
}

/// Writes all of `bytes`, however the kernel cuts them.
package func writeAll(_ bytes: [UInt8], to descriptor: Int32) throws {
    try bytes.withUnsafeBytes { buffer in
        var done = 0
        while done < buffer.count {
            done += try retryingInterrupts("write") {
                Glibc.write(descriptor, buffer.baseAddress! + done, buffer.count - done)
            }
        }
    }
}

/// Lazily unmounts what is mounted below `path`, the last mounted first. Looks at no file there.
private func detachMounts(below path: String) {
    let table = String(decoding: (try? readWholeFile("/proc/self/mountinfo")) ?? [], as: UTF8.self)
    for line in table.split(separator: "\n").reversed() {
        let fields = line.split(separator: " ")
        if fields.count > 4, fields[4].hasPrefix(path + "/") { umount2(String(fields[4]), Int32(MNT_DETACH)) }
    }
}

/// Depth first, links themselves only; what cannot be removed stays.
private func removeTree(_ path: RawPath) {
    if FileSystem.withCString(path, { unlink($0) }) == 0 || errno == ENOENT { return }
    _ = FileSystem.withCString(path) { chmod($0, 0o700) }
    var names: [RawPath] = []
    try? FileSystem.forEachEntry(in: path) { name, _, _ in
        names.append(Array(name))
        return true
    }
    for name in names { removeTree(path + [0x2F] + name) }
    _ = FileSystem.withCString(path) { rmdir($0) }
}
