// A pod's directories as a kubelet keeps them.
internal import Glibc
internal import LinuxIO

/// One pod's volumes below the kubelet's usual root: only there they are a pod's own. Deinit takes them away.
package final class KubeletPod: Sendable {
    /// The pod's uid.
    package let uid: String
    private let directory: TemporaryDirectory

    /// With an emptyDir `logs`, a `subPath` of it, and a secret. Needs root.
    package init() throws {
        for path in ["/var/lib/kubelet", "/var/lib/kubelet/pods"] where mkdir(path, 0o755) != 0 && errno != EEXIST {
            throw SystemError("mkdir", path, errno: errno)
        }
        directory = try TemporaryDirectory(in: "/var/lib/kubelet/pods")
        uid = String(directory.path.split(separator: "/").last!)
        for name in ["\(KubeletPod.logs)/sub", KubeletPod.token, KubeletPod.sub] { try directory.makeDirectory(name) }
        try directory.write("token", to: "\(KubeletPod.token)/token")
        let source = directory.path("\(KubeletPod.logs)/sub")
        try retryingInterrupts("mount", subpath) { mount(source, subpath, nil, UInt(MS_BIND), nil) }
    }

    deinit {
        directory.remove()
        // Where they were made for this.
        for path in ["/var/lib/kubelet/pods", "/var/lib/kubelet"] { rmdir(path) }
    }

    package var emptyDirectory: String { directory.path(KubeletPod.logs) }
    package var secret: String { directory.path(KubeletPod.token) }
    /// What a kubelet mounts for a container whose volume mount has a `subPath`.
    package var subpath: String { directory.path(KubeletPod.sub) }

    private static let logs = "volumes/kubernetes.io~empty-dir/logs"
    private static let token = "volumes/kubernetes.io~secret/token"
    private static let sub = "volume-subpaths/logs/subpath/0"
}
