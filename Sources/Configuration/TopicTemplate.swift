// Topic names with {fields} that are constant per source.
internal import Core

/// A parsed topic template such as `logs.{k8s.cluster.name}.{labels.team}`.
package struct TopicTemplate: Hashable, Sendable {
    /// What a template may name.
    package enum Field: Hashable, Sendable {
        /// `{host.name}`
        case hostName
        /// `{k8s.cluster.name}`
        case clusterName
        /// `{node.labels.KEY}`
        case nodeLabel(String)
        /// `{log.declaration}`
        case declaration
        /// `{labels.KEY}`: a label of the declaration.
        case label(String)
        /// `{container.name}`
        case containerName
        /// `{container.image.name}`
        case imageName
        /// `{container.runtime.name}`
        case runtimeName
        /// `{service.name}`
        case serviceName
        /// `{k8s.namespace.name}`
        case namespaceName
        /// `{k8s.pod.name}`
        case podName
        /// `{k8s.container.name}`
        case podContainerName
        /// `{container.labels.KEY}`, or `{label:KEY}` for short: a label of the container.
        case containerLabel(String)
    }

    enum Part: Hashable, Sendable {
        case literal(String)
        case field(Field)
    }

    /// As it was written.
    package let text: String
    let parts: [Part]

    /// The fields in the order of the text.
    package var fields: [Field] {
        parts.compactMap { if case .field(let field) = $0 { field } else { nil } }
    }

    /// A glob that every topic of the template fits: each field is a `*`.
    package var pattern: String {
        parts.map { if case .literal(let text) = $0 { text } else { "*" } }.joined()
    }

    /// The template, or what is wrong with its text.
    package static func parse(_ text: String) -> Result<TopicTemplate, Objection> {
        var parts: [Part] = []
        var rest = Substring(text)
        while !rest.isEmpty {
            let literal = rest.prefix { $0 != "{" && $0 != "}" }
            if let bad = literal.first(where: { !TopicName.isLegal($0) }) {
                return .failure(
                    Objection(
                        "\(quoted(String(bad))) cannot be part of a topic name",
                        "write letters, digits, '.', '_', '-' and {fields}"))
            }
            if !literal.isEmpty { parts.append(.literal(String(literal))) }
            rest = rest[literal.endIndex...]
            if rest.isEmpty { break }
            guard rest.hasPrefix("{"), let end = rest.firstIndex(of: "}") else {
                return .failure(
                    Objection("unbalanced braces in \(quoted(text))", "write {field}, for example {host.name}"))
            }
            switch field(String(rest[rest.index(after: rest.startIndex)..<end])) {
            case .success(let field): parts.append(.field(field))
            case .failure(let objection): return .failure(objection)
            }
            rest = rest[rest.index(after: end)...]
        }
        return .success(TopicTemplate(text: text, parts: parts))
    }

    /// The topic's name: values from `lookup`, nil as nothing, other characters than [A-Za-z0-9._-] in them as "_".
    /// Whether the result is a legal name is `TopicName.objection`'s matter.
    package func render(_ lookup: (Field) -> String?) -> String {
        var name = ""
        for part in parts {
            switch part {
            case .literal(let text): name += text
            case .field(let field):
                for character in lookup(field) ?? "" { name.append(TopicName.isLegal(character) ? character : "_") }
            }
        }
        return name
    }
}

extension TopicTemplate.Field: CustomStringConvertible {
    /// Only containers have a value for it.
    package var isOfContainer: Bool {
        switch self {
        case .hostName, .clusterName, .nodeLabel, .declaration, .label: false
        case .containerName, .imageName, .runtimeName, .serviceName, .containerLabel: true
        case .namespaceName, .podName, .podContainerName: true
        }
    }

    /// Whoever starts a container chooses its value.
    package var isOfTenant: Bool {
        switch self {
        case .hostName, .clusterName, .nodeLabel, .runtimeName: false
        case .declaration, .label, .containerName, .imageName, .serviceName, .containerLabel: true
        case .namespaceName, .podName, .podContainerName: true
        }
    }

