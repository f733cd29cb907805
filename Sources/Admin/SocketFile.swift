// The socket file of the administration interface: made with its mode and group, taken away at the end.
internal import Core
internal import Glibc
internal import LinuxIO

/// A bound, not yet listening unix socket and its file. Nobody can connect before mode and group are set, because the
/// socket listens only later.
struct SocketFile: Sendable {
    let path: String
    private let device: UInt
    private let inode: UInt

    /// Creates the file with the permission bits `mode` and, when given, the group's ownership. The directory is made
    /// (0755) when it is missing. A file left by a dead daemon is replaced; one that somebody listens on is an error.
    static func create(path: String, mode: UInt32, group: String?) throws(AdminError) -> (SocketFile, Int32) {
        guard let address = UnixAddress(path) else {
            throw AdminError(
                "admin.socket \(escapedForTerminal(path)): a socket's path has 1 to \(UnixAddress.pathLimit) bytes: choose a shorter one"
            )
        }
        let groupID = try group.map(lookUp)
        try makeDirectory(of: path)
        try removeStale(path, address)
        let raw = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard raw >= 0 else { throw failure("cannot make a socket", path, errno) }
        let descriptor = FileDescriptor(owning: raw)
        let code = address.bind(raw)
        if code != 0 { throw failure("cannot create the socket", path, code) }
        do {
            let file = try configure(path, mode: mode, group: group, groupID: groupID)
            return (file, descriptor.release())
        } catch {
            unlink(path)
            throw error
        }
    }

    /// Removes the file, unless another daemon has put its own there.
    func remove() {
        var status = stat()
        if lstat(path, &status) == 0 && status.st_dev == device && status.st_ino == inode { unlink(path) }
    }

    private static func configure(
        _ path: String, mode: UInt32, group: String?, groupID: gid_t?
    ) throws(AdminError) -> SocketFile {
        if let group, let groupID, lchown(path, uid_t.max, groupID) != 0 {
            let code = errno
            throw AdminError(
                "admin.group: cannot give \(escapedForTerminal(path)) to the group \(escapedForTerminal(group)) (\(String(cString: strerror(code)))): run the daemon as root or as a member of that group, or change admin.group",
                errno: code)
        }
        if chmod(path, mode) != 0 { throw failure("cannot set the mode of", path, errno) }
        var status = stat()
        if lstat(path, &status) != 0 { throw failure("cannot look at", path, errno) }
        return SocketFile(path: path, device: status.st_dev, inode: status.st_ino)
    }

    /// getgrnam_r(3).
    private static func lookUp(_ name: String) throws(AdminError) -> gid_t {
        var entry = group()
        var found: UnsafeMutablePointer<group>?
        var buffer = [CChar](repeating: 0, count: 16 * 1024)
        let code = getgrnam_r(name, &entry, &buffer, buffer.count, &found)
        if found != nil { return entry.gr_gid }
        throw AdminError(
            "admin.group: there is no group \"\(escapedForTerminal(name))\": create it (groupadd --system \(escapedForTerminal(name))) or set admin.group to a group that exists",
            errno: code)
    }

    private static func makeDirectory(of path: String) throws(AdminError) {
        let directory = path.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
        if directory.isEmpty || access(directory, F_OK) == 0 { return }
        try makeDirectory(of: directory)
        if mkdir(directory, 0o755) != 0 && errno != EEXIST {
            throw failure("cannot create the directory", directory, errno)
        }
        // mkdir(2) takes the umask into account; the group must reach the socket whatever that is.
        if chmod(directory, 0o755) != 0 { throw failure("cannot set the mode of", directory, errno) }
    }

    private static func removeStale(_ path: String, _ address: UnixAddress) throws(AdminError) {
        var status = stat()
        if lstat(path, &status) != 0 {
            if errno == ENOENT { return }
            throw failure("cannot look at", path, errno)
        }
        guard status.st_mode & S_IFMT == S_IFSOCK else {
            throw AdminError(
                "admin.socket \(escapedForTerminal(path)): there is a file that is not a socket: remove it or choose another path"
            )
        }
        let raw = socket(
            AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
        guard raw >= 0 else { throw failure("cannot make a socket", path, errno) }
        let probe = FileDescriptor(owning: raw)
        switch address.connect(probe.raw) {
        case ECONNREFUSED:
            if unlink(path) != 0 && errno != ENOENT { throw failure("cannot remove the old", path, errno) }
        case ENOENT: break
        // EAGAIN: its backlog is full, so somebody listens.
        case 0, EAGAIN:
            throw AdminError(
                "admin.socket \(escapedForTerminal(path)): another daemon\(process(probe.raw)) answers there: stop it, or give this one its own admin.socket and state_directory",
                errno: EADDRINUSE)
        case let code: throw failure("cannot tell whether a daemon listens on", path, code)
        }
    }

    /// ` (pid N)` of the process that listens at the other end (SO_PEERCRED), nothing when it is not known.
    private static func process(_ raw: Int32) -> String {
        // struct ucred: pid, uid, gid; Glibc's module has it only with _GNU_SOURCE.
        var credentials: (pid: Int32, uid: UInt32, gid: UInt32) = (0, 0, 0)
        var length = socklen_t(MemoryLayout.size(ofValue: credentials))
        let code = getsockopt(raw, SOL_SOCKET, SO_PEERCRED, &credentials, &length)
        return code == 0 && credentials.pid > 0 ? " (pid \(credentials.pid))" : ""
    }

    private static func failure(_ what: String, _ path: String, _ code: Int32) -> AdminError {
        AdminError(
            "admin.socket: \(what) \(escapedForTerminal(path)): \(String(cString: strerror(code))): check the directory's owner and mode, or choose another path",
            errno: code)
    }
}
