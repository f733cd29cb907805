// Between discovery and the engine: which containers there are, and what of them is shipped.
internal import Core
package import Discovery
internal import Engine
package import Logging

/// Watches the runtimes, understands the labels of their containers and keeps one engine after the other informed. It
/// outlives engines: a reload gives it the next one. Runs in the cooperative pool and never blocks it.
package actor ContainerSupervisor {
    /// Makes the client of a runtime; nil: there is none of that name.
    package typealias RuntimeMaker = @Sendable (RuntimeSettings) -> (any ContainerRuntime)?

    /// What is known of one runtime.
    struct RuntimeState {
        var settings: RuntimeSettings
        var task: Task<Void, Never>
        var isUp = false
        var version = ""
        var reason: String?
        var hasAnswered = false
        var hasListed = false
    }

    /// One container.
    struct Entry {
        var derived: DerivedContainer
        /// The runtime that told it first, by its settings' name: what others say of it is not heard.
        var owner: String
        /// What the present engine was given.
        var attached: DerivedContainer.Shipped?
        var run: Run?
        /// Problems that were announced and logged.
        var said: Set<LabelProblem> = []
        /// From the store, and not confirmed by its runtime yet.
        var isStored = false
        /// The runtime has removed it; the engine may still drain it.
        var isRemoved = false
    }

    /// One run of a container, announced as started.
    struct Run: Equatable {
        /// `ContainerRecord.started` of it.
        let started: String
        var isOver = false
    }

    let logger: Logger
    private let make: RuntimeMaker
    let findings: MountFindings
    var rules: ContainerRules
    var sink: (any ContainerSink)?
    var runtimes: [String: RuntimeState] = [:]
    var entries: [String: Entry] = [:]
    /// Containers of the present engine's store.
    var kept: Set<String> = []
    /// Removed containers, oldest first: forgotten when there are too many of them, or nothing of them is left to ship.
    var removed: [String] = []
    /// What happened between two engines.
    private var held: [(event: ContainerEvent, id: String, name: String)] = []
    /// Counts watches: what a cancelled one still says is not heard.
    private var watches = 0
    private var watchNumbers: [String: Int] = [:]

    /// Removed containers that `explain` still shows.
    static let removedLimit = 256
    private static let heldLimit = 1000

    /// Knows nothing until `begin`. `patience`: nanoseconds that `report` waits for file systems.
    package init(
        rules: ContainerRules, logger: Logger, patience: Int64 = nanosecondsPerSecond, make: @escaping RuntimeMaker
    ) {
        self.rules = rules
        self.logger = logger
        self.make = make
        findings = MountFindings(patience: patience)
    }

    /// Takes a new engine, with the rules it was made for. Containers of its store are attached first, so that nothing
    /// waits for the runtimes; then everything known is understood anew.
    package func begin(_ sink: any ContainerSink, _ rules: ContainerRules) {
        self.sink = sink
        self.rules = rules
        for (event, id, name) in held { sink.announce(event, container: id, name: name) }
        held = []
        for id in entries.keys { entries[id]?.attached = nil }
        restoreStored(sink)
        for id in entries.keys.sorted() where entries[id]?.isRemoved == false {
            guard let entry = entries[id] else { continue }
            let record = entry.derived.record
            understand(record, by: entry.owner, again: true)
            if record.isRunning, entries[id]?.isStored == false { announceRun(record) }
        }
        watchRuntimes()
    }

    /// The engine ends: until the next `begin` changes are only remembered.
    package func pause() { sink = nil }

    /// Stops watching.
    package func end() {
        sink = nil
        for runtime in runtimes.values { runtime.task.cancel() }
        runtimes = [:]
    }

    private func restoreStored(_ sink: any ContainerSink) {
        kept = Set(sink.storedContainers.map(\.id))
        for (id, stored) in sink.storedContainers {
            if entries[id]?.isRemoved == false { continue }
            guard let record = ContainerRecordCodec.decode(stored) else {
                logger.warning(
                    "what the store kept of a container is not understood: it is let go", metadata: ["id": "\(id)"])
                sink.remove(container: id)
                continue
            }
            let owner = owner(ofStored: record)
            let isGone = runtimes[owner]?.hasListed == true
            let derived = DerivedContainer(record, rules, isKnownAlive: false, isGone: isGone)
            var entry = Entry(derived: derived, owner: owner, isStored: true)
            if !record.started.isEmpty { entry.run = Run(started: record.started, isOver: !record.isRunning) }
            // What happened while there was no engine to write it down.
            entry.run = entries[id]?.run ?? entry.run
            entries[id] = entry
            removed.removeAll { $0 == id }
            if let container = derived.engineContainer() {
                sink.attach(container)
                entries[id]?.attached = derived.shipped
            }
            if isGone { forget(id) }
        }
    }

    /// CRI's runtimes call themselves by other names than their settings, where their socket is an unusual one.
    private func owner(ofStored record: ContainerRecord) -> String {
        if rules.runtimes.contains(where: { $0.name == record.runtime }) { return record.runtime }
        let isOfDocker = record.runtime == "docker" || record.runtime == "podman"
        return rules.runtimes.first { !isOfDocker && ($0.name == "containerd" || $0.name == "cri-o") }?.name
            ?? record.runtime
    }

    // MARK: - Runtimes

    private func watchRuntimes() {
        let wanted = Dictionary(rules.runtimes.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        for (name, state) in runtimes where wanted[name]?.socket != state.settings.socket {
            state.task.cancel()
            runtimes[name] = nil
        }
        for settings in rules.runtimes {
            if runtimes[settings.name] != nil {
                runtimes[settings.name]?.settings = settings
            } else if let runtime = make(settings) {
                watch(runtime, settings)
            }
        }
        // Nobody will ever say again what became of the containers of a runtime that is switched off.
        let ids = entries.filter { runtimes[$0.value.owner] == nil && !$0.value.isRemoved }.keys
        for id in ids.sorted() { forget(id) }
    }

    private func watch(_ runtime: any ContainerRuntime, _ settings: RuntimeSettings) {
        watches += 1
        let number = watches
        watchNumbers[settings.name] = number
        // It holds the supervisor until `end`.
        let task = Task { await runtime.watch { await self.consume($0, of: settings.name, watch: number) } }
        runtimes[settings.name] = RuntimeState(settings: settings, task: task)
    }

    /// One change of a runtime; `watch` tells which of its watches says it.
    func consume(_ change: ContainerChange, of name: String, watch: Int) {
        guard runtimes[name] != nil, watchNumbers[name] == watch else { return }
        switch change {
        case .reachable(let version): becameReachable(name, version)
        case .unreachable(let reason): becameUnreachable(name, reason)
        case .listed(let records): listed(records, by: name)
        case .changed(let record): changed(record, by: name)
        case .stopped(let id, let exitCode, let isOutOfMemory): stopped(id, name, exitCode, isOutOfMemory)
        case .removed(let id): if entries[id]?.owner == name { forget(id) }
        }
    }

    private func becameReachable(_ name: String, _ version: String) {
        let was = runtimes[name]
        runtimes[name]?.isUp = true
        runtimes[name]?.hasAnswered = true
        runtimes[name]?.version = version
        runtimes[name]?.reason = nil
        guard was?.isUp == false || was?.version != version else { return }
        logger.notice(
            "runtime answers",
            metadata: ["runtime": "\(name)", "version": "\(version)"])
    }

    private func becameUnreachable(_ name: String, _ reason: String) {
        guard let was = runtimes[name] else { return }
        runtimes[name]?.isUp = false
        runtimes[name]?.reason = reason
        guard was.isUp || was.reason != reason else { return }
        // One that was never there is the usual case of `enabled: auto`.
        let level: Logger.Level = was.settings.isRequired || was.hasAnswered ? .warning : .info
        logger.log(
            level: level, "runtime does not answer: what is known of its containers goes on",
            metadata: ["runtime": "\(name)", "reason": "\(reason)"])
    }

    // MARK: - What the engine is told

    /// Hands an event to the audit topic; between two engines it waits.
    func announce(_ event: ContainerEvent, _ record: ContainerRecord) {
        if let sink { return sink.announce(event, container: record.id, name: record.name) }
        if held.count < ContainerSupervisor.heldLimit { held.append((event, record.id, record.name)) }
    }
}
