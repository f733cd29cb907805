// A tmpfs that goes away with the test that mounted it.
internal import Glibc
internal import LinuxIO

/// A tmpfs(5) of `bytes` on a directory of the test's own. Needs CAP_SYS_ADMIN. Deinit unmounts it, lazily, so that a
/// daemon that still runs cannot keep it.
package final class TemporaryMount: Sendable {
    package let path: String

    package init(on path: String, bytes: Int) throws {
        self.path = path
        try retryingInterrupts("mount tmpfs on", path) { mount("tmpfs", path, "tmpfs", 0, "size=\(bytes),mode=0755") }
    }

    /// Remounts read-only.
    package func makeReadOnly() throws {
        try retryingInterrupts("remount", path) {
            mount("tmpfs", path, "tmpfs", UInt(MS_REMOUNT) | UInt(MS_RDONLY), nil)
        }
    }

    /// Remounts read-write again.
    package func makeWritable() throws {
        try retryingInterrupts("remount", path) { mount("tmpfs", path, "tmpfs", UInt(MS_REMOUNT), nil) }
    }

    /// Fills it with the file `name` until nothing fits.
    package func fill(_ name: String) throws {
        let file = "\(path)/\(name)"
        let descriptor = FileDescriptor(
            owning: try retryingInterrupts("open", file) { open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0o644) })
        var size = 1 << 20
        let block = [UInt8](repeating: 0x78, count: size)
        while size > 0 {
            let count = write(descriptor.raw, block, size)
            if count <= 0 {
                guard errno == ENOSPC else { throw SystemError("write", file, errno: errno) }
                size /= 2
            }
        }
    }

    deinit { umount2(path, Int32(MNT_DETACH)) }
}
