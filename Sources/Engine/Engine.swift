// The engine's handle: what other rooms and threads may ask of the pipeline thread.
internal import Checkpoint
package import Core
internal import KafkaSink
package import Logging
internal import LinuxIO
internal import Synchronization

/// Runs one pipeline thread. Safe on every thread; commands reach the loop through a queue and an eventfd.
package final class Engine: Sendable {
    private let commands: CommandQueue
    /// Containers that the store kept from the last run, as `EngineContainer.stored` had them. Those that are gone must be
    /// attached and removed again, so that what is left of their files is drained or announced.
    package let storedContainers: [(id: String, stored: [UInt8])]
    private let thread: Mutex<Thread?>

    /// Opens the store, makes the producer and starts the thread. Blocks for the opening of the store: not for the
    /// cooperative pool.
    /// Throws EngineFailure when the state directory cannot be used or a Kafka setting is refused.
    package init(_ options: EngineOptions, logger: Logger) throws(EngineFailure) {
        let commands: CommandQueue
        let loop: PipelineLoop
        let (store, state) = try Engine.openStore(options.store)
        do {
            commands = try CommandQueue()
            loop = try PipelineLoop(options, store: store, state: state, commands: commands, logger: logger)
        } catch {
            store.close()
            throw EngineFailure(message: "\(error)")
        }
        self.commands = commands
        storedContainers = state.containers.map { ($0.id, $0.stored) }
        thread = Mutex(nil)
        // Safety: the loop is made here and used by the new thread alone from now on.
        nonisolated(unsafe) let handedOver = loop
        do {
            let started = try Thread(name: "pipeline") { handedOver.run() }
            thread.withLock { $0 = started }
        } catch {
            store.close()
            throw EngineFailure(message: "cannot start the pipeline thread: \(error)")
        }
    }

    private static func openStore(_ options: StoreOptions) throws(EngineFailure) -> (Store, StoreState) {
        do { return try Store.open(options) } catch { throw EngineFailure(message: error.message) }
    }

    /// A snapshot made by the pipeline thread between two turns. Nil after the engine has ended.
    package func status(_ detail: StatusDetail = .full) async -> StatusReport? {
        await withCheckedContinuation { continuation in
            if !commands.submit(.status(detail, continuation)) { continuation.resume(returning: nil) }
        }
    }

    /// Returns when the first walk over all declarations is done and the loop runs; false when the engine has ended.
    package func waitUntilRunning() async -> Bool {
        await withCheckedContinuation { continuation in
            if !commands.submit(.ping(continuation)) { continuation.resume(returning: false) }
        }
    }

    /// Begins to follow a container, or takes over what changed of it. Its row is durable before its first record.
    package func attach(_ container: EngineContainer) { commands.submit(.attach(container)) }

    /// The container is gone: what can still be read is drained, the rest announced, then it is forgotten.
    package func remove(container id: String) { commands.submit(.remove(id)) }

    /// Says on the audit topic what happened to a container. `name` is its name, for people.
    package func announce(_ event: ContainerEvent, container id: String, name: String) {
        commands.submit(.announce(event, id: id, name: name))
    }

    /// Stops reading, waits at most `drain` nanoseconds for acknowledgements, stores the offsets and ends the thread.
    package func stop(drain: Int64) async {
        commands.submit(.stop(drain: drain))
    }

    /// Returns when the engine has ended, by `stop` or by itself.
    package func waitForEnd() async -> EngineEnd {
        let end = await withCheckedContinuation { continuation in
            commands.awaitEnd(continuation)
        }
        thread.withLock { taken -> Thread? in
            defer { taken = nil }
            return taken
        }?.join()
        return end
    }
}

/// What other threads want of the pipeline thread.
enum EngineCommand {
    case status(StatusDetail, CheckedContinuation<StatusReport?, Never>)
    case ping(CheckedContinuation<Bool, Never>)
    case stop(drain: Int64)
    case attach(EngineContainer)
    case remove(String)
    case announce(ContainerEvent, id: String, name: String)
}

/// The way into the pipeline thread: a locked list and an eventfd. Locks are held for the length of an append.
final class CommandQueue: Sendable {
    private struct State {
        var commands: [EngineCommand] = []
        /// Place of the first that was not taken.
        var next = 0
        var end: EngineEnd?
        var waiters: [CheckedContinuation<EngineEnd, Never>] = []
    }

    private let state = Mutex(State())
    let ready: EventDescriptor

    init() throws(SystemError) { ready = try EventDescriptor() }

    /// False when the engine has ended.
    @discardableResult
    func submit(_ command: EngineCommand) -> Bool {
        let accepted = state.withLock { state in
            guard state.end == nil else { return false }
            state.commands.append(command)
            return true
        }
        if accepted { ready.signal() }
        return accepted
    }

    /// The oldest command that waits.
    func takeFirst() -> EngineCommand? {
        state.withLock { state in
            guard state.next < state.commands.count else { return nil }
            let command = state.commands[state.next]
            state.next += 1
            if state.next == state.commands.count || state.next >= 256 {
                state.commands.removeFirst(state.next)
                state.next = 0
            }
            return command
        }
    }

    func awaitEnd(_ continuation: CheckedContinuation<EngineEnd, Never>) {
        let end = state.withLock { state -> EngineEnd? in
            if state.end == nil { state.waiters.append(continuation) }
            return state.end
        }
        if let end { continuation.resume(returning: end) }
    }

    /// The last thing the pipeline thread does: answers everybody who waits.
    func finish(_ end: EngineEnd) {
        let (commands, waiters) = state.withLock { state in
            state.end = end
            defer {
                state.commands.removeAll()
                state.next = 0
                state.waiters.removeAll()
            }
            return (Array(state.commands[state.next...]), state.waiters)
        }
        for command in commands {
            switch command {
            case .status(_, let continuation): continuation.resume(returning: nil)
            case .ping(let continuation): continuation.resume(returning: false)
            case .stop, .attach, .remove, .announce: break
            }
        }
        for waiter in waiters { waiter.resume(returning: end) }
    }
}
