// A model of the outbox's world: the store's rows, what Kafka has, and which gaps there really are.
import Core
import TestSupport
import Testing

@testable import Engine

/// Does one random thing after the other to an outbox with small limits and knows what must hold after each.
struct OutboxModel {
    static let limits = OutboxLimits(events: 64, bytes: 48 << 10)

    struct Gap: Hashable {
        let stream: Identifier128
        let file: Identifier128
        let reason: String
        let from: UInt64
        let to: UInt64?
        /// Number of the crash before which it was collected.
        let life: Int
    }

    let seed: UInt64
    var generator: SeededGenerator
    var outbox: AuditOutbox
    private let text = AuditText(host: "node")
    private var rows: [Int64: AuditEvent] = [:]
    private var nextID: Int64 = 1
    private var pending: (events: [AuditEvent], deleted: [Int64])?
    /// Announced with offsets that are committed, and with offsets that are not.
    private var committed: Set<Gap> = []
    private var underWay: [Gap] = []
    private var collected: [Gap] = []
    private var inFlight: [Int64: AuditEvent] = [:]
    private var acknowledged: Set<Int64> = []
    private(set) var delivered: [AuditEvent] = []
    private(set) var crashes = 0
    private(set) var step = 0
    private var files: [(stream: Identifier128, file: Identifier128, end: UInt64)] = []

    init(seed: UInt64) {
        self.seed = seed
        generator = SeededGenerator(seed: seed)
        outbox = OutboxModel.outbox([])
    }

    private static func outbox(_ stored: [AuditEvent]) -> AuditOutbox {
        AuditOutbox(enabled: [.audit], stored: stored, host: "node") { _ in OutboxModel.limits }
    }

    private var place: Comment { "seed \(seed), step \(step)" }

    mutating func run(steps: Int, crashes mayCrash: Bool) {
        // Now few generations with many gaps, now many generations; now Kafka takes all, now nothing.
        let newFile = Int.random(in: 2...30, using: &generator)
        let kafka = Int.random(in: 0...2, using: &generator)
        for step in 0..<steps {
            self.step = step
            switch Int.random(in: 0..<100, using: &generator) {
            case ..<newFile: openFile()
            case ..<60: collectGap()
            case ..<75: store()
            case ..<78: if mayCrash, step % 7 == 0 { crash() }
            case ..<90: if kafka > 0 { send(upTo: Int.random(in: 0...(20 * kafka), using: &generator)) }
            default: report()
            }
            checkBounds()
            if step % 50 == 0 { checkCoverage() }
        }
        checkCoverage()
    }

    /// Kafka and the store take everything: the outbox is empty in the end, and what Kafka has tells of every gap.
    mutating func drain() {
        for _ in 0..<1_000 where outbox.count > 0 || outbox.needsStore || pending != nil {
            store(fails: false)
            send(upTo: .max)
            for id in inFlight.keys.sorted() { report(id, .delivered) }
            checkBounds()
        }
        #expect(outbox.count == 0 && outbox.bytes == 0 && rows.isEmpty && inFlight.isEmpty, place)
        checkCoverage()
        checkCovered(committed, by: delivered, "by what Kafka has")
    }

    // MARK: What happens

    private mutating func openFile() {
        let stream = Identifier128(high: 1, low: UInt64.random(in: 0..<6, using: &generator))
        let file = Identifier128(high: 2, low: UInt64(files.count))
        files.append((stream, file, 0))
        outbox.collect(text.opened(subject(files.count - 1), counts: LedgerCounts()))
        if Bool.random(using: &generator) {
            outbox.collect(text.closed(subject(files.count - 1), counts: LedgerCounts(), size: 0))
        }
    }

    private func subject(_ index: Int) -> AuditText.Subject {
        AuditText.Subject(
            declaration: "app", stream: StreamID(files[index].stream),
            path: Array("/logs/\(files[index].stream.low)".utf8), file: FileID(files[index].file))
    }

    private mutating func collectGap() {
        guard !files.isEmpty else { return }
        let index = Int.random(in: max(0, files.count - 40)..<files.count, using: &generator)
        let reason = [GapReason.truncated, .oversize].randomElement(using: &generator)!
        let from = files[index].end + UInt64.random(in: 0...2, using: &generator) * 100
        let to = Int.random(in: 0..<20, using: &generator) == 0 ? nil : from + .random(in: 1...1_000, using: &generator)
        files[index].end = to ?? from + 1
        collected.append(
            Gap(
                stream: files[index].stream, file: files[index].file, reason: reason.rawValue, from: from, to: to,
                life: crashes))
        outbox.collect(text.gap(subject(index), from: from, to: to, reason: reason))
    }

    private mutating func store(fails: Bool? = nil) {
        guard let transaction = pending else {
            guard outbox.needsStore else { return }
            pending = outbox.takeForStore()
            underWay = collected
            collected = []
            return
        }
        pending = nil
        if fails ?? (Int.random(in: 0..<4, using: &generator) == 0) {
            collected = underWay + collected
            underWay = []
            return outbox.notStored()
        }
        outbox.stored(ids: commit(transaction))
    }

