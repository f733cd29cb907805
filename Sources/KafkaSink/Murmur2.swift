// Kafka's default partitioner: murmur2 over the key.

/// murmur2 as org.apache.kafka.common.utils.Utils.murmur2 computes it (seed 0x9747b28c), so that a record lands in the
/// partition that any other Kafka client would choose for its key.
package enum Murmur2 {
    package static func hash(_ key: UnsafeRawBufferPointer) -> UInt32 {
        let multiplier: UInt32 = 0x5bd1_e995
        let length = key.count
        var hash: UInt32 = 0x9747_b28c ^ UInt32(truncatingIfNeeded: length)
        var index = 0
        while index + 4 <= length {
            var word = UInt32(littleEndian: key.loadUnaligned(fromByteOffset: index, as: UInt32.self))
            word = word &* multiplier
            word ^= word &>> 24
            hash = hash &* multiplier ^ (word &* multiplier)
            index += 4
        }
        if index < length {
            for rest in stride(from: length - 1, through: index, by: -1) {
                hash ^= UInt32(key[rest]) &<< UInt32(8 * (rest - index))
            }
            hash = hash &* multiplier
        }
        hash ^= hash &>> 13
        hash = hash &* multiplier
        return hash ^ hash &>> 15
    }

    /// The partition of a key: the positive hash modulo the number of partitions.
    package static func partition(_ key: UnsafeRawBufferPointer, of count: Int) -> Int32 {
        Int32(Int(hash(key) & 0x7FFF_FFFF) % count)
    }
}
