// What the hostile scenarios share: one engine, one broker, one daemon, a secret on the host, and all that arrived.
import Core
import Glibc
import TestSupport
import Testing

/// One record of any topic.
struct HostileRecord: Sendable {
    let topic: String
    let container: String
    let declaration: String
    let message: String
    let path: String
    let byteCount: Int
    let fields: RecordFields
}

/// A daemon between an engine and a mock cluster that all cases of a suite use, each with containers of its own.
final class HostileStage: Sendable {
    @TaskLocal private static var shared: HostileStage?
    /// The stage of the suite that runs; traps outside of one.
    static var current: HostileStage { shared! }

    /// Of every case: whatever else exists in the broker is nobody's business.
    static let topics: Set<String> = [
        "logs", "logs.unrouted", "logs.shop", "logs.bank", "logs.bank_1", "foreign", "audit", "longshore.dead",
        "__consumer_offsets",
    ]
    let directory: TemporaryDirectory
    let engine: DockerEngine
    let broker: MockCluster
    let daemon: Daemon
    /// A directory in /run that the operator allows as a source, and one beside it that nobody allows.
    let allowed: TemporaryDirectory
    let forbidden: TemporaryDirectory
    /// Stands in files of the host that no container may read, and in no record.
    let token: String
    private let records: KafkaReader<HostileRecord>
    /// Topics of messages that hold the token or look like a line of the host's passwd or shadow.
    private let leaks: KafkaReader<String>

