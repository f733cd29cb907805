// From the configuration to the options of the rooms: the only place where both are known.
internal import CLinux
internal import Checkpoint
internal import Configuration
internal import Core
internal import Engine
internal import FileSource
internal import Glibc
internal import KafkaSink
internal import LinuxIO
internal import Pipeline
internal import Resolver

/// Maps one validated configuration. `embedded`: host:port of the in-process broker, when the configuration asks for it.
struct EngineMapping {
    let configuration: Configuration
    let path: String
    let embedded: String?

    var options: EngineOptions {
        var options = EngineOptions(
            host: configuration.node.name, tailer: tailer, kafka: kafka,
            store: StoreOptions(
                directory: configuration.stateDirectory, fsyncInterval: configuration.checkpoint.fsync))
        options.nodeMembers = nodeMembers
        options.declarations = configuration.files.map(declaration)
        options.resolver = ContainerRules(configuration, path: path).policy
        options.tailer.refusesNetwork = options.resolver.refusesNetwork
        options.isEmbedded = embedded != nil
        options.auditTopic = configuration.kafka.auditTopic
        options.deadLetterTopic = configuration.kafka.deadLetterTopic
        options.checkpointInterval = configuration.checkpoint.interval
        options.memoryLimit = configuration.limits.memory
        options.line = configuration.limits.line
        options.lineTotal = configuration.limits.lineTotal
        options.deletedFileHold = configuration.limits.deletedFileHold
        options.deletedBytes = UInt64(configuration.limits.deletedBytes)
        options.configurationPath = path
        return options
    }

    private var kafka: KafkaOptions {
        KafkaMapping.options(
            configuration.kafka, brokers: embedded ?? configuration.kafka.bootstrapServers ?? "")
    }

    private var tailer: TailerOptions {
        var options = TailerOptions(host: configuration.node.name)
        options.openLimit = max(64, ResourceLimits.openFiles - EngineMapping.reservedDescriptors)
        options.refusedDirectories = [Array(configuration.stateDirectory.utf8)]
        if case .success(let status) = FileSystem.status(descriptor: STDERR_FILENO),
            status.mode & UInt32(S_IFMT) == UInt32(S_IFREG)
        {
            options.ownLog = (status.device, status.inode)
        }
        return options
    }

    /// Descriptors kept for brokers, the store, admin connections and directories being read.
    private static let reservedDescriptors = 256

    /// Fields of every record about the node (contract, "Record").
    private var nodeMembers: [UInt8] {
        var members: [(name: String, value: [UInt8])] = [("host.name", Array(configuration.node.name.utf8))]
        if let id = MachineID.read() { members.append(("host.id", Array(id.utf8))) }
        if !configuration.node.cluster.isEmpty {
            members.append(("k8s.cluster.name", Array(configuration.node.cluster.utf8)))
        }
        for (key, value) in configuration.node.labels.sorted(by: { $0.key < $1.key }) {
            members.append(("node.labels." + key, Array(value.utf8)))
        }
        return renderMembers(members)
    }

    private func declaration(_ entry: FileEntry) -> EngineDeclaration {
        var members: [(name: String, value: [UInt8])] = [("log.declaration", Array(entry.name.utf8))]
        for (key, value) in entry.labels.sorted(by: { $0.key < $1.key }) {
            members.append(("labels." + key, Array(value.utf8)))
        }
        return EngineDeclaration(
            files: FileDeclaration(
                name: entry.name, patterns: entry.paths.map { FileSource.PathPattern($0) },
                excludes: entry.exclude.map { ExcludePattern($0) }, startAtEnd: entry.start == .end,
                ignoreOlder: configuration.ignoreOlder, route: entry.topicName),
            topic: entry.topicName, members: renderMembers(members))
    }
}

/// /etc/machine-id (machine-id(5)): `host.id`.
enum MachineID {
    static func read() -> String? {
        guard let file = fopen("/etc/machine-id", "r") else { return nil }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 64)
        guard fgets(&line, Int32(line.count), file) != nil else { return nil }
        let text = String(decoding: line.prefix { $0 > 0x20 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return text.count == 32 && text.allSatisfy(\.isHexDigit) ? text : nil
    }
}

/// getrlimit(2) and setrlimit(2) for descriptors.
enum ResourceLimits {
    /// Raises the soft limit of open files to the hard one.
    static func raiseOpenFiles() {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        limit.rlim_cur = limit.rlim_max
        _ = setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }

    static var openFiles: Int {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 1024 }
        return Int(clamping: limit.rlim_cur)
    }
}
