// The calls to a CRI runtime that discovery makes.
internal import Core
internal import Synchronization

/// A runtime that speaks CRI v1 (https://github.com/kubernetes/cri-api), and whether it is containerd, which tells more.
struct CRIAPI: RuntimeAPI {
    /// Where its events come from.
    enum Events: Sendable { case containerd, cri, none }

    private static let service = "/runtime.v1.RuntimeService/"
    private static let listLimit = 64 << 20
    private static let eventLimit = 16 << 20

    let client: GRPCUnixClient
    /// container.runtime.name of the records: `containerd`, `cri-o`.
    let runtime: String
    /// `containerd 1.6.20 (CRI v1)`, for people.
    let version: String
    let events: Events
    private let awaited = AwaitedStates()
    /// Called when its events turn out to be of no use.
    private let giveUpEvents: @Sendable () -> Void

    var hasEvents: Bool { events != .none }

    /// Asks who answers. `isPolled`: whatever it is, its events are of no use.
    init(
        _ client: GRPCUnixClient, isPolled: Bool, giveUpEvents: @escaping @Sendable () -> Void
    ) async throws(RuntimeFailure) {
        self.client = client
        self.giveUpEvents = giveUpEvents
        let answer: [UInt8]
        do { answer = try await client.call(.init(path: CRIAPI.service + "Version")) } catch {
            guard error.status == GRPCFailure.unimplemented else { throw error.failure }
            throw await CRIAPI.withoutCRI(client)
        }
        guard let told = try? CRIAnswers.version(answer), !told.name.isEmpty else {
            throw RuntimeFailure("what answers at \(client.socket) tells no name: it is no CRI runtime")
        }
        let name = String(told.name.prefix(64))
        let number = told.version.hasPrefix("v") ? told.version.dropFirst() : told.version[...]
        runtime = name
        version = "\(escapedForTerminal(name[...])) \(escapedForTerminal(number.prefix(64))) (CRI v1)"
        events = isPolled ? .none : name == "containerd" ? .containerd : name == "cri-o" ? .cri : .none
    }

    /// Why there is no CRI v1 behind a socket that speaks gRPC.
    private static func withoutCRI(_ client: GRPCUnixClient) async -> RuntimeFailure {
        let older = try? await client.call(.init(path: "/runtime.v1alpha2.RuntimeService/Version"))
        if older != nil {
            return RuntimeFailure("it is too old for CRI v1: upgrade it to containerd 1.6, CRI-O 1.23, or newer")
        }
        let containerd = try? await client.call(.init(path: "/containerd.services.version.v1.Version/Version"))
        if containerd != nil {
            return RuntimeFailure(
                "containerd answers, but not CRI: where Kubernetes uses it, take \"cri\" out of disabled_plugins in "
                    + "/etc/containerd/config.toml and restart it; else write runtimes.cri.enabled: false")
        }
        return RuntimeFailure("what answers at \(client.socket) is no CRI runtime")
    }

    func probe() async throws(RuntimeFailure) { _ = try await call("Version", []) }

    func list() async throws(RuntimeFailure) -> [ContainerRecord] {
        let answer = try await call("ListContainers", [], limit: CRIAPI.listLimit)
        do { return try CRIAnswers.list(answer, runtime: runtime) } catch {
            throw RuntimeFailure("its list of containers is no valid protobuf at byte \(error.byte)")
        }
    }

    private func call(
        _ name: String, _ message: [UInt8], limit: Int = 16 << 20
    ) async throws(RuntimeFailure) -> [UInt8] {
        do { return try await client.call(.init(path: CRIAPI.service + name, message: message, limit: limit)) } catch {
            throw error.failure
        }
    }

    /// The call's answer; nil when there is no such thing.
    private func find(_ request: GRPCUnixClient.Request) async throws(RuntimeFailure) -> [UInt8]? {
        do { return try await client.call(request) } catch {
            if error.status == GRPCFailure.notFound { return nil }
            throw error.failure
        }
    }

    // MARK: - One container

    /// How long CRI's own account may lag behind containerd's events, and between two looks.
    private static let patience = Duration.seconds(2)
    private static let look = Duration.milliseconds(20)

    func inspect(_ id: String) async -> Inspection {
        precondition(DockerAnswers.isContainerID(id), "an unchecked id in a request")
        let until = ContinuousClock.now + CRIAPI.patience
        do throws(RuntimeFailure) {
            while true {
                let found = try await status(of: id)
                let isOver = ContinuousClock.now >= until || Task.isCancelled
                if let found, isOver || !awaited.isAwaited(id, found.record) {
                    return .found(try await completed(found))
                }
                if found == nil, let verdict = try await absent(id, isOver: isOver) { return verdict }
                try? await Task.sleep(for: CRIAPI.look)
            }
        } catch { return .failed(error) }
    }

    private func status(of id: String) async throws(RuntimeFailure) -> CRIAnswers.Inspected? {
        var request = ProtobufWriter()
        request.text(1, id)
        request.integer(2, 1)
        let path = CRIAPI.service + "ContainerStatus"
        guard let answer = try await find(.init(path: path, message: request.bytes)) else { return nil }
        guard let found = try? CRIAnswers.container(answer, runtime: runtime), found.record.id == id else {
            throw RuntimeFailure("an answer without sense")
        }
        return found
    }

