// Small values out of an input's bytes.

/// Takes an input apart from its front. At its end it gives zeros.
struct FuzzBytes {
    private(set) var rest: ArraySlice<UInt8>

    init(_ bytes: [UInt8]) { rest = bytes[...] }

    var isEmpty: Bool { rest.isEmpty }

    mutating func byte() -> UInt8 { rest.popFirst() ?? 0 }

    /// One byte's worth of a number below `bound`.
    mutating func below(_ bound: Int) -> Int { Int(byte()) % bound }

    /// `count` bytes, big-endian.
    mutating func number(_ count: Int) -> UInt64 { (0..<count).reduce(0) { number, _ in number << 8 | UInt64(byte()) } }

    mutating func bytes(_ count: Int) -> [UInt8] {
        defer { rest = rest.dropFirst(count) }
        return Array(rest.prefix(count))
    }
}

/// Text where 0xFF, which no UTF-8 has, stands for a line feed, so that lines can be what separates an input's parts.
func fuzzText(_ bytes: some Sequence<UInt8>) -> String {
    String(decoding: bytes.map { $0 == 0xFF ? 0x0A : $0 }, as: UTF8.self)
}
