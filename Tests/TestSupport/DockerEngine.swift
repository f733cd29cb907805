// A real Docker Engine of a test's own: no network, no registry, everything it owns below one private directory.
package import Glibc
internal import LinuxIO
internal import Synchronization

/// One dockerd with its own containerd, data and socket. Needs root and Debian's docker.io. Several may run side by side.
/// Deinit (or `stop`, which does not block the caller's thread) ends it with its containers and takes away its mounts and
/// cgroups, also after the test failed.
package final class DockerEngine: Sendable {
    /// The image `importBusybox` makes.
    package static let image = "longshore-test/busybox:1"
    /// Path of its API's unix socket; the same after `restart`.
    package let socket: String
    package let dataRoot: String
    package let directory: TemporaryDirectory
    /// Name of the cgroup all its containers are below.
    private let cgroup: String
    private let arguments: [String]
    /// nil once it was stopped.
    private let process: Mutex<ChildProcess?>

    /// Starts dockerd and waits until it answers. `liveRestore`: containers go on without it. `extra`: more options of
    /// dockerd(8).
    package static func start(liveRestore: Bool = false, extra: [String] = []) async throws -> DockerEngine {
        guard geteuid() == 0 else { throw FixtureError("dockerd needs root: run the tests as root") }
        // sun_path has 108 bytes and containerd's sockets are deep below: only a short parent will do.
        var directory = try TemporaryDirectory()
        if directory.path.utf8.count > 50 { directory = try TemporaryDirectory(in: "/tmp") }
        let engine = try DockerEngine(in: directory, liveRestore: liveRestore, extra: extra)
        try await engine.restart()
        return engine
    }

    private init(in directory: TemporaryDirectory, liveRestore: Bool, extra: [String]) throws {
        self.directory = directory
        socket = directory.path("docker.sock")
        dataRoot = directory.path("root")
        cgroup = String(directory.path.split(separator: "/").last!)
        // A file of its own: the machine's /etc/docker/daemon.json must not have a say.
        let configuration = try directory.write("{\"live-restore\": \(liveRestore)}", to: "daemon.json")
        arguments =
            [
                "--config-file=\(configuration)", "--data-root=\(dataRoot)", "--exec-root=\(directory.path("exec"))",
                "--pidfile=\(directory.path("docker.pid"))", "--host=unix://\(socket)", "--group=root",
                "--cgroup-parent=/\(cgroup)", "--iptables=false", "--ip6tables=false", "--ip-forward=false",
                "--ip-masq=false", "--bridge=none", "--storage-driver=overlay2", "--shutdown-timeout=1",
            ] + extra
        process = Mutex(nil)
    }

    deinit { remains.end(process.withLock { $0.take() }) }

    /// Starts dockerd again after `kill` or `terminate`, on the same data, and waits until it answers.
    package func restart() async throws {
        let child = try ChildProcess(
            try installed("dockerd", ["/usr/sbin/dockerd", "/usr/bin/dockerd"]), arguments, directory: directory)
        process.withLock { $0 = child }
        try await waitUntil(timeout: .seconds(30), "dockerd to answer; it wrote: \(child.errorTail)") {
            guard child.isRunning else { throw FixtureError("dockerd ended: \(child.errorTail)") }
            return (try? await httpGet(.unix(path: socket), "/_ping"))?.status == 200
        }
    }

    /// SIGKILL. Its containerd dies with it; shims and containers go on until dockerd is back.
    package func kill() async throws {
        guard let child = process.withLock({ $0 }) else { return }
        child.signal(SIGKILL)
        try await child.wait()
        try await waitUntil("the end of containerd") { remains.containerd == nil }
        // Where the machine's first process is slow to reap, dockerd would take the dead containerd for a running one.
        unlink(directory.path("exec/containerd/containerd.pid"))
    }

    /// SIGTERM, as a service manager does; without live restore the containers end too.
    package func terminate() async throws {
        guard let child = process.withLock({ $0 }) else { return }
        child.signal(SIGTERM)
        try await child.wait()
    }

    /// Ends everything, as deinit does.
    package func stop() async throws {
        let child = process.withLock { $0.take() }
        let remains = remains
        try await onOwnThread("test-docker-end") { remains.end(child) }
    }

    /// Process id of dockerd; nil when it was stopped.
    package var processID: pid_t? { process.withLock { $0?.processID } }
    package var usage: ProcessUsage? { process.withLock { $0?.usage() } }
    /// The end of what dockerd wrote, for messages.
    package var log: String { process.withLock { $0?.errorTail ?? "" } }

    private var remains: RuntimeRemains { RuntimeRemains(directory: directory.path, cgroup: cgroup) }
}

extension DockerEngine {
    /// Runs Debian's docker(1) against this engine and gives its standard output without the last newline.
    @discardableResult
    package func docker(_ arguments: String...) async throws -> String { try await docker(arguments) }

    @discardableResult
    package func docker(_ arguments: [String]) async throws -> String {
        let program = try installed("docker", ["/usr/bin/docker", "/usr/local/bin/docker"])
        // Its settings must not come from the user's home.
        let output = try await TestSupport.run(
            program, ["--config", directory.path("client"), "-H", "unix://\(socket)"] + arguments)
        return output.hasSuffix("\n") ? String(output.dropLast()) : output
    }

    /// Makes `image` from the machine's static busybox.
    package func importBusybox() async throws {
        let archive = directory.path("image.tar")
        try await BusyboxImage.writeRoot(to: archive, in: directory)
        try await docker("import", archive, DockerEngine.image)
        unlink(archive)
    }

    /// `docker run -d` without a network; gives the container's full id. `mounts` as in `-v`, `tmpfs` as in `--tmpfs`,
    /// `extra` are more options of docker-run(1).
    @discardableResult
    package func run(
        name: String? = nil, image: String = DockerEngine.image, labels: [String: String] = [:],
        mounts: [String] = [], tmpfs: [String] = [], remove: Bool = false, command: [String], extra: [String] = []
    ) async throws -> String {
        var options = ["run", "-d", "--network=none"]
        if let name { options.append("--name=\(name)") }
        for (key, value) in labels { options.append("--label=\(key)=\(value)") }
        for mount in mounts { options.append("--volume=\(mount)") }
        for mount in tmpfs { options.append("--tmpfs=\(mount)") }
        if remove { options.append("--rm") }
        return try await docker(options + extra + [image] + command)
    }
}

/// The first of the paths that is executable.
func installed(_ name: String, _ paths: [String]) throws -> String {
    for path in paths where access(path, X_OK) == 0 { return path }
    throw FixtureError("\(name) is not installed: run packaging/install-test-dependencies.sh")
}
