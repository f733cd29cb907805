// `explain` without a daemon: from the runtimes themselves, or from a Compose file.
package import Configuration
package import Core
internal import Discovery

/// Understands containers as the daemon would, without shipping anything.
package enum OfflineContainers {
    /// Nanoseconds that file systems have to answer.
    private static let patience = 15 * nanosecondsPerSecond

    /// Asks every runtime of the configuration for its containers, and looks which files fit. `configuration` nil: none was
    /// read, the defaults hold. Blocks nobody; a runtime that does not answer says so in the report.
    package static func ask(_ configuration: Configuration?) async -> ContainersReport {
        await ask(ContainerRules(configuration, path: nil), make: Agent.runtimeMaker)
    }

    static func ask(_ rules: ContainerRules, make: ContainerSupervisor.RuntimeMaker) async -> ContainersReport {
        var report = ContainersReport()
        report.labelPrefix = rules.labels.prefix
        var known: [DerivedContainer] = []
        for settings in rules.runtimes {
            guard let runtime = make(settings) else { continue }
            var answer = RuntimeReport()
            answer.name = settings.name
            answer.socket = settings.socket
            answer.isExpected = settings.isRequired
            do {
                known += try await runtime.list().map { DerivedContainer($0, rules) }
                answer.isUp = true
            } catch { answer.reason = (error as? RuntimeFailure)?.message ?? "\(error)" }
            report.runtimes.append(answer)
        }
        let asked = known.filter(\.isDeclared).map { derived in
            (derived: derived, hints: Set(derived.declared.map(\.declaration.name)))
        }
        let found =
            asked.isEmpty ? [:] : await MountFindings(patience: patience).find(asked, rules.policy, matching: true)
        report.containers = known.map {
            ContainerReporting.report($0, isRemoved: false, nil, found?[$0.record.id])
        }.sorted { ($0.name, $0.id) < ($1.name, $1.id) }
        return report
    }

    /// The services of a Compose file as containers that do not exist yet, and what of the file was not understood, a line
    /// each. Blocks on local files.
    package static func compose(
        path: String, _ configuration: Configuration?
    ) -> (report: ContainersReport, problems: [String]) {
        let read = ComposeContainers(path: path)
        return (compose(read.records, ContainerRules(configuration, path: nil)), read.problems)
    }

    static func compose(_ services: [ContainerRecord], _ rules: ContainerRules) -> ContainersReport {
        var report = ContainersReport()
        report.labelPrefix = rules.labels.prefix
        report.containers = services.map { record in
            var container = ContainerReporting.report(DerivedContainer(record, rules), isRemoved: false, nil, nil)
            container.state = "not created"
            for index in container.declarations.indices where container.declarations[index].state == "no match yet" {
                container.declarations[index].reason = "understood; which files fit is seen once the container runs"
                container.declarations[index].remedy = durability(container.declarations[index], record)
            }
            return container
        }.sorted { $0.name < $1.name }
        return report
    }

    /// What is in no volume is gone when the container is removed.
    private static func durability(_ declaration: DeclarationReport, _ record: ContainerRecord) -> String? {
        let outside = declaration.paths.filter { path in
            !record.mounts.contains { path == $0.destination || path.hasPrefix($0.destination + "/") }
        }
        guard !outside.isEmpty else { return nil }
        return "\(outside.joined(separator: ", ")) is in no volume: what is not read when the container is removed is "
            + "lost, and announced as a gap. A volume there prevents it"
    }
}