    /// As in a template: `{container.name}`.
    package var description: String {
        switch self {
        case .hostName: "{host.name}"
        case .clusterName: "{k8s.cluster.name}"
        case .nodeLabel(let key): "{node.labels.\(key)}"
        case .declaration: "{log.declaration}"
        case .label(let key): "{labels.\(key)}"
        case .containerName: "{container.name}"
        case .imageName: "{container.image.name}"
        case .runtimeName: "{container.runtime.name}"
        case .serviceName: "{service.name}"
        case .namespaceName: "{k8s.namespace.name}"
        case .podName: "{k8s.pod.name}"
        case .podContainerName: "{k8s.container.name}"
        case .containerLabel(let key): "{label:\(key)}"
        }
    }
}

extension TopicTemplate {
    private static let plain: [String: Field] = [
        "host.name": .hostName, "k8s.cluster.name": .clusterName, "log.declaration": .declaration,
        "container.name": .containerName, "container.image.name": .imageName, "container.runtime.name": .runtimeName,
        "service.name": .serviceName, "k8s.namespace.name": .namespaceName, "k8s.pod.name": .podName,
        "k8s.container.name": .podContainerName,
    ]
    private static let keyed: [(start: String, field: @Sendable (String) -> Field)] = [
        ("node.labels.", { .nodeLabel($0) }), ("labels.", { .label($0) }),
        ("container.labels.", { .containerLabel($0) }), ("label:", { .containerLabel($0) }),
    ]
    private static let list =
        "{host.name}, {k8s.cluster.name}, {node.labels.KEY}, {log.declaration}, {labels.KEY}, {container.name}, "
        + "{container.image.name}, {container.runtime.name}, {service.name}, {k8s.namespace.name}, {k8s.pod.name}, "
        + "{k8s.container.name}, {label:KEY}"
    private static let notYet = ["systemd.", "syslog."]

    private static func field(_ name: String) -> Result<Field, Objection> {
        if let field = plain[name] { return .success(field) }
        for (start, field) in keyed where name.hasPrefix(start) && name.utf8.count > start.utf8.count {
            return .success(field(String(name.dropFirst(start.count))))
        }
        if notYet.contains(where: name.hasPrefix) {
            return .failure(Objection("the field {\(name)} is not available yet", "use \(list)"))
        }
        if let near = Spelling.nearest(to: name, among: plain.keys.sorted()) {
            return .failure(Objection("unknown field {\(name)}", "did you mean {\(near)}? There are \(list)"))
        }
        return .failure(Objection("unknown field {\(name)}", "use \(list)"))
    }
}

/// Kafka's rules for topic names (org.apache.kafka.common.internals.Topic).
package enum TopicName {
    /// What is wrong with a topic's name, nil when Kafka takes it and it is not one of its internal topics.
    package static func objection(to name: String) -> Objection? {
        let shorter = "write a name of 1 to 249 letters, digits, '.', '_' or '-'"
        if name.isEmpty { return Objection("the topic name is empty", shorter) }
        if name.utf8.count > 249 { return Objection("the topic name has \(name.utf8.count) characters", shorter) }
        if let bad = name.first(where: { !isLegal($0) }) {
            return Objection("\(quoted(String(bad))) cannot be part of a topic name", shorter)
        }
        if name == "." || name == ".." { return Objection("\(quoted(name)) is no topic name", shorter) }
        if name.hasPrefix("__") {
            return Objection("\(quoted(name)) begins with __, as Kafka's internal topics do", "write another name")
        }
        return nil
    }

    static func isLegal(_ character: Character) -> Bool {
        guard let byte = character.asciiValue, character.utf8.count == 1 else { return false }
        return isLetterOrDigit(byte) || ".-_".utf8.contains(byte)
    }
}
