// A supervisor between a runtime and an engine that the test plays.
import Agent
import Core
import Discovery
import Engine
import Logging
import Resolver
import Synchronization
import TestSupport

/// A runtime that says what the test wants, one change at a time.
final class FakeRuntime: ContainerRuntime {
    let name: String
    let socket: String
    private let changes: AsyncStream<(ContainerChange, CheckedContinuation<Void, Never>)>
    private let source: AsyncStream<(ContainerChange, CheckedContinuation<Void, Never>)>.Continuation
    private let present = Mutex<Result<[ContainerRecord], RuntimeFailure>>(.success([]))

    init(name: String = "docker", socket: String = "/run/fake.sock") {
        self.name = name
        self.socket = socket
        (changes, source) = AsyncStream.makeStream()
    }

    /// Returns when the supervisor has taken it.
    func say(_ change: ContainerChange) async {
        await withCheckedContinuation { continuation in _ = source.yield((change, continuation)) }
    }

    func watch(_ sink: @Sendable (ContainerChange) async -> Void) async {
        for await (change, taken) in changes {
            await sink(change)
            taken.resume()
        }
    }

    func setList(_ answer: Result<[ContainerRecord], RuntimeFailure>) { present.withLock { $0 = answer } }

    func list() async throws -> [ContainerRecord] { try present.withLock { $0 }.get() }
}

/// An engine that remembers what it was told.
final class FakeSink: ContainerSink {
    struct Announced: Equatable {
        let text: String
        let id: String
        let name: String
    }

    struct State {
        var attached: [EngineContainer] = []
        var removed: [String] = []
        var announced: [Announced] = []
    }

    let storedContainers: [(id: String, stored: [UInt8])]
    private let state = Mutex(State())

    init(stored: [(id: String, stored: [UInt8])] = []) { storedContainers = stored }

    func attach(_ container: EngineContainer) { state.withLock { $0.attached.append(container) } }
    func remove(container id: String) { state.withLock { $0.removed.append(id) } }

    func announce(_ event: ContainerEvent, container id: String, name: String) {
        let text =
            switch event {
            case .started: "started"
            case .stopped(let code, let isOutOfMemory):
                "stopped \(code.map(String.init) ?? "?")\(isOutOfMemory ? " oom" : "")"
            case .declarationProblem(let declaration, let key, _): "problem \(declaration) \(key)"
            }
        state.withLock { $0.announced.append(Announced(text: text, id: id, name: name)) }
    }

    var attached: [EngineContainer] { state.withLock { $0.attached } }
    var removed: [String] { state.withLock { $0.removed } }
    var announced: [String] { state.withLock { $0.announced.map(\.text) } }
    var announcements: [Announced] { state.withLock { $0.announced } }
}

/// Supervisor, runtime and engine of one test.
struct Stage {
    let runtime = FakeRuntime()
    let supervisor: ContainerSupervisor
    let sink: FakeSink
    let rules: ContainerRules

    /// The supervisor has begun with the engine; the runtime has said nothing yet.
    static func begin(
        stored: [ContainerRecord] = [], _ change: (inout ContainerRules) -> Void = { _ in }
    ) async -> Stage {
        var rules = Stage.rules()
        change(&rules)
        let stage = Stage(
            rules: rules, sink: FakeSink(stored: stored.map { ($0.id, ContainerRecordCodec.encode($0)) }))
        await stage.supervisor.begin(stage.sink, rules)
        return stage
    }

    private init(rules: ContainerRules, sink: FakeSink) {
        self.rules = rules
        self.sink = sink
        let runtime = runtime
        supervisor = ContainerSupervisor(
            rules: rules, logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }),
            patience: 60_000_000_000
        ) { $0.name == runtime.name ? runtime : nil }
    }

    /// Everything goes to the topic it asks for, but to none that begins with "foreign".
    static func rules() -> ContainerRules {
        var rules = ContainerRules { _, declaration in
            guard let topic = declaration.topic, topic.hasPrefix("foreign") else {
                return TopicRoute(topic: declaration.topic ?? "logs")
            }
            return TopicRoute(topic: "logs.unrouted", reason: problem("app", topic, "\(topic) is not allowed"))
        }
        rules.runtimes = [RuntimeSettings(name: "docker", socket: "/run/fake.sock")]
        return rules
    }

    /// What routing says about the topic label of a declaration.
    static func problem(_ declaration: String, _ topic: String, _ message: String) -> LabelProblem {
        LabelProblem(
            declaration: declaration, key: "longshore.logs.\(declaration).topic", value: topic, message: message,
            remedy: "ask the operator")
    }

    /// Connects and lists.
    func list(_ records: [ContainerRecord]) async {
        await runtime.say(.reachable(version: "20.10"))
        await runtime.say(.listed(records))
    }

    /// The record's declarations with their states, as explain shows them.
    func states(_ sources: [SourceStatus] = []) async -> [String] {
        await supervisor.report(sources).containers.flatMap { container in
            container.declarations.map { "\(container.name) \($0.name) \($0.state)" }
        }
    }
}

enum Samples {
    static let id = String(repeating: "ab12", count: 16)

    /// A running container that declares one log.
    static func record(
        _ name: String = "shop", id: String = id, labels: [String: String] = ["longshore.logs.app.path": "/logs/*.log"]
    ) -> ContainerRecord {
        var record = ContainerRecord(id: id, name: name, image: "shop:1")
        record.labels = labels
        record.status = .running
        record.processID = 4711
        record.created = "2026-11-21T10:00:00Z"
        record.started = "2026-11-21T10:00:01Z"
        record.layers = ["/nowhere/upper"]
        return record
    }

    static func ended(_ record: ContainerRecord, exitCode: Int32 = 0) -> ContainerRecord {
        var record = record
        record.status = .exited
        record.processID = 0
        record.exitCode = exitCode
        record.finished = "2026-11-21T11:00:00Z"
        return record
    }

    /// A file of a container as the engine tells of it; all of it is acknowledged.
    static func source(
        _ path: String, of id: String = id, declaration: String = "app", state: String = "idle", reason: String? = nil,
        resolved: String? = nil, unread: UInt64 = 0
    ) -> SourceStatus {
        var source = SourceStatus()
        source.container = id
        source.declaration = declaration
        source.path = path
        source.resolvedPath = resolved
        source.state = state
        source.reason = reason
        source.topic = "logs"
        source.ledger.size = 100 + unread
        source.ledger.unread = unread
        source.offset = 100
        return source
    }

    /// Members of records, as a consumer sees them.
    static func fields(_ members: [UInt8]) throws -> [String: String] {
        let text = "{" + String(decoding: members.dropFirst(), as: UTF8.self) + "}"
        guard case .object(let object) = try JSONValue(parsing: Array(text.utf8)) else { return [:] }
        return Dictionary(
            object.compactMap { key, value in if case .string(let text) = value { (key, text) } else { nil } },
            uniquingKeysWith: { first, _ in first + " (twice)" })
    }
}
