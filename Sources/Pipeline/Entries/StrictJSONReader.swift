// A strict reader of JSON in place, for entries that do not look as their runtime writes them.

/// Walks over one JSON text (RFC 8259) without decoding or allocating. Every method returns nil or false at what is no
/// JSON; nothing is to be read after that. Values are at most `maximumDepth` deep.
struct StrictJSONReader {
    private static let maximumDepth = 32
    private var place: UnsafePointer<UInt8>
    private let end: UnsafePointer<UInt8>

    init(_ text: UnsafePointer<UInt8>, count: Int) {
        place = text
        end = text + count
    }

    /// Nothing but white space is left.
    var isAtEnd: Bool {
        mutating get {
            skipSpace()
            return place == end
        }
    }

    /// Calls `member` with the content of each name, as it stands; it takes the value, or says false.
    mutating func object(
        _ member: (_ name: UnsafeBufferPointer<UInt8>, _ reader: inout StrictJSONReader) -> Bool
    ) -> Bool {
        guard take(0x7B) else { return false }
        if take(0x7D) { return true }
        repeat {
            guard let name = string(), take(0x3A), member(name, &self) else { return false }
        } while take(0x2C)
        return take(0x7D)
    }

    /// The content of a string, escapes not resolved.
    mutating func string() -> UnsafeBufferPointer<UInt8>? {
        guard take(0x22) else { return nil }
        let start = place
        while place < end {
            switch place.pointee {
            case 0x22:
                defer { place += 1 }
                return UnsafeBufferPointer(start: start, count: place - start)
            case 0x5C: guard skipEscape() else { return nil }
            case 0..<0x20: return nil
            default: place += 1
            }
        }
        return nil
    }

    mutating func skipValue(depth: Int = 0) -> Bool {
        skipSpace()
        guard place < end, depth < StrictJSONReader.maximumDepth else { return false }
        switch place.pointee {
        case 0x22: return string() != nil
        case 0x7B: return object { _, reader in reader.skipValue(depth: depth + 1) }
        case 0x5B: return skipArray(depth)
        case 0x74: return word("true")
        case 0x66: return word("false")
        case 0x6E: return word("null")
        default: return skipNumber()
        }
    }

    private mutating func skipArray(_ depth: Int) -> Bool {
        place += 1
        if take(0x5D) { return true }
        repeat {
            guard skipValue(depth: depth + 1) else { return false }
        } while take(0x2C)
        return take(0x5D)
    }

    private mutating func skipEscape() -> Bool {
        guard end - place >= 2 else { return false }
        switch place[1] {
        case 0x22, 0x5C, 0x2F, 0x62, 0x66, 0x6E, 0x72, 0x74:
            place += 2
            return true
        case 0x75:
            guard end - place >= 6 else { return false }
            for digit in 2..<6 where !StrictJSONReader.isHexadecimal(place[digit]) { return false }
            place += 6
            return true
        default: return false
        }
    }

    /// `-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?`
    private mutating func skipNumber() -> Bool {
        if place < end, place.pointee == 0x2D { place += 1 }
        let isZero = place < end && place.pointee == 0x30
        let digits = skipDigits()
        guard digits > 0, !isZero || digits == 1 else { return false }
        if place < end, place.pointee == 0x2E {
            place += 1
            guard skipDigits() > 0 else { return false }
        }
        guard place < end, place.pointee | 0x20 == 0x65 else { return true }
        place += 1
        if place < end, place.pointee == 0x2B || place.pointee == 0x2D { place += 1 }
        return skipDigits() > 0
    }

    private mutating func skipDigits() -> Int {
        let start = place
        while place < end, place.pointee &- 0x30 < 10 { place += 1 }
        return place - start
    }

    private mutating func word(_ word: StaticString) -> Bool {
        let count = word.utf8CodeUnitCount
        guard end - place >= count,
            UnsafeBufferPointer(start: place, count: count)
                .elementsEqual(UnsafeBufferPointer(start: word.utf8Start, count: count))
        else { return false }
        place += count
        return true
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        skipSpace()
        guard place < end, place.pointee == byte else { return false }
        place += 1
        return true
    }

    private mutating func skipSpace() {
        while place < end, place.pointee <= 0x20, 0x1_0000_2600 &>> UInt64(place.pointee) & 1 == 1 { place += 1 }
    }

    private static func isHexadecimal(_ byte: UInt8) -> Bool {
        byte &- 0x30 < 10 || (byte | 0x20) &- 0x61 < 6
    }
}
