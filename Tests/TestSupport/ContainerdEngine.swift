// A real containerd of a test's own with its CRI plugin: no network, no registry, everything below one private directory.
internal import Glibc
internal import Synchronization

/// One containerd with its data and socket. Needs root and Debian's docker.io, which brings containerd 1.6; `program` may
/// be another one. Deinit (or `stop`) ends it with its containers and takes away its mounts and cgroups, also after the
/// test failed.
package final class ContainerdEngine: Sendable {
    /// The image of its containers.
    package static let image = "docker.io/longshore-test/busybox:1"
    private static let pause = "docker.io/longshore-test/pause:1"

    /// Path of its socket; the same after `restart`.
    package let socket: String
    package let directory: TemporaryDirectory
    package let cri: CRIClient
    private let program: String
    private let environment: [String: String]
    private let cgroup: String
    private let configuration: String
    private let isCRIOff: Bool
    /// nil once it was stopped.
    private let process = Mutex<ChildProcess?>(nil)

    /// Of Debian's next suite, unpacked by packaging/install-containerd-next.sh; nil: it is not there.
    package static let next: String? = {
        let root = #filePath.split(separator: "/").dropLast(3).map { "/\($0)" }.joined()
        let path = "\(root)/.build-tools/containerd-next/usr/bin/containerd"
        return access(path, X_OK) == 0 ? path : nil
    }()

    /// Starts containerd and waits until it answers. `program` nil: the installed one. `isCRIOff`:
    /// without its CRI plugin, as Docker's packages configure it.
    package static func start(program: String? = nil, isCRIOff: Bool = false) async throws -> ContainerdEngine {
        guard geteuid() == 0 else { throw FixtureError("containerd needs root: run the tests as root") }
        // sun_path has 108 bytes.
        var directory = try TemporaryDirectory()
        if directory.path.utf8.count > 50 { directory = try TemporaryDirectory(in: "/tmp") }
        let engine = try ContainerdEngine(in: directory, program: program, isCRIOff: isCRIOff)
        try await engine.restart()
        return engine
    }

    private init(in directory: TemporaryDirectory, program: String?, isCRIOff: Bool) throws {
        self.directory = directory
        self.isCRIOff = isCRIOff
        self.program = try program ?? installed("containerd", ["/usr/bin/containerd", "/usr/local/bin/containerd"])
        socket = directory.path("containerd.sock")
        cgroup = String(directory.path.split(separator: "/").last!)
        cri = CRIClient(socket: socket, cgroup: "/\(cgroup)")
        // Its own shim comes first.
        let place = self.program.split(separator: "/").dropLast().map { "/\($0)" }.joined()
        environment = ["PATH": "\(place):/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]
        for name in ["cni", "cni-bin", "opt", "logs"] { try directory.makeDirectory(name) }
        configuration = try directory.write(
            """
            version = 2
            disabled_plugins = [\(isCRIOff ? "\"io.containerd.grpc.v1.cri\"" : "")]
            root = "\(directory.path("root"))"
            state = "\(directory.path("state"))"
            [grpc]
              address = "\(directory.path("containerd.sock"))"
            [plugins."io.containerd.internal.v1.opt"]
              path = "\(directory.path("opt"))"
            [plugins."io.containerd.grpc.v1.cri"]
              sandbox_image = "\(ContainerdEngine.pause)"
              restrict_oom_score_adj = true
            [plugins."io.containerd.grpc.v1.cri".cni]
              bin_dir = "\(directory.path("cni-bin"))"
              conf_dir = "\(directory.path("cni"))"
            """, to: "config.toml")
    }

    deinit { remains.end(process.withLock { $0.take() }) }

    /// Starts containerd again after `kill`, on the same data, and waits until it answers.
    package func restart() async throws {
        let child = try ChildProcess(
            program, ["--config", configuration], environment: environment, directory: directory)
        process.withLock { $0 = child }
        try await waitUntil(timeout: .seconds(60), "containerd to answer; it wrote: \(child.errorTail)") {
            guard child.isRunning else { throw FixtureError("containerd ended: \(child.errorTail)") }
            // Its CRI plugin comes last.
            return isCRIOff ? (try? await ctr("version")) != nil : await cri.isReady()
        }
    }

    /// Makes `image` and the pause image and imports them.
    package func importImages() async throws {
        let archive = directory.path("image.tar")
        for (name, entrypoint) in [(ContainerdEngine.image, []), (ContainerdEngine.pause, ["sleep", "100000"])] {
            try await BusyboxImage.writeArchive(to: archive, name: name, entrypoint: entrypoint, in: directory)
            try await ctr("-n", "k8s.io", "images", "import", archive)
        }
        unlink(archive)
    }

    /// SIGKILL. Shims and containers go on.
    package func kill() async throws {
        guard let child = process.withLock({ $0 }) else { return }
        child.signal(SIGKILL)
        try await child.wait()
    }

    /// A signal for containerd alone.
    package func signal(_ number: Int32) { process.withLock { $0?.signal(number) } }

    /// Runs ctr(8) against it.
    @discardableResult
    package func ctr(_ arguments: String...) async throws -> String {
        try await TestSupport.run(
            try installed("ctr", ["/usr/bin/ctr", "/usr/local/bin/ctr"]), ["-a", socket] + arguments)
    }

    /// Ends everything, as deinit does.
    package func stop() async throws {
        let child = process.withLock { $0.take() }
        let remains = remains
        try await onOwnThread("test-containerd-end") { remains.end(child) }
    }

    /// The end of what containerd wrote, for messages.
    package var log: String { process.withLock { $0?.errorTail ?? "" } }

    private var remains: RuntimeRemains {
        RuntimeRemains(directory: directory.path, cgroup: cgroup, bundles: "state/io.containerd.runtime.v2.task")
    }
}
