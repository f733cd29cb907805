// The messages in the body of a gRPC answer, cut anywhere.

/// Joins pieces and cuts them into messages: a byte that is 0 (not compressed), four of length, the message
/// (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md).
struct GRPCMessages {
    /// Bytes of one message.
    let limit: Int
    private var rest: [UInt8] = []

    init(limit: Int) { self.limit = limit }

    /// Something of a message has come, and the rest is missing.
    var isInMessage: Bool { !rest.isEmpty }

    /// The messages that `piece` completes. Throws for one that is too long or compressed: nothing sensible follows.
    mutating func feed(_ piece: [UInt8]) throws(RuntimeFailure) -> [[UInt8]] {
        rest += piece
        var messages: [[UInt8]] = []
        var place = 0
        while rest.count - place >= 5 {
            if rest[place] != 0 { throw RuntimeFailure("its answer is compressed, though that was not asked for") }
            let count = rest[place + 1...place + 4].reduce(0) { $0 << 8 | Int($1) }
            if count > limit { throw RuntimeFailure("its answer is too large: refused") }
            guard rest.count - place >= 5 + count else { break }
            messages.append(Array(rest[place + 5..<place + 5 + count]))
            place += 5 + count
        }
        if place > 0 { rest.removeSubrange(..<place) }
        return messages
    }

    /// `message` as it is sent.
    static func framed(_ message: [UInt8]) -> [UInt8] {
        let count = UInt32(message.count)
        return [0] + (0..<4).reversed().map { UInt8(truncatingIfNeeded: count >> (8 * UInt32($0))) } + message
    }
}
