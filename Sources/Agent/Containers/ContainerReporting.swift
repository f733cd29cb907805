// One container as `explain` shows it.
internal import Core
internal import Discovery
internal import FileSource

/// What the engine says of containers' files, by container and declaration. A value made from one status report.
struct ContainerSources {
    private struct Place: Hashable {
        let container: String
        let declaration: String
    }

    private let places: [Place: [SourceStatus]]
    private let withResolvedPath: [SourceStatus]

    init(_ sources: [SourceStatus]) {
        let ofContainers = sources.filter { $0.container != nil }
        places = Dictionary(grouping: ofContainers) { Place(container: $0.container!, declaration: $0.declaration) }
        withResolvedPath = ofContainers.filter { $0.resolvedPath != nil }
    }

    var containers: Set<String> { Set(places.keys.map(\.container)) }

    /// The files of a declaration. A volume that several containers declare is read once: then as a file of another one.
    func files(_ declared: DerivedContainer.Declared, of record: ContainerRecord) -> [FileReport] {
        let own = places[Place(container: record.id, declaration: declared.declaration.name)] ?? []
        let all = own.isEmpty ? shared(declared, record) : own.map(FileReport.init)
        return all.sorted { ($0.path, $0.resolved ?? "") < ($1.path, $1.resolved ?? "") }
    }

    private func shared(_ declared: DerivedContainer.Declared, _ record: ContainerRecord) -> [FileReport] {
        let mounts = record.mounts.filter { !$0.source.isEmpty }
        guard !mounts.isEmpty, !withResolvedPath.isEmpty, declared.hasFiles else { return [] }
        let patterns = declared.declaration.paths.map { PathPattern($0) }
        let excludes = declared.declaration.exclude.map { ExcludePattern($0) }
        return withResolvedPath.compactMap { source in
            guard source.container != record.id, source.topic == declared.route.topic,
                let mount = mounts.first(where: { source.resolvedPath!.hasPrefix($0.source + "/") })
            else { return nil }
            let path = mount.destination + source.resolvedPath!.dropFirst(mount.source.count)
            let bytes = Array(path.utf8)
            let name = Array(bytes[((bytes.lastIndex(of: 0x2F) ?? -1) + 1)...])
            let isExcluded = name.withUnsafeBufferPointer { name in
                excludes.contains { $0.matches(path: bytes, name: name) }
            }
            guard !isExcluded, patterns.contains(where: { $0.matches(path: bytes) }) else { return nil }
            var file = FileReport(source)
            file.path = path
            file.reason = file.reason ?? "read once for all who share it, as a file of \(source.container!.prefix(12))"
            return file
        }
    }
}

extension FileReport {
    init(_ source: SourceStatus) {
        self.init()
        path = source.path
        resolved = source.resolvedPath
        state = source.state
        reason = source.reason
        offset = source.offset
        size = source.ledger.size
        unread = source.ledger.unread
    }
}

/// Makes reports. Pure: what the engine and the file system say is given.
enum ContainerReporting {
    /// `sources` nil: no engine was asked.
    static func report(
        _ derived: DerivedContainer, isRemoved: Bool, _ sources: ContainerSources?, _ finding: ContainerFinding?
    ) -> ContainerReport {
        let record = derived.record
        var report = ContainerReport()
        report.id = record.id
        report.name = record.name
        report.image = record.image
        report.runtime = record.runtime
        report.service = record.service
        report.pod = record.pod?.name
        report.namespace = record.pod?.namespace
        report.state = isRemoved ? "removed" : record.status.rawValue
        if !record.isLiving { report.exitCode = record.exitCode }
        report.mounts = finding?.mounts ?? record.mounts.map { MountReport($0) }
        report.problems = derived.problems.map(LabelProblemReport.init)
        report.declarations = derived.declared.map {
            declaration($0, derived, isRemoved: isRemoved, sources, finding)
        }
        report.declarations += notUnderstood(derived)
        report.declarations.sort { $0.name < $1.name }
        return report
    }

    /// State of each declaration, for counting.
    static func states(_ derived: DerivedContainer, isRemoved: Bool, _ sources: ContainerSources) -> [DeclarationState]
    {
        report(derived, isRemoved: isRemoved, sources, nil).declarations.compactMap {
            DeclarationState(rawValue: $0.state)
        }
    }

    private static func declaration(
        _ declared: DerivedContainer.Declared, _ derived: DerivedContainer, isRemoved: Bool,
        _ sources: ContainerSources?, _ finding: ContainerFinding?
    ) -> DeclarationReport {
        let declaration = declared.declaration
        var report = DeclarationReport()
        report.name = declaration.name
        report.keys = declaration.keys
        report.paths = declaration.isStdout ? ["stdout"] : declaration.paths
        report.exclude = declaration.exclude
        report.topic = declared.route.topic
        report.topicReason = declared.route.reason?.message
        if let fatal = derived.problems.first(where: { $0.isFatal && $0.declaration == declaration.name }) {
            report.notUnderstood(fatal)
            return report
        }
        if let obstacle = derived.obstacle(declared) {
            report.state = DeclarationState.refused.rawValue
            report.reason = obstacle.reason
            report.remedy = obstacle.remedy
            return report
        }
        let files = sources?.files(declared, of: derived.record)
        report.files = files ?? (finding?.matches[declaration.name] ?? []).map(FileReport.init(matching:))
        let verdict = DeclarationVerdict.judge(
            declaration,
            DeclarationVerdict.Evidence(
                record: derived.record, isRemoved: isRemoved, files: files, finding: finding))
        report.state = verdict.state.rawValue
        report.reason = verdict.reason
        report.remedy = verdict.remedy
        return report
    }

    /// Declarations that came to nothing because of their labels.
    private static func notUnderstood(_ derived: DerivedContainer) -> [DeclarationReport] {
        let understood = Set(derived.declared.map(\.declaration.name))
        let fatal = derived.problems.filter { $0.isFatal && !$0.declaration.isEmpty }
        return Dictionary(grouping: fatal, by: \.declaration).filter { !understood.contains($0.key) }.map {
            name, problems in
            var report = DeclarationReport()
            report.name = name
            report.keys = Set(problems.map(\.key)).sorted()
            report.notUnderstood(problems[0])
            return report
        }
    }
}

extension DeclarationReport {
    /// Nothing comes of it because of this label.
    fileprivate mutating func notUnderstood(_ problem: LabelProblem) {
        state = DeclarationState.badValue.rawValue
        reason = "\(problem.key): \(problem.message)"
        remedy = problem.remedy.isEmpty ? nil : problem.remedy
    }
}

extension FileReport {
    /// A file that was found without a daemon.
    fileprivate init(matching path: String) {
        self.init()
        self.path = path
        state = "fits"
    }
}

extension LabelProblemReport {
    init(_ problem: LabelProblem) {
        self.init()
        declaration = problem.declaration
        key = problem.key
        value = problem.value
        message = problem.message
        remedy = problem.remedy
    }
}
