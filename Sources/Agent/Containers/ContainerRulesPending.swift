// Stand-in for the mapping of the configuration's sections runtimes, labels and paths, and for topic routing.
internal import Configuration
internal import Discovery
internal import Resolver

extension ContainerRules {
    /// The rules of a configuration; nil: none was read, so that topics are not known.
    init(_ configuration: Configuration?) {
        guard let configuration else {
            self.init { _, declaration in RoutedTopic(topic: declaration.topic ?? "") }
            return
        }
        let kafka = configuration.kafka
        self.init { _, declaration in
            guard let topic = declaration.topic else { return RoutedTopic(topic: kafka.defaultTopic) }
            if kafka.allowedTopics.contains(topic) { return RoutedTopic(topic: topic) }
            return RoutedTopic(
                topic: kafka.defaultTopic, reason: "kafka.allowed_topics has no pattern that fits \(topic)",
                remedy: "ask the operator to add it to kafka.allowed_topics, or remove the label")
        }
        startsAtEnd = configuration.start == .end
        ignoreOlder = configuration.ignoreOlder
        policy.ownPaths = [Array(configuration.stateDirectory.utf8)]
    }
}
