// What a watch has told, for tests to wait on.
import Discovery
import Synchronization
import TestSupport

typealias DockerChangeLog = ChangeLog<DockerRuntime>

/// Watches a runtime in a task of its own and keeps every change with the time it came. Deinit ends the watch.
final class ChangeLog<Runtime: ContainerRuntime>: Sendable {
    struct Entry: Sendable {
        let change: ContainerChange
        let at: ContinuousClock.Instant
    }

    let runtime: Runtime
    private let task: Task<Void, Never>
    private let entries: EntryList

    private final class EntryList: Sendable { let list = Mutex<[Entry]>([]) }

    /// `pause`: what the sink takes for each change.
    init(_ runtime: Runtime, pause: Duration = .zero) {
        self.runtime = runtime
        let entries = EntryList()
        self.entries = entries
        task = Task {
            await runtime.watch { change in
                if pause > .zero { try? await Task.sleep(for: pause) }
                entries.list.withLock { $0.append(Entry(change: change, at: .now)) }
            }
        }
    }

    deinit { task.cancel() }

    /// Ends the watch and waits for it.
    func stop() async {
        task.cancel()
        await task.value
    }

    var all: [Entry] { entries.list.withLock { $0 } }
    var changes: [ContainerChange] { all.map(\.change) }

    /// What concerns one container, in short: `changed running`, `stopped 1`, `removed`.
    func story(_ id: String) -> [String] {
        changes.compactMap { change in
            switch change {
            case .changed(let record) where record.id == id: "changed \(record.status)"
            case .stopped(id, let code, let isOutOfMemory):
                "stopped \(code.map { "\($0)" } ?? "?")" + (isOutOfMemory ? " oom" : "")
            case .removed(id): "removed"
            default: nil
            }
        }
    }

    /// The newest record of a container, from whatever told it.
    func record(_ id: String) -> ContainerRecord? {
        for change in changes.reversed() {
            switch change {
            case .changed(let record) where record.id == id: return record
            case .listed(let records):
                if let record = records.first(where: { $0.id == id }) { return record }
            default: break
            }
        }
        return nil
    }

    /// Ids of all containers that were ever told of.
    var known: Set<String> {
        changes.reduce(into: []) { known, change in
            switch change {
            case .changed(let record): known.insert(record.id)
            case .listed(let records): known.formUnion(records.map(\.id))
            default: break
            }
        }
    }

    var lists: [[ContainerRecord]] { changes.compactMap { if case .listed(let records) = $0 { records } else { nil } } }
    var reasons: [String] { changes.compactMap { if case .unreachable(let reason) = $0 { reason } else { nil } } }

    func wait(_ what: String, timeout: Duration = .seconds(30), until condition: (ChangeLog) -> Bool) async throws {
        try await waitUntil(timeout: timeout, "\(what); so far: \(changes.suffix(12))") { condition(self) }
    }

    func waitForList(_ count: Int = 1) async throws { try await wait("list \(count)") { $0.lists.count >= count } }
}
