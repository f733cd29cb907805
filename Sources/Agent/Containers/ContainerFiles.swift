// The file system of one container as `explain` looks at it.
internal import CLinux
internal import Glibc
internal import LinuxIO
internal import Resolver

/// Asks the resolver, by the rules that the tailer has too. Blocks; network file systems are not touched.
struct ContainerFiles {
    private let view: ContainerView
    private static let nameLimit = 1000

    init(layout: ContainerLayout, policy: ResolverPolicy, mounts: HostMounts) {
        view = ContainerView(layout: layout, policy: policy, mounts: mounts)
    }

    /// State and reason of `layout.mounts[mount]` as in `MountReport`.
    func finding(_ mount: Int) -> (state: String, reason: String?) {
        switch view.report(mount) {
        case .local: ("local", nil)
        case .network(let type): ("network", "on \(type): read by a worker of its own")
        case .refused(let reason): ("refused", reason)
        case .unreachable(let reason): ("unreachable", reason)
        }
    }

    /// What is in a directory of the container.
    func list(_ directory: RawPath) -> DirectoryListing {
        var names: [DirectoryListing.Name] = []
        var unknown: [RawPath] = []
        let outcome = view.forEachEntry(in: directory) { name, type, _ in
            switch type {
            case UInt8(DT_REG), UInt8(DT_DIR):
                names.append(DirectoryListing.Name(bytes: RawPath(name), isDirectory: type == UInt8(DT_DIR)))
            case UInt8(DT_UNKNOWN), UInt8(DT_LNK): unknown.append(RawPath(name))
            default: break
            }
            return names.count + unknown.count < ContainerFiles.nameLimit
        }
        switch outcome {
        case .listed: return .names(names + unknown.compactMap { looked(directory, $0) })
        case .missing(let error): return error.errno == ENOENT ? .missing : .unreachable("\(error)")
        case .refused(let reason): return .unreachable(reason)
        case .network(let entry):
            return .unreachable(
                "it is on a network file system (\(entry.type)), which is not looked into here: check that the "
                    + "application writes there")
        }
    }

    /// What a name is that the directory does not tell: a mount, or a link.
    private func looked(_ directory: RawPath, _ name: RawPath) -> DirectoryListing.Name? {
        let path = (directory == [0x2F] ? [] : directory) + [0x2F] + name
        guard case .found(let file) = view.locate(path) else { return nil }
        switch UInt32(file.status.mode) & UInt32(S_IFMT) {
        case UInt32(S_IFREG): return DirectoryListing.Name(bytes: name, isDirectory: false)
        case UInt32(S_IFDIR): return DirectoryListing.Name(bytes: name, isDirectory: true)
        default: return nil
        }
    }
}
