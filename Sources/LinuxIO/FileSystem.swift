// The file-system calls the daemon makes, with raw-byte paths and errno kept.
package import CLinux
internal import Core
internal import Glibc

/// A path as the kernel has it: bytes without NUL, any encoding. Printed with invalid UTF-8 as `\xHH`.
package typealias RawPath = [UInt8]

/// Stateless wrappers of open, stat, readdir and their kin. Every path is raw bytes; none of them blocks on a FIFO.
package enum FileSystem {
    /// Calls `body` with `path` as a C string.
    package static func withCString<Result, Failure: Error>(
        _ path: RawPath, _ body: (UnsafePointer<CChar>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let copy = UnsafeMutablePointer<CChar>.allocate(capacity: path.count + 1)
        defer { copy.deallocate() }
        for (index, byte) in path.enumerated() { copy[index] = CChar(bitPattern: byte) }
        copy[path.count] = 0
        return try body(copy)
    }

    /// How often an open is repeated that a signal or a concurrent rename disturbed. Bounded: EAGAIN may also come from a
    /// lease that the file's owner holds (fcntl(2), F_SETLEASE), for as long as the owner likes.
    private static let openAttempts = 8

    /// openat2(2) with RESOLVE_NO_MAGICLINKS. `flags` are the O_ constants; O_CLOEXEC is added, and O_NONBLOCK but for
    /// O_PATH (openat2 refuses the two together): neither a FIFO nor a lease makes the caller wait.
    package static func open(
        _ path: RawPath, at directory: Int32 = AT_FDCWD, flags: Int32, resolve: UInt64 = UInt64(RESOLVE_NO_MAGICLINKS)
    ) -> Result<Int32, SystemError> {
        let added = flags & CLINUX_O_PATH == 0 ? O_CLOEXEC | O_NONBLOCK : O_CLOEXEC
        return withCString(path) { text in
            var code: Int32 = 0
            for _ in 0..<openAttempts {
                let raw = clinux_openat2(directory, text, UInt64(flags | added), 0, resolve)
                if raw >= 0 { return .success(raw) }
                code = errno
                if code != EINTR && code != EAGAIN { break }
            }
            return .failure(SystemError("open", printable(path), errno: code))
        }
    }

    /// statx(2) of a path; `follow` false looks at a link itself.
    package static func status(
        _ path: RawPath, at directory: Int32 = AT_FDCWD, follow: Bool = true
    ) -> Result<clinux_stat, SystemError> {
        withCString(path) { text in
            var status = clinux_stat()
            if clinux_statx(directory, text, follow ? 0 : AT_SYMLINK_NOFOLLOW, &status) == 0 { return .success(status) }
            return .failure(SystemError("stat", printable(path), errno: errno))
        }
    }

    /// statx(2) of an open descriptor.
    package static func status(descriptor: Int32) -> Result<clinux_stat, SystemError> {
        var status = clinux_stat()
        if clinux_statx(descriptor, "", CLINUX_AT_EMPTY_PATH, &status) == 0 { return .success(status) }
        return .failure(SystemError("stat", "descriptor \(descriptor)", errno: errno))
    }

    /// The file system's UUID, or f_fsid where the kernel tells no UUID: 16 bytes.
    package static func fileSystemID(descriptor: Int32) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 16)
        _ = clinux_filesystem_id(descriptor, &bytes)
        return bytes
    }

    /// Calls `body` with each entry of a directory but `.` and `..`: name, d_type (DT_REG, DT_UNKNOWN, …), inode.
    /// `body` returns false to stop early.
    package static func forEachEntry(
        in path: RawPath, _ body: (_ name: UnsafeBufferPointer<UInt8>, _ type: UInt8, _ inode: UInt64) -> Bool
    ) throws(SystemError) {
        let directory = withCString(path) { opendir($0) }
        guard let directory else { throw SystemError("open directory", printable(path), errno: errno) }
        defer { closedir(directory) }
        while true {
            errno = 0
            guard let entry = readdir(directory) else {
                if errno != 0 { throw SystemError("read directory", printable(path), errno: errno) }
                return
            }
            let goOn = withUnsafePointer(to: &entry.pointee.d_name) { name in
                name.withMemoryRebound(to: UInt8.self, capacity: 256) { bytes -> Bool in
                    let length = strlen(UnsafeRawPointer(bytes).assumingMemoryBound(to: CChar.self))
                    if bytes[0] == 0x2E && (length == 1 || (length == 2 && bytes[1] == 0x2E)) { return true }
                    let name = UnsafeBufferPointer(start: bytes, count: length)
                    return body(name, entry.pointee.d_type, UInt64(entry.pointee.d_ino))
                }
            }
            if !goOn { return }
        }
    }
}

/// A raw path as text for messages: invalid UTF-8 as `\xHH`, control characters escaped.
package func printable(_ path: some Sequence<UInt8>) -> String { escapedForTerminal(escapingInvalidUTF8(path)) }
