// What of the kubelet's directories the containers of a pod may have read: the volumes of that pod, but for secrets.
internal import LinuxIO

/// The kubelet keeps the volumes of a pod in `ROOT/pods/UID/volumes/PLUGIN/NAME`, and what of one is mounted by `subPath`
/// in `ROOT/pods/UID/volume-subpaths/NAME/CONTAINER/INDEX`. A CRI runtime tells all of them as bind mounts. Immutable.
struct PodVolumes: Sendable {
    /// As written and without links.
    let roots: [RawPath]
    /// The pod's uid; nil: the container is in none.
    let pod: RawPath?

    /// What Kubernetes itself writes: secrets, tokens of service accounts, configuration. No application logs there.
    private static let withheld = ["secret", "projected", "configmap", "downward-api"].map {
        RawPath("kubernetes.io~\($0)".utf8)
    }
    private static let pods = RawPath("pods".utf8)
    private static let volumes = RawPath("volumes".utf8)
    private static let subpaths = RawPath("volume-subpaths".utf8)
    private static let plugins = RawPath("plugins".utf8)

    /// A directory that the kubelet manages for the pod itself and that may hold logs. `path` without links.
    func isOwn(_ path: RawPath) -> Bool {
        guard let pod, let names = below(path), names.count >= 5, names[0] == Self.pods, names[1] == pod else {
            return false
        }
        return names[2] == Self.volumes && !Self.withheld.contains(names[3]) || names[2] == Self.subpaths
    }

    /// What Kubernetes gives a pod to read, wherever the kubelet's root is.
    func withheldPlugin(in path: RawPath) -> RawPath? {
        let names = path.split(separator: RawPath.slash).map { RawPath($0) }
        return zip(names, names.dropFirst()).first { above, name in
            above == Self.volumes && Self.withheld.contains(name)
        }?.1
    }

    /// Places of withheld volumes of the name that `path`, an own one by `subPath`, is of: one that is there says what the
    /// volume is.
    func withheldPlaces(ofSubpath path: RawPath) -> [RawPath] {
        guard isOwn(path), let names = below(path), names[2] == Self.subpaths, let root = root(of: path) else {
            return []
        }
        return Self.withheld.map { plugin in
            [Self.pods, names[1], Self.volumes, plugin, names[3]].reduce(root) { $0.appending(component: $1[...]) }
        }
    }

    /// Whether what is mounted there has no better name by it: a place where the kubelet prepares volumes, or another
    /// pod's volume.
    func isStaging(_ path: RawPath) -> Bool {
        guard let names = below(path), let first = names.first else { return false }
        if first == Self.plugins { return true }
        guard first == Self.pods, names.count >= 3 else { return false }
        if names[2] == Self.subpaths { return true }
        return names[1] != pod && names[2] == Self.volumes && names.count >= 4 && !Self.withheld.contains(names[3])
    }

    private func root(of path: RawPath) -> RawPath? { roots.first { path.isWithin($0) } }

    private func below(_ path: RawPath) -> [RawPath]? {
        root(of: path).map { path.dropFirst($0.count).split(separator: RawPath.slash).map { RawPath($0) } }
    }
}
