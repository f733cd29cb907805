// Which directories of the host a mount may bring into a declaration's reach.
internal import CLinux
internal import LinuxIO

/// The operator's rules with all links in them resolved. Paths are the host's own, without `hostRoot`. Immutable.
struct SourceRules: Sendable {
    private let forbidden: [RawPath]
    private let allowed: [RawPath]
    private let own: [RawPath]
    private let volumes: [RawPath]
    private let ownFiles: Set<[UInt64]>
    let pods: PodVolumes

    /// No application's logs live here, and much of it must not be read by whoever may start a container.
    private static let system = ["/etc", "/root", "/boot", "/dev", "/proc", "/sys", "/run", "/var/run"]

    /// `pod`: uid of the container's.
    init(policy: ResolverPolicy, host: HostPaths, pod: RawPath?) {
        let system = Self.system.map { RawPath($0.utf8) }
        pods = PodVolumes(roots: Self.withLinks(policy.kubeletRoots, host).paths, pod: pod)
        forbidden = Self.withLinks(system + policy.runtimeRoots, host).paths + pods.roots
        allowed = Self.withLinks(policy.allowedSources, host).paths
        volumes = Self.withLinks(policy.runtimeRoots, host).paths.map { $0 + Array("/volumes".utf8) }
        (own, ownFiles) = Self.withLinks(policy.ownPaths, host)
    }

    /// Each path as written and as it is without links, with the inodes of those that exist. What lies on a network
    /// mount is taken as written.
    private static func withLinks(_ paths: [RawPath], _ host: HostPaths) -> (paths: [RawPath], files: Set<[UInt64]>) {
        var all: [RawPath] = []
        var files: Set<[UInt64]> = []
        for path in paths {
            all.append(path.normalized)
            guard let handle = try? host.open(path),
                case .success(let real) = handle.currentPath,
                let onHost = host.onHost(real), case .success(let status) = handle.status
            else { continue }
            if !all.contains(onHost) { all.append(onHost) }
            files.insert([status.device, status.inode])
        }
        return (all, files)
    }

    /// Why a bind source may not be read; nil when it may. `path` without links.
    func refusal(ofBindSource path: RawPath) -> String? {
        let shown = printable(path.orRoot)
        if let secret = own.first(where: { path.isWithin($0) }) { return refusal(shown, ofOwn: secret) }
        if let plugin = pods.withheldPlugin(in: path) {
            return
                "bind source \(shown) is a volume of \(printable(plugin)), which holds what Kubernetes gives the pod: "
                + "write logs to an emptyDir"
        }
        if allowed.contains(where: { path.isWithin($0) }) || pods.isOwn(path) { return nil }
        guard let system = forbidden.first(where: { path.isWithin($0) || $0.isWithin(path) }) else {
            return own.first { $0.isWithin(path) }.map { refusal(shown, ofOwn: $0) }
        }
        let relation = path == system ? "is" : path.isWithin(system) ? "lies in" : "contains"
        let what = path == system ? "a directory of the host" : "\(printable(system.orRoot))"
        return
            "bind source \(shown) \(relation) \(what) that declarations may not reach: write logs to "
            + (pods.pod == nil ? "a named volume" : "an emptyDir")
            + ", or ask the operator to add the directory to paths.allow_mount_sources"
    }

    private func refusal(_ shown: String, ofOwn secret: RawPath) -> String {
        "bind source \(shown) is, lies in or contains \(printable(secret.orRoot)), which is longshore's own: "
            + "write logs to a named volume"
    }

    /// Whether a runtime keeps a volume there: whatever is mounted there has no better name by it. `path` without links.
    func isVolume(_ path: RawPath) -> Bool { volumes.contains { path.isWithin($0) } || pods.isStaging(path) }

    /// Why a volume's directory may not be read: only if it is the daemon's own. `path` without links.
    func refusal(ofVolume path: RawPath) -> String? {
        guard own.contains(where: { path.isWithin($0) || $0.isWithin(path) }) else { return nil }
        return "volume \(printable(path.orRoot)) is longshore's own: write logs to another volume"
    }

    /// Whether a file found is the daemon's own, by where it is or by what it is (a hard link, another mount).
    func isOwn(_ path: RawPath?, _ status: clinux_stat) -> Bool {
        if own.isEmpty { return false }
        if let path, own.contains(where: { path.isWithin($0) }) { return true }
        return ownFiles.contains([status.device, status.inode])
    }
}
