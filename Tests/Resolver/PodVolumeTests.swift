// The kubelet's directories: a pod's own volumes are read, secrets and other pods' are not, whatever a mount says.
import Glibc
import LinuxIO
import TestSupport
import Testing

@testable import Resolver

@Suite struct PodVolumeTests {
    private static let uid = "0d3c9d2e-6f4b-4a53-9f1d-6a0b4c1f2e3d"
    private static let other = "99999999-6f4b-4a53-9f1d-6a0b4c1f2e3d"
    private let stage: Stage
    private var policy = ResolverPolicy()

    init() throws {
        stage = try Stage()
        for name in [
            "pods/\(Self.uid)/volumes/kubernetes.io~empty-dir/logs",
            "pods/\(Self.uid)/volumes/kubernetes.io~csi/pv/mount",
            "pods/\(Self.uid)/volumes/vendor~driver/v", "pods/\(Self.uid)/volumes/kubernetes.io~secret/s",
            "pods/\(Self.uid)/volumes/kubernetes.io~projected/token",
            "pods/\(Self.uid)/volumes/kubernetes.io~configmap/c",
            "pods/\(Self.uid)/volumes/kubernetes.io~downward-api/d", "pods/\(Self.uid)/volume-subpaths/logs/app/0",
            "pods/\(Self.uid)/volume-subpaths/s/app/1", "pods/\(Self.uid)/containers/app",
            "pods/\(Self.other)/volumes/kubernetes.io~empty-dir/logs", "plugins/kubernetes.io/csi/pv/globalmount",
            "pki",
        ] {
            try stage.write("kubelet/\(name)/a", "text")
        }
        policy.kubeletRoots = [Array(stage.path("kubelet").utf8)]
    }

    private func view(_ source: String, pod: String? = uid, _ policy: ResolverPolicy? = nil) -> ContainerView {
        let mount = stage.mount("/d", source.hasPrefix("/") ? source : "kubelet/\(source)")
        return ContainerView(
            layout: ContainerLayout(container: "c", mounts: [mount], pod: pod.map { Array($0.utf8) }),
            policy: policy ?? self.policy, mounts: HostMounts.read())
    }

    @Test(arguments: [
        "pods/\(uid)/volumes/kubernetes.io~empty-dir/logs", "pods/\(uid)/volumes/kubernetes.io~csi/pv/mount",
        "pods/\(uid)/volumes/vendor~driver/v", "pods/\(uid)/volume-subpaths/logs/app/0",
    ])
    func `volumes of the container's own pod are read`(source: String) {
        #expect(view(source).outcome("/d/a") == "text")
        #expect(view(source, pod: Self.other).outcome("/d/a") == "refused", "another pod's")
        #expect(view(source, pod: nil).outcome("/d/a") == "refused", "a container of no pod")
    }

    @Test(arguments: ["secret/s", "projected/token", "configmap/c", "downward-api/d"])
    func `what Kubernetes gives a pod is no log`(volume: String) {
        let source = "pods/\(Self.uid)/volumes/kubernetes.io~\(volume)"
        #expect(view(source).refusal("/d/a")?.contains("emptyDir") == true)
        var allowing = policy
        allowing.allowedSources = [Array(stage.path("kubelet").utf8)]
        #expect(view(source, allowing).outcome("/d/a") == "refused", "allowed or not")
        #expect(view("pods/\(Self.other)/volumes/kubernetes.io~empty-dir/logs", allowing).outcome("/d/a") == "text")
    }

    private func view(_ source: String, _ policy: ResolverPolicy) -> ContainerView {
        view(source, pod: Self.uid, policy)
    }

    @Test(arguments: [
        "", "pki", "pods", "pods/\(uid)", "pods/\(uid)/volumes", "pods/\(uid)/volumes/kubernetes.io~empty-dir",
        "pods/\(uid)/containers/app", "pods/\(uid)/volume-subpaths",
        "pods/\(other)/volumes/kubernetes.io~empty-dir/logs",
        "plugins/kubernetes.io/csi/pv/globalmount",
    ])
    func `the rest of the kubelet's directories is refused, and so is what contains them`(source: String) {
        #expect(view(source).outcome("/d/a") == "refused")
        #expect(view(stage.directory.path).outcome("/d/x") == "refused")
    }

    @Test func `links do not lead around the rules`() throws {
        try stage.link("link", to: "kubelet/pods/\(Self.uid)/volumes/kubernetes.io~secret/s")
        try stage.link("root", to: "kubelet")
        #expect(view(stage.path("link")).outcome("/d/a") == "refused")
        #expect(view(stage.path("root/pki")).outcome("/d/a") == "refused")
        var linked = policy
        linked.kubeletRoots = [Array(stage.path("root").utf8)]
        let own = "pods/\(Self.uid)/volumes/kubernetes.io~empty-dir/logs"
        #expect(view(own, linked).outcome("/d/a") == "text", "a kubelet's root that is a link")
        #expect(view("pki", linked).outcome("/d/a") == "refused")
    }

    /// The name in volume-subpaths does not say what the volume is.
    @Test func `a subPath of a secret is refused`() {
        #expect(view("pods/\(Self.uid)/volume-subpaths/s/app/1").outcome("/d/a") == "refused")
    }

    @Test func `a subPath of a host directory follows the rules of host directories`() throws {
        let place = "kubelet/pods/\(Self.uid)/volume-subpaths/host/app/0"
        try stage.make(place)
        try stage.write("forbidden/in/a", "forbidden")
        try stage.write("srv/in/a", "srv")
        var policy = policy
        policy.runtimeRoots = [Array(stage.path("forbidden").utf8)]
        try stage.bind("forbidden/in", on: place)
        #expect(view(stage.path(place), policy).outcome("/d/a") == "refused")
        try stage.unmount(place)
        try stage.bind("srv/in", on: place)
        #expect(view(stage.path(place), policy).outcome("/d/a") == "srv")
    }

    @Test func `a volume with a disk of its own is read, also by subPath and by two pods`() throws {
        let global = "kubelet/plugins/kubernetes.io/csi/pv/globalmount"
        try stage.tmpfs(on: global)
        try stage.write("\(global)/etc/a", "disk")
        for uid in [Self.uid, Self.other] {
            let place = "kubelet/pods/\(uid)/volumes/kubernetes.io~csi/pv/mount"
            try stage.make(place)
            try stage.bind(global, on: place)
        }
        #expect(view("pods/\(Self.uid)/volumes/kubernetes.io~csi/pv/mount").outcome("/d/etc/a") == "disk")
        let subpath = "kubelet/pods/\(Self.uid)/volume-subpaths/pv/app/0"
        try stage.make(subpath)
        try stage.bind("\(global)/etc", on: subpath)
        #expect(view(stage.path(subpath)).outcome("/d/a") == "disk", "it is no /etc of the host")
    }
}
