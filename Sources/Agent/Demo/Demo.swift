// longshore demo: an embedded broker, a sample application, the daemon, and a consumer, in one process.
internal import Configuration
internal import Core
internal import Glibc
internal import KafkaSink
internal import LinuxIO
internal import Synchronization

/// Runs the daemon through the same code as `longshore run` on a sample application's log, and hands over each record as
/// it is consumed back from the topic. Everything lives in a private directory that is removed at the end.
package struct Demo: Sendable {
    /// End after this many records; nil: when interrupted.
    private let limit: Int?
    /// Takes each record (one line of JSON) as it arrives.
    private let record: @Sendable (String) -> Void
    /// Takes what the demo says about itself.
    private let narrate: @Sendable (String) -> Void

    package init(
        limit: Int?, record: @escaping @Sendable (String) -> Void, narrate: @escaping @Sendable (String) -> Void
    ) {
        self.limit = limit
        self.record = record
        self.narrate = narrate
    }

    package func run() async throws {
        let directory = try DemoDirectory()
        defer { directory.remove() }
        let broker: EmbeddedBroker
        do { broker = try EmbeddedBroker() } catch { throw AgentFailure(message: "\(error)") }
        let container = await container()
        defer { container?.remove() }
        let path = directory.path + "/longshore.yaml"
        try directory.write(configurationText(directory.path, broker.bootstrap, container), to: "longshore.yaml")
        let load: @Sendable () -> ConfigurationOutcome = { ConfigurationLoader.load(path: path, environment: [:]) }
        guard case .loaded(let configuration) = load() else {
            throw AgentFailure(message: "the demo's own configuration is refused: \(load())")
        }
        narrate(
            "the application writes \(directory.path)/logs/shop.log and renames it away every \(SampleApplication.linesPerFile) lines"
        )
        if let container {
            narrate("container \(container.name) writes a log too, and has the label \(container.label)")
            narrate("(labels begin with longshore.logs elsewhere; here other containers are left alone)")
        }
        narrate("the daemon follows it and produces to topic \"logs\" of the embedded broker at \(broker.bootstrap)")
        narrate("each line below is a record as a consumer gets it from the topic:")
        let agent = try Agent(path: path, initial: configuration, load: load)
        let ofContainer = container == nil ? 0 : min(Demo.containerLines, (limit ?? 0) / 2)
        let application = SampleApplication(directory: directory.path + "/logs", limit: limit.map { $0 - ofContainer })
        let consumer = DemoConsumer(bootstrap: broker.bootstrap, limit: limit, record: record)
        try await run(agent, configuration, application, consumer) { [limit] in
            try container?.start(
                directory: directory.path + "/container", limit == nil ? .untilRemoved : .lines(ofContainer))
        }
        narrate(consumer.summary)
    }

    /// Lines that the container writes when there is a limit; the application writes the rest.
    private static let containerLines = 20

    /// The container, where Docker is; else it is said why there is none. Blocking calls get a thread of their own.
    private func container() async -> DemoContainer? {
        let host = getenv("DOCKER_HOST").map { String(cString: $0) }
        guard let socket = DockerCalls.socketPath(host: host) else {
            narrate("no container takes part: DOCKER_HOST is \(escapedForTerminal(host ?? "")), not a unix socket")
            return nil
        }
        do { return try await Blocking.run { try DemoContainer.prepare(socket: socket) } } catch {
            narrate("no container takes part: \(error)")
            return nil
        }
    }

    /// The application and the consumer run beside the agent; whoever ends first ends all.
    private func run(
        _ agent: Agent, _ configuration: Configuration, _ application: SampleApplication, _ consumer: DemoConsumer,
        _ startContainer: @escaping @Sendable () throws -> Void
    ) async throws {
        let (running, runner) = AsyncStream<Void>.makeStream()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                for await _ in running {
                    do { try await Blocking.run(startContainer) } catch {
                        agent.stop()
                        throw AgentFailure(message: "the container cannot be started: \(error)")
                    }
                }
            }
            group.addTask { await application.run() }
            group.addTask {
                defer { agent.stop() }
                try await Blocking.run { try consumer.run() }
            }
            group.addTask {
                defer {
                    consumer.stop()
                    application.stop()
                    runner.finish()
                }
                try await agent.run(configuration) {
                    application.start()
                    runner.yield()
                    runner.finish()
                }
            }
            try await group.waitForAll()
        }
    }

    func configurationText(_ directory: String, _ bootstrap: String, _ container: DemoContainer?) -> String {
        let runtimes = container.map { Demo.runtimesText(socket: $0.docker.socket, labelPrefix: $0.labelPrefix) }
        return """
            node: {name: demo, labels: {zone: here}}
            state_directory: \(directory)/state
            kafka: {brokers: ["\(bootstrap)"], topic: logs, linger: 5ms}
            files:
              - {name: shop, paths: ["\(directory)/logs/*.log"], labels: {team: checkout}}
            admin: {socket: \(directory)/admin.sock, mode: "0600"}
            metrics: {enabled: false}
            log: {level: warning}
            \(runtimes ?? Demo.noRuntimes)
            """
    }
}

/// A private temporary directory of the demo.
struct DemoDirectory {
    let path: String

    init() throws(AgentFailure) {
        let base = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        var template = Array((base + "/longshore-demo.XXXXXX").utf8CString)
        guard mkdtemp(&template) != nil else {
            throw AgentFailure(message: "cannot make a directory in \(base): \(String(cString: strerror(errno)))")
        }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        mkdir(path + "/logs", 0o755)
        mkdir(path + "/container", 0o755)
    }

    func write(_ text: String, to name: String) throws(AgentFailure) {
        guard let file = fopen(path + "/" + name, "w") else {
            throw AgentFailure(message: "cannot write \(path)/\(name): \(String(cString: strerror(errno)))")
        }
        fputs(text, file)
        fclose(file)
    }

    /// Removes the directory with everything in it.
    func remove() { remove(Array(path.utf8)) }

    private func remove(_ directory: RawPath) {
        var entries: [(RawPath, Bool)] = []
        try? FileSystem.forEachEntry(in: directory) { name, type, _ in
            entries.append((directory + [0x2F] + name, type == UInt8(DT_DIR)))
            return true
        }
        for (entry, isDirectory) in entries {
            if isDirectory { remove(entry) } else { FileSystem.withCString(entry) { _ = unlink($0) } }
        }
        FileSystem.withCString(directory) { _ = rmdir($0) }
    }
}
