// The `files` list: names, paths, and the topic each entry's records go to.
internal import Core

/// Decodes `files`, with what the rest of the configuration says about topics and the state directory.
struct FilesDecoder {
    let problems: Problems
    let node: NodeConfiguration
    let kafka: KafkaConfiguration
    /// Where `kafka.topic` stands.
    let topicPosition: Position
    let stateDirectory: String
    let start: StartPosition
    /// Some runtime may have containers, so that there is something to collect without entries.
    let followsContainers: Bool

    func decode(_ top: Section) -> [FileEntry] {
        let items = top.list("files", example: "{name: app, paths: [\"/var/log/app/*.log\"]}")
        if top.isEmpty("files"), !followsContainers {
            problems.add(
                top.place(of: "files"), "nothing to collect",
                "add files: [{name: app, paths: [\"/var/log/app/*.log\"]}]")
        }
        var names: [String: Position] = [:]
        let entries = items.compactMap { item -> FileEntry? in
            if case .refused = item.content { return nil }
            let section = Section(item, path: "files[]", fallback: item.position, problems: problems)
            guard case .mapping = item.content else {
                if item.isAbsent { section.add("name", "an empty entry", "write {name: app, paths: [...]}") }
                return nil
            }
            return entry(section, names: &names)
        }
        if followsContainers { checkTopicOfContainers(isChecked: entries.contains { $0.topic == kafka.topic }) }
        refuseTooManyTopics(entries, top)
        return entries
    }

    private func entry(_ section: Section, names: inout [String: Position]) -> FileEntry {
        let name = name(section, &names)
        let paths = section.texts("paths", example: "\"/var/log/app/*.log\"", check: objection(toPath:))
        if section.isEmpty("paths") {
            section.add("paths", "no path to collect", "write paths: [\"/var/log/app/*.log\"]")
        }
        let exclude = section.texts("exclude", example: "\"*.gz\"", check: PathPattern.objection(toExclude:))
        let labels = section.map("labels", example: "team: shop", check: objection(toLabel:value:))
        let (topic, topicName) = topic(section, name: name, labels: labels)
        return FileEntry(
            name: name, paths: paths, exclude: exclude, topic: topic, topicName: topicName, labels: labels,
            start: section.choice("start", default: start))
    }

    private func name(_ section: Section, _ names: inout [String: Position]) -> String {
        guard let name = section.text("name") else {
            if section.node("name") == nil, !section.wasRefused("name") {
                section.add("name", "the entry has no name", "write name: and 1 to 32 of a-z, 0-9, _ and -")
            }
            return ""
        }
        let legal = name.utf8.allSatisfy { byte in
            (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte) || "_-".utf8.contains(byte)
        }
        if !legal || name.utf8.count > 32 {
            section.add("name", "\(quoted(name)) is no name of a declaration", "write 1 to 32 of a-z, 0-9, _ and -")
        } else if let first = names[name] {
            section.add(
                "name", "\(quoted(name)) is already the name of the entry at \(first.file):\(first.line)",
                "write another name")
        }
        names[name] = names[name] ?? section.place(of: "name")
        return name
    }

    private func objection(toPath path: String) -> Objection? {
        if let objection = PathPattern.objection(toPath: path) { return objection }
        guard PathPattern.lies(path, in: stateDirectory) else { return nil }
        return Objection(
            "\(quoted(path)) lies in state_directory, the daemon's own files",
            "write a path outside of \(stateDirectory)")
    }
}

extension FilesDecoder {
    /// The entry's template and its name on this node. What is wrong with a name that `kafka.topic` gives is reported
    /// there, once.
    private func topic(_ section: Section, name: String, labels: [String: String]) -> (TopicTemplate, String) {
        guard let text = section.text("topic") else {
            if let field = kafka.topic.fields.first(where: \.isOfContainer) {
                section.add(
                    "topic", "kafka.topic needs \(field), which only containers have",
                    "give this entry a topic of its own")
                return (kafka.topic, "")
            }
            let (rendered, objection) = rendered(kafka.topic, name: name, labels: labels)
            if let objection { problems.addOnce(topicPosition, objection, at: "kafka.topic") }
            return (kafka.topic, rendered)
        }
        switch TopicTemplate.parse(text) {
        case .success(let template):
            if let field = template.fields.first(where: \.isOfContainer) {
                section.add("topic", "only containers have \(field)", "write another topic")
                return (template, "")
            }
            let (rendered, objection) = rendered(template, name: name, labels: labels)
            if let objection { section.add("topic", objection) }
            return (template, rendered)
        case .failure(let objection):
            section.add("topic", objection)
            return (kafka.topic, "")
        }
    }

