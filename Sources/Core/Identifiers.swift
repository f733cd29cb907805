// The 128-bit identifiers of streams and file generations.

/// 128 bits, shown as 32 lower-case hexadecimal digits. The value type behind `FileID` and `StreamID`.
package struct Identifier128: Hashable, Sendable {
    package let high: UInt64
    package let low: UInt64

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// The first 16 of `bytes`, big-endian; nil when there are fewer.
    package init?(bytes: some Sequence<UInt8>) {
        var high: UInt64 = 0
        var low: UInt64 = 0
        var count = 0
        for byte in bytes.prefix(16) {
            if count < 8 { high = high << 8 | UInt64(byte) } else { low = low << 8 | UInt64(byte) }
            count += 1
        }
        guard count == 16 else { return nil }
        self.init(high: high, low: low)
    }

    /// 32 lower-case hexadecimal digits as `description` gives them; nil for anything else.
    package init?(hexadecimal text: some StringProtocol) {
        var words: (high: UInt64, low: UInt64) = (0, 0)
        var count = 0
        for byte in text.utf8 {
            let nibble: UInt8
            switch byte {
            case 0x30...0x39: nibble = byte - 0x30
            case 0x61...0x66: nibble = byte - 0x57
            default: return nil
            }
            words = (words.high << 4 | words.low >> 60, words.low << 4 | UInt64(nibble))
            count += 1
        }
        guard count == 32 else { return nil }
        self.init(high: words.high, low: words.low)
    }

    /// 128 bits from the kernel's random source (getrandom(2)).
    package static func random() -> Identifier128 {
        var generator = SystemRandomNumberGenerator()
        return Identifier128(high: generator.next(), low: generator.next())
    }

    /// The 16 bytes, big-endian, as the store keeps them.
    package var bytes: [UInt8] {
        (0..<16).map { UInt8(truncatingIfNeeded: ($0 < 8 ? high : low) >> (56 - 8 * UInt64($0 % 8))) }
    }

    /// Writes the 32 digits at `out` and returns the address behind them.
    package func write(_ out: UnsafeMutablePointer<UInt8>) -> UnsafeMutablePointer<UInt8> {
        for index in 0..<32 {
            let word = index < 16 ? high : low
            out[index] = hexadecimalDigit(UInt8(truncatingIfNeeded: word >> (60 - 4 * UInt64(index % 16))) & 15)
        }
        return out + 32
    }
}

extension Identifier128: CustomStringConvertible {
    package var description: String {
        String(unsafeUninitializedCapacity: 32) { buffer in
            _ = write(buffer.baseAddress!)
            return 32
        }
    }
}

/// One file's content from creation or truncation to its end: `log.file.id`. Made once, durable before its first record.
package struct FileID: Hashable, Sendable, CustomStringConvertible {
    package let value: Identifier128
    package init(_ value: Identifier128) { self.value = value }
    package static func random() -> FileID { FileID(.random()) }
    package var description: String { value.description }
}

/// One log as its writer sees it, across rotation: `log.stream.id`, and the Kafka key.
package struct StreamID: Hashable, Sendable, CustomStringConvertible {
    package let value: Identifier128
    package init(_ value: Identifier128) { self.value = value }
    package var description: String { value.description }
}

@inline(__always)
package func hexadecimalDigit(_ nibble: UInt8) -> UInt8 { nibble < 10 ? 0x30 &+ nibble : 0x57 &+ nibble }
