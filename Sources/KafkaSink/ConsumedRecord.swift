// One record as the consumer hands it over.

/// A record in librdkafka's memory: `key` and `value` are valid only during the call it is handed to. An absent key or
/// value is empty.
package struct ConsumedRecord {
    package let topic: String
    package let partition: Int32
    package let offset: Int64
    /// Since 1970; -1 when the record has none.
    package let timestampMilliseconds: Int64
    package let key: UnsafeRawBufferPointer
    package let value: UnsafeRawBufferPointer
}
