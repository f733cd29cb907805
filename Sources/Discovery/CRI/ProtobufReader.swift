// A pull parser for protobuf messages that come from outside: takes what is wanted and passes over the rest.

/// The bytes are no message; `byte` is where.
struct ProtobufFailure: Error, Equatable {
    let byte: Int
}

/// Reads one message (https://protobuf.dev/programming-guides/encoding/) from front to back. A field of another type than
/// the wanted one is passed over, so that an odd field never loses the rest; broken structure throws. Nothing is copied
/// but what is asked for, and nesting is followed only as deep as the caller asks.
struct ProtobufReader {
    /// One field, its value not looked into yet.
    struct Field {
        let number: Int
        fileprivate let value: Value
        fileprivate let bytes: [UInt8]
    }

    fileprivate enum Value {
        case number(UInt64)
        case bytes(Range<Int>)
        case fixed
    }

    private let bytes: [UInt8]
    private var at: Int
    private let end: Int

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
        at = 0
        end = bytes.count
    }

    fileprivate init(_ bytes: [UInt8], _ range: Range<Int>) {
        self.bytes = bytes
        at = range.lowerBound
        end = range.upperBound
    }

    /// The next field; nil at the end.
    mutating func next() throws(ProtobufFailure) -> Field? {
        guard at < end else { return nil }
        let start = at
        let tag = try varint()
        let number = tag >> 3
        guard 1..<(1 << 29) ~= number else { throw ProtobufFailure(byte: start) }
        let value: Value
        switch tag & 7 {
        case 0: value = .number(try varint())
        case 1: value = try fixed(8)
        case 2:
            let count = try varint()
            guard count <= UInt64(end - at) else { throw ProtobufFailure(byte: at) }
            value = .bytes(at..<at + Int(count))
            at += Int(count)
        case 5: value = try fixed(4)
        // Groups are of a time before any of these runtimes.
        default: throw ProtobufFailure(byte: start)
        }
        return Field(number: Int(number), value: value, bytes: bytes)
    }

    private mutating func fixed(_ count: Int) throws(ProtobufFailure) -> Value {
        guard count <= end - at else { throw ProtobufFailure(byte: at) }
        at += count
        return .fixed
    }

    /// At most ten bytes; bits beyond 64 are no number.
    private mutating func varint() throws(ProtobufFailure) -> UInt64 {
        var number: UInt64 = 0
        for shift in stride(from: UInt64(0), through: 63, by: 7) {
            guard at < end else { throw ProtobufFailure(byte: at) }
            let byte = bytes[at]
            at += 1
            if shift == 63, byte > 1 { throw ProtobufFailure(byte: at - 1) }
            number |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return number }
        }
        throw ProtobufFailure(byte: at - 1)
    }
}

extension ProtobufReader.Field {
    /// Entries of one map and items of one list that are taken; whoever sends more is refused.
    static let manyLimit = 16_384

    /// An integer or an enumeration; nil for another type.
    var integer: Int64? { if case .number(let number) = value { Int64(truncatingIfNeeded: number) } else { nil } }

    /// Bytes that are not UTF-8 become U+FFFD; nil for another type.
    var text: String? {
        guard case .bytes(let range) = value else { return nil }
        return bytes[range].withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }
    }

    var raw: [UInt8]? { if case .bytes(let range) = value { Array(bytes[range]) } else { nil } }

    /// Calls `body` with each field of a message. False: it is none.
    @discardableResult
    func message(
        _ body: (ProtobufReader.Field) throws(ProtobufFailure) -> Void
    ) throws(ProtobufFailure) -> Bool {
        guard case .bytes(let range) = value else { return false }
        var reader = ProtobufReader(bytes, range)
        while let field = try reader.next() { try body(field) }
        return true
    }

    /// Takes this field as an entry of a map<string, string>. Of a key that comes twice the last wins, as in protobuf.
    func entry(into map: inout [String: String]) throws(ProtobufFailure) {
        var key = ""
        var text = ""
        let isEntry = try message { field throws(ProtobufFailure) in
            switch field.number {
            case 1: key = field.text ?? ""
            case 2: text = field.text ?? ""
            default: break
            }
        }
        guard isEntry else { return }
        map[key] = text
        if map.count > Self.manyLimit { throw ProtobufFailure(byte: 0) }
    }
}

extension ProtobufReader {
    /// Calls `body` with each field of a whole message.
    static func read(
        _ bytes: [UInt8], _ body: (Field) throws(ProtobufFailure) -> Void
    ) throws(ProtobufFailure) {
        var reader = ProtobufReader(bytes)
        while let field = try reader.next() { try body(field) }
    }
}
