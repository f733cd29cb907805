// Which topic a container's logs go to: the operator's template, and what the container may say about it.
package import Configuration
internal import Core
package import Discovery
internal import FileSource

/// What a container says about itself. Every text is untrusted.
package struct ContainerFacts: Sendable, Hashable {
    package var name: String
    package var image: String
    /// `docker`; the daemon's own word for it.
    package var runtime: String
    /// `service.name` of its records.
    package var service: String
    package var labels: [String: String]
    /// nil: it is in no pod.
    package var namespace: String?
    package var pod: String?

    package init(
        name: String = "", image: String = "", runtime: String = "", service: String = "",
        labels: [String: String] = [:], namespace: String? = nil, pod: String? = nil
    ) {
        self.name = name
        self.image = image
        self.runtime = runtime
        self.service = service
        self.labels = labels
        self.namespace = namespace
        self.pod = pod
    }
}

/// Where one declaration's records go.
package struct TopicRoute: Sendable, Hashable {
    /// Always a topic that Kafka takes, and never the audit topic, the dead letter topic or one of Kafka's own.
    package var topic: String
    /// Why it is another one than the label or the template asks for; never fatal.
    package var reason: LabelProblem?

    package init(topic: String, reason: LabelProblem? = nil) {
        self.topic = topic
        self.reason = reason
    }
}

/// Routes declarations by the operator's rules. Pure; values are put into the template once and never looked at again,
/// so a value that looks like a field is text. Of what a tenant may choose by names and labels, `kafka.allowed_topics`
/// decides: an empty list allows nothing.
package struct TopicRouting: Sendable {
    private let kafka: KafkaConfiguration
    private let node: NodeConfiguration
    private let allowed: [PatternComponent]

    package init(kafka: KafkaConfiguration, node: NodeConfiguration) {
        self.kafka = kafka
        self.node = node
        allowed = kafka.allowedTopics.map { .glob(Array($0.utf8)) }
    }

    /// A topic its label asks for is taken when it is allowed, or is where the logs go anyway; else the label changes
    /// nothing. Without one it is `kafka.topic`; `kafka.default_topic` where that has no value or is not allowed.
    package func route(_ declaration: LabelDeclaration, of container: ContainerFacts) -> TopicRoute {
        let usual = usual(declaration, container)
        guard let wanted = declaration.topic, wanted != usual.topic else {
            return declaration.topic == nil ? usual : TopicRoute(topic: usual.topic)
        }
        guard let objection = objection(toChosen: wanted) else { return TopicRoute(topic: wanted) }
        var message = "\(objection.message): the logs go to \(quoted(usual.topic))"
        if let reason = usual.reason { message += ", because \(reason.message)" }
        let key = declaration.keys.first { key in [".topic", ".target"].contains { key.hasSuffix($0) } }
        return TopicRoute(
            topic: usual.topic,
            reason: problem(declaration, key: key ?? "", value: wanted, message, objection.remedy))
    }

    /// What is wrong with a topic that a tenant chooses.
    private func objection(toChosen topic: String) -> (message: String, remedy: String)? {
        if let objection = kafka.objection(toRecordTopic: topic) {
            return ("\(quoted(topic)) cannot be used: \(objection.message)", objection.remedy)
        }
        if isAllowed(topic) { return nil }
        return ("the operator does not allow \(quoted(topic))", remedy(for: topic))
    }

    private func isAllowed(_ topic: String) -> Bool {
        let bytes = Array(topic.utf8)
        return bytes.withUnsafeBufferPointer { name in allowed.contains { $0.matches(name) } }
    }

    private func remedy(for topic: String) -> String {
        let ask = "ask the operator to add it to kafka.allowed_topics"
        if let near = Spelling.nearest(to: topic, among: kafka.allowedTopics) {
            return "did you mean \(near)? Or \(ask)"
        }
        if kafka.allowedTopics.isEmpty { return ask }
        let shown = kafka.allowedTopics.prefix(5).map { quoted($0) }.joined(separator: ", ")
        return "write one that fits \(shown)\(kafka.allowedTopics.count > 5 ? " …" : ""), or \(ask)"
    }

    private func problem(
        _ declaration: LabelDeclaration, key: String, value: String, _ message: String, _ remedy: String
    ) -> LabelProblem {
        LabelProblem(
            declaration: declaration.name, key: key, value: TopicRouting.shortened(value), message: message,
            remedy: remedy)
    }

    /// At most 200 bytes, cut between two characters.
    private static func shortened(_ text: String) -> String {
        if text.utf8.count <= 200 { return text }
        let head = Array(text.utf8.prefix(197))
        return String(decoding: head[..<(head.lastIndex { $0 & 0xC0 != 0x80 } ?? 0)], as: UTF8.self) + "…"
    }
}

