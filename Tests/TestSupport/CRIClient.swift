// CRI by hand: what a kubelet would ask of the runtime.
internal import Discovery

/// A pod as a kubelet describes it.
package struct TestPod: Sendable {
    package var name: String
    package var namespace = "default"
    package var uid: String
    package var labels: [String: String] = [:]
    package var annotations: [String: String] = [:]

    package init(_ name: String, uid: String) {
        self.name = name
        self.uid = uid
    }
}

/// A container of a pod as a kubelet describes it.
package struct TestPodContainer: Sendable {
    package var name: String
    package var script: String
    package var attempt = 0
    package var labels: [String: String] = [:]
    package var annotations: [String: String] = [:]
    /// Host path and path in the container.
    package var mounts: [(source: String, destination: String)] = []

    /// `sh -c script`.
    package init(_ name: String, script: String) {
        self.name = name
        self.script = script
    }
}

/// Calls of `runtime.v1.RuntimeService` that make and end pods. Pods have the host's network: no CNI is needed.
package struct CRIClient: Sendable {
    private let client: GRPCUnixClient
    private let cgroup: String

    init(socket: String, cgroup: String) {
        client = GRPCUnixClient(socket: socket, deadline: .seconds(60))
        self.cgroup = cgroup
    }

    /// It answers with a list; it tells its version before it can do anything else.
    func isReady() async -> Bool { (try? await call("ListContainers", ProtobufWriter())) != nil }

    /// `RunPodSandbox`; gives the sandbox's id.
    package func run(_ pod: TestPod, logs: String) async throws -> String {
        var request = ProtobufWriter()
        request.message(1) { write(pod, logs, &$0) }
        return try id(try await call("RunPodSandbox", request))
    }

    /// `CreateContainer`; gives the container's id. Its log is `NAME/ATTEMPT.log` below `logs`.
    package func create(
        _ container: TestPodContainer, in sandbox: String, of pod: TestPod, logs: String
    ) async throws -> String {
        var request = ProtobufWriter()
        request.text(1, sandbox)
        request.message(2) { config in
            config.message(1) { metadata in
                metadata.text(1, container.name)
                metadata.integer(2, Int64(container.attempt))
            }
            config.message(2) { $0.text(1, ContainerdEngine.image) }
            for word in ["sh", "-c", container.script] { config.text(3, word) }
            for mount in container.mounts {
                config.message(7) { field in
                    field.text(1, mount.destination)
                    field.text(2, mount.source)
                }
            }
            var labels = container.labels
            labels["io.kubernetes.container.name"] = container.name
            labels["io.kubernetes.pod.name"] = pod.name
            labels["io.kubernetes.pod.namespace"] = pod.namespace
            labels["io.kubernetes.pod.uid"] = pod.uid
            config.map(9, labels)
            var annotations = container.annotations
            annotations["io.kubernetes.container.restartCount"] = "\(container.attempt)"
            config.map(10, annotations)
            config.text(11, "\(container.name)-\(container.attempt).log")
            config.message(15) { $0.message(2) { $0.message(3) { CRIClient.namespaces(&$0) } } }
        }
        request.message(3) { write(pod, logs, &$0) }
        return try id(try await call("CreateContainer", request))
    }

    /// `StartContainer`
    package func start(_ container: String) async throws { try await callWithID("StartContainer", container) }

    /// `StopContainer`, at once.
    package func stop(_ container: String) async throws { try await callWithID("StopContainer", container) }

    /// `RemoveContainer`, running or not.
    package func remove(_ container: String) async throws { try await callWithID("RemoveContainer", container) }

    /// `ReopenContainerLog`
    package func reopenLog(_ container: String) async throws { try await callWithID("ReopenContainerLog", container) }

    /// `StopPodSandbox`, `RemovePodSandbox`: all its containers too.
    package func removePod(_ sandbox: String) async throws {
        try await callWithID("StopPodSandbox", sandbox)
        try await callWithID("RemovePodSandbox", sandbox)
    }

    private func write(_ pod: TestPod, _ logs: String, _ config: inout ProtobufWriter) {
        config.message(1) { metadata in
            metadata.text(1, pod.name)
            metadata.text(2, pod.uid)
            metadata.text(3, pod.namespace)
        }
        config.text(3, logs)
        config.map(6, pod.labels)
        config.map(7, pod.annotations)
        config.message(8) { linux in
            linux.text(1, "\(cgroup)/pod\(pod.uid)")
            linux.message(2) { $0.message(1) { CRIClient.namespaces(&$0) } }
        }
    }

    /// Network and IPC of the node, processes of the container.
    private static func namespaces(_ options: inout ProtobufWriter) {
        options.integer(1, 2)
        options.integer(2, 1)
        options.integer(3, 2)
    }

    private func callWithID(_ name: String, _ id: String) async throws {
        var request = ProtobufWriter()
        request.text(1, id)
        _ = try await call(name, request)
    }

    private func call(_ name: String, _ request: ProtobufWriter) async throws -> [UInt8] {
        do {
            return try await client.call(
                .init(path: "/runtime.v1.RuntimeService/\(name)", message: request.bytes))
        } catch { throw FixtureError("\(name): \(error.failure)") }
    }

    /// Field 1 of an answer.
    private func id(_ answer: [UInt8]) throws -> String {
        guard answer.count == 66, answer.starts(with: [0x0A, 64]) else { throw FixtureError("no id in \(answer)") }
        return String(decoding: answer.dropFirst(2), as: UTF8.self)
    }
}