    /// What it means that CRI does not know an id; nil: not known yet. containerd has a container before its CRI plugin
    /// knows of it, and sandboxes and what others made there as well.
    private func absent(_ id: String, isOver: Bool) async throws(RuntimeFailure) -> Inspection? {
        guard runtime == "containerd" else { return .gone }
        var request = ProtobufWriter()
        request.text(1, id)
        let path = "/containerd.services.containers.v1.Containers/Get"
        let answer = try await find(
            .init(path: path, message: request.bytes, namespace: CRIEvents.namespace))
        guard let answer else { return .gone }
        guard (try? CRIAnswers.kind(answer)) == "container" else { return .foreign }
        return isOver ? .failed(RuntimeFailure("it does not know its own container")) : nil
    }

    /// With its pod and its layers.
    private func completed(_ found: CRIAnswers.Inspected) async throws(RuntimeFailure) -> ContainerRecord {
        var record = found.record
        record.pod = try await pod(found)
        let details = found.details
        if runtime == "containerd", !details.snapshotter.isEmpty {
            var request = ProtobufWriter()
            request.text(1, details.snapshotter)
            request.text(2, details.snapshot)
            let path = "/containerd.services.snapshots.v1.Snapshots/Mounts"
            let answer = try await find(
                .init(path: path, message: request.bytes, namespace: CRIEvents.namespace))
            record.layers = answer.flatMap { try? CRIAnswers.layers($0) } ?? []
        }
        return record
    }

    /// From its sandbox; once that is gone, from what the kubelet wrote into the container's labels.
    private func pod(_ found: CRIAnswers.Inspected) async throws(RuntimeFailure) -> ContainerRecord.Pod? {
        if !found.details.sandbox.isEmpty {
            var request = ProtobufWriter()
            request.text(1, found.details.sandbox)
            let path = CRIAPI.service + "PodSandboxStatus"
            if let answer = try await find(.init(path: path, message: request.bytes)) {
                guard let pod = try? CRIAnswers.pod(answer) else { throw RuntimeFailure("a sandbox without sense") }
                return pod
            }
        }
        let labels = found.record.labels
        guard let name = labels["io.kubernetes.pod.name"] else { return nil }
        return ContainerRecord.Pod(
            name: name, namespace: labels["io.kubernetes.pod.namespace"] ?? "",
            uid: labels["io.kubernetes.pod.uid"] ?? "")
    }

    // MARK: - Events

    func follow(since: Int64?, into inbox: RuntimeInbox) async {
        switch events {
        case .none: inbox.put(.subscribed)
        case .containerd:
            var request = ProtobufWriter()
            request.text(1, CRIEvents.filter)
            let path = "/containerd.services.events.v1.Events/Subscribe"
            await follow(.init(path: path, message: request.bytes, limit: CRIAPI.eventLimit), into: inbox) {
                bytes throws(ProtobufFailure) in try CRIEvents.containerd(bytes)
            }
        case .cri:
            let path = CRIAPI.service + "GetContainerEvents"
            await follow(.init(path: path, limit: CRIAPI.eventLimit), into: inbox) { bytes throws(ProtobufFailure) in
                try CRIEvents.cri(bytes)
            }
        }
    }

    private func follow(
        _ request: GRPCUnixClient.Request, into inbox: RuntimeInbox,
        _ parse: ([UInt8]) throws(ProtobufFailure) -> RuntimeEvent?
    ) async {
        let start = ContinuousClock.now
        do throws(GRPCFailure) {
            try await client.stream(request) { messages in
                if messages.isEmpty { inbox.put(.subscribed) }
                for message in messages {
                    guard let event = try? parse(message) as RuntimeEvent?? else {
                        inbox.put(.missed)
                        continue
                    }
                    guard let event else { continue }
                    awaited.take(event)
                    inbox.put(.event(event, cost: message.count))
                    if await inbox.room() { inbox.put(.missed) }
                }
            }
            // CRI-O before 1.26, and later with its events switched off.
            if events == .cri, ContinuousClock.now - start < .seconds(1) { giveUpEvents() }
            inbox.put(.broken(RuntimeFailure("it ended its event stream: was it stopped?")))
        } catch {
            if error.status == GRPCFailure.unimplemented { giveUpEvents() }
            inbox.put(.broken(error.failure))
        }
    }
}

/// States that events have told and CRI must show before its account of a container is taken.
private final class AwaitedStates: Sendable {
    private static let limit = 4096
    /// True: it must have ended. False: it must have been started.
    private let states = Mutex<[String: Bool]>([:])

    func take(_ event: RuntimeEvent) {
        states.withLock { states in
            switch event.action {
            case .look, .die:
                if states.count >= AwaitedStates.limit { states = [:] }
                states[event.id] = event.action == .die
            case .destroy: states[event.id] = nil
            case .create, .kill, .outOfMemory: break
            }
        }
    }

    /// Whether an account is older than what was told.
    func isAwaited(_ id: String, _ record: ContainerRecord) -> Bool {
        states.withLock { states in
            guard let hasEnded = states[id] else { return false }
            if record.status == .created || hasEnded && record.status != .exited { return true }
            states[id] = nil
            return false
        }
    }
}
