// Topics of containers: no name and no label leads to a topic that the operator did not allow.
internal import Agent
internal import Configuration
internal import Discovery
internal import Glibc

/// Routes declarations of one container by one of some operators' rules.
struct RoutingCheck {
    private static let rules = [
        "topic: logs", "topic: 'l.{container.name}', allowed_topics: ['l.*']",
        "topic: '{label:team}', allowed_topics: ['*'], audit_topic: audit, dead_letter_topic: dead",
        "topic: '{labels.a}{label:name}', allowed_topics: ['__*', '*audit', 'a[0-9]?'], default_topic: rest",
        "topic: 'logs.{log.declaration}', allowed_topics: ['logs.*', 'x'], max_topics: 2",
        "topic: '{service.name}_{container.image.name}', allowed_topics: ['_*', 'longshore.*'], max_topics: 1",
    ]
    private static let configurations: [Configuration] = rules.map { rule in
        let text = "node: {name: n1}\nkafka: {brokers: embedded, \(rule)}\n"
        let path = Scratch.write("rules.yaml", Array(text.utf8))
        switch ConfigurationLoader.load(path: path, environment: [:]) {
        case .loaded(let configuration): return configuration
        case .refused(let problems): finding("\(problems)")
        }
    }

    private let configuration: Configuration
    private let facts: ContainerFacts

    init(rules: Int, _ labels: [String: String]) {
        configuration = RoutingCheck.configurations[rules % RoutingCheck.configurations.count]
        facts = ContainerFacts(
            name: labels["name"] ?? "web", image: labels["image"] ?? "", runtime: "docker",
            service: labels["service"] ?? "", labels: labels)
    }

    func check(_ declarations: [LabelDeclaration]) {
        let kafka = configuration.kafka
        let routing = TopicRouting(kafka: kafka, node: configuration.node)
        var budget = TopicBudget(kafka: kafka, known: ["known"])
        var topics: Set<String> = ["known"]
        for declaration in declarations {
            let route = routing.route(declaration, of: facts)
            check(route.topic, declaration)
            expect(route.reason?.isFatal != true, "a topic stops a declaration: \(route)")
            expect(route == routing.route(declaration, of: facts), "another route the second time")
            let admitted = budget.admit(route, of: declaration).topic
            expect(admitted == route.topic || admitted == kafka.defaultTopic, "it is admitted to \(admitted)")
            if admitted != kafka.defaultTopic { topics.insert(admitted) }
        }
        expect(topics.count <= max(1, kafka.maxTopics), "\(topics.count) topics")
    }

    private func check(_ topic: String, _ declaration: LabelDeclaration) {
        let kafka = configuration.kafka
        expect(ConfigurationTarget.isTopic(topic), "no topic that Kafka takes: \(topic)")
        expect(topic != kafka.auditTopic && topic != kafka.deadLetterTopic, "a topic of our own: \(topic)")
        // What the operator wrote without a choice of the tenant's needs no permission.
        let isOperators = kafka.topic.fields.isEmpty && topic == kafka.topic.text
        let isAllowed = kafka.allowedTopics.contains { fnmatch($0, topic, FNM_PERIOD | FNM_NOESCAPE) == 0 }
        expect(isOperators || isAllowed || topic == kafka.defaultTopic, "\(topic) of \(declaration) is not allowed")
    }
}
