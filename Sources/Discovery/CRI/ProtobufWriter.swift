// Protobuf messages as runtimes are asked with them.

/// Writes one message, field by field in the order of the calls. Empty values are written too: they mean the same as
/// absent ones.
package struct ProtobufWriter {
    package private(set) var bytes: [UInt8] = []

    package init() {}

    /// An integer, a boolean or an enumeration.
    package mutating func integer(_ number: Int, _ value: Int64) {
        varint(UInt64(number) << 3)
        varint(UInt64(bitPattern: value))
    }

    package mutating func text(_ number: Int, _ value: String) { raw(number, Array(value.utf8)) }

    package mutating func raw(_ number: Int, _ value: [UInt8]) {
        varint(UInt64(number) << 3 | 2)
        varint(UInt64(value.count))
        bytes += value
    }

    /// A message within this one.
    package mutating func message(_ number: Int, _ body: (inout ProtobufWriter) -> Void) {
        var inner = ProtobufWriter()
        body(&inner)
        raw(number, inner.bytes)
    }

    /// A map<string, string>, by key.
    package mutating func map(_ number: Int, _ map: [String: String]) {
        for (key, value) in map.sorted(by: { $0.key < $1.key }) {
            message(number) { entry in
                entry.text(1, key)
                entry.text(2, value)
            }
        }
    }

    private mutating func varint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(rest & 0x7F) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }
}
