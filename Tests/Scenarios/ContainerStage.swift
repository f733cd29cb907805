// What every container scenario stands on: a real Docker Engine, a real broker, the daemon, and readers that run along.
import Core
import Glibc
import LinuxIO
import TestSupport
import Testing

/// All container scenarios, one after the other: each has an engine of its own and loads both cores.
@Suite("Containers", .serialized, .timeLimit(.minutes(5)))
enum ContainerScenarios {}

/// A record with the message `NAME NUMBER` that the containers of these scenarios write.
struct ContainerLine: Sendable {
    let name: String
    let number: Int
    let partition: Int32
    /// When it was read back, and so acknowledged; wall-clock nanoseconds.
    let readAt: Int64
    /// Every field of the first line and of each hundredth.
    let fields: RecordFields?

    /// nil: the message is no such line.
    init?(_ view: KafkaRecordView) throws {
        let readAt = Clock.wall()
        let marker = Array("\"message\":\"".utf8)
        guard let start = memmem(view.value.baseAddress!, view.value.count, marker, marker.count) else { return nil }
        let from = start - UnsafeRawPointer(view.value.baseAddress!) + marker.count
        let text = String(decoding: view.value[from...].prefix { $0 != 0x22 }, as: UTF8.self)
        let words = text.split(separator: " ")
        guard words.count == 2, let number = Int(words[1]) else { return nil }
        name = String(words[0])
        self.number = number
        partition = view.partition
        self.readAt = readAt
        fields = number % 100 == 1 ? try RecordFields(parsing: Array(view.value)) : nil
    }
}

/// memmem(3), which Glibc's module lacks.
private func memmem(
    _ haystack: UnsafePointer<UInt8>, _ count: Int, _ needle: [UInt8], _ length: Int
) -> UnsafeRawPointer? {
    var place = 0
    while place + length <= count, let found = memchr(haystack + place, Int32(needle[0]), count - place - length + 1) {
        if memcmp(found, needle, length) == 0 { return UnsafeRawPointer(found) }
        place = UnsafeRawPointer(found) - UnsafeRawPointer(haystack) + 1
    }
    return nil
}

/// One daemon between one Docker Engine and one broker. The daemon is made but not started.
final class ContainerStage: LineStage {
    let directory: TemporaryDirectory
    let engine: DockerEngine
    let broker: NoidaBroker
    let lines: KafkaReader<ContainerLine>
    let audit: KafkaReader<KafkaRecord>
    /// All records whole, for the scenario that judges ranges; read from the first use on.
    private(set) lazy var all: KafkaReader<KafkaRecord> = try! KafkaReader(broker.bootstrap, topic: "logs")
    let daemon: Daemon

    /// Makes `logs` and `audit`. `change` may change what the daemon is told.
    init(
        partitions: Int = 8, liveRestore: Bool = false, _ change: (inout DaemonOptions) -> Void = { _ in }
    ) async throws {
        directory = try TemporaryDirectory()
        engine = try await DockerEngine.start(liveRestore: liveRestore)
        try await engine.importBusybox()
        broker = try await NoidaBroker.start()
        try await broker.createTopic("logs", partitions: partitions)
        try await broker.createTopic("audit", partitions: 1)
        lines = try KafkaReader(broker.bootstrap, topics: ["logs"]) { try ContainerLine($0) }
        audit = try KafkaReader(broker.bootstrap, topic: "audit")
        var options = DaemonOptions(brokers: broker.bootstrap, topic: "logs", paths: [directory.path("none/*.log")])
        options.topLevelLines = [
            Daemon.dockerOnly(engine.socket), "labels: {record: [app]}",
        ]
        change(&options)
        daemon = try Daemon(options, in: directory)
    }

    /// Starts the containers, `width` at a time; gives their ids by name.
    func start(_ containers: [(name: String, container: DockerContainer)], width: Int = 4) async throws -> [String:
        String]
    {
        let engine = engine
        return try await withThrowingTaskGroup(of: (String, String).self) { group in
            var ids: [String: String] = [:]
            for (index, entry) in containers.enumerated() {
                if index >= width, let (name, id) = try await group.next() { ids[name] = id }
                group.addTask { (entry.name, try await engine.createAndStart(entry.container, name: entry.name)) }
            }
            for try await (name, id) in group { ids[name] = id }
            return ids
        }
    }
}

/// The value below which `part` of the values lie; 0 for none.
func percentile(_ values: [Int64], _ part: Double) -> Int64 {
    let sorted = values.sorted()
    return sorted.isEmpty ? 0 : sorted[min(sorted.count - 1, Int(Double(sorted.count) * part))]
}

/// Wall-clock nanoseconds of a time as Docker tells it (RFC 3339, UTC).
func instant(_ text: String) -> Int64? {
    let parts = text.split { !$0.isNumber }.map { Int32($0) ?? 0 }
    guard parts.count >= 6, text.hasSuffix("Z") else { return nil }
    var broken = tm()
    (broken.tm_year, broken.tm_mon, broken.tm_mday) = (parts[0] - 1900, parts[1] - 1, parts[2])
    (broken.tm_hour, broken.tm_min, broken.tm_sec) = (parts[3], parts[4], parts[5])
    let fraction = text.split(separator: ".").dropFirst().first.flatMap { Double("0." + $0.dropLast()) } ?? 0
    return Int64(timegm(&broken)) * nanosecondsPerSecond + Int64(fraction * 1e9)
}
