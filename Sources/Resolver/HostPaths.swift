// Paths of the host, below the place where this process sees the host's file system.
internal import CLinux
internal import Glibc
internal import LinuxIO

/// Opens host paths component by component where they hold links, so that no network mount is touched unasked.
struct HostPaths {
    /// `ResolverPolicy.hostRoot` without a slash at the end: empty for `/`.
    let prefix: RawPath
    let mounts: HostMounts
    let allowsNetwork: Bool
    let refusesNetwork: Bool

    init(policy: ResolverPolicy, mounts: HostMounts, allowsNetwork: Bool) {
        prefix = policy.hostRoot.normalized
        self.mounts = mounts
        self.allowsNetwork = allowsNetwork
        refusesNetwork = policy.refusesNetwork
    }

    /// Stops when `path` (as this process names it) lies on a network mount that this call may not touch.
    func checkNetwork(_ path: RawPath) throws(Stop) {
        if let entry = mounts.networkEntry(of: path) { try check(entry) }
    }

    func check(_ entry: HostMounts.Entry) throws(Stop) {
        if mounts.permitted == entry.device { return }
        if refusesNetwork {
            throw .refused(
                "\(printable(entry.mountPoint)) is a network volume (\(entry.type)) and paths.network_volumes is refuse: "
                    + "write logs to a local volume")
        }
        if !allowsNetwork { throw .network(entry) }
    }

    /// As the host names a path of this process; nil when it is not below `hostRoot`.
    func onHost(_ path: RawPath) -> RawPath? {
        let path = path.normalized
        return path.isWithin(prefix) ? Array(path.dropFirst(prefix.count)) : nil
    }

    /// Opens a path of the host, all links followed below `hostRoot`.
    func open(_ path: RawPath) throws(Stop) -> PathDescriptor {
        if !path.components.contains(where: \.isParent) {
            let whole = prefix + path.normalized
            try checkNetwork(whole)
            switch PathDescriptor.open(whole.orRoot) {
            case .success(let handle):
                if case .success(let status) = handle.status, !status.isLink {
                    return handle
                }
            case .failure(let error) where error.errno == ELOOP: break
            case .failure(let error): throw .missing(error)
            }
        }
        return try openAlongLinks(path)
    }

    private func openAlongLinks(_ path: RawPath) throws(Stop) -> PathDescriptor {
        var resolved: RawPath = []
        var pending = Array(path.components.reversed())
        var steps = 0
        while let name = pending.popLast() {
            steps += 1
            if steps > Walk.maximumSteps { throw .missing(ELOOP, at: path) }
            if name.isParent {
                if !resolved.isEmpty { resolved.removeLastComponent() }
                continue
            }
            let next = resolved.appending(component: name)
            let (handle, status) = try openPlain(next)
            if !status.isLink {
                resolved = next
                continue
            }
            let target = try Stop.unwrap(handle.linkTarget, at: path)
            if target.first == RawPath.slash { resolved = [] }
            pending += target.components.reversed()
        }
        return try openPlain(resolved).0
    }

    private func openPlain(_ path: RawPath) throws(Stop) -> (PathDescriptor, clinux_stat) {
        let whole = (prefix + path).orRoot
        try checkNetwork(whole)
        let handle = try Stop.unwrap(PathDescriptor.open(whole), at: path)
        return (handle, try Stop.unwrap(handle.status, at: path))
    }
}

extension Stop {
    /// The value, or `.missing` with the errno at `place`.
    static func unwrap<Value>(_ result: Result<Value, SystemError>, at place: RawPath) throws(Stop) -> Value {
        switch result {
        case .success(let value): return value
        case .failure(let error): throw .missing(error, at: place)
        }
    }
}
