// A private piece of host with mounts of its own, and views of containers made of it.
import CLinux
import Core
import Glibc
import LinuxIO
import TestSupport

@testable import Resolver

/// Directories, links and real mounts below one temporary directory. Needs CAP_SYS_ADMIN. Only directories of the test
/// itself are ever mounted; deinit unmounts them before the directory is removed.
final class Stage {
    private var mounted: [String] = []
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    deinit { for path in mounted.reversed() { umount2(path, Int32(MNT_DETACH)) } }

    func path(_ name: String) -> String { directory.path(name) }

    @discardableResult
    func make(_ name: String) throws -> String { try directory.makeDirectory(name) }

    /// Writes a file, and the directories above it.
    @discardableResult
    func write(_ name: String, _ text: String) throws -> String {
        if let slash = name.lastIndex(of: "/") { try make(String(name[..<slash])) }
        return try directory.write(text, to: name)
    }

    func link(_ name: String, to target: String) throws {
        if let slash = name.lastIndex(of: "/") { try make(String(name[..<slash])) }
        try retryingInterrupts("symlink", name) { symlink(target, path(name)) }
    }

    func mount(
        _ type: String?, _ source: String, on name: String, flags: Int32 = 0, data: String? = nil
    ) throws {
        let target = path(name)
        try retryingInterrupts("mount", target) { Glibc.mount(source, target, type, UInt(flags), data) }
        mounted.append(target)
    }

    /// Mounts the stage's directory or file `source` on `name`.
    func bind(_ source: String, on name: String) throws {
        try mount(nil, path(source), on: name, flags: Int32(MS_BIND))
    }

    func tmpfs(on name: String) throws {
        try mount(
            "tmpfs", "tmpfs",
            on: try {
                _ = try make(name); return name
            }())
    }

    /// Tried again while it is busy: a child of another test, between fork and exec, holds copies of descriptors.
    func unmount(_ name: String) throws {
        let end = Clock.monotonic() + 10 * nanosecondsPerSecond
        while umount2(path(name), 0) != 0 {
            guard errno == EBUSY || errno == EINTR, Clock.monotonic() < end else {
                throw SystemError("umount", name, errno: errno)
            }
            usleep(1_000)
        }
        mounted.removeAll { $0 == path(name) }
    }

    /// A mount of a container; sources are names of the stage, or absolute.
    func mount(_ destination: String, _ source: String, _ kind: ContainerLayout.Mount.Kind = .bind)
        -> ContainerLayout.Mount
    {
        .init(
            kind: kind, destination: Array(destination.utf8),
            source: Array((source.hasPrefix("/") || source.isEmpty ? source : path(source)).utf8))
    }

    func view(
        mounts: [ContainerLayout.Mount] = [], layers: [String] = [], process: Int32 = 0, container: String = "c",
        policy: ResolverPolicy = ResolverPolicy(), host: HostMounts? = nil
    ) -> ContainerView {
        ContainerView(
            layout: ContainerLayout(
                container: container, mounts: mounts, layers: layers.map { Array(path($0).utf8) }, processID: process),
            policy: policy, mounts: host ?? HostMounts.read())
    }
}

extension ContainerView {
    /// What is at `path`: a file's text, `directory`, another kind, an errno's name, `refused`, or a network mount's type.
    func outcome(_ path: String, follow: Bool = true, allowsNetwork: Bool = false) -> String {
        switch locate(Array(path.utf8), follow: follow, allowsNetwork: allowsNetwork) {
        case .found(let file):
            guard case .success(let raw) = file.openForReading() else { return file.status.kindName }
            return Self.text(FileDescriptor(owning: raw))
        case .missing(let error): return name(of: error.errno)
        case .refused: return "refused"
        case .network(let entry): return "network \(entry.type)"
        }
    }

    private static func text(_ file: consuming FileDescriptor) -> String {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = read(file.raw, &buffer, buffer.count)
        return String(decoding: buffer.prefix(max(0, count)), as: UTF8.self)
    }

    func found(_ path: String, follow: Bool = true, allowsNetwork: Bool = false) -> LocatedFile? {
        if case .found(let file) = locate(Array(path.utf8), follow: follow, allowsNetwork: allowsNetwork) {
            file
        } else {
            nil
        }
    }

    /// Why `path` is refused; nil when it is not.
    func refusal(_ path: String) -> String? {
        if case .refused(let reason) = locate(Array(path.utf8)) { reason } else { nil }
    }

    /// Names in a directory with their d_type, sorted; nil: not listed.
    func names(_ path: String) -> [String]? {
        var names: [String] = []
        let outcome = forEachEntry(in: Array(path.utf8)) { name, type, _ in
            names.append(String(decoding: name, as: UTF8.self) + (type == UInt8(DT_DIR) ? "/" : ""))
            return true
        }
        if case .listed = outcome { return names.sorted() }
        return nil
    }
}

func name(of code: Int32) -> String {
    switch code {
    case ENOENT: "ENOENT"
    case ENOTDIR: "ENOTDIR"
    case ELOOP: "ELOOP"
    case ENAMETOOLONG: "ENAMETOOLONG"
    case ESRCH: "ESRCH"
    case EAGAIN: "EAGAIN"
    case EINVAL: "EINVAL"
    default: String(cString: strerror(code))
    }
}

/// Descriptors of this process that lead below `path`: others come and go with tests that run at the same time.
func openDescriptors(below path: String) -> Int {
    var count = 0
    try? FileSystem.forEachEntry(in: Array("/proc/self/fd".utf8)) { name, _, _ in
        if let raw = Int32(String(decoding: name, as: UTF8.self)),
            case .success(let target) = FileSystem.currentPath(descriptor: raw),
            target.starts(with: path.utf8)
        {
            count += 1
        }
        return true
    }
    return count
}
