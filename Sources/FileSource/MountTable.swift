// The host's mount table, read again only when the kernel says that it has changed.
internal import Glibc
internal import LinuxIO
internal import Resolver

/// One descriptor of /proc/self/mountinfo. poll(2) tells of changes since it was last asked (proc(5)): with a thousand
/// containers the table has thousands of lines, and containers that come or are drained ask for it again and again.
/// Used by the tailer's thread.
struct MountTable: ~Copyable {
    private let descriptor: FileDescriptor
    private var known: HostMounts?

    init() { descriptor = FileDescriptor(owning: open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC)) }

    /// The mounts at this moment; `isNew`: they are not those of the last call.
    mutating func read() -> (mounts: HostMounts, isNew: Bool) {
        var poller = pollfd(fd: descriptor.raw, events: Int16(POLLPRI), revents: 0)
        let isSame = descriptor.raw >= 0 && poll(&poller, 1, 0) == 0
        if isSame, let known { return (known, false) }
        // After poll(2): what changes meanwhile is told by the next one.
        let mounts = HostMounts.read()
        known = mounts
        return (mounts, true)
    }
}
