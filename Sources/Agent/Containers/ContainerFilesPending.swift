// Stand-in for the resolver: looks into mounts and layers without following any link.
internal import CLinux
internal import Core
internal import Glibc
internal import LinuxIO
internal import Resolver

/// The file system of one container as `explain` looks at it. Blocks.
struct ContainerFiles {
    let layout: ContainerLayout
    let policy: ResolverPolicy

    /// State and reason as in `MountReport`.
    func finding(_ mount: ContainerLayout.Mount) -> (state: String, reason: String?) {
        if mount.kind == .tmpfs {
            return layout.processID > 0
                ? ("local", nil) : ("unreachable", "it is in memory, and the container does not run")
        }
        switch FileSystem.status(onHost(mount.source)) {
        case .success: return ("local", nil)
        case .failure(let error): return ("unreachable", "\(error)")
        }
    }

    /// What is in a directory of the container.
    func list(_ directory: RawPath) -> DirectoryListing {
        let mounts = layout.mounts.filter { $0.kind != .tmpfs && isPrefix($0.destination, of: directory) }
        if let mount = mounts.max(by: { $0.destination.count < $1.destination.count }) {
            return list(onHost(mount.source), Array(directory.dropFirst(mount.destination.count)))
        }
        var names: [DirectoryListing.Name] = []
        var isThere = false
        for layer in layout.layers {
            guard case .names(let found) = list(onHost(layer), directory) else { continue }
            isThere = true
            names += found.filter { name in !names.contains { $0.bytes == name.bytes } }
        }
        return isThere ? .names(names) : .missing
    }

    private func onHost(_ path: RawPath) -> RawPath { policy.hostRoot == [0x2F] ? path : policy.hostRoot + path }

    private func isPrefix(_ mount: RawPath, of path: RawPath) -> Bool {
        path.starts(with: mount) && (path.count == mount.count || path[mount.count] == 0x2F || mount == [0x2F])
    }

    private func list(_ root: RawPath, _ relative: RawPath) -> DirectoryListing {
        let below = Array(relative.drop { $0 == 0x2F })
        guard case .success(let raw) = FileSystem.open(root, flags: O_RDONLY | O_DIRECTORY) else { return .missing }
        let base = FileDescriptor(owning: raw)
        let resolve = UInt64(RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS)
        let opened = FileSystem.open(
            below.isEmpty ? [0x2E] : below, at: base.raw, flags: O_RDONLY | O_DIRECTORY, resolve: resolve)
        guard case .success(let raw) = opened else { return .missing }
        let directory = FileDescriptor(owning: raw)
        var names: [DirectoryListing.Name] = []
        do {
            try FileSystem.forEachEntry(in: Array("/proc/self/fd/\(directory.raw)".utf8)) { name, type, _ in
                if type == UInt8(DT_REG) || type == UInt8(DT_DIR) {
                    names.append(DirectoryListing.Name(bytes: Array(name), isDirectory: type == UInt8(DT_DIR)))
                }
                return names.count < 1000
            }
        } catch { return .unreachable("\(error)") }
        return .names(names)
    }
}