    private mutating func commit(_ transaction: (events: [AuditEvent], deleted: [Int64])) -> [Int64] {
        var ids: [Int64] = []
        for event in transaction.events {
            var row = event
            if event.id == 0 {
                row.id = nextID
                nextID += 1
            } else {
                #expect(rows[event.id] != nil && !acknowledged.contains(event.id), place)
            }
            rows[row.id] = row
            ids.append(row.id)
        }
        for id in transaction.deleted { rows[id] = nil }
        committed.formUnion(underWay)
        underWay = []
        return ids
    }

    /// kill -9: the transaction under way is whole or not there; what was not in it was never told.
    private mutating func crash() {
        if let transaction = pending, Bool.random(using: &generator) { _ = commit(transaction) }
        pending = nil
        underWay = []
        collected = []
        inFlight = [:]
        acknowledged = acknowledged.filter { rows[$0] == nil }
        crashes += 1
        outbox = OutboxModel.outbox(rows.values.sorted { $0.id < $1.id })
    }

    private mutating func send(upTo limit: Int) {
        var sent: [AuditEvent] = []
        outbox.send(.audit, now: .max) { event, opaque in
            guard sent.count < limit else { return false }
            sent.append(event)
            return true
        }
        #expect(sent.map(\.id) == sent.map(\.id).sorted(), place)
        for event in sent {
            #expect(rows[event.id] == event, "produced as it is stored; \(place)")
            #expect(!acknowledged.contains(event.id) && inFlight[event.id] == nil, "resurrected; \(place)")
            inFlight[event.id] = event
        }
    }

    private mutating func report() {
        for id in inFlight.keys.sorted().prefix(.random(in: 0...10, using: &generator)) {
            report(id, [.delivered, .delivered, .delivered, .failed, .refused].randomElement(using: &generator)!)
        }
    }

    private mutating func report(_ id: Int64, _ outcome: OutboxOutcome) {
        let event = inFlight.removeValue(forKey: id)!
        let answer = outbox.complete(opaque: AuditOutbox.opaqueBit | UInt(id), outcome, now: 0)?.answer
        #expect(answer != nil, place)
        if case .delivered = outcome {
            delivered.append(event)
            acknowledged.insert(id)
        }
    }

    // MARK: What must hold

    private func checkBounds() {
        let limits = OutboxModel.limits
        #expect(limits.holds(events: outbox.count, bytes: outbox.bytes), "\(outbox.count), \(outbox.bytes); \(place)")
        let cost = rows.values.reduce(0) { $0 + OutboxEntry($1, .stored).cost }
        #expect(limits.holds(events: rows.count, bytes: cost), "\(rows.count) rows of \(cost); \(place)")
        let live = outbox[.audit].entries.filter { $0.state != .gone }
        #expect(outbox.count == live.count && outbox.bytes == live.reduce(0) { $0 + $1.cost }, place)
    }

    private func checkCoverage() {
        let live = outbox[.audit].entries.filter { $0.state != .gone }.map(\.event)
        checkCovered(committed.union(underWay).union(collected), by: delivered + live, "in memory")
        checkCovered(committed, by: delivered + rows.values, "on disk")
    }

    /// Exactly, or in a sum of its stream or of the host that is large enough for all that is not told exactly.
    private func checkCovered(_ gaps: Set<Gap>, by events: [AuditEvent], _ what: Comment) {
        var exact: [GapDetail.Group: GapRanges] = [:]
        var sums: [String: (bytes: UInt64, openEnded: UInt64, streams: Set<Identifier128?>)] = [:]
        for detail in events.compactMap({ GapDetail(of: $0) }) {
            if detail.level == .generation {
                exact[detail.group(at: .generation), default: GapRanges()].insert(detail.ranges)
            } else {
                var sum = sums[detail.reason] ?? (0, 0, [])
                sum.bytes += detail.bytes
                sum.openEnded += detail.openEnded
                sum.streams.insert(detail.level == .stream ? detail.stream : nil)
                sums[detail.reason] = sum
            }
        }
        var missing: [String: (bytes: UInt64, openEnded: Set<Identifier128>)] = [:]
        for gap in gaps {
            let group = GapDetail.Group(level: .generation, identity: gap.file, reason: gap.reason)
            let ranges = exact[group]?.all ?? []
            if ranges.contains(where: { $0.from <= gap.from && ($0.to ?? .max) >= (gap.to ?? .max) }) { continue }
            let sum = sums[gap.reason]
            #expect(
                sum?.streams.contains(gap.stream) == true || sum?.streams.contains(nil) == true, "\(what); \(place)")
            var mine = missing[gap.reason] ?? (0, [])
            if let to = gap.to { mine.bytes += to - gap.from } else { mine.openEnded.insert(gap.file) }
            missing[gap.reason] = mine
        }
        for (reason, mine) in missing {
            #expect(mine.bytes <= sums[reason]?.bytes ?? 0, "\(what); \(place)")
            #expect(mine.openEnded.isEmpty || (sums[reason]?.openEnded ?? 0) > 0, "\(what); \(place)")
        }
    }
}
