// What scenarios with any runtime share: a broker, the daemon, and readers that run along.
import Core
import TestSupport
import Testing

/// Lines `NAME NUMBER` of containers on their way to a topic.
protocol LineStage: AnyObject {
    var lines: KafkaReader<ContainerLine> { get }
    var audit: KafkaReader<KafkaRecord> { get }
    var daemon: Daemon { get }
}

extension LineStage {
    /// Numbers that arrived from each container by name, in the order of their partitions.
    func arrived() -> [String: [Int]] {
        lines.items().reduce(into: [:]) { $0[$1.name, default: []].append($1.number) }
    }

    /// Waits until as many different lines of each container have arrived as `expected` says.
    func waitForLines(_ expected: [String: Int], timeout: Duration = .seconds(90)) async throws {
        func missing() -> [String] {
            let arrived = arrived()
            return expected.filter { Set(arrived[$0.key] ?? []).count < $0.value }.map {
                "\($0.key): \(Set(arrived[$0.key] ?? []).count) of \($0.value)"
            }
        }
        var seen = -1
        try await waitUntil(
            timeout: timeout,
            "all lines; missing \(missing().sorted().prefix(10)), problems \(lines.problems); "
                + daemon.process.errorTail
        ) {
            guard lines.count != seen else { return false }
            seen = lines.count
            return missing().isEmpty
        }
    }

    /// Audit events of one kind.
    func events(_ kind: String) throws -> [RecordFields] {
        try audit.items().map { try $0.fields() }.filter { $0.string("event") == kind }
    }
}

/// One daemon that follows one runtime, and a broker. The daemon is made but not started.
final class RuntimeStage: LineStage {
    let directory: TemporaryDirectory
    let broker: NoidaBroker
    let lines: KafkaReader<ContainerLine>
    let audit: KafkaReader<KafkaRecord>
    let daemon: Daemon

    /// `runtimes`: that line of the configuration.
    init(runtimes: String) async throws {
        directory = try TemporaryDirectory()
        broker = try await NoidaBroker.start()
        try await broker.createTopic("logs", partitions: 4)
        try await broker.createTopic("audit", partitions: 1)
        lines = try KafkaReader(broker.bootstrap, topics: ["logs"]) { try ContainerLine($0) }
        audit = try KafkaReader(broker.bootstrap, topic: "audit")
        var options = DaemonOptions(brokers: broker.bootstrap, topic: "logs", paths: [directory.path("none/*.log")])
        options.topLevelLines = [runtimes, "labels: {record: [app]}"]
        daemon = try Daemon(options, in: directory)
    }

    /// A script that writes `count` lines to `path` within some seconds, waits until there is `/ctl/go`, writes as many more,
    /// and makes `/ctl/NAME`.
    static func script(_ name: String, count: Int, path: String) -> String {
        """
        w() { i=$1; while [ $i -lt $2 ]; do i=$((i+1)); echo "\(name) $i"; \
        case $i in *00) usleep 40000;; esac; done >>\(path); }; mkdir -p $(dirname \(path)); \
        w 0 \(count); until [ -e /ctl/go ]; do usleep 20000; done; w \(count) \(2 * count); touch /ctl/\(name)
        """
    }

    /// The lines have come, each number once or more, and nothing was given up.
    func checkAllArrived(_ names: [String], count: Int) async throws {
        try await waitForLines(Dictionary(uniqueKeysWithValues: names.map { ($0, 2 * count) }))
        let gaps = try events("gap").count
        #expect(gaps == 0)
        print(
            "\(names.joined(separator: " ")): \(lines.count) records for \(names.count * 2 * count) lines, \(gaps) gaps"
        )
    }
}