extension TopicRouting {
    /// `kafka.topic` for a declaration without a topic of its own.
    private func usual(_ declaration: LabelDeclaration, _ container: ContainerFacts) -> TopicRoute {
        let template = kafka.topic
        for field in template.fields {
            guard let value = value(of: field, declaration, container), !value.isEmpty else {
                let remedy = remedy(forMissing: field)
                return fallback(declaration, field, "", "kafka.topic needs \(field), which has no value", remedy)
            }
            if field.isOfTenant, !value.utf8.allSatisfy(Self.isLegal) {
                let message =
                    "\(field) is \(quoted(value)), which no topic's name can hold as it is"
                let remedy = "use letters, digits, '.', '_' and '-' only; or the label topic"
                return fallback(declaration, field, value, message, remedy)
            }
        }
        let topic = template.render { value(of: $0, declaration, container) }
        let first = template.fields.first(where: \.isOfTenant)
        if let objection = kafka.objection(toRecordTopic: topic) {
            let message = "kafka.topic gives \(quoted(topic)): \(objection.message)"
            return fallback(declaration, first, topic, message, "choose other names, or tell the operator")
        }
        if first == nil || topic == kafka.defaultTopic || isAllowed(topic) { return TopicRoute(topic: topic) }
        let message = "kafka.topic gives \(quoted(topic)), which kafka.allowed_topics does not allow"
        return fallback(declaration, first, topic, message, "choose another name, or " + remedy(for: topic))
    }

    private func fallback(
        _ declaration: LabelDeclaration, _ field: TopicTemplate.Field?, _ value: String, _ message: String,
        _ remedy: String
    ) -> TopicRoute {
        let key = if case .containerLabel(let key) = field { key } else { "" }
        return TopicRoute(
            topic: kafka.defaultTopic,
            reason: problem(declaration, key: TopicRouting.shortened(key), value: value, message, remedy))
    }

    private func value(
        of field: TopicTemplate.Field, _ declaration: LabelDeclaration, _ container: ContainerFacts
    ) -> String? {
        switch field {
        case .hostName: node.name
        case .clusterName: node.cluster
        case .nodeLabel(let key): node.labels[key]
        case .declaration: declaration.name
        case .label(let key): declaration.labels[key]
        case .containerName: container.name
        case .imageName: container.image
        case .runtimeName: container.runtime
        case .serviceName: container.service
        case .namespaceName: container.namespace
        case .podName: container.pod
        case .podContainerName: container.pod == nil ? nil : container.name
        case .containerLabel(let key): container.labels[key]
        }
    }

    private func remedy(forMissing field: TopicTemplate.Field) -> String {
        switch field {
        case .containerLabel(let key): "give the container the label \(key)"
        case .label(let key): "add \(key)=… to the declaration's labels"
        case .hostName, .clusterName, .nodeLabel: "tell the operator"
        case .namespaceName, .podName, .podContainerName: "it is in no pod: write the label topic"
        case .declaration, .containerName, .imageName, .runtimeName, .serviceName: "give it one"
        }
    }

    private static func isLegal(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
        default: "._-".utf8.contains(byte)
        }
    }
}

/// Lets at most `limit` topics come into being; the first come are admitted, and stay so until the daemon ends. Owned by
/// whoever routes; not shared between threads.
package struct TopicBudget: Sendable {
    private let limit: Int
    private let fallback: String
    private var topics: Set<String>

    /// `known`: topics in use already, such as those of host files. They and `kafka.default_topic` are always admitted.
    package init(kafka: KafkaConfiguration, known: some Sequence<String>) {
        limit = kafka.maxTopics
        fallback = kafka.defaultTopic
        topics = Set(known)
    }

    /// The route itself, or the default topic and the reason.
    package mutating func admit(_ route: TopicRoute, of declaration: LabelDeclaration) -> TopicRoute {
        if route.topic == fallback || topics.contains(route.topic) { return route }
        if topics.count < limit {
            topics.insert(route.topic)
            return route
        }
        let message = "\(quoted(route.topic)) would be one topic more than kafka.max_topics (\(limit))"
        return TopicRoute(
            topic: fallback,
            reason: LabelProblem(
                declaration: declaration.name, key: "", value: route.topic, message: message,
                remedy: "use a topic that is in use already, or ask the operator to raise kafka.max_topics"))
    }
}
