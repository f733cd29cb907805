// A Kafka message as the tests' reader gives it.

/// One message, copied out of the client. `key` is nil when the message has none.
package struct KafkaRecord: Sendable, Equatable {
    package let topic: String
    package let partition: Int32
    package let offset: Int64
    /// Milliseconds since 1970, -1 when the message has none.
    package let timestamp: Int64
    package let key: [UInt8]?
    package let value: [UInt8]

    package var text: String { String(decoding: value, as: UTF8.self) }
    /// The value as a record of the contract.
    package func fields() throws(JSONError) -> RecordFields { try RecordFields(parsing: value) }
}

/// The same in the client's memory: valid only during the call it is handed to.
package struct KafkaRecordView {
    package let topic: String
    package let partition: Int32
    package let offset: Int64
    package let timestamp: Int64
    package let key: UnsafeBufferPointer<UInt8>?
    package let value: UnsafeBufferPointer<UInt8>

    package init(
        topic: String, partition: Int32, offset: Int64, timestamp: Int64, key: UnsafeBufferPointer<UInt8>?,
        value: UnsafeBufferPointer<UInt8>
    ) {
        self.topic = topic
        self.partition = partition
        self.offset = offset
        self.timestamp = timestamp
        self.key = key
        self.value = value
    }

    package func copy() -> KafkaRecord {
        KafkaRecord(
            topic: topic, partition: partition, offset: offset, timestamp: timestamp, key: key.map { Array($0) },
            value: Array(value))
    }
}
