// One place in a container, pinned by a descriptor for as long as one operation takes.
package import CLinux
internal import Glibc
package import LinuxIO

/// Owns an O_PATH descriptor of exactly this inode, closed in deinit. Hold it for one operation only: on a volume that
/// is a mount of its own it makes umount(2) fail with EBUSY.
package final class LocatedFile {
    private let handle: PathDescriptor
    package let status: clinux_stat
    /// Its path in the container with all links resolved.
    package let place: RawPath
    /// Index in `ContainerLayout.mounts`; nil: the root file system.
    package let mount: Int?
    /// It exists only in a lower layer: the first write copies it up to a new inode in the upper one.
    package let isLowerLayer: Bool
    /// Owner of the last symbolic link on the way; nil when there was none.
    package let linkOwner: UInt32?

    init(
        handle: PathDescriptor, status: clinux_stat, place: RawPath, mount: Int?, isLowerLayer: Bool, linkOwner: UInt32?
    ) {
        self.handle = handle
        self.status = status
        self.place = place
        self.mount = mount
        self.isLowerLayer = isLowerLayer
        self.linkOwner = linkOwner
    }

    /// Calls `body` with the O_PATH descriptor, which is open until it returns.
    package func withDescriptor<Value, Failure: Error>(_ body: (Int32) throws(Failure) -> Value) throws(Failure)
        -> Value
    {
        try handle.use(body)
    }

    /// Calls `body` with `/proc/thread-self/fd/N`, valid until it returns: for calls that want a path, as inotify_add_watch(2)
    /// and opendir(3) do.
    package func withDescriptorPath<Value, Failure: Error>(
        _ body: (RawPath) throws(Failure) -> Value
    ) throws(Failure) -> Value {
        try handle.use { raw throws(Failure) in try body(FileSystem.path(ofDescriptor: raw)) }
    }

    /// The bare number: only inside `withExtendedLifetime(file) { … }`. The optimizer may end this object's life after its
    /// last use, and the number then names nothing or another thread's file. `withDescriptor` cannot be held wrongly.
    package var descriptor: Int32 { handle.use { $0 } }

    /// `/proc/thread-self/fd/N`: only inside `withExtendedLifetime(file) { … }`, or by `withDescriptorPath`.
    package var descriptorPath: RawPath { handle.use { FileSystem.path(ofDescriptor: $0) } }

    /// Where it is on the host at this moment, as far as the kernel can say: for messages, never for opening. Asked anew
    /// with every call.
    package var hostPath: RawPath { (try? handle.currentPath.get()) ?? [] }

    /// A descriptor for reading this very inode, which the caller owns: never of a FIFO, socket, device or directory
    /// (EISDIR, or EINVAL). Waits for nobody.
    package func openForReading() -> Result<Int32, SystemError> {
        guard status.isRegular else { return .failure(failure(status.isDirectory ? EISDIR : EINVAL)) }
        // The magic link leads to the inode itself, so no name is looked up again.
        return withDescriptorPath { path in
            switch FileSystem.open(path, flags: O_RDONLY | O_NOCTTY, resolve: 0) {
            case .failure(let error): return .failure(failure(error.errno))
            case .success(let raw):
                let opened = FileDescriptor(owning: raw)
                guard case .success(let now) = FileSystem.status(descriptor: raw), now.isSameFile(as: status),
                    now.isRegular
                else { return .failure(failure(ESTALE)) }
                return .success(opened.release())
            }
        }
    }

    private func failure(_ code: Int32) -> SystemError { SystemError("open", printable(place), errno: code) }
}
