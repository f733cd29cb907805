// Docker, containerd and Podman behind one face, for scenarios that are to be the same under each of them.
import Core
import Glibc
import TestSupport

/// A runtime whose containers' outputs are collected.
enum RuntimeKind: String, CaseIterable, Sendable {
    case docker, containerd, containerdNext, podman

    /// Those that are there.
    static let available = allCases.filter { $0 != .containerdNext || ContainerdEngine.next != nil }

    /// `container.runtime.name`
    var name: String { self == .containerdNext ? "containerd" : rawValue }

    /// Starts it. All its containers have `labels`: those of Longshore are annotations of their pod under containerd.
    func start(labels: [String: String]) async throws -> any OutputRuntime {
        switch self {
        case .docker: try await DockerOutput(labels)
        case .containerd: try await ContainerdOutput(labels, program: nil)
        case .containerdNext: try await ContainerdOutput(labels, program: ContainerdEngine.next)
        case .podman: try await PodmanOutput(labels)
        }
    }
}

/// One runtime of a scenario's own.
protocol OutputRuntime: AnyObject, Sendable {
    var directory: TemporaryDirectory { get }
    /// The line of the daemon's configuration that names it.
    var configuration: String { get }
    /// `sh -c script`, with host directories at `mounts`; gives the container's id. `size`: where the runtime rotates
    /// itself, beyond how many bytes.
    func start(_ name: String, _ script: String, mounts: [String: String], size: String?) async throws -> String
    func remove(_ id: String) async throws
    /// The log of a container, which is there.
    func log(of name: String, _ id: String) async throws -> String
    /// As a kubelet does it, where nobody else does.
    func rotate(_ name: String, _ id: String) async
    /// SIGKILL; containers go on.
    func kill() async throws
    func restart() async throws
    func stop() async throws
}

private final class DockerOutput: OutputRuntime {
    private let engine: DockerEngine
    private let labels: [String: String]
    var directory: TemporaryDirectory { engine.directory }
    var configuration: String { Daemon.dockerOnly(engine.socket) }

    init(_ labels: [String: String]) async throws {
        self.labels = labels
        engine = try await DockerEngine.start(liveRestore: true)
        try await engine.importBusybox()
    }

    func start(_ name: String, _ script: String, mounts: [String: String], size: String?) async throws -> String {
        var container = DockerContainer(script: script)
        container.labels = labels
        container.mounts = mounts.map { "\($0.value):\($0.key)" }
        container.logDriver = "json-file"
        if let size { container.logOptions = ["max-size": size, "max-file": "100"] }
        return try await engine.createAndStart(container, name: name)
    }

    func log(of name: String, _ id: String) async throws -> String {
        let answer = try await engine.inspect(id)
        guard let path = answer["LogPath"]?.string else { throw FixtureError("no LogPath in \(answer)") }
        return path
    }

    func rotate(_ name: String, _ id: String) async {}
    func remove(_ id: String) async throws { try await engine.remove(id) }
    func kill() async throws { try await engine.kill() }
    func restart() async throws { try await engine.restart() }
    func stop() async throws { try await engine.stop() }
}

private final class ContainerdOutput: OutputRuntime {
    private let engine: ContainerdEngine
    private let pod: TestPod
    private let sandbox: String
    private let logs: String
    var directory: TemporaryDirectory { engine.directory }
    var configuration: String { Daemon.criOnly(engine.socket) }

    init(_ labels: [String: String], program: String?) async throws {
        engine = try await ContainerdEngine.start(program: program)
        try await engine.importImages()
        var pod = TestPod("shop-7d", uid: "0f0e7f0c-5e4c-4d56-9d6c-3a6f1f2b7c55")
        pod.annotations = labels.filter { $0.key.hasPrefix("longshore.") }
        pod.labels = labels.filter { !$0.key.hasPrefix("longshore.") }
        self.pod = pod
        logs = engine.directory.path("logs")
        sandbox = try await engine.cri.run(pod, logs: logs)
    }

    func start(_ name: String, _ script: String, mounts: [String: String], size: String?) async throws -> String {
        var container = TestPodContainer(name, script: script)
        container.mounts = mounts.map { ($0.value, $0.key) }
        let id = try await engine.cri.create(container, in: sandbox, of: pod, logs: logs)
        try await engine.cri.start(id)
        return id
    }

    func log(of name: String, _ id: String) async throws -> String { "\(logs)/\(name)-0.log" }

    /// Renamed to what a kubelet calls it, in a second of its own; and back where the container has ended.
    func rotate(_ name: String, _ id: String) async {
        let path = "\(logs)/\(name)-0.log"
        var second = time(nil)
        var target = ""
        repeat {
            var parts = tm()
            gmtime_r(&second, &parts)
            var text = [CChar](repeating: 0, count: 32)
            strftime(&text, 32, "%Y%m%d-%H%M%S", &parts)
            target = "\(path).\(String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self))"
            second += 1
        } while access(target, F_OK) == 0
        guard rename(path, target) == 0 else { return }
        if (try? await engine.cri.reopenLog(id)) == nil, access(path, F_OK) != 0 { rename(target, path) }
    }

    func remove(_ id: String) async throws { try await engine.cri.remove(id) }
    func kill() async throws { try await engine.kill() }
    func restart() async throws { try await engine.restart() }
    func stop() async throws { try await engine.stop() }
}

private final class PodmanOutput: OutputRuntime {
    private let engine: PodmanEngine
    private let labels: [String: String]
    var directory: TemporaryDirectory { engine.directory }
    var configuration: String { Daemon.podmanOnly(engine.socket) }

    init(_ labels: [String: String]) async throws {
        self.labels = labels
        engine = try await PodmanEngine.start()
    }

    /// Without `size`: what Podman rotates it throws away.
    func start(_ name: String, _ script: String, mounts: [String: String], size: String?) async throws -> String {
        try await engine.run(
            name: name, labels: labels, mounts: mounts.map { "\($0.value):\($0.key)" }, script: script)
    }

    func log(of name: String, _ id: String) async throws -> String {
        try await engine.podman("inspect", "--format", "{{.HostConfig.LogConfig.Path}}", id)
    }

    func rotate(_ name: String, _ id: String) async {}
    func remove(_ id: String) async throws { try await engine.podman("rm", "-f", "-t", "0", id) }
    func kill() async throws { try await engine.kill() }
    func restart() async throws { try await engine.restart() }
    func stop() async throws { try await engine.stop() }
}
