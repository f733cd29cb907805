// From what a runtime tells of a container to what the engine ships of it.
internal import Core
internal import Discovery
internal import Engine
internal import FileSource
internal import LinuxIO
internal import Pipeline
internal import Resolver

/// One container with its labels understood under one set of rules. A value: derived again when record or rules change.
struct DerivedContainer: Sendable {
    /// A declaration with the topic it goes to.
    struct Declared: Equatable, Sendable {
        let declaration: LabelDeclaration
        let route: TopicRoute
        /// False: it is limited to another container of the pod.
        var isMeant = true
    }

    /// All that the engine sees of a container: it is attached again only when this changes.
    struct Shipped: Equatable, Sendable {
        let members: [UInt8]
        let layout: ContainerLayout
        /// Where the runtime keeps its output; nil where none is collected, or it is not known yet.
        let logs: ContainerLayout?
        let format: EntryFormat
        let declared: [Declared]
        let isRunning: Bool
    }

    let record: ContainerRecord
    let output: ContainerOutput
    private let rules: OutputRule
    let declared: [Declared]
    /// Of labels and of topics.
    let problems: [LabelProblem]
    /// Nil: nothing of it is shipped.
    let shipped: Shipped?
    /// Defaults of `start` and `ignore_older`.
    private let startsAtEnd: Bool
    private let ignoreOlder: Int64

    /// `isKnownAlive` false: the record is from the store, and no runtime has confirmed it yet. What ran then is followed
    /// as if it still did, unless it `isGone`: to let it go would blind the daemon for as long as the runtime does not
    /// answer, and files that come and go meanwhile would be lost without a word.
    /// `former`: what was understood of it before under the same rules. A topic stays what it was when its declaration
    /// was first seen, also when a rename would give another one.
    init(
        _ record: ContainerRecord, _ rules: ContainerRules, isKnownAlive: Bool = true, isGone: Bool = false,
        former: DerivedContainer? = nil
    ) {
        let reading = LabelReader(rules.labels).read(record.declaringLabels)
        let elsewhere = Set(reading.declarations.filter { !record.isMeant(by: $0) }.map(\.name))
        self.record = record
        self.rules = rules.output
        output = ContainerOutput(record)
        let meant = DerivedContainer.withOutput(
            reading.declarations, rules.output, elsewhere: elsewhere)
        declared = meant.map { declaration in
            if elsewhere.contains(declaration.name) {
                return Declared(declaration: declaration, route: TopicRoute(topic: ""), isMeant: false)
            }
            return former?.declared.first { $0.declaration == declaration && $0.isMeant }
                ?? Declared(declaration: declaration, route: rules.route(record, declaration))
        }
        problems = reading.problems.filter { !elsewhere.contains($0.declaration) } + declared.compactMap(\.route.reason)
        let (rule, output) = (rules.output, output)
        let shippable = declared.filter { $0.isShippable(rule, output) }
        let hasOutput = shippable.contains(where: \.declaration.isStdout)
        startsAtEnd = rules.startsAtEnd
        ignoreOlder = rules.ignoreOlder
        shipped =
            shippable.isEmpty
            ? nil
            : Shipped(
                members: DerivedContainer.members(record, rules.recorded),
                layout: record.layout(isKnownAlive: isKnownAlive),
                logs: hasOutput ? output.layout(of: record.id) : nil, format: output.format, declared: shippable,
                isRunning: !isGone && record.isLiving)
    }

    /// Says something that people should know: declarations, or problems with them.
    var isDeclared: Bool { declared.contains(where: \.isMeant) || !problems.isEmpty }

    /// What the engine is given; nil where nothing is shipped.
    func engineContainer() -> EngineContainer? {
        guard let shipped else { return nil }
        return EngineContainer(
            id: record.id, stored: ContainerRecordCodec.encode(record), members: shipped.members,
            layout: shipped.layout, logs: shipped.logs, declarations: shipped.declared.map(engineDeclaration),
            isRunning: shipped.isRunning)
    }

    private func engineDeclaration(_ declared: Declared) -> EngineDeclaration {
        let declaration = declared.declaration
        var members: [(name: String, value: [UInt8])] = [("log.declaration", Array(declaration.name.utf8))]
        for (key, value) in declaration.labels.sorted(by: { $0.key < $1.key }) {
            members.append(("labels." + key, Array(value.utf8)))
        }
        let isOutput = declaration.isStdout
        let patterns = isOutput ? [output.pattern].compactMap(\.self) : declaration.paths.map { PathPattern($0) }
        return EngineDeclaration(
            files: FileDeclaration(
                name: declaration.name, container: record.id, patterns: patterns,
                excludes: isOutput ? ContainerOutput.excludes : declaration.exclude.map { ExcludePattern($0) },
                startAtEnd: declaration.start.map { $0 == .end } ?? startsAtEnd, ignoreOlder: ignoreOlder,
                route: declared.route.topic, log: isOutput ? output.path : nil),
            topic: declared.route.topic, members: renderMembers(members), format: isOutput ? output.format : .plain)
    }

    /// Why the output that a declaration asks for is not collected; nil when it is, or when it asks for files.
    func obstacle(_ declared: Declared) -> (reason: String, remedy: String)? {
        guard declared.declaration.isStdout, declared.declaration.isEnabled, declared.isMeant else { return nil }
        if rules == .none {
            return (
                "stdout and stderr are not collected on this node",
                "ask the operator to set labels.stdout to declared, or let the application log to a file"
            )
        }
        guard case .none(let reason, let remedy) = output else { return nil }
        return (reason, remedy)
    }