    init(_ kafka: [String]) async throws {
        directory = try TemporaryDirectory()
        allowed = try TemporaryDirectory(in: "/run")
        forbidden = try TemporaryDirectory(in: "/run")
        token = "token-\(UInt64.random(in: .min ... .max))-\(UInt64.random(in: .min ... .max))"
        for name in ["app.log", "secret.log", "a.log"] { try directory.write("\(token)\n", to: name) }
        engine = try await DockerEngine.start()
        try await engine.importBusybox()
        broker = try MockCluster()
        for topic in HostileStage.topics { try broker.createTopic(topic, partitions: 1) }
        records = try KafkaReader(broker.bootstrap, topics: HostileStage.topics, project: HostileStage.record)
        let secret = Array(token.utf8)
        leaks = try KafkaReader(broker.bootstrap, topics: HostileStage.topics) { view in
            let text = Array(view.value)
            let hasUsers = ["root:x:0:0", "root:*:", "root:!:", "daemon:x:1:1", "daemon:*:"].contains {
                contains(text, Array($0.utf8))
            }
            return hasUsers || contains(text, secret) ? view.topic : nil
        }
        var options = DaemonOptions(brokers: broker.bootstrap, topic: "logs", paths: [directory.path("none/*.log")])
        options.kafkaLines += ["default_topic: logs.unrouted"] + kafka
        options.topLevelLines = [
            Daemon.dockerOnly(engine.socket), "labels: {record: [app]}",
            "paths: {allow_mount_sources: [\"\(allowed.path)\"]}",
        ]
        if let topic = kafka.first(where: { $0.hasPrefix("topic: ") }) {
            options.topic = String(topic.dropFirst("topic: ".count))
            // Host files have no fields of containers.
            options.files = ["{name: test, paths: [\"\(directory.path("none/*.log"))\"], topic: logs}"]
            options.kafkaLines.removeAll { $0 == topic }
        }
        daemon = try Daemon(options, in: directory)
        try await daemon.start()
    }

    /// Runs `body` with the stage, and ends it whether `body` returns or throws.
    static func provide(_ kafka: [String], _ body: @Sendable () async throws -> Void) async throws {
        let stage = try await HostileStage(kafka)
        do {
            try await $shared.withValue(stage, operation: body)
            #expect(stage.leaked.isEmpty)
        } catch {
            try? await stage.engine.stop()
            throw error
        }
        try await stage.engine.stop()
    }

    private static func record(_ view: KafkaRecordView) throws -> HostileRecord? {
        guard view.topic != "audit" else { return nil }
        let fields = try RecordFields(parsing: Array(view.value))
        return HostileRecord(
            topic: view.topic, container: fields.string("container.name") ?? "",
            declaration: fields.string("log.declaration") ?? "", message: fields.message ?? "",
            path: fields.string("log.file.path") ?? "", byteCount: view.value.count, fields: fields)
    }

    /// Topics in which something of the host arrived: must be empty.
    var leaked: [String] { leaks.items() }
    var recordCount: Int { records.count }
    var recordProblems: [String] { records.problems }
}

extension HostileStage {
    /// Makes a directory of the host for a bind mount; gives its path.
    func bind(_ name: String) throws -> String { try directory.makeDirectory("bind/\(name)") }

    /// Starts a container that runs `script` and then stays until it is removed.
    @discardableResult
    func start(
        _ name: String, _ script: String = "", image: String = DockerEngine.image, labels: [String: String],
        mounts: [String] = [], tmpfs: [String] = []
    ) async throws -> String {
        var container = DockerContainer(script: script + "\nsleep 600")
        container.image = image
        container.labels = labels
        container.mounts = mounts
        container.tmpfs = tmpfs
        return try await engine.createAndStart(container, name: name)
    }

    /// Runs a script in a running container to its end.
    func execute(_ name: String, _ script: String) async throws {
        try await engine.docker("exec", name, "sh", "-c", script)
    }

    func records(of container: String, _ declaration: String? = nil) -> [HostileRecord] {
        records.items().filter {
            $0.container == container && (declaration == nil || $0.declaration == declaration)
        }
    }

    /// Waits until each of the messages has arrived, and expects that nothing else did, and each once.
    func expect(
        _ messages: [String], of container: String, _ declaration: String? = nil, timeout: Duration = .seconds(30),
        location: SourceLocation = #_sourceLocation
    ) async throws {
        func arrived() -> [String] { records(of: container, declaration).map(\.message) }
        let wanted = Set(messages)
        var seen = -1
        try await waitUntil(
            timeout: timeout,
            "\(wanted.subtracting(arrived()).sorted().prefix(5)) of \(container), which has \(arrived().prefix(20)), "
                + "problems \(recordProblems); \(daemon.process.errorTail)"
        ) {
            if recordCount == seen { return false }
            seen = recordCount
            return wanted.subtracting(arrived()).isEmpty
        }
        #expect(arrived().sorted() == messages.sorted(), sourceLocation: location)
        #expect(leaked.isEmpty, sourceLocation: location)
    }

    /// What `explain` has of a container; nil: nothing.
    func explained(_ container: String) async throws -> JSONValue? {
        let answer = try await httpGet(.unix(path: daemon.adminSocket), "/containers")
        let report = try JSONValue(parsing: answer.body)
        return report["containers"]?.array?.first { $0["name"]?.string == container }
    }

    /// Waits until a declaration is in this state, and gives what `explain` has of it.
    @discardableResult
    func wait(
        for state: String, of container: String, _ declaration: String = "app", timeout: Duration = .seconds(20)
    ) async throws -> JSONValue {
        var last: JSONValue?
        try await waitUntil(
            timeout: timeout,
            "\(container)/\(declaration) to be \(state); \(last.map { "\($0)" } ?? "nothing is known of it"); "
                + daemon.process.errorTail
        ) {
            last = try await explained(container)?["declarations"]?.array?.first { $0["name"]?.string == declaration }
            return last?["state"]?.string == state
        }
        return last!
    }

    /// Removes containers of a case that is over.
    func remove(_ names: String...) async throws {
        for name in names { try await engine.remove(name) }
    }
}

/// Gives the cases of a suite one stage; `kafka` are more lines of the daemon's `kafka:` map.
struct SharedHostileStage: SuiteTrait, TestScoping {
    var kafka: [String] = []
    var isRecursive: Bool { false }

    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
    ) async throws {
        try await HostileStage.provide(kafka, function)
    }
}

extension Trait where Self == SharedHostileStage {
    static func hostileStage(_ kafka: String...) -> Self { SharedHostileStage(kafka: kafka) }
}

/// Whether `needle` stands in `text`.
func contains(_ text: [UInt8], _ needle: [UInt8]) -> Bool {
    guard let first = needle.first, text.count >= needle.count else { return needle.isEmpty }
    return text.withUnsafeBufferPointer { text in
        var place = 0
        while place + needle.count <= text.count {
            guard let found = memchr(text.baseAddress! + place, Int32(first), text.count - place - needle.count + 1)
            else { return false }
            if memcmp(found, needle, needle.count) == 0 { return true }
            place = UnsafeRawPointer(found) - UnsafeRawPointer(text.baseAddress!) + 1
        }
        return false
    }
}
