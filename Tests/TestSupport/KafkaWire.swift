// The Kafka protocol's primitive types and frames, as far as tests look into them.

/// Reads primitive types ("Protocol Primitive Types" of the protocol guide) from one message. Throws beyond its end.
struct KafkaWireReader {
    private let bytes: [UInt8]
    private(set) var place: Int

    init(_ bytes: [UInt8], at place: Int = 0) {
        self.bytes = bytes
        self.place = place
    }

    var rest: ArraySlice<UInt8> { bytes[min(place, bytes.count)...] }

    mutating func int8() throws -> Int8 { try integer() }
    mutating func int16() throws -> Int16 { try integer() }
    mutating func int32() throws -> Int32 { try integer() }
    mutating func int64() throws -> Int64 { try integer() }

    /// NULLABLE_STRING; nil for null.
    mutating func nullableString() throws -> String? {
        let count = Int(try int16())
        return count < 0 ? nil : String(decoding: try take(count), as: UTF8.self)
    }

    mutating func string() throws -> String {
        guard let text = try nullableString() else { throw FixtureError("a Kafka message has null for a STRING") }
        return text
    }

    /// BYTES or NULLABLE_BYTES; empty for null.
    mutating func byteString() throws -> [UInt8] { Array(try take(max(0, Int(try int32())))) }

    /// ARRAY: its length, and as many elements.
    mutating func array<Element>(_ element: (inout KafkaWireReader) throws -> Element) throws -> [Element] {
        let count = try int32()
        var elements: [Element] = []
        for _ in 0..<max(0, count) { elements.append(try element(&self)) }
        return elements
    }

    /// UNSIGNED_VARINT.
    mutating func unsignedVarint() throws -> UInt64 {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 35, by: 7) {
            let byte = UInt8(bitPattern: try int8())
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return value }
        }
        throw FixtureError("a varint of a Kafka message has no end")
    }

    private mutating func integer<Value: FixedWidthInteger>() throws -> Value {
        try take(MemoryLayout<Value>.size).reduce(Value.zero) { $0 << 8 | Value(truncatingIfNeeded: $1) }
    }

    private mutating func take(_ count: Int) throws -> ArraySlice<UInt8> {
        guard place + count <= bytes.count else { throw FixtureError("a Kafka message ends early at byte \(place)") }
        defer { place += count }
        return bytes[place..<place + count]
    }
}

/// Writes primitive types, the counterpart of `KafkaWireReader`.
struct KafkaWireWriter {
    private(set) var bytes: [UInt8] = []

    mutating func integer(_ value: some FixedWidthInteger) {
        withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) }
    }

    /// STRING or NULLABLE_STRING.
    mutating func string(_ text: String?) {
        integer(Int16(text?.utf8.count ?? -1))
        bytes.append(contentsOf: (text ?? "").utf8)
    }

    mutating func array<Element>(
        _ elements: [Element], _ write: (inout KafkaWireWriter, Element) throws -> Void
    ) rethrows {
        integer(Int32(elements.count))
        for element in elements { try write(&self, element) }
    }

    mutating func append(_ more: some Sequence<UInt8>) { bytes.append(contentsOf: more) }

    /// The message with its length in front (INT32), as it goes over TCP.
    var frame: [UInt8] {
        var framed = KafkaWireWriter()
        framed.integer(Int32(bytes.count))
        return framed.bytes + bytes
    }
}

/// Collects what comes from a socket and gives whole messages, without their length.
struct KafkaFrames {
    /// Larger ones are not the protocol, or nothing a test needs.
    static let longest = 64 << 20
    private var bytes: [UInt8] = []
    private var place = 0

    mutating func append(_ more: some Sequence<UInt8>) { bytes.append(contentsOf: more) }

    /// The next whole message; nil until it is there.
    mutating func next() throws -> [UInt8]? {
        guard bytes.count - place >= 4 else { return nil }
        let length = bytes[place..<place + 4].reduce(0) { $0 << 8 | Int($1) }
        guard length <= KafkaFrames.longest else { throw FixtureError("a Kafka message of \(length) bytes") }
        guard bytes.count - place - 4 >= length else { return nil }
        defer {
            place += 4 + length
            if place == bytes.count || place > 1 << 20 {
                bytes.removeFirst(place)
                place = 0
            }
        }
        return Array(bytes[place + 4..<place + 4 + length])
    }
}
