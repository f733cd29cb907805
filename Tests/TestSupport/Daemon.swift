// The built `longshore` as a child of a test, with a configuration of its own.
internal import Glibc
internal import LinuxIO
internal import Synchronization
internal import Testing

/// What a test's daemon is told; the rest has the defaults of a test: everything in the private directory.
package struct DaemonOptions: Sendable {
    /// `host:port`, several comma-separated, as a broker's `bootstrap` has them.
    package var brokers: String
    package var topic: String
    /// Patterns of the one declaration, `test`.
    package var paths: [String]
    package var auditTopic = "audit"
    /// More declarations, each a YAML flow mapping: `{name: other, paths: [/x/*.log], topic: t}`.
    package var moreFiles: [String] = []
    /// More lines of the `kafka:` map, without indentation.
    package var kafkaLines: [String] = ["linger: 5ms"]
    /// More top-level YAML. `limits:`, `start:`, `checkpoint:` and their like.
    package var topLevelLines: [String] = []
    package var environment: [String: String] = [:]
    /// Absolute path; nil: `state` in the daemon's directory.
    package var stateDirectory: String?
    /// The program to run instead of the built `longshore`.
    package var program: String?
    /// A program with arguments that runs the daemon in its place (exec), as setpriv(1) and unshare(1) do.
    package var wrapper: [String] = []
    /// Entries of `files:` as YAML flow maps, instead of the one declaration.
    package var files: [String]?

    package init(brokers: String, topic: String, paths: [String]) {
        self.brokers = brokers
        self.topic = topic
        self.paths = paths
    }
}

