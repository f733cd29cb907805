// A record as a live reader saw it: its summary, when it was produced, and whether its key is what it must be.
package import Core

/// One record and the moment it was handed to the producer.
package struct Arrival: Sendable {
    package let summary: RecordSummary
    /// Kafka's CreateTime (ms) as ns since 1970: unlike the time of reading, it does not depend on the reader's load.
    package let produced: Int64
    /// The Kafka key, when it is 32 hexadecimal digits.
    package let stream: Identifier128?
    /// The record's `log.stream.id` is its key.
    package let keyIsStream: Bool

    /// Throws for what is no record of the contract.
    package init(_ view: KafkaRecordView) throws(JSONError) {
        summary = try RecordSummary(view)
        produced = view.timestamp * nanosecondsPerMillisecond
        stream = view.key.flatMap { Identifier128(digits: $0) }
        keyIsStream = stream != nil && stream == summary.streamID
    }
}

extension KafkaReader where Item == Arrival {
    /// Keeps range, numbered line, key and time of each record.
    package convenience init(arrivalsOf topics: Set<String>, _ bootstrap: String) throws {
        try self.init(bootstrap, topics: topics) { try Arrival($0) }
    }
}

/// The partition Kafka's Java client gives a key: murmur2 (seed 0x9747b28c), positive, modulo. Written from the
/// definition in org.apache.kafka.common.utils.Utils, independently of the daemon's.
package func defaultPartition(of key: [UInt8], partitions: Int) -> Int32 {
    let multiplier: UInt32 = 0x5bd1_e995
    var hash: UInt32 = 0x9747_b28c ^ UInt32(key.count)
    let whole = key.count / 4
    for word in 0..<whole {
        var value: UInt32 = 0
        for place in 0..<4 { value |= UInt32(key[word * 4 + place]) << UInt32(8 * place) }
        value = value &* multiplier
        value ^= value >> 24
        hash = hash &* multiplier ^ value &* multiplier
    }
    let rest = key.count - whole * 4
    if rest >= 3 { hash ^= UInt32(key[whole * 4 + 2]) << 16 }
    if rest >= 2 { hash ^= UInt32(key[whole * 4 + 1]) << 8 }
    if rest >= 1 {
        hash ^= UInt32(key[whole * 4])
        hash = hash &* multiplier
    }
    hash ^= hash >> 13
    hash = hash &* multiplier
    hash ^= hash >> 15
    return Int32(hash & 0x7fff_ffff) % Int32(partitions)
}

extension Identifier128 {
    /// 32 lower-case hexadecimal digits in place; nil for anything else.
    init?(digits: UnsafeBufferPointer<UInt8>) {
        guard digits.count == 32 else { return nil }
        var words: (UInt64, UInt64) = (0, 0)
        var index = 0
        while index < 32 {
            let value = hexadecimalValue(digits[index])
            if value > 15 { return nil }
            words = (words.0 << 4 | words.1 >> 60, words.1 << 4 | UInt64(value))
            index += 1
        }
        self.init(high: words.0, low: words.1)
    }
}
