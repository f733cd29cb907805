// From the configuration's sections runtimes, paths, labels and kafka to the rules for containers.
internal import Configuration
internal import Discovery
internal import LinuxIO
internal import Resolver
internal import Synchronization

extension ContainerRules {
    /// The rules of a configuration; nil: none was read, so that topics are not known.
    init(_ configuration: Configuration?) {
        guard let configuration else {
            self.init { _, declaration in TopicRoute(topic: declaration.topic ?? "") }
            runtimes = [RuntimeSettings(name: "docker", socket: "/var/run/docker.sock")]
            return
        }
        self.init(route: ContainerRules.routing(configuration))
        labels = ContainerRules.labels(configuration.labels)
        recorded = configuration.labels.record
        startsAtEnd = configuration.start == .end
        ignoreOlder = configuration.ignoreOlder
        policy = ContainerRules.policy(configuration)
        let docker = configuration.runtimes.docker
        if docker.enabled != .never {
            runtimes = [RuntimeSettings(name: "docker", socket: docker.socket, isRequired: docker.enabled == .always)]
        }
    }

    /// Routes and counts topics: those of host files are in use already.
    private static func routing(
        _ configuration: Configuration
    ) -> @Sendable (ContainerRecord, LabelDeclaration) -> TopicRoute {
        let routing = TopicRouting(kafka: configuration.kafka, node: configuration.node)
        let budget = SharedBudget(
            TopicBudget(kafka: configuration.kafka, known: configuration.files.map(\.topicName)))
        return { record, declaration in
            let facts = ContainerFacts(
                name: record.name, image: record.image, runtime: record.runtime, service: record.service,
                labels: record.labels)
            return budget.admit(routing.route(declaration, of: facts), of: declaration)
        }
    }

    private static func labels(_ configuration: LabelsConfiguration) -> LabelOptions {
        var options = LabelOptions()
        options.prefix = configuration.prefix
        options.compatible = configuration.compatible
        options.directory = configuration.directory
        options.extensions = configuration.extensions
        return options
    }

    private static func policy(_ configuration: Configuration) -> ResolverPolicy {
        var policy = ResolverPolicy()
        policy.hostRoot = Array(configuration.runtimes.hostRoot.utf8)
        policy.allowedSources = configuration.paths.allowMountSources.map { Array($0.utf8) }
        policy.refusesNetwork = configuration.paths.networkVolumes == .refuse
        policy.runtimeRoots = ["/var/lib/docker", "/var/lib/containerd", "/var/lib/containers"].map { Array($0.utf8) }
        var own = [configuration.stateDirectory, "/etc/longshore"]
        own += [configuration.kafka.sasl?.passwordFile, configuration.kafka.tls?.key].compactMap { $0 }
        policy.ownPaths = own.map { Array($0.utf8) }
        return policy
    }
}

/// The count of topics of one configuration. Asked by the supervisor and by `explain`.
private final class SharedBudget: Sendable {
    private let budget: Mutex<TopicBudget>

    init(_ budget: TopicBudget) { self.budget = Mutex(budget) }

    func admit(_ route: TopicRoute, of declaration: LabelDeclaration) -> TopicRoute {
        budget.withLock { $0.admit(route, of: declaration) }
    }
}
