// What the supervisor says of itself: explain, status and metrics.
package import Core
internal import Discovery

extension ContainerSupervisor {
    /// Everything for `explain`. `sources`: of a full status report. Looks into the containers' mounts, for a second at
    /// most.
    package func report(_ sources: [SourceStatus]) async -> ContainersReport {
        let known = ContainerSources(sources)
        forgetDrained(known)
        let asked = entries.values.filter { $0.derived.isDeclared && !$0.isRemoved }.map { entry in
            (derived: entry.derived, hints: unmatched(entry.derived, known))
        }
        let found = asked.isEmpty ? [:] : await findings.find(asked, rules.policy)
        var report = ContainersReport()
        report.labelPrefix = rules.labels.prefix
        report.runtimes = runtimeReports
        report.containers = entries.values.map { entry in
            ContainerReporting.report(
                entry.derived, isRemoved: entry.isRemoved, known, found?[entry.derived.record.id])
        }.sorted { ($0.name, $0.id) < ($1.name, $1.id) }
        return report
    }

    /// Counts for status and metrics. Sources need their container and declaration; nothing is looked up.
    package func discovery(_ sources: [SourceStatus]) -> DiscoveryStatus {
        let known = ContainerSources(sources)
        let held = known.containers
        var status = DiscoveryStatus()
        status.runtimes = runtimeReports
        for runtime in runtimes.keys { status.containers[runtime] = 0 }
        for state in DeclarationState.allCases { status.declarations[state.rawValue] = 0 }
        for entry in entries.values {
            if !entry.isRemoved { status.containers[entry.owner, default: 0] += 1 }
            guard entry.derived.isDeclared, !entry.isRemoved || held.contains(entry.derived.record.id) else { continue }
            for state in ContainerReporting.states(entry.derived, isRemoved: entry.isRemoved, known) {
                status.declarations[state.rawValue, default: 0] += 1
            }
        }
        return status
    }

    /// Standing problems for `status`.
    package var problems: [String] {
        var all = runtimeReports.filter { !$0.isUp && $0.isExpected }.map { runtime in
            "the runtime \(runtime.name) does not answer at \(runtime.socket)"
                + (runtime.reason.map { ": \($0)" } ?? "") + "; what runs goes on, new containers are not seen"
        }
        let misread = entries.values.filter { !$0.isRemoved && !$0.derived.problems.isEmpty }
        if !misread.isEmpty {
            let labels = misread.reduce(0) { $0 + $1.derived.problems.count }
            all.append("labels that are not obeyed: \(labels), of \(misread.count) containers: see longshore explain")
        }
        return all
    }

    private var runtimeReports: [RuntimeReport] {
        runtimes.values.map { state in
            var report = RuntimeReport()
            report.name = state.settings.name
            report.socket = state.settings.socket
            report.isUp = state.isUp
            report.version = state.version
            report.reason = state.reason
            report.isExpected = state.settings.isRequired || state.hasAnswered
            return report
        }.sorted { $0.name < $1.name }
    }

    /// Declarations without any file in the engine.
    private func unmatched(_ derived: DerivedContainer, _ known: ContainerSources) -> Set<String> {
        Set(
            derived.declared.filter { $0.hasFiles && known.files($0, of: derived.record).isEmpty }
                .map(\.declaration.name))
    }

    /// Removed containers of which the engine has nothing any more.
    private func forgetDrained(_ known: ContainerSources) {
        let held = known.containers
        for id in removed where !held.contains(id) { entries[id] = nil }
        removed.removeAll { !held.contains($0) }
    }
}
