// A checksum over one row, because SQLite checks its pages' structure but not their values.
internal import Core

/// 64 bits over words and byte strings, order-sensitive. Each step is a bijection of the state, so a change of one word
/// always shows. Guards against flipped bits, not against people.
struct RowChecksum {
    private(set) var value: UInt64

    init(seed: UInt64) { value = seed }

    mutating func add(_ word: UInt64) {
        value = (value ^ word) &* 0x9E37_79B9_7F4A_7C15
        value ^= value >> 32
    }

    mutating func add(_ identifier: Identifier128) {
        add(identifier.high)
        add(identifier.low)
    }

    /// The length, then the bytes in groups of eight.
    mutating func add(_ bytes: some Sequence<UInt8>) {
        var word: UInt64 = 0
        var count: UInt64 = 0
        for byte in bytes {
            word = word << 8 | UInt64(byte)
            count += 1
            if count % 8 == 0 { add(word) }
        }
        add(word)
        add(count)
    }
}

extension GenerationRecord {
    /// Over what never changes in a generation's life.
    var fixedChecksum: UInt64 {
        var sum = RowChecksum(seed: 1)
        sum.add(file.value)
        sum.add(stream.value)
        sum.add(container.utf8)
        sum.add(declaration.utf8)
        sum.add(route.utf8)
        sum.add(path)
        sum.add(identity.fileSystem)
        sum.add(identity.inode)
        sum.add(UInt64(bitPattern: identity.born))
        sum.add(UInt64(bitPattern: opened))
        return sum.value
    }
}

extension GenerationUpdate {
    /// Over what every update writes, bound to the row it belongs to.
    var checksum: UInt64 {
        var sum = RowChecksum(seed: 2)
        sum.add(file.value)
        sum.add(UInt64(evidence.headLength) << 32 | UInt64(evidence.headChecksum))
        sum.add(UInt64(evidence.tailChecksum) << 32 | UInt64(counts.lineOrdinal))
        sum.add(counts.committed)
        sum.add(counts.acknowledged)
        sum.add(counts.skipped)
        sum.add(counts.gap)
        sum.add(counts.records)
        sum.add(counts.lineStart == nil ? 0 : 1)
        sum.add(counts.lineStart ?? 0)
        sum.add(UInt64(bitPattern: detached))
        return sum.value
    }
}

/// Over the name of a declaration that has been followed.
func declarationChecksum(_ name: String) -> UInt64 {
    var sum = RowChecksum(seed: 4)
    sum.add(name.utf8)
    return sum.value
}

extension StoredContainer {
    var checksum: UInt64 {
        var sum = RowChecksum(seed: 5)
        sum.add(id.utf8)
        sum.add(stored)
        return sum.value
    }
}

extension AuditEvent {
    var checksum: UInt64 {
        var sum = RowChecksum(seed: 6)
        sum.add(UInt64(destination.rawValue))
        sum.add(key.utf8)
        sum.add(payload)
        sum.add(detail)
        return sum.value
    }
}
