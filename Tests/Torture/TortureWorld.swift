// Where a round happens: brokers that fail on demand, the daemon with a clock and a disk of its own, readers.
import Core
import Glibc
import LinuxIO
import TestSupport

/// Three mock brokers behind a proxy, the daemon, and what reads along. The state directory is a tmpfs of its own, so
/// that it can fill up; the daemon's wall clock and what it makes durable are in the hands of the test.
final class TortureWorld: Sendable {
    /// Records that hold it are refused, in rounds that have it.
    static let poison = "POISON"
    private static let stateBytes = 24 << 20
    static let partitions = 128
    let story: TortureStory
    let directory: TemporaryDirectory
    let cluster: MockCluster
    let proxy: KafkaProxy
    let daemon: Daemon
    let arrivals = TortureArrivals()
    let clock: ClockShim
    let power: PowerShim
    let disk: TemporaryMount
    let engine: DockerEngine?
    private let records: KafkaReader<Never>
    private let audit: KafkaReader<Never>
    private let options: DaemonOptions

    init(_ story: TortureStory, engine: DockerEngine?) async throws {
        self.story = story
        self.engine = engine
        directory = try TemporaryDirectory()
        cluster = try MockCluster(brokers: 3)
        for topic in TortureStory.topics {
            try cluster.createTopic(topic, partitions: TortureWorld.partitions, replication: 3)
        }
        try cluster.createTopic("audit", partitions: 16, replication: 3)
        try cluster.createTopic("dead", partitions: 4, replication: 3)
        proxy = try KafkaProxy(cluster.bootstrap)
        if story.hasPoison {
            for topic in TortureStory.topics {
                proxy.refuseProduce(topic, containing: TortureWorld.poison, .invalidRecord)
            }
        }
        disk = try TemporaryMount(on: directory.makeDirectory("disk"), bytes: TortureWorld.stateBytes)
        let state = try directory.makeDirectory("disk/state")
        clock = try await ClockShim(in: directory)
        power = try await PowerShim(state: state, in: directory)
        options = try TortureWorld.options(story, directory, proxy.bootstrap, engine, clock, power)
        daemon = try Daemon(options, in: directory)
        let arrivals = arrivals
        records = try KafkaReader(cluster.bootstrap, topics: Set(TortureStory.topics)) {
            try arrivals.take($0)
            return nil
        }
        audit = try KafkaReader(cluster.bootstrap, topics: ["audit"]) {
            try arrivals.take(event: $0)
            return nil
        }
    }

    private static func options(
        _ story: TortureStory, _ directory: TemporaryDirectory, _ brokers: String, _ engine: DockerEngine?,
        _ clock: ClockShim, _ power: PowerShim
    ) throws -> DaemonOptions {
        var options = DaemonOptions(brokers: brokers, topic: TortureStory.topics[0], paths: [])
        options.stateDirectory = directory.path("disk/state")
        options.files = try story.streams.enumerated().map { index, rotation in
            try directory.makeDirectory("s\(index)")
            let (paths, exclude) = rotation.patterns
            return "{name: s\(index), topic: \(TortureStory.topics[index % 3]), "
                + "paths: [\(paths.map { "\"\(directory.path("s\(index)/\($0)"))\"" }.joined(separator: ", "))]"
                + (exclude.isEmpty ? "" : ", exclude: [\"\(exclude.joined(separator: "\", \""))\"]") + "}"
        }
        try directory.makeDirectory("flood")
        options.moreFiles = ["{name: flood, paths: [\"\(directory.path("flood/*.log"))\"]}"]
        options.environment = clock.environment.merging(power.environment) { first, _ in first }
        options.environment["LD_PRELOAD"] = "\(clock.environment["LD_PRELOAD"]!):\(power.library)"
        if let descriptors = story.descriptors {
            options.wrapper = ["/bin/sh", "-c", "ulimit -n \(descriptors); exec \"$@\"", "longshore"]
        }
        change(&options, story, engine, variant: 0)
        return options
    }

    private static func change(
        _ options: inout DaemonOptions, _ story: TortureStory, _ engine: DockerEngine?, variant: Int
    ) {
        options.kafkaLines = [
            "linger: \([5, 20, 50][variant % 3])ms", "dead_letter_topic: dead",
            "compression: \(story.hasPoison ? "none" : ["lz4", "zstd", "gzip"][variant % 3])",
            "allowed_topics: [\"logs.*\"]",
        ]
        options.topLevelLines = [
            "limits: {memory: \([16, 24, 32][variant % 3])MiB, line: \(TortureStory.lineLimit)B, "
                + "line_total: \(TortureStory.lineTotal)B, drain: 5s}",
            "checkpoint: {interval: \([50, 200, 400][variant % 3])ms}",
            "node: {labels: {variant: \"\(variant)\"}}",
        ]
        options.topLevelLines.append(engine.map { Daemon.dockerOnly($0.socket) } ?? Daemon.noContainers)
    }

    /// The configuration changes in what may change at any moment; the running daemon is not told.
    func configure(variant: Int) throws {
        var options = options
        TortureWorld.change(&options, story, engine, variant: variant)
        try daemon.configure(options)
    }

    /// A configuration that must be refused.
    func misconfigure() throws {
        var options = options
        options.topLevelLines.append("nonsense: {}")
        try daemon.configure(options)
    }

    /// Streams with their first files, before anything is followed.
    func streams() throws -> [TortureStream] {
        try story.streams.enumerated().map { index, rotation in
            try TortureStream(number: UInt32(index), rotation: rotation, directory: directory.path("s\(index)"))
        }
    }

    /// Everything that fails on demand works again.
    func mend() throws {
        try cluster.setUp()
        try cluster.setRoundTripTime(milliseconds: 0)
        cluster.clearRequestErrors(.produce)
        for topic in TortureStory.topics {
            proxy.refuseProduce(topic, nil)
            proxy.setMetadataError(topic, nil)
        }
        for broker in 0..<3 { proxy.refuseProduce(broker: broker, count: 0, .notLeader) }
        proxy.stall(false)
        unlink(directory.path("disk/ballast"))
        try disk.makeWritable()
    }

    /// What kept the readers from judging; empty in a good round.
    var problems: [String] {
        var problems = records.problems + audit.problems + proxy.problems
        let missed = records.missedMessages + audit.missedMessages
        if missed > 0 { problems.append("the mock cluster dropped \(missed) records before they were read") }
        return problems
    }
}
