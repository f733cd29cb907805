// What can be asked of an O_PATH descriptor: its link's target, its own path, its file system, its attributes.
internal import CLinux
internal import Glibc

extension FileSystem {
    /// The file behind an open descriptor as a path of proc(5): for calls that take no O_PATH descriptor, which thus
    /// reach exactly this inode. Of the calling thread: an I/O worker has descriptors of its own.
    package static func path(ofDescriptor descriptor: Int32) -> RawPath {
        Array("/proc/thread-self/fd/\(descriptor)".utf8)
    }

    /// Target of a symbolic link (readlink(2)); EINVAL when the path is none.
    package static func linkTarget(_ path: RawPath) -> Result<RawPath, SystemError> {
        readLink(at: AT_FDCWD, path, subject: printable(path))
    }

    /// Target of the symbolic link that an O_PATH | O_NOFOLLOW descriptor is (readlinkat(2) with an empty path): of this
    /// link, whatever stands under its name by now.
    package static func linkTarget(descriptor: Int32) -> Result<RawPath, SystemError> {
        readLink(at: descriptor, [], subject: "descriptor \(descriptor)")
    }

    /// Where the file of a descriptor is now (readlink(2) of its path in proc(5)), without symbolic links; a deleted one ends
    /// in ` (deleted)`.
    package static func currentPath(descriptor: Int32) -> Result<RawPath, SystemError> {
        readLink(at: AT_FDCWD, path(ofDescriptor: descriptor), subject: "descriptor \(descriptor)")
    }

    private static func readLink(
        at directory: Int32, _ path: RawPath, subject: @autoclosure () -> String
    ) -> Result<RawPath, SystemError> {
        // PATH_MAX with its NUL: no target is longer. One more byte would show that it was cut.
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 4097) { buffer in
            let count = withCString(path) { readlinkat(directory, $0, buffer.baseAddress!, buffer.count) }
            if count < 0 { return .failure(SystemError("read link", subject(), errno: errno)) }
            if count == buffer.count { return .failure(SystemError("read link", subject(), errno: ENAMETOOLONG)) }
            return .success(buffer[..<count].map { UInt8(bitPattern: $0) })
        }
    }

    /// f_type of statfs(2); nil where the kernel does not tell it. May hang on a network file system.
    package static func fileSystemType(descriptor: Int32) -> UInt64? {
        let type = clinux_filesystem_type(descriptor)
        return type == 0 ? nil : type
    }

    /// Value of an extended attribute (xattr(7)) of at most 255 bytes; nil when there is none or it may not be read:
    /// `trusted.` needs CAP_SYS_ADMIN. Not for symbolic links.
    package static func attribute(_ name: String, descriptor: Int32) -> [UInt8]? {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 255) { buffer in
            let count = withCString(path(ofDescriptor: descriptor)) {
                clinux_getxattr($0, name, buffer.baseAddress!, buffer.count)
            }
            return count < 0 ? nil : Array(buffer[..<count])
        }
    }

    /// The file that a handle of name_to_handle_at(2) names on the file system of an open descriptor, as an O_PATH
    /// descriptor that the caller owns. Needs CAP_DAC_READ_SEARCH (EPERM); ESTALE when there is no such file any more.
    package static func openHandle(_ handle: [UInt8], type: Int32, near descriptor: Int32) -> Result<Int32, SystemError>
    {
        let raw = clinux_open_handle(descriptor, type, handle, handle.count)
        return raw >= 0 ? .success(raw) : .failure(SystemError("open_by_handle_at", "\(type)", errno: errno))
    }

    /// pidfd_open(2): a descriptor that names this process even when its id is given to another.
    package static func openProcess(_ processID: Int32) -> Result<Int32, SystemError> {
        let raw = clinux_pidfd_open(processID)
        return raw >= 0 ? .success(raw) : .failure(SystemError("pidfd_open", "\(processID)", errno: errno))
    }

    /// Whether the process of a pidfd still runs.
    package static func isAlive(process descriptor: Int32) -> Bool {
        var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return poll(&entry, 1, 0) == 0
    }
}
