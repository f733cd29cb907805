// The stage of the daemon's life tests: one real broker for all of them, a daemon each, and what arrived.
import Core
import Glibc
import LinuxIO
import TestSupport
import Testing

/// All tests of bad input and of the daemon's life, one after the other: they share one broker and two cores.
@Suite("Daemon", .serialized, .sharedBroker)
enum DaemonTests {}

/// Starts one noida-db around a suite and ends it behind it.
struct SharedBroker: SuiteTrait, TestScoping {
    @TaskLocal static var current: NoidaBroker?

    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
    ) async throws {
        let broker = try await NoidaBroker.start()
        try await SharedBroker.$current.withValue(broker, operation: function)
        try await broker.stop()
    }
}

extension Trait where Self == SharedBroker {
    static var sharedBroker: SharedBroker { SharedBroker() }
}

/// One daemon in a directory of its own, with topics of its own.
struct LifeStage {
    let directory: TemporaryDirectory
    let bootstrap: String
    let topic: String
    let auditTopic: String
    let daemon: Daemon
    private(set) var options: DaemonOptions

    /// Logs are `logs/*.log` below the directory, which exists. `change` adjusts the options. Without `bootstrap` the
    /// shared broker is used.
    init(
        bootstrap: String? = nil, in given: TemporaryDirectory? = nil,
        _ change: (inout DaemonOptions, TemporaryDirectory) throws -> Void = { _, _ in }
    ) throws {
        directory = try given ?? TemporaryDirectory()
        self.bootstrap = try bootstrap ?? #require(SharedBroker.current).bootstrap
        let name = String(directory.path.split(separator: "-").last!)
        topic = "logs.\(name)"
        auditTopic = "audit.\(name)"
        try directory.makeDirectory("logs")
        options = DaemonOptions(brokers: self.bootstrap, topic: topic, paths: [directory.path("logs/*.log")])
        options.auditTopic = auditTopic
        try change(&options, directory)
        daemon = try Daemon(options, in: directory)
    }

    /// Writes a changed configuration; the daemon does not know of it yet.
    mutating func configure(_ change: (inout DaemonOptions) -> Void) throws {
        change(&options)
        try daemon.configure(options)
    }

    /// Absolute path of a log.
    func log(_ name: String) -> String { directory.path("logs/\(name)") }

    /// Appends lines to a log, each with its newline.
    func append(_ lines: [String], to name: String = "a.log") throws {
        try directory.append(lines.map { $0 + "\n" }.joined(), to: "logs/\(name)")
    }

    /// Waits until every byte of the followed files is settled, `bytes` of them or more.
    func waitUntilShipped(_ bytes: Int, timeout: Duration = .seconds(30)) async throws {
        try await daemon.waitForStatus(timeout: timeout, "\(bytes) bytes shipped") { status in
            let totals = status["totals"]
            let settled = ["acknowledged", "skipped", "gap"].reduce(0) { $0 + (totals?[$1]?.uint64 ?? 0) }
            return settled >= UInt64(bytes) && totals?["inFlight"]?.uint64 == 0 && totals?["unread"]?.uint64 == 0
        }
    }

    /// Everything in the topic now; the topic must exist.
    func records() async throws -> [RecordFields] { try await LifeStage.read(bootstrap, topic) }

    /// At least `count` records.
    func records(count: Int, timeout: Duration = .seconds(30)) async throws -> [RecordFields] {
        try await readRecords(bootstrap, topic: topic, until: .count(count), timeout: timeout).map { try $0.fields() }
    }

    /// The messages in the topic once `count` are there.
    func messages(count: Int, timeout: Duration = .seconds(30)) async throws -> [String] {
        try await records(count: count, timeout: timeout).map { $0.message ?? "" }
    }

    /// Waits for audit events of a kind and gives all of that kind.
    func auditEvents(_ kind: String, count: Int = 1, timeout: Duration = .seconds(20)) async throws -> [RecordFields] {
        let reader = try KafkaReader<RecordFields>(bootstrap, topics: [auditTopic]) { view in
            let fields = try view.copy().fields()
            return fields.string("event") == kind ? fields : nil
        }
        try await reader.waitForCount(count, timeout: timeout)
        return try await onOwnThread("test-stop") { reader.stop() }
    }

    private static func read(_ bootstrap: String, _ topic: String) async throws -> [RecordFields] {
        try await readRecords(bootstrap, topic: topic).map { try $0.fields() }
    }

    /// What the daemon has logged so far.
    var logText: String { daemon.process.standardError }

    func waitForLog(_ text: String, timeout: Duration = .seconds(20)) async throws {
        try await waitUntil(timeout: timeout, "the log says \"\(text)\"; it says: \(logText.suffix(3000))") {
            logText.contains(text)
        }
    }

    /// `longshore status` of this daemon.
    func statusText(_ flags: [String] = []) async throws -> String {
        let answer = try await runLongshore(["status", "--socket", daemon.adminSocket] + flags)
        #expect(answer.end == .exited(0), "\(answer.error)")
        return answer.output
    }

    /// The source of a log in a status; nil when it is not listed.
    static func source(_ status: JSONValue, endingIn name: String) -> JSONValue? {
        status["sources"]?.array?.first { $0["path"]?.string?.hasSuffix(name) == true }
    }
}

/// How often each text occurs.
func counts(_ texts: [String]) -> [String: Int] { texts.reduce(into: [:]) { $0[$1, default: 0] += 1 } }

/// A user that owns nothing: nobody(5).
let nobody: uid_t = 65_534

/// chown(2) and chmod(2), or a failed test.
func give(_ path: String, to user: uid_t = nobody, mode: mode_t? = nil) throws {
    try retryingInterrupts("chown", path) { chown(path, user, user) }
    if let mode { try retryingInterrupts("chmod", path) { chmod(path, mode) } }
}

/// Runs a program as `nobody`, without any capability.
let asNobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs"]

extension LifeStage {
    /// The port the metrics listener was given, by the daemon's `run`-th start (the log of all is one file).
    func metricsPort(run: Int = 1) async throws -> UInt16 {
        try await waitUntil("metrics port of run \(run); log: \(logText.suffix(2000))") {
            logText.ranges(of: "metrics port=").count >= run
        }
        let mark = logText.ranges(of: "metrics port=")[run - 1]
        return try #require(UInt16(logText[mark.upperBound...].prefix { $0.isNumber }))
    }
}

/// Waits until /metrics holds a text.
func waitForMetric(_ endpoint: HTTPEndpoint, _ text: String, timeout: Duration = .seconds(60)) async throws {
    try await waitUntil(timeout: timeout, "the metric \(text)") {
        try await httpGet(endpoint, "/metrics").text.contains(text)
    }
}
