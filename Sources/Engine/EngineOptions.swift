// What the engine needs to know, independent of how it is configured.
package import Checkpoint
internal import Core
package import FileSource
package import KafkaSink
package import Pipeline
package import Resolver

/// One declaration as the engine ships it.
package struct EngineDeclaration: Sendable {
    package var files: FileDeclaration
    package var topic: String
    /// Members of every record of the declaration, as `renderMembers` gives them.
    package var members: [UInt8]
    /// How its files hold their lines: another one than `plain` for the log in which a runtime keeps a container's output.
    package var format: EntryFormat

    package init(files: FileDeclaration, topic: String, members: [UInt8], format: EntryFormat = .plain) {
        self.files = files
        self.topic = topic
        self.members = members
        self.format = format
    }
}

/// Options of one engine. Durations in nanoseconds, sizes in bytes.
package struct EngineOptions: Sendable {
    package var host: String
    /// Members of every record about the node, as `renderMembers` gives them.
    package var nodeMembers: [UInt8] = []
    package var declarations: [EngineDeclaration] = []
    package var tailer: TailerOptions
    /// What containers' declarations may reach.
    package var resolver = ResolverPolicy()
    package var kafka: KafkaOptions
    /// An in-process broker stands behind `kafka`: never ready.
    package var isEmbedded = false
    /// Nil switches the audit topic off.
    package var auditTopic: String?
    /// Where records go that Kafka refuses; nil switches it off.
    package var deadLetterTopic: String?
    package var store: StoreOptions
    package var checkpointInterval: Int64 = 200_000_000
    package var memoryLimit = 64 << 20
    package var line = 256 << 10
    package var lineTotal = 16 << 20
    /// How long a file that cannot be read is left alone before the next try.
    package var readRetry: Int64 = 5_000_000_000
    package var deletedFileHold: Int64 = 300_000_000_000
    package var deletedBytes: UInt64 = 2 << 30
    /// Path of the configuration, for the status.
    package var configurationPath = ""

    package init(host: String, tailer: TailerOptions, kafka: KafkaOptions, store: StoreOptions) {
        self.host = host
        self.tailer = tailer
        self.kafka = kafka
        self.store = store
    }

    /// Where the outbox's events of a destination go; nil: nowhere.
    func topic(of destination: AuditDestination) -> String? {
        switch destination {
        case .audit: auditTopic
        case .deadLetter: deadLetterTopic
        }
    }
}

/// The engine cannot start or had to end: what happened and what to do.
package struct EngineFailure: Error, Sendable, CustomStringConvertible {
    package let message: String
    package var description: String { message }
}

/// How a stopped engine left its work.
package struct EngineEnd: Sendable, Equatable {
    /// Records that were produced and not acknowledged in time: they are read again by the next start.
    package var unacknowledged = 0
    /// Why the engine ended by itself; nil when it was asked to.
    package var failure: String?
    /// Sources whose ledger was found out of balance; anything but 0 is a defect.
    package var ledgerImbalances: UInt64 = 0

    package init(unacknowledged: Int = 0, failure: String? = nil, ledgerImbalances: UInt64 = 0) {
        self.ledgerImbalances = ledgerImbalances
        self.unacknowledged = unacknowledged
        self.failure = failure
    }
}
