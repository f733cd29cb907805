// The file system of one container as `explain` looks at it.
internal import CLinux
internal import Glibc
internal import LinuxIO
internal import Resolver

/// Answers about mounts and directories of one container. Blocks, also on file systems that may hang: never on the
/// pipeline thread.
struct ContainerFiles {
    private let view: ContainerView
    /// Entries of one directory that are looked at.
    private static let entryLimit = 1000

    init(layout: ContainerLayout, policy: ResolverPolicy) {
        view = ContainerView(layout: layout, policy: policy, mounts: .read())
    }

    /// State and reason as in `MountReport`. `index`: place in the layout's mounts.
    func finding(_ index: Int) -> (state: String, reason: String?) {
        switch view.report(index) {
        case .local: ("local", nil)
        case .network(let type): ("network", type)
        case .refused(let reason): ("refused", reason)
        case .unreachable(let reason): ("unreachable", reason)
        }
    }

    /// Regular files and directories in a directory of the container.
    func list(_ directory: RawPath) -> DirectoryListing {
        var entries: [(name: RawPath, type: UInt8)] = []
        let outcome = view.forEachEntry(in: directory, allowsNetwork: true) { name, type, _ in
            entries.append((Array(name), type))
            return entries.count < ContainerFiles.entryLimit
        }
        switch outcome {
        case .listed: return .names(entries.compactMap { name($0.name, $0.type, in: directory) })
        case .missing(let error) where error.errno == ENOENT || error.errno == ENOTDIR: return .missing
        case .missing(let error): return .unreachable("\(error)")
        case .refused(let reason): return .unreachable(reason)
        case .network(let mount): return .unreachable("a \(mount.type) file system")
        }
    }

    /// Nil for what is neither file nor directory, wherever a link leads.
    private func name(_ name: RawPath, _ type: UInt8, in directory: RawPath) -> DirectoryListing.Name? {
        switch type {
        case UInt8(DT_REG): return DirectoryListing.Name(bytes: name, isDirectory: false)
        case UInt8(DT_DIR): return DirectoryListing.Name(bytes: name, isDirectory: true)
        default:
            let path = directory == [0x2F] ? [0x2F] + name : directory + [0x2F] + name
            guard case .found(let file) = view.locate(path, allowsNetwork: true) else { return nil }
            switch file.status.mode & UInt32(S_IFMT) {
            case UInt32(S_IFREG): return DirectoryListing.Name(bytes: name, isDirectory: false)
            case UInt32(S_IFDIR): return DirectoryListing.Name(bytes: name, isDirectory: true)
            default: return nil
            }
        }
    }
}
