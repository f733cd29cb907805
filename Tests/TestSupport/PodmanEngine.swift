// A real Podman of a test's own: no network, no registry, everything it owns below one private directory.
internal import Glibc
internal import Synchronization

/// One `podman system service` with its data and socket. Needs root and Debian's podman and runc. Deinit (or `stop`) ends
/// it with its containers and takes away its mounts and cgroups, also after the test failed.
package final class PodmanEngine: Sendable {
    /// The image `importBusybox` makes.
    package static let image = "localhost/longshore-test/busybox:1"
    /// Path of its API's unix socket; the same after `restart`.
    package let socket: String
    package let directory: TemporaryDirectory
    private let program: String
    private let environment: [String: String]
    private let cgroup: String
    /// nil once it was stopped.
    private let process = Mutex<ChildProcess?>(nil)

    /// Starts the service, waits until it answers, and makes the image.
    package static func start() async throws -> PodmanEngine {
        guard geteuid() == 0 else { throw FixtureError("podman needs root here: run the tests as root") }
        // conmon's sockets are deep below, and sun_path has 108 bytes.
        let directory = try TemporaryDirectory(in: "/tmp")
        let engine = try PodmanEngine(in: directory)
        try await engine.restart()
        let archive = directory.path("image.tar")
        try await BusyboxImage.writeRoot(to: archive, in: directory)
        try await engine.podman("import", archive, PodmanEngine.image)
        unlink(archive)
        return engine
    }

    private init(in directory: TemporaryDirectory) throws {
        self.directory = directory
        program = try installed("podman", ["/usr/bin/podman", "/usr/local/bin/podman"])
        socket = directory.path("podman.sock")
        cgroup = String(directory.path.split(separator: "/").last!)
        // Where its database is follows from the storage: what conmon starts at a container's end is not told of another
        // place, and would find no container.
        let containers = try directory.write(
            """
            [containers]
            log_driver = "k8s-file"
            default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
            netns = "none"
            [engine]
            cgroup_manager = "cgroupfs"
            events_logger = "file"
            runtime = "runc"
            tmp_dir = "\(directory.path("tmp"))"
            """, to: "containers.conf")
        let storage = try directory.write(
            """
            [storage]
            driver = "overlay"
            graphroot = "\(directory.path("graph"))"
            runroot = "\(directory.path("run"))"
            """, to: "storage.conf")
        environment = ["CONTAINERS_CONF": containers, "CONTAINERS_STORAGE_CONF": storage]
    }

    deinit { remains.end(process.withLock { $0.take() }) }

    /// Starts the service again after `kill`, and waits until it answers.
    package func restart() async throws {
        let child = try ChildProcess(
            program, ["system", "service", "--time=0", "unix://\(socket)"], environment: environment,
            directory: directory)
        process.withLock { $0 = child }
        try await waitUntil(timeout: .seconds(60), "podman to answer; it wrote: \(child.errorTail)") {
            guard child.isRunning else { throw FixtureError("podman ended: \(child.errorTail)") }
            return (try? await httpGet(.unix(path: socket), "/_ping"))?.status == 200
        }
    }

    /// SIGKILL of the service. Containers go on.
    package func kill() async throws {
        guard let child = process.withLock({ $0 }) else { return }
        child.signal(SIGKILL)
        try await child.wait()
    }

    /// Runs podman(1) on the same data, past the service; gives its standard output without the last newline.
    @discardableResult
    package func podman(_ arguments: String...) async throws -> String { try await podman(arguments) }

    @discardableResult
    package func podman(_ arguments: [String]) async throws -> String {
        let output = try await TestSupport.run(program, arguments, environment: environment)
        return output.hasSuffix("\n") ? String(output.dropLast()) : output
    }

    /// `podman run -d`; gives the container's full id. `mounts` as in `-v`.
    @discardableResult
    package func run(
        name: String, labels: [String: String] = [:], mounts: [String] = [], script: String, extra: [String] = []
    ) async throws -> String {
        var options = ["run", "-d", "--name=\(name)", "--network=none", "--cgroup-parent=/\(cgroup)"]
        for (key, value) in labels { options.append("--label=\(key)=\(value)") }
        for mount in mounts { options.append("--volume=\(mount)") }
        return try await podman(options + extra + [PodmanEngine.image, "sh", "-c", script])
    }

    /// Ends everything, as deinit does.
    package func stop() async throws {
        let child = process.withLock { $0.take() }
        let remains = remains
        try await onOwnThread("test-podman-end") { remains.end(child) }
    }

    private var remains: RuntimeRemains { RuntimeRemains(directory: directory.path, cgroup: cgroup) }
}