    /// With `labels.stdout: all` a container that says nothing of its output has a declaration for it.
    private static func withOutput(
        _ read: [LabelDeclaration], _ rule: OutputRule, elsewhere: Set<String>
    ) -> [LabelDeclaration] {
        guard rule == .all, !read.contains(where: { $0.isStdout && !elsewhere.contains($0.name) }) else { return read }
        let names = Set(read.map(\.name))
        let name = ["stdout", "container_stdout", "longshore_stdout"].first { !names.contains($0) } ?? "all_stdout"
        var declaration = LabelDeclaration(name: name, paths: [])
        declaration.isStdout = true
        return read + [declaration]
    }

    /// Fields of every record of the container (contract, "Record"). Labels are cut: they are in each record.
    private static func members(_ record: ContainerRecord, _ recorded: [String]) -> [UInt8] {
        var members: [(name: String, value: [UInt8])] = []
        func add(_ name: String, _ value: String) {
            if !value.isEmpty { members.append((name, Array(value.utf8))) }
        }
        add("container.id", record.id)
        add("container.name", record.name)
        add("container.image.name", record.image)
        add("container.runtime.name", record.runtime)
        if let pod = record.pod {
            add("k8s.namespace.name", pod.namespace)
            add("k8s.pod.name", pod.name)
            add("k8s.pod.uid", pod.uid)
            add("k8s.container.name", record.name)
        }
        // Two keys may become one name; the first by key has it, so that a record has no field twice.
        let labels = record.knownLabels
        var names: Set<String> = []
        for key in recorded.sorted() {
            let name = "container.labels." + key.map { $0 == "." ? "_" : String($0) }.joined()
            if let value = labels[key], !value.isEmpty, names.insert(name).inserted {
                add(name, ContainerRecord.shortened(value))
            }
        }
        add("service.name", record.service)
        // A number: renderMembers knows texts only.
        let count = record.pod.map { _ in ",\"k8s.container.restart_count\":\(record.restartCount)" } ?? ""
        return renderMembers(members) + Array(count.utf8)
    }
}

extension DerivedContainer.Declared {
    /// A declaration of the output is shipped as soon as it is known where the runtime keeps it.
    fileprivate func isShippable(_ rule: OutputRule, _ output: ContainerOutput) -> Bool {
        guard declaration.isStdout else { return hasFiles }
        if case .file = output { return isMeant && declaration.isEnabled && rule != .none }
        return false
    }

    /// Files in the container are followed for it.
    var hasFiles: Bool { isMeant && declaration.isEnabled && !declaration.isStdout && !declaration.paths.isEmpty }
}

extension ContainerRecord {
    /// Compose's service, Kubernetes' application, or the container's name.
    var service: String {
        for key in ["com.docker.compose.service", "app.kubernetes.io/name"] {
            if let value = knownLabels[key], !value.isEmpty { return ContainerRecord.shortened(value) }
        }
        return name
    }

    /// Its own labels and those of its pod.
    var knownLabels: [String: String] {
        guard let pod else { return labels }
        return pod.labels.merging(labels) { _, own in own }
    }

    /// Where an app team declares logs: the labels of the container, and the annotations of its pod.
    var declaringLabels: [String: String] {
        guard let pod else { return labels }
        return labels.merging(pod.annotations) { _, annotation in annotation }
    }

    /// Whether a declaration is for this container of the pod.
    func isMeant(by declaration: LabelDeclaration) -> Bool {
        declaration.container.map { $0 == name } ?? true
    }

    /// At most 1,024 bytes, cut between two characters; more than any topic's name has, so that no cut value becomes one.
    fileprivate static func shortened(_ text: String) -> String {
        let limit = 1024
        guard text.utf8.count > limit else { return text }
        let head = Array(text.utf8.prefix(limit - "…".utf8.count))
        let end = head.lastIndex { $0 & 0xC0 != 0x80 } ?? 0
        return String(decoding: head[..<end], as: UTF8.self) + "…"
    }

    /// It runs or may run at any moment: its files are followed.
    var isLiving: Bool {
        switch status {
        case .created, .running, .paused, .restarting: true
        case .exited, .dead, .removing: false
        }
    }

    /// It has a process now.
    var isRunning: Bool { status == .running || status == .paused }

    /// Mounts and layers as the resolver wants them. Of a process id nobody has confirmed the container is not known to
    /// be behind it any more.
    func layout(isKnownAlive: Bool = true) -> ContainerLayout {
        ContainerLayout(
            container: id, mounts: mounts.map(\.layout), layers: layers.map { Array($0.utf8) },
            processID: isKnownAlive && isRunning ? processID : 0, pod: pod.flatMap(\.directory))
    }
}

extension ContainerRecord.Pod {
    /// The name of the kubelet's directory for it: a uid that could lead elsewhere names none.
    fileprivate var directory: RawPath? {
        let isPlain = uid.utf8.allSatisfy { byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "-"): true
            default: false
            }
        }
        return uid.isEmpty || !isPlain ? nil : Array(uid.utf8)
    }
}

extension ContainerRecord.Mount {
    /// What the runtime does not name is in the container's own mount namespace only, as a tmpfs is.
    fileprivate var layout: ContainerLayout.Mount {
        let place = Array(normalizedPath(destination).utf8)
        return switch kind {
        case .bind: ContainerLayout.Mount(kind: .bind, destination: place, source: hostPath)
        case .volume: ContainerLayout.Mount(kind: .volume, destination: place, source: hostPath)
        case .tmpfs, .other: ContainerLayout.Mount(kind: .tmpfs, destination: place, source: [])
        }
    }

    private var hostPath: RawPath { source.isEmpty ? [] : Array(normalizedPath(source).utf8) }
}
