// noida-db's Kafka server as a real broker outside this process.
internal import CRdKafka
internal import Glibc
internal import LinuxIO

/// One noida-db process with its own data directory, serving Kafka on a port the kernel gave. For small data: it keeps
/// all in memory, and kill -9 loses its last second. Deinit ends it.
package final class NoidaBroker: @unchecked Sendable {
    /// `127.0.0.1:port`, the same after `restart`.
    package let bootstrap: String
    private let directory: TemporaryDirectory
    /// Replaced by `restart` only, which like `stop` must not race with other calls.
    private var process: ChildProcess
    /// While it is stopped.
    private var heldPort: HeldPort?
    private var port: UInt16 { UInt16(bootstrap.split(separator: ":")[1])! }

    /// Starts the broker and waits until it takes connections.
    package static func start() async throws -> NoidaBroker {
        let directory = try TemporaryDirectory()
        let process = try launch(port: 0, directory)
        var port: UInt16?
        try await waitUntil(timeout: .seconds(20), "the port of noida-db; it wrote: \(process.errorTail)") {
            guard process.isRunning else { throw FixtureError("noida-db ended: \(process.errorTail)") }
            port = announcedPort(process.standardOutput)
            return port != nil
        }
        let broker = NoidaBroker(port: port!, directory: directory, process: process)
        try await broker.waitForConnections()
        return broker
    }

    private init(port: UInt16, directory: TemporaryDirectory, process: ChildProcess) {
        bootstrap = "127.0.0.1:\(port)"
        self.directory = directory
        self.process = process
    }

    /// Ends the broker; its data is saved.
    package func stop() async throws {
        // Where PATH has only the script that runs it as a child, the interrupt reaches both and the script waits.
        process.signalGroup(SIGINT)
        try await process.wait(timeout: .seconds(20))
        heldPort = try HeldPort(port)
    }

    /// Starts the stopped broker again on its port, with its data.
    package func restart() async throws {
        process = try NoidaBroker.launch(port: port, directory)
        try await waitForConnections()
        heldPort = nil
    }

    package var usage: ProcessUsage? { process.usage() }

    /// Makes a topic with topic-level settings; one that clients make by producing has 1 partition. Throws when it exists.
    package func createTopic(
        _ name: String, partitions: Int, settings: [String: String] = [:]
    ) async throws {
        let client = try KafkaClient(RD_KAFKA_PRODUCER, ["bootstrap.servers": bootstrap])
        try await onOwnThread("test-admin") { try create(name, partitions: Int32(partitions), settings, client) }
    }

    /// Deletes a topic with all its records.
    package func deleteTopic(_ name: String) async throws {
        let client = try KafkaClient(RD_KAFKA_PRODUCER, ["bootstrap.servers": bootstrap])
        try await onOwnThread("test-admin") { try delete(name, client) }
    }

    /// Gives a topic these topic-level settings, and the defaults of all others.
    package func alterTopic(_ name: String, settings: [String: String]) async throws {
        let client = try KafkaClient(RD_KAFKA_PRODUCER, ["bootstrap.servers": bootstrap])
        try await onOwnThread("test-admin") { try alter(name, settings, client) }
    }

    private func waitForConnections() async throws {
        let port = port
        try await waitUntil(timeout: .seconds(20), "noida-db to accept on \(bootstrap); it wrote: \(process.errorTail)")
        {
            guard process.isRunning else { throw FixtureError("noida-db ended: \(process.errorTail)") }
            return (try? connectedSocket(.tcp(port: port))) != nil
        }
    }

    private static func launch(port: UInt16, _ directory: TemporaryDirectory) throws -> ChildProcess {
        try ChildProcess(
            try binary(),
            ["start", "--data-dir", directory.path("data"), "--only", "kafka", "--kafka-port", String(port)],
            directory: directory, outputName: "noida-db")
    }

    /// The port in the line `  kafka  127.0.0.1:33939`.
    private static func announcedPort(_ output: String) -> UInt16? {
        for line in output.split(separator: "\n") {
            let words = line.split(separator: " ")
            if words.count == 2, words[0] == "kafka" {
                return words[1].split(separator: ":").last.flatMap { UInt16($0) }
            }
        }
        return nil
    }

    /// The first there is of: $LONGSHORE_NOIDA_DB, .build-tools of the repository, PATH.
    private static func binary() throws -> String {
        if let named = getenv("LONGSHORE_NOIDA_DB") { return String(cString: named) }
        let path = (getenv("PATH").map { String(cString: $0) } ?? "").split(separator: ":").map { "\($0)/noida-db" }
        for candidate in ["\(repositoryRoot)/.build-tools/venv/bin/noida-db"] + path where access(candidate, X_OK) == 0
        {
            return packaged(beside: candidate) ?? candidate
        }
        throw FixtureError("noida-db is not installed: run `make test-tools`, or name it in LONGSHORE_NOIDA_DB")
    }

    /// pip installs a script that runs the program as a child; signals must reach the program itself.
    private static func packaged(beside script: String) -> String? {
        let library = script.split(separator: "/").dropLast(2).map { "/\($0)" }.joined() + "/lib"
        var found: String?
        try? FileSystem.forEachEntry(in: Array(library.utf8)) { name, _, _ in
            let version = String(decoding: name, as: UTF8.self)
            let program = "\(library)/\(version)/site-packages/noida_db/noida-db"
            if version.hasPrefix("python3"), access(program, X_OK) == 0 { found = program }
            return found == nil
        }
        return found
    }
}

