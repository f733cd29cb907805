// A running container's root directory, reached through its first process.
internal import CLinux
internal import Glibc
internal import LinuxIO

/// /proc/PID/root (proc(5)), checked to be this container's: process ids are given again.
enum ProcessRoot {
    /// The root directory; ESRCH when the process does not run, is not the container's, or has not entered it yet.
    static func open(_ layout: ContainerLayout, hostRoot: RawPath) -> Result<PathDescriptor, SystemError> {
        let place = "/proc/\(layout.processID)/root"
        let gone = SystemError("reach the container's root at", place, errno: ESRCH)
        guard layout.processID > 0, layout.container.utf8.count >= 12 else { return .failure(gone) }
        let directory = RawPath("/proc/\(layout.processID)".utf8)
        guard case .success(let process) = PathDescriptor.open(directory),
            case .success(let rawPidfd) = FileSystem.openProcess(layout.processID)
        else { return .failure(gone) }
        let pidfd = PathDescriptor(owning: rawPidfd)
        guard names(layout.container, process) else { return .failure(gone) }
        let opened = process.open(Array("root".utf8), flags: CLINUX_O_PATH, resolve: 0)
        guard case .success(let root) = opened else {
            return opened.mapError { SystemError("open", place, errno: $0.errno) }
        }
        // The descriptor of /proc/PID is bound to the process; the pidfd says that its id was not given again meanwhile.
        guard pidfd.use(FileSystem.isAlive(process:)), !isHostRoot(root, hostRoot) else { return .failure(gone) }
        return .success(root)
    }

    /// Between fork and pivot_root(2) a runtime's child still has the host's root.
    private static func isHostRoot(_ root: PathDescriptor, _ hostRoot: RawPath) -> Bool {
        guard case .success(let own) = root.status else { return true }
        return [[RawPath.slash], hostRoot].contains { path in
            guard case .success(let host) = FileSystem.status(path) else { return false }
            return host.isSameFile(as: own)
        }
    }

    /// Whether a line of /proc/PID/cgroup holds the container's id as a word of its own.
    private static func names(_ container: String, _ process: PathDescriptor) -> Bool {
        guard case .success(let raw) = process.use({ FileSystem.open(Array("cgroup".utf8), at: $0, flags: O_RDONLY) })
        else {
            return false
        }
        let file = FileDescriptor(owning: raw)
        var buffer = [UInt8](repeating: 0, count: 16_384)
        let count = read(file.raw, &buffer, buffer.count)
        guard count > 0 else { return false }
        let words = buffer[..<count].split { byte in !isWordByte(byte) }
        return words.contains { $0.elementsEqual(container.utf8) }
    }

    private static func isWordByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"):
            true
        default: false
        }
    }

    /// Opens a place of the container as its own processes see it, mounts included; nil when that cannot be told without
    /// touching a network file system of its own.
    static func open(
        _ place: RawPath, in layout: ContainerLayout, hostRoot: RawPath, allowsNetwork: Bool, permitted: UInt64? = nil
    )
        -> Result<PathDescriptor, SystemError>
    {
        if !allowsNetwork {
            let inside = HostMounts.read("/proc/\(layout.processID)/mountinfo")
            var above = place
            while true {
                if let entry = inside.entry(at: above), entry.isNetwork, entry.device != permitted {
                    return .failure(SystemError("open", printable(place.orRoot), errno: EXDEV))
                }
                if above.isEmpty { break }
                above.removeLastComponent()
            }
        }
        return open(layout, hostRoot: hostRoot).flatMap { root in
            let path = place.isEmpty ? Array(".".utf8) : Array(place.dropFirst())
            return root.open(
                path,
                resolve: UInt64(RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS))
        }
    }
}
