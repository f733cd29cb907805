// Where a declaration's paths lead: the host's own file system, or a container's.
internal import CLinux
internal import Glibc
internal import LinuxIO
internal import Resolver

/// A path as one view has it.
package struct ViewPath: Hashable, Sendable {
    let view: Int32
    let path: RawPath
}

/// A directory of the store's generations: container (empty for the host) and path in it.
struct StoredDirectory: Hashable {
    let container: String
    let path: RawPath
}

/// What a look at a path gave.
enum Sight {
    case found(FileSight)
    case missing(SystemError)
    /// It may not be followed, whatever was declared: what it is, and what to write instead.
    case refused(String)
    /// It lies on a network or user-space file system, which may hang.
    case network(HostMounts.Entry)
}

/// A file or directory as it was found.
struct FileSight {
    /// Of the thing itself; a link's own where it was not to be followed.
    var status: clinux_stat
    /// Mount of the container it lies on; -1: root file system, or the host.
    var mount: Int32 = -1
    /// It exists in a lower layer only: a write makes a copy in the upper one.
    var isLower = false

    var kind: UInt32 { status.mode & UInt32(S_IFMT) }
    var isLink: Bool { kind == UInt32(S_IFLNK) }
    var isDirectory: Bool { kind == UInt32(S_IFDIR) }
}

/// The file-system calls of the tailer, for paths of one view. Owned by the tailer's thread. Nothing stays open between
/// two calls: an open descriptor would keep a volume from being unmounted.
final class FileView {
    /// Nil: the host.
    var container: ContainerView?
    /// Numbers of the declarations whose paths lead here.
    var declarations: [Int32] = []
    /// Something was made below it and gone before it could be looked at, or events were lost.
    var isDoubtful = false
    /// When its first walk began: a file that was born later was not there then. Wall-clock ns, not
    /// the coarse clock: file systems may take birth times from a finer one.
    var walkBegan: Int64 = .max
    /// The host's mounts, for what of them may hang.
    var mounts: HostMounts

    init(container: ContainerView?, mounts: HostMounts) {
        self.container = container
        self.mounts = mounts
    }

    /// Looks at a path; `follow` false looks at a link itself.
    func look(_ path: RawPath, follow: Bool = true) -> Sight {
        guard container != nil else {
            if let mount = mounts.networkEntry(onTheWayTo: path, follow: follow) { return .network(mount) }
            switch FileSystem.status(path, follow: follow) {
            case .success(let status): return .found(FileSight(status: status))
            case .failure(let error): return .missing(error)
            }
        }
        switch container!.locate(path, follow: follow) {
        case .found(let file): return .found(FileView.sight(file))
        case .missing(let error): return .missing(error)
        case .refused(let reason): return .refused(reason)
        case .network(let mount): return .network(mount)
        }
    }

    /// The upper layer of its root file system is gone: its container was removed. Where the runtime tells no layers its
    /// root is reached through its process alone.
    var lostRoot: Bool {
        guard let layout = container?.layout else { return false }
        guard let upper = layout.layers.first else { return layout.processID == 0 }
        if case .failure = FileSystem.status(upper) { return true }
        return false
    }

    /// Where the runtime kept the container's output is gone: its container was removed.
    var lostMounts: Bool {
        guard let mount = container?.layout.mounts.first else { return false }
        if case .missing(let error) = look(mount.destination) { return error.errno == ENOENT }
        return false
    }

    private static func sight(_ file: LocatedFile) -> FileSight {
        FileSight(status: file.status, mount: file.mount.map { Int32($0) } ?? -1, isLower: file.isLowerLayer)
    }

    /// As `look`, where nothing but the status matters. What may not be followed fails with EPERM.
    func status(_ path: RawPath, follow: Bool = true) -> Result<clinux_stat, SystemError> {
        switch look(path, follow: follow) {
        case .found(let sight): .success(sight.status)
        case .missing(let error): .failure(error)
        case .refused, .network: .failure(SystemError("stat", printable(path), errno: EPERM))
        }
    }

    /// Opens a file for reading without waiting. In a container only regular files.
    func open(_ path: RawPath) -> Result<Int32, SystemError> {
        guard container != nil else {
            if let error = untouchable(path) { return .failure(error) }
            return FileSystem.open(path, flags: O_RDONLY | O_NONBLOCK | O_NOCTTY)
        }
        switch container!.locate(path) {
        case .found(let file): return file.openForReading()
        case .missing(let error): return .failure(error)
        case .refused, .network: return .failure(SystemError("open", printable(path), errno: EPERM))
        }
    }

    /// Calls `body` with each entry of a directory but `.` and `..`: name, d_type, inode. False stops early.
    func forEachEntry(
        in path: RawPath, _ body: (_ name: UnsafeBufferPointer<UInt8>, _ type: UInt8, _ inode: UInt64) -> Bool
    ) throws(SystemError) {
        guard container != nil else {
            if let error = untouchable(path) { throw error }
            return try FileSystem.forEachEntry(in: path, body)
        }
        switch container!.forEachEntry(in: path, body) {
        case .listed: return
        case .missing(let error): throw error
        case .refused, .network: throw SystemError("read directory", printable(path), errno: EPERM)
        }
    }

    /// Why a path of the host is left alone: EPERM, when it leads to a file system that may hang.
    private func untouchable(_ path: RawPath) -> SystemError? {
        mounts.networkEntry(onTheWayTo: path).map { _ in SystemError("open", printable(path), errno: EPERM) }
    }

    /// Adds a watch on the directory that `path` is now.
    func watch(_ path: RawPath, mask: UInt32, _ inotify: borrowing Inotify) -> Result<Int32, SystemError> {
        guard container != nil else {
            if let error = untouchable(path) { return .failure(error) }
            return inotify.add(path, mask: mask)
        }
        switch container!.locate(path) {
        case .found(let file): return file.withDescriptorPath { inotify.add($0, mask: mask) }
        case .missing(let error): return .failure(error)
        case .refused, .network: return .failure(SystemError("watch", printable(path), errno: EPERM))
        }
    }
}
