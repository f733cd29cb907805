// Opening the source of a mount, and making sure that it is allowed and still the same.
internal import CLinux
internal import Glibc
internal import LinuxIO

extension ContainerView {
    func hostPaths(_ allowsNetwork: Bool) -> HostPaths {
        HostPaths(policy: policy, mounts: mounts, allowsNetwork: allowsNetwork)
    }

    var rules: SourceRules {
        memory.rules { SourceRules(policy: policy, host: hostPaths(false), pod: layout.pod) }
    }

    /// The directory or file that is mounted at `destination`.
    func openMount(_ index: Int, destination: RawPath, allowsNetwork: Bool) throws(Stop) -> Position {
        if layout.mounts[index].kind == .tmpfs {
            return try openMemoryMount(index, destination: destination, allowsNetwork: allowsNetwork)
        }
        let host = hostPaths(allowsNetwork)
        guard let sight = memory.sight(index) else {
            return try openFirst(index, destination: destination, host)
        }
        try host.checkNetwork(sight.path)
        let handle: PathDescriptor
        switch PathDescriptor.open(sight.path) {
        case .success(let opened): handle = opened
        case .failure(let error) where error.errno == ELOOP: throw swapped(index)
        case .failure(let error): throw .missing(error)
        }
        let status = try Stop.unwrap(handle.status, at: destination)
        guard status.device == sight.device, status.inode == sight.inode else { throw swapped(index) }
        if !sight.isVerified { try verify(index, status, destination, allowsNetwork) }
        return Position(handle, status, .mount(index), hostPath: sight.path)
    }

    /// First sight: the rules decide by where the source really is. A table that is older than the mount it lies on would
    /// show the directory below that mount.
    private func openFirst(_ index: Int, destination: RawPath, _ host: HostPaths) throws(Stop) -> Position {
        let mount = layout.mounts[index]
        for _ in 0..<Self.attempts {
            let handle = try host.open(mount.source)
            let status = try Stop.unwrap(handle.status, at: destination)
            let real = try Stop.unwrap(handle.currentPath, at: destination)
            let isManaged = mount.kind == .volume || host.onHost(real).map(rules.pods.isOwn) ?? false
            guard let present = table(holding: handle, status, at: real, exactly: isManaged) else {
                continue
            }
            let now = HostPaths(policy: policy, mounts: present, allowsNetwork: host.allowsNetwork)
            try judge(mount, destination, Source(handle: handle, status: status, real: real), now)
            memory.remember(.init(path: real, device: status.device, inode: status.inode), index)
            try verify(index, status, destination, host.allowsNetwork)
            return Position(handle, status, .mount(index), hostPath: real)
        }
        throw .missing(EAGAIN, at: destination)
    }

    /// How often a source is opened again because what it lies on was mounted, unmounted or covered meanwhile.
    private static let attempts = 4

    /// A source that is open, and where it was when it was opened.
    private struct Source {
        let handle: PathDescriptor
        let status: clinux_stat
        let real: RawPath
    }

    /// Throws unless the rules allow it. `host` has a table that holds the source's mount.
    private func judge(
        _ mount: ContainerLayout.Mount, _ destination: RawPath, _ source: Source, _ host: HostPaths
    ) throws(Stop) {
        guard let onHost = host.onHost(source.real) else {
            throw .refused(
                "source \(printable(mount.source)) of \(printable(destination)) leads out of the host's root")
        }
        try host.checkNetwork(source.real)
        if let type = VirtualFileSystem.name(of: source.handle) {
            throw .refused(VirtualFileSystem.refusal("\(printable(onHost))", type))
        }
        if let entry = host.mounts.entry(of: source.real), entry.isVirtual {
            throw .refused(VirtualFileSystem.refusal("\(printable(onHost))", entry.type))
        }
        if let reason = refusal(mount.kind, onHost, source, host) { throw .refused(reason) }
    }

