// Stand-in for the mapping of the configuration's sections runtimes, labels and paths, and for topic routing.
internal import Configuration
internal import Discovery
internal import Resolver

extension ContainerRules {
    /// The rules of a configuration; nil: none was read, so that topics are not known.
    init(_ configuration: Configuration?) {
        guard let configuration else {
            self.init { _, declaration in TopicRoute(topic: declaration.topic ?? "") }
            return
        }
        let kafka = configuration.kafka
        self.init { _, declaration in
            guard let topic = declaration.topic else { return TopicRoute(topic: kafka.defaultTopic) }
            if kafka.allowedTopics.contains(topic) { return TopicRoute(topic: topic) }
            return TopicRoute(
                topic: kafka.defaultTopic,
                reason: LabelProblem(
                    declaration: declaration.name, key: declaration.keys.first { $0.hasSuffix(".topic") } ?? "",
                    value: topic, message: "the operator does not allow \(topic)",
                    remedy: "ask the operator to add it to kafka.allowed_topics"))
        }
        startsAtEnd = configuration.start == .end
        ignoreOlder = configuration.ignoreOlder
        policy.ownPaths = [Array(configuration.stateDirectory.utf8)]
    }
}
