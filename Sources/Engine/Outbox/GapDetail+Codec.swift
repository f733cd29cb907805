// How the detail of a gap event is stored: numbers big-endian, texts behind their lengths.
internal import Core

extension GapDetail {
    private static let version: UInt8 = 1

    /// For `AuditEvent.detail`. The event's head is not repeated: only how much of its text it is.
    var encoded: [UInt8] {
        var out: [UInt8] = [GapDetail.version, level.rawValue]
        out += stream.bytes + file.bytes
        for number in [UInt64(head.count), generations, bytes, openEnded] { out.append(bigEndian: number) }
        out.append(UInt8(clamping: reason.utf8.count))
        out += reason.utf8.prefix(255)
        for range in ranges.all {
            out.append(range.to == nil ? 1 : 0)
            for number in [range.from, range.to ?? 0, range.bytes] { out.append(bigEndian: number) }
        }
        return out
    }

    /// Nil when the event has no detail, or one that this version cannot read.
    init?(of event: AuditEvent) {
        var rest = event.detail[...]
        guard rest.popFirst() == GapDetail.version, let level = rest.popFirst().flatMap({ Level(rawValue: $0) }),
            let stream = Identifier128(bytes: rest), let file = Identifier128(bytes: rest.dropFirst(16))
        else { return nil }
        rest = rest.dropFirst(32)
        guard let head = rest.popNumber(), head <= UInt64(event.payload.count), let generations = rest.popNumber(),
            let bytes = rest.popNumber(), let openEnded = rest.popNumber(), let length = rest.popFirst(),
            rest.count >= Int(length)
        else { return nil }
        let reason = String(decoding: rest.prefix(Int(length)), as: UTF8.self)
        rest = rest.dropFirst(Int(length))
        var ranges: [GapRange] = []
        while let isOpen = rest.popFirst() {
            guard let from = rest.popNumber(), let to = rest.popNumber(), let bytes = rest.popNumber() else {
                return nil
            }
            ranges.append(GapRange(from: from, to: isOpen == 1 ? nil : to, bytes: bytes))
        }
        self.init(
            level: level, stream: stream, file: file, reason: reason, ranges: ranges,
            head: Array(event.payload.prefix(Int(head))))
        self.generations = generations
        self.bytes = bytes
        self.openEnded = openEnded
    }
}

extension [UInt8] {
    fileprivate mutating func append(bigEndian number: UInt64) {
        for shift in stride(from: 56, through: 0, by: -8) { append(UInt8(truncatingIfNeeded: number >> UInt64(shift))) }
    }
}

extension ArraySlice<UInt8> {
    fileprivate mutating func popNumber() -> UInt64? {
        guard count >= 8 else { return nil }
        defer { removeFirst(8) }
        return prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
    }
}
