// Containers that come, change and go: their declarations, and what the store and the audit topic hear of them.
internal import Checkpoint
internal import Core
internal import FileSource
internal import KafkaSink
internal import LinuxIO
internal import Logging
internal import Pipeline
internal import Resolver

extension PipelineLoop {
    /// A container with declarations is there, or something of it has changed.
    func attach(_ container: EngineContainer, _ now: Int64) {
        var state = containers[container.id] ?? ContainerState(container: container)
        if containers[container.id]?.container.stored != container.stored {
            checkpoint.containers.append(StoredContainer(id: container.id, stored: container.stored))
            checkpoint.removedContainers.removeAll { $0 == container.id }
        }
        let layoutChanged = state.container.layout != container.layout || state.container.logs != container.logs
        if !state.views.isEmpty { state.renumber(container.declarations) }
        state.container = container
        state.isGone = false
        containers[container.id] = state
        if state.views.isEmpty {
            // What has been let go and does not run has nothing new.
            if state.phase == .letGo, !container.isRunning { return }
            follow(container.id, now)
        } else {
            // Where its output is kept is known only once it was started.
            follow(container.id, now)
            if layoutChanged {
                for number in state.views {
                    guard let layout = container.layout(of: declarations[number]) else { continue }
                    tailer.update(number, layout: layout, mounts: tailer.presentMounts(), now: now)
                }
            }
        }
        if container.isRunning { cancelDrain(container.id, now) } else { drain(container.id, now) }
        collectNews(now)
    }

    /// The container is removed from its runtime.
    func remove(container id: String, _ now: Int64) {
        guard containers[id] != nil else {
            if knownContainers.remove(id) != nil { forgetUnattached(id) }
            return
        }
        containers[id]!.isGone = true
        drain(id, now)
        forgetIfDone(id, now)
    }

    /// A container of the store that was never attached: its labels mean nothing any more. What it left is said all the
    /// same.
    private func forgetUnattached(_ id: String) {
        for record in tailer.takeKnown(ofContainer: id) {
            if record.detached != 0 {
                checkpoint.closed += tailer.keepOrphan(record)
            } else {
                announceLoss(of: record)
            }
        }
        checkpoint.removedContainers.append(id)
    }

    func announce(_ event: ContainerEvent, container id: String, name: String) {
        outbox.collect(audit.container(event, id: id, name: name))
    }

    private func follow(_ id: String, _ now: Int64) {
        let container = containers[id]!.container
        let isKnown = knownContainers.contains(id)
        knownContainers.insert(id)
        var (numbers, views) = (containers[id]!.numbers, containers[id]!.views)
        if views.isEmpty { numbers = [Int](repeating: -1, count: container.declarations.count) }
        // What may stand in its labels reaches its file system, and nothing of where the runtime keeps its output.
        for isOutput in [false, true] where !views.contains(where: { declarations[$0].isOutput == isOutput }) {
            let places = container.declarations.indices.filter { container.declarations[$0].isOutput == isOutput }
            guard let first = places.first, let layout = container.layout(of: container.declarations[first]) else {
                continue
            }
            let view = ContainerView(layout: layout, policy: options.resolver, mounts: tailer.presentMounts())
            let files = places.map { place in
                var files = container.declarations[place].files
                files.isKnown = isKnown
                return files
            }
            let added = tailer.add(view, files, now: now)
            for (place, number) in zip(places, added) {
                enter(container.declarations[place], number)
                numbers[place] = number
            }
            views.append(added[0])
        }
        guard !views.isEmpty else { return }
        containers[id]!.numbers = numbers
        containers[id]!.views = views
        if containers[id]!.phase == .letGo { containers[id]!.phase = .followed }
        redescribe(containers[id]!)
        collectNews(now)
    }

    private func enter(_ declaration: EngineDeclaration, _ number: Int) {
        while declarations.count <= number {
            declarations.append(declaration)
            topicOfDeclaration.append(-1)
        }
        declarations[number] = declaration
        topicOfDeclaration[number] = openTopic(declaration.topic)
    }

    /// Every topic has its writer; the memory is shared among them.
    private func openTopic(_ name: String) -> Int32 {
        let topic = producer.openTopic(name)
        while writers.count < producer.topics.count { writers.append(TopicWriter()) }
        arenas.share(among: producer.dataTopicCount)
        return Int32(topic)
    }

    /// What records say of the container may have changed: its name.
    private func redescribe(_ state: ContainerState) {
        for (number, declaration) in zip(state.numbers, state.container.declarations) where number >= 0 {
            declarations[number].members = state.container.members + declaration.members
        }
        described = -1
    }

    /// Members of a source's records: those of its container and declaration, and the ids of all containers that share
    /// the file.
    func members(_ slot: Int) -> [UInt8] {
        let own = declarations[tailer.declaration(slot)]
        let others = tailer.sharers(of: slot)
        guard !others.isEmpty else { return own.members }
        let ids = Set(([own] + others.map { declarations[$0] }).map(\.files.container)).subtracting([""]).sorted()
        if ids == [own.files.container] { return own.members }
        var text = JSONText()
        text.begin()
        text.member("container.ids", list: ids)
        return own.members + [0x2C] + text.bytes.dropFirst()
    }
}

extension EngineContainer {
    /// Where the paths of a declaration lead; nil: the runtime keeps no output.
    func layout(of declaration: EngineDeclaration) -> ContainerLayout? { declaration.isOutput ? logs : layout }
}

extension EngineDeclaration {
    /// Its files are the log in which a runtime keeps what a container wrote to its outputs.
    var isOutput: Bool { format != .plain }
}