/// One daemon: configuration, state directory and admin socket lie in the directory it is given, so that a new `Daemon`
/// there goes on where the one before was killed. Deinit kills it. Its ledger is checked in every status it gives, before
/// it is ended in whatever way, and by what it has logged in the end.
package final class Daemon: Sendable {
    package let directory: TemporaryDirectory
    package let configurationPath: String
    package let adminSocket: String
    private let running = Mutex<ChildProcess?>(nil)
    private let environment: [String: String]
    private let program: String?
    private let wrapper: [String]

    /// Writes the configuration; starts nothing.
    package init(_ options: DaemonOptions, in directory: TemporaryDirectory) throws {
        self.directory = directory
        environment = options.environment
        program = options.program
        wrapper = options.wrapper
        adminSocket = directory.path("admin.sock")
        configurationPath = directory.path("longshore.yaml")
        if options.stateDirectory == nil { try directory.makeDirectory("state") }
        try configure(options)
    }

    /// The same configuration as text, for tests that damage it.
    package func configurationText(_ options: DaemonOptions) -> String { yaml(options) }

    /// Writes another configuration; `reload` makes the running daemon take it.
    package func configure(_ options: DaemonOptions) throws {
        try directory.write(yaml(options), to: "longshore.yaml")
    }

    deinit {
        guard let child = running.withLock({ $0 }) else { return }
        if child.isRunning { check(try? httpGetBlocking(.unix(path: adminSocket), "/status", patience: 2)) }
        child.signal(SIGKILL)
        checkLog(child)
    }

    /// Starts the daemon and waits until its admin socket answers.
    package func start(timeout: Duration = .seconds(20)) async throws {
        let child = try launch()
        try await waitUntil(timeout: timeout, "the daemon's admin socket; it wrote: \(child.errorTail)") {
            if let end = child.isRunning ? nil : try await child.wait() {
                throw FixtureError("the daemon ended with \(end): \(child.errorTail)")
            }
            // A socket left by a killed daemon answers nobody; one of the last moments answers with another pid.
            return (try? await status())?["processID"]?.double == Double(child.processID)
        }
    }

    /// Starts the daemon without waiting for anything. The one before it must have ended: it is forgotten, and so killed.
    @discardableResult
    package func launch() throws -> ChildProcess {
        let command = wrapper + [try program ?? longshoreBinary(), "run", "--config", configurationPath]
        let child = try ChildProcess(
            command[0], Array(command.dropFirst()), environment: environment, directory: directory,
            outputName: "longshore")
        running.withLock { $0 = child }
        return child
    }

    /// The running child; traps before the first start.
    package var process: ChildProcess { running.withLock { $0 }! }

    /// False before the first start, and when it has ended.
    package var isRunning: Bool { running.withLock { $0 }?.isRunning ?? false }

    /// SIGKILL, and waits for the end.
    package func kill9() async throws {
        process.signal(SIGKILL)
        try await process.wait()
        checkLog(process)
    }

    /// SIGTERM, and waits for the end: `.exited(0)` when it drained.
    @discardableResult
    package func terminate(timeout: Duration = .seconds(40)) async throws -> ProcessEnd {
        check(try? await httpRequest(.unix(path: adminSocket), "GET", "/status", patience: 2))
        process.signal(SIGTERM)
        defer { checkLog(process) }
        return try await process.wait(timeout: timeout)
    }

    /// The ledger as it is now, if the daemon answers: it may hang or be ending, as its test wants it.
    private func check(_ answer: HTTPResponse?) {
        guard let answer, answer.status == 200, let status = try? JSONValue(parsing: answer.body) else { return }
        expectBalance(status)
    }

    /// What the daemon found of itself, also in moments when nobody asked.
    private func checkLog(_ child: ChildProcess) {
        let log = child.standardError
        for mark in ["edger out of balance", "ledger was out of balance", "the ledger of source"]
        where log.contains(mark) {
            Issue.record("the daemon's ledger is out of balance: \(child.errorTail)")
            return
        }
    }

    /// SIGHUP: take the configuration anew.
    package func reload() { process.signal(SIGHUP) }

    /// `GET /status` of the admin socket.
    package func status() async throws -> JSONValue {
        let answer = try await httpGet(.unix(path: adminSocket), "/status")
        guard answer.status == 200 else { throw FixtureError("GET /status: \(answer.status) \(answer.text)") }
        let status = try JSONValue(parsing: answer.body)
        expectBalance(status)
        return status
    }

    /// The same for a thread of the test's own: blocks, 2 s at most.
    package func statusBlocking() throws -> JSONValue {
        let answer = try httpGetBlocking(.unix(path: adminSocket), "/status", patience: 2)
        guard answer.status == 200 else { throw FixtureError("GET /status: \(answer.status) \(answer.text)") }
        return try JSONValue(parsing: answer.body)
    }

    /// `GET path` of the metrics listener, whose port the daemon has logged: `/readyz`, `/healthz`, `/metrics`.
    package func metrics(_ path: String) async throws -> HTTPResponse {
        guard let line = process.standardError.split(separator: "\n").last(where: { $0.contains(" metrics port=") }),
            let port = line.split(separator: " metrics port=").last.flatMap({ UInt16($0) })
        else { throw FixtureError("no metrics port in the daemon's log: \(process.errorTail)") }
        return try await httpGet(.tcp(port: port), path)
    }

    /// Asks for the status until `condition` holds.
    package func waitForStatus(
        timeout: Duration = .seconds(30), _ description: String, condition: @Sendable (JSONValue) -> Bool
    ) async throws {
        let last = Mutex("none came")
        try await waitUntil(
            timeout: timeout, "\(description); last status: \(last.withLock { $0 }); log: \(process.errorTail)"
        ) {
            guard let status = try? await status() else { return false }
            last.withLock { $0 = "\(status)" }
            return condition(status)
        }
    }

    private func yaml(_ options: DaemonOptions) -> String {
        let brokers = options.brokers.split(separator: ",").map { quoted(String($0)) }.joined(separator: ", ")
        let kafka =
            ["brokers: [\(brokers)]", "topic: \(quoted(options.topic))", "audit_topic: \(quoted(options.auditTopic))"]
            + options.kafkaLines
        let files =
            options.files
            ?? ["{name: test, paths: [\(options.paths.map(quoted).joined(separator: ", "))]}"]
        return """
            state_directory: \(quoted(options.stateDirectory ?? directory.path("state")))
            admin: {socket: \(quoted(adminSocket)), mode: "0600"}
            metrics: {listen: "127.0.0.1:0"}
            kafka:
            \(kafka.map { "  " + $0 }.joined(separator: "\n"))
            files:
            \(files.map { "  - " + $0 }.joined(separator: "\n"))
            \(options.moreFiles.map { "  - " + $0 }.joined(separator: "\n"))
            \(options.topLevelLines.joined(separator: "\n"))

            """
    }
}

/// A YAML double-quoted scalar.
private func quoted(_ text: String) -> String {
    "\"" + text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
}