/// The root of the package this file was built from.
let repositoryRoot = #filePath.split(separator: "/").dropLast(3).map { "/\($0)" }.joined()

/// CreateTopics through librdkafka's admin API. Blocks up to 10 s.
private func create(
    _ name: String, partitions: Int32, _ settings: [String: String], _ client: KafkaClient
) throws {
    var reason = [CChar](repeating: 0, count: 256)
    var topic = rd_kafka_NewTopic_new(name, partitions, 1, &reason, reason.count)
    guard topic != nil else { throw FixtureError("librdkafka refuses the topic \(name)") }
    for (key, value) in settings { rd_kafka_NewTopic_set_config(topic, key, value) }
    let queue = rd_kafka_queue_new(client.handle)
    defer {
        rd_kafka_NewTopic_destroy(topic)
        rd_kafka_queue_destroy(queue)
    }
    rd_kafka_CreateTopics(client.handle, &topic, 1, nil, queue)
    guard let event = rd_kafka_queue_poll(queue, 10_000) else { throw FixtureError("no answer to CreateTopics") }
    defer { rd_kafka_event_destroy(event) }
    try expectNoError(rd_kafka_event_error(event), name)
    var count = 0
    let results = rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count)
    for index in 0..<count { try expectNoError(rd_kafka_topic_result_error(results?[index]), name) }
}

/// DeleteTopics through librdkafka's admin API. Blocks up to 10 s.
private func delete(_ name: String, _ client: KafkaClient) throws {
    var topic = rd_kafka_DeleteTopic_new(name)
    let queue = rd_kafka_queue_new(client.handle)
    defer {
        rd_kafka_DeleteTopic_destroy(topic)
        rd_kafka_queue_destroy(queue)
    }
    rd_kafka_DeleteTopics(client.handle, &topic, 1, nil, queue)
    guard let event = rd_kafka_queue_poll(queue, 10_000) else { throw FixtureError("no answer to DeleteTopics") }
    defer { rd_kafka_event_destroy(event) }
    try expectNoError(rd_kafka_event_error(event), name)
    var count = 0
    let results = rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(event), &count)
    for index in 0..<count { try expectNoError(rd_kafka_topic_result_error(results?[index]), name) }
}

/// AlterConfigs through librdkafka's admin API. Blocks up to 10 s.
private func alter(_ name: String, _ settings: [String: String], _ client: KafkaClient) throws {
    var resource = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, name)
    for (key, value) in settings { rd_kafka_ConfigResource_set_config(resource, key, value) }
    let queue = rd_kafka_queue_new(client.handle)
    defer {
        rd_kafka_ConfigResource_destroy(resource)
        rd_kafka_queue_destroy(queue)
    }
    rd_kafka_AlterConfigs(client.handle, &resource, 1, nil, queue)
    guard let event = rd_kafka_queue_poll(queue, 10_000) else { throw FixtureError("no answer to AlterConfigs") }
    defer { rd_kafka_event_destroy(event) }
    try expectNoError(rd_kafka_event_error(event), name)
    var count = 0
    let results = rd_kafka_AlterConfigs_result_resources(rd_kafka_event_AlterConfigs_result(event), &count)
    for index in 0..<count { try expectNoError(rd_kafka_ConfigResource_error(results?[index]), name) }
}

private func expectNoError(_ code: rd_kafka_resp_err_t, _ topic: String) throws {
    if code != RD_KAFKA_RESP_ERR_NO_ERROR { throw FixtureError("topic \(topic): \(errorText(code))") }
}
