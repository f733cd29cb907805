// What librdkafka says that is not about one record.

/// Something librdkafka says that is not about one record.
package enum KafkaNotice: Sendable, Equatable {
    /// Its own log line; level as in syslog(3).
    case log(level: Int32, facility: String, text: String)
    /// A client error: brokers down, authentication; librdkafka keeps trying.
    case error(reason: String, allBrokersDown: Bool)
    /// So many partitions of a topic have no leader now; 0: all have one again.
    case leaders(topic: String, missing: Int, partitions: Int)
    /// A topic that was in trouble for so many seconds has acknowledged a record.
    case recovered(topic: String, seconds: Int64)
    /// The producer can do nothing more.
    case fatal(reason: String)
}
