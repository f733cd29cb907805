// Kafka's answer about one record.

/// The acknowledgement or failure of one record, by the opaque value it was produced with.
package struct DeliveryReport {
    package let opaque: UInt
    /// librdkafka's rd_kafka_resp_err_t; 0 is an acknowledgement.
    package let error: Int32

    package init(opaque: UInt, error: Int32) {
        self.opaque = opaque
        self.error = error
    }
}
