// Where records go and how the connection is secured.

/// The `kafka` section.
package struct KafkaConfiguration: Equatable, Sendable {
    /// Where to connect to.
    package enum Brokers: Equatable, Sendable {
        /// An in-process broker, for trying things out.
        case embedded
        /// Bootstrap brokers, at least one.
        case list([HostPort])
    }
    /// compression.codec of librdkafka; the raw values are its names.
    package enum Compression: String, Sendable, CaseIterable {
        case lz4, zstd, gzip, snappy, none
    }
    /// The delivery guarantee.
    package enum Delivery: String, Sendable, CaseIterable {
        case atLeastOnce = "at-least-once"
    }

    package let brokers: Brokers
    package let topic: TopicTemplate
    package let defaultTopic: String
    /// Globs over topic names; what tenants influence must match one.
    package let allowedTopics: [String]
    package let maxTopics: Int
    /// nil: `none`, gaps are not announced.
    package let auditTopic: String?
    /// Where records go that Kafka refuses, and nothing else; nil: `none`, only their gaps tell of them.
    package let deadLetterTopic: String?
    package let compression: Compression
    package let delivery: Delivery
    /// Nanoseconds.
    package let linger: Int64
    /// nil: no TLS.
    package let tls: TLSConfiguration?
    /// nil: no SASL.
    package let sasl: SASLConfiguration?
    /// Properties for librdkafka, none of which touches a guarantee or a secret.
    package let librdkafka: [String: String]

    /// What is wrong with a topic for records: no name Kafka takes, one of Kafka's internal topics, the audit topic or
    /// the dead letter topic. nil when nothing is.
    package func objection(toRecordTopic topic: String) -> Objection? {
        if topic == auditTopic { return Objection("this is kafka.audit_topic", "write another topic") }
        if topic == deadLetterTopic { return Objection("this is kafka.dead_letter_topic", "write another topic") }
        return TopicName.objection(to: topic)
    }

    /// security.protocol of librdkafka, as `tls` and `sasl` imply it.
    package var securityProtocol: String {
        switch (tls, sasl) {
        case (nil, nil): "plaintext"
        case (_, nil): "ssl"
        case (nil, _): "sasl_plaintext"
        case (_, _): "sasl_ssl"
        }
    }

    /// bootstrap.servers of librdkafka; nil with the embedded broker.
    package var bootstrapServers: String? {
        guard case .list(let brokers) = brokers else { return nil }
        return brokers.map(\.description).joined(separator: ",")
    }
}

/// TLS to the brokers: absolute paths of PEM files that were readable at load. At least one is set; `certificate` and
/// `key` come together.
package struct TLSConfiguration: Equatable, Sendable {
    package let ca: String?
    package let certificate: String?
    package let key: String?
}

/// SASL to the brokers, with the password as it was in its file at load.
package struct SASLConfiguration: Equatable, Sendable {
    /// sasl.mechanism of librdkafka; the raw values are its names.
    package enum Mechanism: String, Sendable, CaseIterable {
        case scramSHA512 = "SCRAM-SHA-512"
        case scramSHA256 = "SCRAM-SHA-256"
        case plain = "PLAIN"
    }
    package let mechanism: Mechanism
    package let username: String
    /// Absolute.
    package let passwordFile: String
    package let password: Secret
}

/// A text that is never printed: not by `print`, string interpolation, `dump` or a debugger's summary.
package struct Secret: Equatable, Sendable {
    /// The text itself. Give it only to the library that needs it.
    package let revealed: String

    /// Wraps a text that was read from a file.
    package init(_ revealed: String) { self.revealed = revealed }
}

extension Secret: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String { "(secret)" }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: []) }
}
