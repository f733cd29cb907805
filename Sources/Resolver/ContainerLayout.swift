// What a container's file system is made of, as its runtime tells it.
package import LinuxIO

/// Mounts and layers of one container. Untrusted: a tenant chooses destinations, and what lies below the sources.
package struct ContainerLayout: Hashable, Sendable {
    /// One mount of the container.
    package struct Mount: Hashable, Sendable {
        package enum Kind: String, Hashable, Sendable {
            /// A host path the container's creator named: subject to the refusals of `ResolverPolicy`.
            case bind
            /// A directory the runtime manages.
            case volume
            /// In the container's own mount namespace only: reachable while the container runs.
            case tmpfs
        }

        package let kind: Kind
        /// Absolute path in the container, without `.`, `..` and a slash at the end.
        package let destination: RawPath
        /// Absolute path on the host (before `ResolverPolicy.hostRoot`); empty for a tmpfs.
        package let source: RawPath

        package init(kind: Kind, destination: RawPath, source: RawPath) {
            self.kind = kind
            self.destination = destination
            self.source = source
        }
    }

    /// The runtime's full id.
    package let container: String
    package var mounts: [Mount]
    /// Layers of the root file system on the host, UpperDir first, then the LowerDirs from top to bottom. Empty where the
    /// storage driver has none: then the root is reachable while the container runs.
    package var layers: [RawPath]
    /// First process of the container; 0: it does not run.
    package var processID: Int32
    /// The uid of its pod, as the kubelet's directories are named by it; nil: it is in none.
    package var pod: RawPath?

    package init(
        container: String, mounts: [Mount] = [], layers: [RawPath] = [], processID: Int32 = 0, pod: RawPath? = nil
    ) {
        self.container = container
        self.mounts = mounts
        self.layers = layers
        self.processID = processID
        self.pod = pod
    }

    /// Where the runtime keeps everything, by where its layers are (`/var/lib/docker` of `/var/lib/docker/overlay2/…`).
    var runtimeRoot: RawPath? {
        guard let names = layers.first?.split(separator: 0x2F) else { return nil }
        let stores = ["overlay2", "overlay", "io.containerd.snapshotter.v1.overlayfs"].map { RawPath($0.utf8) }
        guard let place = names.firstIndex(where: { stores.contains(RawPath($0)) }), place > 0 else { return nil }
        return names[..<place].reduce(into: RawPath()) { $0 += [0x2F] + $1 }
    }
}
