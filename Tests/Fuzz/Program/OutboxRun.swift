// One life of an outbox, with what must hold after each step.
internal import Core
@testable internal import Engine
internal import TestSupport

/// Does to a line of the outbox what the engine, the store and Kafka do.
struct OutboxRun {
    private var line: OutboxLine
    private let text = AuditText(host: "node")
    private var nextID: Int64
    private var transaction: (events: [AuditEvent], deleted: [Int64])?
    /// What the store holds.
    private var rows: Set<Int64>
    private var now: Int64 = 1
    /// Gaps that were collected, and what Kafka was told: a gap is never left out.
    private var gaps: [Identifier128: Set<UInt64>] = [:]
    private var told: [GapDetail] = []

    init(_ stored: [AuditEvent]) {
        line = OutboxLine(.audit, host: "node", isEnabled: true, limits: OutboxTarget.limits, stored: stored)
        nextID = Int64(stored.count + 1)
        rows = Set(stored.map(\.id))
        check()
    }

    mutating func step(_ input: inout FuzzBytes) {
        let what = input.byte()
        switch what % 8 {
        case 0, 1, 2: collectGap(what >> 3, input.byte())
        case 3: collectOther(what >> 3)
        case 4: transaction == nil ? takeForStore() : endTransaction(isKept: what & 64 == 0)
        case 5: send(most: Int(what >> 3))
        case 6: report(at: Int(input.byte()), [.delivered, .refused, .failed, .delivered][Int(what >> 6)])
        default:
            now += what & 64 == 0 ? 1 : 700 * nanosecondsPerSecond
            if what & 128 != 0 { line.returnInFlight() }
        }
        check()
    }

    /// Everything goes well from now on: nothing stays behind, and every gap was told.
    mutating func drain() {
        for _ in 0..<400 where line.count > 0 || line.needsStore || transaction != nil {
            now += 700 * nanosecondsPerSecond
            if transaction == nil { takeForStore() }
            endTransaction(isKept: true)
            send(most: .max)
            while line.entries.contains(where: { $0.state == .inFlight }) { report(at: 0, .delivered) }
            check()
        }
        expect(line.count == 0 && line.bytes == 0 && rows.isEmpty, "\(line.count) events stay, rows \(rows)")
        checkTold()
    }

    // MARK: Steps

    private mutating func collectGap(_ which: UInt8, _ place: UInt8) {
        let subject = subject(which)
        let from = UInt64(place) * 10
        let to = which & 16 == 0 ? from + 1 + UInt64(which & 7) : nil
        gaps[subject.file.value, default: []].insert(from)
        line.collect(text.gap(subject, from: from, to: to, reason: which & 8 == 0 ? .truncated : .oversize))
    }

    private func subject(_ which: UInt8) -> AuditText.Subject {
        AuditText.Subject(
            declaration: "app", stream: StreamID(Identifier128(high: 1, low: UInt64(which & 1))), path: [0x2F, 0xFF],
            file: FileID(Identifier128(high: 2, low: UInt64(which & 7))))
    }

    private mutating func collectOther(_ which: UInt8) {
        switch which & 3 {
        case 0: line.collect(text.opened(subject(which), counts: LedgerCounts()))
        case 1: line.collect(text.stateLost(reason: "r", setAside: "s", snapshot: nil))
        case 2: line.collect(AuditEvent(key: "k", payload: Array(#"{"event":"later"}"#.utf8)))
        default: line.collect(text.closed(subject(which), counts: LedgerCounts(), size: nil))
        }
    }

    private mutating func takeForStore() {
        var taken: (events: [AuditEvent], deleted: [Int64]) = ([], [])
        line.takeForStore(&taken.events, &taken.deleted)
        transaction = taken
    }

    private mutating func endTransaction(isKept: Bool) {
        guard let taken = transaction else { return }
        transaction = nil
        guard isKept else { return line.notStored() }
        expect(rows.isSuperset(of: taken.deleted), "rows are deleted that are not there: \(taken.deleted)")
        rows.subtract(taken.deleted)
        var ids: [Int64] = []
        for event in taken.events {
            expect(event.id == 0 || rows.contains(event.id), "a row is changed that is not there: \(event.id)")
            ids.append(event.id == 0 ? nextID : event.id)
            if event.id == 0 { nextID += 1 }
        }
        rows.formUnion(ids)
        var slice = ids[...]
        line.stored(&slice)
        expect(slice.isEmpty, "ids are left over")
    }

    private mutating func send(most: Int) {
        var count = 0
        var last: Int64 = 0
        line.send(now) { event, opaque in
            guard count < most else { return false }
            count += 1
            expect(rows.contains(event.id), "produced without a row: \(event.id)")
            expect(event.id > last, "\(event.id) behind \(last)")
            expect(opaque == AuditOutbox.opaqueBit | UInt(event.id), "an opaque value \(opaque)")
            last = event.id
            return true
        }
    }

    private mutating func report(at place: Int, _ outcome: OutboxOutcome) {
        let inFlight = line.entries.filter { $0.state == .inFlight }
        guard !inFlight.isEmpty else { return }
        let entry = inFlight[place % inFlight.count]
        if case .delivered = outcome, let gap = entry.gap { told.append(gap) }
        expect(line.complete(entry.event.id, outcome, now) != nil, "no answer to a report of \(entry.event.id)")
    }

    // MARK: What holds

    private func check() {
        let entries = line.entries.filter { $0.state != .gone }
        expect(line.count == entries.count, "\(line.count) events where \(entries.count) are")
        expect(line.bytes == entries.reduce(0) { $0 + $1.cost }, "\(line.bytes) bytes")
        expect(line.inFlight == entries.count { $0.state == .inFlight }, "\(line.inFlight) in flight")
        expect(
            line.unstored == entries.count { $0.state == .fresh || $0.state == .changed },
            "\(line.unstored) are not stored")
        let ids = entries.map(\.event.id)
        let stored = ids.prefix { $0 != 0 }
        expect(ids.dropFirst(stored.count).allSatisfy { $0 == 0 }, "one without a row before one with a row: \(ids)")
        expect(zip(stored, stored.dropFirst()).allSatisfy { $0 < $1 }, "not in order: \(ids)")
        expect(line.limits.holds(events: line.count, bytes: line.bytes), "\(line.count) events, \(line.bytes) bytes")
    }

    /// Each gap lies in one that Kafka has: of its generation, or of a stream or the host, where only sums are told.
    private func checkTold() {
        let sums = told.contains { $0.level != .generation }
        for (file, places) in gaps where !sums {
            for from in places {
                let isTold = told.contains { gap in
                    gap.file == file && gap.ranges.all.contains { $0.from <= from && $0.to.map { from < $0 } ?? true }
                }
                expect(isTold, "a gap at \(from) of \(file) was never told")
            }
        }
    }
}