    private func refusal(
        _ kind: ContainerLayout.Mount.Kind, _ onHost: RawPath, _ source: Source, _ host: HostPaths
    ) -> String? {
        let reason = kind == .bind ? rules.refusal(ofBindSource: onHost) : rules.refusal(ofVolume: onHost)
        if reason != nil { return reason }
        if kind == .bind {
            guard rules.pods.isOwn(onHost) else { return nil }
            let withheld = rules.pods.withheldPlaces(ofSubpath: onHost).first { (try? host.open($0)) != nil }
            if let withheld { return rules.refusal(ofBindSource: withheld) }
        }
        // A volume that is mounted from another directory of the host (driver options type=none, o=bind, or the device of
        // the root) is a bind mount by another name.
        guard source.status.is_mount_root != 0, let entry = host.mounts.entry(at: source.real) else { return nil }
        // What its layers are the table does not say: /etc may be one of them.
        if entry.type == "overlay", let reason = rules.refusal(ofBindSource: onHost) {
            return "a volume of type overlay shows other directories: \(reason)"
        }
        let names = host.mounts.names(of: entry) { host.onHost($0).map(rules.isVolume) ?? false }
        return names.lazy.compactMap { rules.refusal(ofBindSource: host.onHost($0) ?? $0) }.first
    }

    private func swapped(_ index: Int) -> Stop {
        let mount = layout.mounts[index]
        return .refused(
            "source \(printable(mount.source)) of \(printable(mount.destination)) is another directory now than the one "
                + "the container was started with: restart the container")
    }

    /// The container must have the same inode at the destination. Where it cannot be asked, the next call asks again.
    private func verify(
        _ index: Int, _ status: clinux_stat, _ destination: RawPath, _ allowsNetwork: Bool
    ) throws(Stop) {
        guard layout.processID > 0, let seen = containerStatus(destination, allowsNetwork) else { return }
        guard seen.isSameFile(as: status) else { throw swapped(index) }
        memory.markVerified(index)
    }

    /// What the running container itself has at a place; nil when that cannot be told.
    func containerStatus(_ place: RawPath, _ allowsNetwork: Bool) -> clinux_stat? {
        guard layout.processID > 0,
            case .success(let inside) = ProcessRoot.open(
                place, in: layout, hostRoot: policy.hostRoot, allowsNetwork: allowsNetwork, permitted: mounts.permitted),
            case .success(let status) = inside.status
        else { return nil }
        return status
    }

    /// A tmpfs exists in the container's own mount namespace only.
    private func openMemoryMount(
        _ index: Int, destination: RawPath, allowsNetwork: Bool
    ) throws(Stop) -> Position {
        let handle = try Stop.unwrap(
            ProcessRoot.open(destination, in: layout, hostRoot: policy.hostRoot, allowsNetwork: allowsNetwork),
            at: destination)
        guard handle.fileSystemType == VirtualFileSystem.tmpfs else {
            throw .refused(
                "\(printable(destination)) is no tmpfs in the container, though its runtime says so: "
                    + "write logs to a named volume")
        }
        let status = try Stop.unwrap(handle.status, at: destination)
        return Position(handle, status, .mount(index), hostPath: nil)
    }

    /// The root of a container: its layers, or what its first process has.
    func openRoot(upperOnly: Bool, allowsNetwork: Bool) throws(Stop) -> Position {
        if layout.layers.isEmpty {
            let root = try Stop.unwrap(ProcessRoot.open(layout, hostRoot: policy.hostRoot), at: [])
            if let type = VirtualFileSystem.name(of: root) {
                throw .refused(VirtualFileSystem.refusal("the container's root", type))
            }
            let status = try Stop.unwrap(root.status, at: [])
            return Position(root, status, .process, hostPath: nil)
        }
        let host = hostPaths(allowsNetwork)
        var parts: [Position.Part] = []
        for (index, layer) in layout.layers.enumerated() where index == 0 || !upperOnly {
            parts.append(.init(handle: try host.open(layer), layer: index))
        }
        let status = try Stop.unwrap(parts[0].handle.status, at: [])
        return Position(parts: parts, base: .layers, status: status, hostPath: nil)
    }
}
