// The whole configuration, validated: what every other room's options are made from.

/// Immutable and complete: defaults filled in, durations in nanoseconds, sizes in bytes.
package struct Configuration: Equatable, Sendable {
    package let node: NodeConfiguration
    /// Absolute, without a slash at the end.
    package let stateDirectory: String
    package let kafka: KafkaConfiguration
    package let runtimes: RuntimesConfiguration
    package let paths: PathsConfiguration
    package let labels: LabelsConfiguration
    /// At least one, unless containers are followed.
    package let files: [FileEntry]
    /// The default of `FileEntry.start`, already applied there.
    package let start: StartPosition
    /// Nanoseconds; 0 ignores nothing.
    package let ignoreOlder: Int64
    package let limits: LimitsConfiguration
    package let checkpoint: CheckpointConfiguration
    package let admin: AdminConfiguration
    package let metrics: MetricsConfiguration
    package let log: LogConfiguration
}

/// Where to begin with files that are there when a declaration is followed for the first time ever.
package enum StartPosition: String, Sendable, CaseIterable {
    case beginning, end
}

/// What is on every record of this node.
package struct NodeConfiguration: Equatable, Sendable {
    /// `host.name`; never empty.
    package let name: String
    /// `node.labels.<k>`.
    package let labels: [String: String]
    /// `k8s.cluster.name`; empty when there is none.
    package let cluster: String
}

/// Bounds of memory, lines and held files.
package struct LimitsConfiguration: Equatable, Sendable {
    /// Bytes of buffers, 8 MiB at least.
    package let memory: Int
    /// Bytes of one record's message; a longer line becomes partial records. At most an eighth of `memory`.
    package let line: Int
    /// Bytes of one line altogether, at least `line`; the rest is a gap "oversize".
    package let lineTotal: Int
    /// Nanoseconds a deleted file is held open to be read to its end.
    package let deletedFileHold: Int64
    /// Bytes of deleted files held open altogether.
    package let deletedBytes: Int
    /// Nanoseconds a stop waits for acknowledgements.
    package let drain: Int64
}

/// How often committed offsets become durable, in nanoseconds.
package struct CheckpointConfiguration: Equatable, Sendable {
    /// Written (survives kill -9).
    package let interval: Int64
    /// Synced (survives power loss); not shorter than `interval`.
    package let fsync: Int64
}

/// The admin socket.
package struct AdminConfiguration: Equatable, Sendable {
    package let enabled: Bool
    /// Absolute path, at most 107 bytes (sun_path of unix(7)).
    package let socket: String
    /// Permission bits, 0...0o777.
    package let mode: UInt32
    /// A group's name; whether it exists is known only on the node.
    package let group: String
}

/// The TCP port of /metrics, /healthz and /readyz.
package struct MetricsConfiguration: Equatable, Sendable {
    package let enabled: Bool
    /// Port 0 lets the kernel choose.
    package let listen: HostPort
}

/// The daemon's own log.
package struct LogConfiguration: Equatable, Sendable {
    /// The levels of swift-log; the raw values are its names.
    package enum Level: String, Sendable, CaseIterable {
        case trace, debug, info, notice, warning, error, critical
    }
    /// How lines look.
    package enum Format: String, Sendable, CaseIterable {
        case text, json
    }
    package let level: Level
    package let format: Format
}
