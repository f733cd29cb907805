// An O_PATH descriptor that closes itself.
internal import Glibc
internal import LinuxIO
internal import CLinux

/// Owns one descriptor, mostly O_PATH. Copied by reference between the places of a walk; the last one closes it. Every
/// call on the descriptor is made in here, where the object is kept alive until the call returns: the optimizer may end an
/// object's life after its last use, and a number taken out of it would then name nothing, or another thread's file.
final class PathDescriptor {
    private let raw: Int32

    init(owning raw: Int32) { self.raw = raw }

    deinit { close(raw) }

    /// What every step of a walk forbids: leaving the directory, links of either kind, other mounts.
    static let strict = UInt64(RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV)
    /// The same for the one component that is known to be a mount point.
    static let crossing = UInt64(RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS)
    /// For absolute paths that were found to hold no links.
    static let plain = UInt64(RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS)

    /// Opens an absolute path; a link at its end is opened itself.
    static func open(_ path: RawPath, resolve: UInt64 = plain) -> Result<PathDescriptor, SystemError> {
        FileSystem.open(path, flags: CLINUX_O_PATH | O_NOFOLLOW, resolve: resolve).map(PathDescriptor.init(owning:))
    }

    /// Calls `body` with the descriptor, which is open until it returns.
    func use<Value, Failure: Error>(_ body: (Int32) throws(Failure) -> Value) throws(Failure) -> Value {
        defer { withExtendedLifetime(self) {} }
        return try body(raw)
    }

    /// Opens `path` below this directory; a link at its end is opened itself.
    func open(
        _ path: RawPath, flags: Int32 = CLINUX_O_PATH | O_NOFOLLOW, resolve: UInt64
    ) -> Result<PathDescriptor, SystemError> {
        use { FileSystem.open(path, at: $0, flags: flags, resolve: resolve).map(PathDescriptor.init(owning:)) }
    }

    var status: Result<clinux_stat, SystemError> { use { FileSystem.status(descriptor: $0) } }

    func status(of name: RawPath) -> Result<clinux_stat, SystemError> {
        use { FileSystem.status(name, at: $0, follow: false) }
    }

    var linkTarget: Result<RawPath, SystemError> { use { FileSystem.linkTarget(descriptor: $0) } }

    var currentPath: Result<RawPath, SystemError> { use { FileSystem.currentPath(descriptor: $0) } }

    var fileSystemType: UInt64? { use { FileSystem.fileSystemType(descriptor: $0) } }

    /// As mountinfo names the mount it lies on (proc(5), `mnt_id` of fdinfo): no other mount has this number while the
    /// descriptor is open. nil: not to be told.
    var mountID: UInt64? {
        if case .success(let status) = status, status.mount_id != 0 { return status.mount_id }
        return listedMountID
    }

    /// The same without statx(2), which tells it from Linux 5.8 on.
    var listedMountID: UInt64? {
        use { raw in
            let path = Array("/proc/thread-self/fdinfo/\(raw)".utf8)
            guard case .success(let opened) = FileSystem.open(path, flags: O_RDONLY, resolve: 0) else { return nil }
            let file = FileDescriptor(owning: opened)
            var buffer = [UInt8](repeating: 0, count: 1024)
            let count = read(file.raw, &buffer, buffer.count)
            let text = String(decoding: buffer.prefix(max(0, count)), as: UTF8.self)
            guard let line = text.split(separator: "\n").first(where: { $0.hasPrefix("mnt_id:") }) else { return nil }
            return UInt64(line.dropFirst(7).drop { $0 == "\t" || $0 == " " })
        }
    }

    func attribute(_ name: String) -> [UInt8]? { use { FileSystem.attribute(name, descriptor: $0) } }
}

/// File types of inode(7).
extension clinux_stat {
    private var type: UInt32 { mode & S_IFMT }
    var isDirectory: Bool { type == S_IFDIR }
    var isRegular: Bool { type == S_IFREG }
    var isLink: Bool { type == S_IFLNK }
    /// "Deleted" in a layer of overlayfs (Documentation/filesystems/overlayfs, "whiteouts and opaque directories").
    var isWhiteout: Bool { type == S_IFCHR && special_device == 0 }

    func isSameFile(as other: clinux_stat) -> Bool { inode == other.inode && device == other.device }

    /// What it is, for messages.
    var kindName: String {
        switch type {
        case S_IFDIR: "a directory"
        case S_IFREG: "a regular file"
        case S_IFLNK: "a symbolic link"
        case S_IFIFO: "a FIFO"
        case S_IFSOCK: "a socket"
        default: "a device"
        }
    }
}
