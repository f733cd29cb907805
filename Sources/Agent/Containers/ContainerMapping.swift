// From the configuration to the rules for containers, and to the clients of the runtimes.
internal import Configuration
internal import Discovery
internal import LinuxIO
internal import Resolver
internal import Synchronization

extension ContainerRules {
    /// The rules of a configuration read from `path`. Nil: none was read; the defaults hold, and topics are not known.
    init(_ configuration: Configuration?, path: String?) {
        guard let configuration else {
            self.init { _, declaration in TopicRoute(topic: declaration.topic ?? "") }
            runtimes = [
                RuntimeSettings(name: "docker", socket: "/var/run/docker.sock"),
                RuntimeSettings(name: "containerd", socket: "/run/containerd/containerd.sock"),
                RuntimeSettings(name: "podman", socket: "/run/podman/podman.sock"),
            ]
            return
        }
        self.init(route: ContainerRules.router(configuration))
        runtimes = ContainerRules.runtimes(configuration.runtimes)
        labels.prefix = configuration.labels.prefix
        labels.compatible = configuration.labels.compatible
        labels.directory = configuration.labels.directory
        labels.extensions = configuration.labels.extensions
        recorded = configuration.labels.record
        output =
            switch configuration.labels.stdout {
            case .all: .all
            case .declared: .declared
            case .none: .none
            }
        startsAtEnd = configuration.start == .end
        ignoreOlder = configuration.ignoreOlder
        policy = ContainerRules.policy(configuration, path)
    }

    /// A CRI runtime is called by what is usual at its socket; what it says of itself its containers are told by.
    private static func runtimes(_ runtimes: RuntimesConfiguration) -> [RuntimeSettings] {
        let cri = runtimes.cri.socket.contains("crio") ? "cri-o" : "containerd"
        return [("docker", runtimes.docker), (cri, runtimes.cri), ("podman", runtimes.podman)]
            .filter { $0.1.enabled != .never }
            .map { RuntimeSettings(name: $0.0, socket: $0.1.socket, isRequired: $0.1.enabled == .always) }
    }

    /// Topics come into being in the order in which containers ask for them, until there are `kafka.max_topics`.
    private static func router(
        _ configuration: Configuration
    ) -> @Sendable (ContainerRecord, LabelDeclaration) -> TopicRoute {
        let routing = TopicRouting(kafka: configuration.kafka, node: configuration.node)
        let budget = Mutex(TopicBudget(kafka: configuration.kafka, known: configuration.files.map(\.topicName)))
        return { record, declaration in
            let facts = ContainerFacts(
                name: record.name, image: record.image, runtime: record.runtime, service: record.service,
                labels: record.knownLabels, namespace: record.pod?.namespace, pod: record.pod?.name)
            let route = routing.route(declaration, of: facts)
            return budget.withLock { $0.admit(route, of: declaration) }
        }
    }

    private static func policy(_ configuration: Configuration, _ path: String?) -> ResolverPolicy {
        func raw(_ text: String) -> RawPath { Array(text.utf8) }
        var policy = ResolverPolicy()
        policy.hostRoot = raw(configuration.runtimes.hostRoot)
        policy.allowedSources = configuration.paths.allowMountSources.map(raw)
        policy.refusesNetwork = configuration.paths.networkVolumes == .refuse
        let kafka = configuration.kafka
        let own = [
            configuration.stateDirectory, path, kafka.tls?.ca, kafka.tls?.certificate, kafka.tls?.key,
            kafka.sasl?.passwordFile,
        ]
        policy.ownPaths = own.compactMap(\.self).map(raw)
        // microk8s has its own.
        policy.kubeletRoots = ["/var/lib/kubelet", "/var/snap/microk8s/common/var/lib/kubelet"].map(raw)
        policy.runtimeRoots = ["/var/lib/docker", "/var/lib/containerd", "/var/lib/containers"].map(raw)
        return policy
    }
}

extension Agent {
    /// Makes the client of a runtime.
    static let runtimeMaker: ContainerSupervisor.RuntimeMaker = { settings in
        switch settings.name {
        case "docker", "podman": DockerRuntime(name: settings.name, socket: settings.socket)
        case "containerd", "cri-o": CRIRuntime(name: settings.name, socket: settings.socket)
        default: nil
        }
    }
}
