// The outbox: any stored rows and any order of events, transactions and reports keep its sums, its order and every gap.
internal import Core
@testable internal import Engine
internal import TestSupport

/// The first part of the input are rows of the store, the rest steps.
enum OutboxTarget {
    static let limits = OutboxLimits(events: 40, bytes: 32 << 10)

    static func check(_ bytes: [UInt8]) {
        var input = FuzzBytes(bytes)
        let rows = (0..<input.below(8)).map { row(Int64($0 + 1), &input) }
        for row in rows { checkDetail(row) }
        var run = OutboxRun(rows)
        for _ in 0..<200 where !input.isEmpty { run.step(&input) }
        run.drain()
    }

    /// A row as damage or another version may have left it: any detail, and a text that is JSON.
    private static func row(_ id: Int64, _ input: inout FuzzBytes) -> AuditEvent {
        let kind = ["gap", "gap_summary", "generation_opened", "state_lost", "later"][input.below(5)]
        let head = Array(#"{"event":"\#(kind)""#.utf8)
        let shape = input.below(3)
        if shape == 0 { return AuditEvent(id: id, key: "k", payload: head + [0x7D]) }
        var detail = input.bytes(input.below(256))
        if shape == 1 {
            // With a good beginning the rest is reached.
            let whole = GapDetail(
                stream: Identifier128(high: 0, low: UInt64(input.below(4))), file: Identifier128(high: 1, low: 2),
                reason: "truncated", head: head
            ).encoded
            detail = whole + detail
        }
        return AuditEvent(id: id, key: "k", payload: head + [0x7D], detail: detail)
    }

    /// What a detail says is the same once it was stored again, and its text is strict JSON.
    private static func checkDetail(_ event: AuditEvent) {
        guard let detail = GapDetail(of: event) else { return }
        let ranges = detail.ranges.all
        expect(ranges.count <= GapRanges.limit, "\(ranges.count) ranges")
        for (one, next) in zip(ranges, ranges.dropFirst()) {
            expect(one.to.map { $0 < next.from } ?? false, "ranges \(one) and \(next)")
        }
        for level in [GapDetail.Level.generation, .stream, .host] {
            let wide = detail.widened(to: level, host: "node")
            guard event.payload.count > wide.head.count || level != .generation else { continue }
            // A head of the store is part of an object: cut anywhere else its text was never JSON.
            if detail.head.count == event.payload.count - 1 || level == .host {
                expect((try? JSONValue(parsing: wide.payload)) != nil, "no JSON: \(text(wide.payload))")
            }
            let again = GapDetail(of: AuditEvent(key: "k", payload: wide.payload, detail: wide.encoded))
            if wide.reason.utf8.count <= 255 {
                expect(again == wide, "\(wide) is stored as \(String(describing: again))")
            }
        }
    }

    static func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
}
