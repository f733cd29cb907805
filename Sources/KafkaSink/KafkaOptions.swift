// What the producer needs to know, independent of how it is configured.
internal import Core

/// Options of the Kafka producer. Everything the guarantees depend on is set by `Producer` itself.
package struct KafkaOptions: Sendable, Equatable {
    package var brokers: [String]
    /// lz4, zstd, gzip, snappy or none.
    package var compression = "lz4"
    package var lingerMilliseconds: Double = 50
    /// plaintext, ssl, sasl_plaintext or sasl_ssl.
    package var securityProtocol = "plaintext"
    package var certificateAuthority: String?
    package var certificate: String?
    package var key: String?
    package var saslMechanism: String?
    package var saslUsername: String?
    package var saslPassword: String?
    /// Further librdkafka settings, already checked against the deny list.
    package var passthrough: [(key: String, value: String)] = []
    /// Records in flight over all topics; their payloads are bounded by the arena pool.
    package var queueMessages = 10_000
    /// How often the partition counts of known topics are asked for again, in nanoseconds.
    package var refreshInterval: Int64 = 300 * nanosecondsPerSecond

    package init(brokers: [String]) { self.brokers = brokers }

    package static func == (left: KafkaOptions, right: KafkaOptions) -> Bool {
        left.settings.elementsEqual(right.settings) { $0 == $1 } && left.queueMessages == right.queueMessages
            && left.refreshInterval == right.refreshInterval
    }

    /// librdkafka's settings in the order in which they are set.
    var settings: [(String, String)] {
        var all: [(String, String)] = [
            ("bootstrap.servers", brokers.joined(separator: ",")), ("client.id", "longshore"),
        ]
        if !passthrough.contains(where: { $0.key.hasPrefix("reconnect.backoff") }) {
            // As Kafka's own clients have it: librdkafka would wait up to 10 s once some connections were lost.
            all.append(("reconnect.backoff.max.ms", "1000"))
        }
        all += passthrough.map { ($0.key, $0.value) }
        all += [
            // Delivery: nothing is given up by time, order and idempotence hold over retries.
            ("acks", "all"), ("enable.idempotence", "true"), ("message.timeout.ms", "0"),
            // Memory and speed: payloads are not copied, the queue is bounded by credits before librdkafka's own limit.
            ("message.copy.max.bytes", "100"), ("queue.buffering.max.kbytes", "2147483647"),
            ("queue.buffering.max.messages", String(places)),
            ("linger.ms", String(lingerMilliseconds)), ("compression.codec", compression), ("log.queue", "true"),
            ("log.connection.close", "false"),
        ]
        if compression == "zstd" || compression == "gzip",
            !passthrough.contains(where: { $0.key == "compression.level" })
        {
            all.append(("compression.level", "1"))
        }
        return all + securitySettings
    }

    /// What a consumer of the same brokers needs of it, in the order in which it is set.
    package var consumerSettings: [(String, String)] { passthrough.map { ($0.key, $0.value) } + securitySettings }

    /// All places in librdkafka's queue.
    package var places: Int { queueMessages + KafkaOptions.queueMargin }

    /// Places in librdkafka's queue beyond the credits of the topics, for audit events.
    static let queueMargin = 1_000

    private var securitySettings: [(String, String)] {
        let values: [(String, String?)] = [
            ("security.protocol", securityProtocol), ("ssl.ca.location", certificateAuthority),
            ("ssl.certificate.location", certificate), ("ssl.key.location", key), ("sasl.mechanisms", saslMechanism),
            ("sasl.username", saslUsername), ("sasl.password", saslPassword),
        ]
        return values.compactMap { key, value in value.map { (key, $0) } }
    }
}

/// The client could not be made: which setting is wrong and why.
package struct KafkaFailure: Error, Sendable, Equatable, CustomStringConvertible {
    package let message: String
    package var description: String { message }
}