    private func rendered(
        _ template: TopicTemplate, name: String, labels: [String: String]
    ) -> (name: String, objection: Objection?) {
        var missing: [String] = []
        let rendered = template.render { field in
            let value = value(of: field, name: name, labels: labels)
            if value == nil { missing.append(describe(field, entry: name)) }
            return value
        }
        if !missing.isEmpty {
            let verb = missing.count == 1 ? "is" : "are"
            return (
                rendered,
                Objection(
                    "\(quoted(template.text)) needs \(missing.joined(separator: " and ")), which \(verb) not set",
                    "set \(missing.count == 1 ? "it" : "them"), or write another topic")
            )
        }
        guard let objection = kafka.objection(toRecordTopic: rendered), template.text != rendered else {
            return (rendered, kafka.objection(toRecordTopic: rendered))
        }
        let message = "\(quoted(template.text)) gives \(quoted(rendered)): \(objection.message)"
        return (rendered, Objection(message, objection.remedy))
    }

    /// What is wrong with kafka.topic whatever containers come. `isChecked`: an entry uses it and has told.
    private func checkTopicOfContainers(isChecked: Bool) {
        let fields = kafka.topic.fields
        if kafka.allowedTopics.isEmpty, let field = fields.first(where: { $0.isOfContainer && $0.isOfTenant }) {
            let message = "\(field) is the container's choice, and kafka.allowed_topics allows none"
            let remedy = "write kafka.allowed_topics, for example [\"logs.*\"]"
            problems.add(topicPosition, Objection(message, remedy), at: "kafka.topic")
        }
        if isChecked { return }
        if fields.contains(where: { $0.isOfContainer || $0.isOfTenant }) {
            let missing = fields.first {
                !$0.isOfContainer && !$0.isOfTenant && value(of: $0, name: "", labels: [:]) == nil
            }
            guard let missing else { return }
            let message = "\(quoted(kafka.topic.text)) needs \(describe(missing, entry: "")), which is not set"
            problems.add(topicPosition, Objection(message, "set it, or write another topic"), at: "kafka.topic")
        } else if let objection = rendered(kafka.topic, name: "", labels: [:]).objection {
            problems.add(topicPosition, objection, at: "kafka.topic")
        }
    }

    private func value(of field: TopicTemplate.Field, name: String, labels: [String: String]) -> String? {
        switch field {
        case .hostName: node.name
        case .clusterName: node.cluster.isEmpty ? nil : node.cluster
        case .nodeLabel(let key): node.labels[key]
        case .declaration: name
        case .label(let key): labels[key]
        case .containerName, .imageName, .runtimeName, .serviceName, .containerLabel: nil
        case .namespaceName, .podName, .podContainerName: nil
        }
    }

    private func describe(_ field: TopicTemplate.Field, entry: String) -> String {
        switch field {
        case .hostName: "node.name"
        case .clusterName: "node.cluster"
        case .nodeLabel(let key): "node.labels.\(key)"
        case .declaration: "name"
        case .label(let key): "labels.\(key) of the entry \(quoted(entry))"
        case .containerName, .imageName, .runtimeName, .serviceName, .containerLabel: "\(field) of a container"
        case .namespaceName, .podName, .podContainerName: "\(field) of a container"
        }
    }

    private func refuseTooManyTopics(_ entries: [FileEntry], _ top: Section) {
        let count = Set(entries.map(\.topicName)).count
        if count <= kafka.maxTopics { return }
        top.add(
            "files", "the entries go to \(count) topics, more than kafka.max_topics (\(kafka.maxTopics))",
            "raise kafka.max_topics, or use fewer topics")
    }
}
