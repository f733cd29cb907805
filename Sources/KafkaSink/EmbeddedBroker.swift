// An in-process broker for trying things out: librdkafka's mock cluster.
internal import CRdKafka

/// Owns a mock cluster of one broker on a loopback port given by the kernel. It keeps records in memory only (about
/// 5 MB a partition, the oldest are dropped), which is why a daemon on it is never ready.
package final class EmbeddedBroker: @unchecked Sendable {
    // Safety: the pointers are set once in init; librdkafka's mock functions take their own locks.
    private let client: OpaquePointer
    private let cluster: OpaquePointer
    /// host:port to connect to.
    package let bootstrap: String

    package init() throws(KafkaFailure) {
        var text = [CChar](repeating: 0, count: 512)
        let configuration = rd_kafka_conf_new()!
        rd_kafka_conf_set(configuration, "log_level", "3", &text, text.count)
        guard let client = rd_kafka_new(RD_KAFKA_PRODUCER, configuration, &text, text.count) else {
            rd_kafka_conf_destroy(configuration)
            throw KafkaFailure(message: "cannot start the embedded broker: librdkafka gives no client")
        }
        guard let cluster = rd_kafka_mock_cluster_new(client, 1),
            let address = rd_kafka_mock_cluster_bootstraps(cluster)
        else {
            rd_kafka_destroy(client)
            throw KafkaFailure(message: "cannot start the embedded broker: no loopback port")
        }
        self.client = client
        self.cluster = cluster
        bootstrap = String(cString: address)
    }

    deinit {
        rd_kafka_mock_cluster_destroy(cluster)
        rd_kafka_destroy(client)
    }
}
