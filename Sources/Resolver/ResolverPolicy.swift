// What of the host a declaration may reach, whatever a label says.
package import LinuxIO

/// The operator's rules for mount sources. Immutable.
package struct ResolverPolicy: Hashable, Sendable {
    /// Where the host's file system is seen: `/`, or the mount of a DaemonSet.
    package var hostRoot: RawPath = [0x2F]
    /// Bind sources that are refused by rule and allowed nevertheless, with all below them (`paths.allow_mount_sources`).
    package var allowedSources: [RawPath] = []
    /// The daemon's own state, configuration and secrets: never read.
    package var ownPaths: [RawPath] = []
    /// Roots of the runtimes (`/var/lib/docker`): no bind source, though named volumes below them are fine.
    package var runtimeRoots: [RawPath] = []
    /// Roots of kubelets (`/var/lib/kubelet`): no bind source, but for the volumes of the container's own pod.
    package var kubeletRoots: [RawPath] = []
    /// `paths.network_volumes: refuse`.
    package var refusesNetwork = false

    package init() {}
}
