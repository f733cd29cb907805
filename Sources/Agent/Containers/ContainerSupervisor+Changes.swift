// What becomes of each change: attach, remove, announce, say.
internal import Core
internal import Discovery
internal import Engine
internal import Logging

extension ContainerSupervisor {
    /// All containers of a runtime: the others are gone.
    func listed(_ records: [ContainerRecord], by name: String) {
        let isFirst = runtimes[name]?.hasListed == false
        runtimes[name]?.hasListed = true
        var present: Set<String> = []
        for record in records {
            present.insert(record.id)
            // What ended before anybody looked is no news.
            let isOld = isFirst && entries[record.id] == nil && !record.isLiving
            changed(record, by: name, isNews: !isOld)
        }
        let gone = entries.filter {
            $0.value.owner == name && !$0.value.isRemoved && !present.contains($0.key)
        }
        for id in gone.keys.sorted() { forget(id) }
    }

    /// A container as it is now. `isNews` false: nothing of its past is announced. Two sockets may lead to one runtime, and
    /// a runtime to another one's containers: whoever told it first keeps it.
    func changed(_ record: ContainerRecord, by name: String, isNews: Bool = true) {
        if let entry = entries[record.id], entry.owner != name {
            guard entry.isStored || entry.isRemoved else { return }
            entries[record.id]?.owner = name
        }
        if let entry = entries[record.id], entry.derived.record == record, !entry.isStored, !entry.isRemoved { return }
        if entries[record.id] == nil || entries[record.id]?.isRemoved == true {
            removed.removeAll { $0 == record.id }
            entries[record.id] = nil
        }
        understand(record, by: name)
        if !isNews, !record.started.isEmpty { entries[record.id]?.run = Run(started: record.started, isOver: true) }
        announceRun(record)
    }

    /// It does not run any more.
    func stopped(_ id: String, _ runtime: String, _ exitCode: Int32?, _ isOutOfMemory: Bool) {
        guard var record = entries[id]?.derived.record, entries[id]?.owner == runtime, entries[id]?.isRemoved == false
        else { return }
        record.status = .exited
        record.processID = 0
        record.exitCode = exitCode ?? record.exitCode
        record.isOutOfMemory = isOutOfMemory
        understand(record, by: runtime)
        announceRun(record)
    }

    /// It is gone: what can still be read of it is drained.
    func forget(_ id: String) {
        guard let entry = entries[id], !entry.isRemoved else { return }
        let record = entry.derived.record
        closeRun(record, exitCode: nil, isOutOfMemory: false)
        // Also what this engine was not given: its store may have it from rules that are no more.
        if sink != nil, kept.remove(id) != nil || entry.attached != nil { sink?.remove(container: id) }
        guard entry.derived.isDeclared else {
            entries[id] = nil
            return
        }
        entries[id]?.attached = nil
        entries[id]?.isRemoved = true
        logger.info("container is gone", metadata: describe(record))
        removed.append(id)
        if removed.count > ContainerSupervisor.removedLimit { entries[removed.removeFirst()] = nil }
    }

    /// Reads the labels, tells the engine what changed for it, says new problems. `again`: under new rules.
    func understand(_ record: ContainerRecord, by owner: String, again: Bool = false) {
        let before = entries[record.id]
        let isKnownAlive = !(again && before?.isStored == true)
        let derived = DerivedContainer(
            record, rules, isKnownAlive: isKnownAlive, former: again ? nil : before?.derived)
        var entry = before ?? Entry(derived: derived, owner: owner)
        entry.derived = derived
        if isKnownAlive { entry.isStored = false }
        // Until an engine is there, nothing is attached; the next `begin` does it.
        if let sink, derived.shipped != entry.attached {
            if let container = derived.engineContainer() {
                sink.attach(container)
            } else {
                sink.remove(container: record.id)
            }
            entry.attached = derived.shipped
        }
        entries[record.id] = entry
        if before == nil, derived.isDeclared {
            logger.info("container appeared", metadata: describe(record, declarations: derived.declared.count))
        }
        sayProblems(record.id)
    }

    private func sayProblems(_ id: String) {
        guard let entry = entries[id] else { return }
        let record = entry.derived.record
        for problem in entry.derived.problems where entries[id]?.said.insert(problem).inserted == true {
            let key = ContainerSupervisor.shortened(problem.key)
            let message = ContainerSupervisor.shortened(problem.message)
            announce(.declarationProblem(declaration: problem.declaration, key: key, message: message), record)
            var metadata = describe(record)
            metadata["label"] = "\(key)"
            metadata["value"] = "\(problem.value)"
            metadata["reason"] = "\(message)"
            metadata["remedy"] = "\(ContainerSupervisor.shortened(problem.remedy))"
            logger.warning("a label is not obeyed", metadata: metadata)
        }
    }

    // MARK: - Runs

    /// Announces what the record says of its runs: one that began, one that ended.
    func announceRun(_ record: ContainerRecord) {
        guard entries[record.id]?.derived.isDeclared == true else { return }
        let known = entries[record.id]?.run
        let hasRun = !record.started.isEmpty || record.isRunning
        if hasRun, known?.started != record.started {
            closeRun(record, exitCode: nil, isOutOfMemory: false)
            entries[record.id]?.run = Run(started: record.started)
            announce(.started, record)
        }
        if !record.isRunning, record.status != .created {
            closeRun(record, exitCode: record.exitCode, isOutOfMemory: record.isOutOfMemory)
        }
    }

    private func closeRun(_ record: ContainerRecord, exitCode: Int32?, isOutOfMemory: Bool) {
        guard let run = entries[record.id]?.run, !run.isOver else { return }
        entries[record.id]?.run?.isOver = true
        announce(.stopped(exitCode: exitCode, isOutOfMemory: isOutOfMemory), record)
        var metadata = describe(record)
        metadata["exit"] = "\(exitCode.map(String.init) ?? "unknown")"
        if isOutOfMemory { metadata["reason"] = "out of memory" }
        logger.info("container ended", metadata: metadata)
    }

    // MARK: - Words

    /// Texts of tenants are escaped by the log itself.
    private func describe(_ record: ContainerRecord, declarations: Int? = nil) -> Logger.Metadata {
        var metadata: Logger.Metadata = [
            "container": "\(record.name)", "id": "\(record.id.prefix(12))",
        ]
        if let declarations { metadata["declarations"] = "\(declarations)" }
        return metadata
    }

    /// A text of a tenant for the audit topic and the log: 300 bytes at most.
    private static func shortened(_ text: String) -> String {
        text.utf8.count <= 300 ? text : String(decoding: text.utf8.prefix(297), as: UTF8.self) + "…"
    }
}
