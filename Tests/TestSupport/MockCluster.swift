// librdkafka's mock cluster: brokers in this process that fail on demand.
internal import CRdKafka
internal import Synchronization

/// Kafka API keys that errors can be pushed for (protocol guide, "Api Keys").
package enum KafkaAPI: Int16, Sendable {
    case produce = 0
    case fetch = 1
    case metadata = 3
    case initProducerID = 22
}

/// Error codes that tests push (protocol guide, "Error Codes"); `disconnect` closes the connection instead.
package enum KafkaErrorCode: Int32, Sendable {
    case disconnect = -195
    case none = 0
    case unknownTopic = 3
    case leaderNotAvailable = 5
    case notLeader = 6
    case requestTimedOut = 7
    case messageTooLarge = 10
    case notEnoughReplicas = 19
    case topicAuthorizationFailed = 29
    case outOfOrderSequence = 45
    case invalidRecord = 87
}

/// A mock cluster (rdkafka_mock.h) on ports the kernel gave. It keeps 5 MB per partition and drops the oldest: read along
/// with `KafkaReader`. It does not recognise idempotent retries as such. Any thread may call it; deinit ends it.
package final class MockCluster: @unchecked Sendable {
    private let client: KafkaClient
    let cluster: OpaquePointer
    /// `host:port` of every broker, comma-separated.
    package let bootstrap: String
    /// The ports of the brokers that are down, by their ids.
    private let held = Mutex<[Int32: HeldPort]>([:])

    package init(brokers: Int = 1) throws {
        client = try KafkaClient(RD_KAFKA_PRODUCER, [:])
        guard let cluster = rd_kafka_mock_cluster_new(client.handle, Int32(brokers)) else {
            throw FixtureError("no mock cluster of \(brokers) brokers")
        }
        self.cluster = cluster
        bootstrap = String(cString: rd_kafka_mock_cluster_bootstraps(cluster))
    }

    deinit { rd_kafka_mock_cluster_destroy(cluster) }

    /// Makes a topic. A topic that clients ask for first is made by the mock itself, with 4 partitions.
    package func createTopic(_ name: String, partitions: Int = 4, replication: Int = 1) throws {
        try check(
            rd_kafka_mock_topic_create(cluster, name, Int32(partitions), Int32(replication)), "create topic \(name)")
    }

    /// Disconnects a broker (ids start at 1) or all of them, and refuses connections until `setUp`.
    package func setDown(broker: Int32? = nil) throws {
        try held.withLock { held in
            try check(rd_kafka_mock_broker_set_down(cluster, broker ?? -1), "set down")
            for (id, port) in ports where broker ?? id == id && held[id] == nil { held[id] = try HeldPort(port) }
        }
    }

    package func setUp(broker: Int32? = nil) throws {
        try held.withLock { held in
            try check(rd_kafka_mock_broker_set_up(cluster, broker ?? -1), "set up")
            if let broker { held[broker] = nil } else { held = [:] }
        }
    }

    /// Ids of the brokers with their ports.
    private var ports: [(id: Int32, port: UInt16)] {
        bootstrap.split(separator: ",").enumerated().map { index, address in
            (Int32(index + 1), UInt16(address.split(separator: ":").last!)!)
        }
    }

    /// Delays every answer of a broker, or of all, by `milliseconds`.
    package func setRoundTripTime(milliseconds: Int32, broker: Int32? = nil) throws {
        try check(rd_kafka_mock_broker_set_rtt(cluster, broker ?? -1, milliseconds), "set the round trip time")
    }

    /// The next requests of this kind fail with these codes, one each, in this order.
    package func pushRequestErrors(_ api: KafkaAPI, _ codes: [KafkaErrorCode]) {
        let errors = codes.map { rd_kafka_resp_err_t(rawValue: $0.rawValue) }
        rd_kafka_mock_push_request_errors_array(cluster, api.rawValue, errors.count, errors)
    }

    package func clearRequestErrors(_ api: KafkaAPI) { rd_kafka_mock_clear_request_errors(cluster, api.rawValue) }

    /// What metadata says of a topic; `.none` makes it well again.
    package func setTopicError(_ topic: String, _ code: KafkaErrorCode) {
        rd_kafka_mock_topic_set_error(cluster, topic, rd_kafka_resp_err_t(rawValue: code.rawValue))
    }

    /// Moves a partition to another broker; nil leaves it without a leader.
    package func setLeader(_ topic: String, partition: Int32, broker: Int32?) throws {
        try check(rd_kafka_mock_partition_set_leader(cluster, topic, partition, broker ?? -1), "set the leader")
    }

    func check(_ code: rd_kafka_resp_err_t, _ action: String) throws {
        if code != RD_KAFKA_RESP_ERR_NO_ERROR { throw FixtureError("mock cluster: \(action): \(errorText(code))") }
    }
}
