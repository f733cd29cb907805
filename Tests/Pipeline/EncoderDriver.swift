// Feeds a file to the encoder the way the engine does: reads from the last record's end, batches, arenas, parking.
import Core
import Glibc
import TestSupport
import Pipeline

/// One slot of a batch, its payload copied out of the arena.
struct Shipped: Equatable {
    let start: UInt64
    let end: UInt64
    let kind: RecordSlot.Kind
    let payload: [UInt8]
    var stream: UInt8 = 0

    /// The engine hands it to Kafka.
    var isRecord: Bool { kind != .oversizeGap && kind != .held }
}

/// Where a source continues: what the ledger would have committed behind a record.
struct ResumePoint {
    var offset: UInt64 = 0
    var lineStart: UInt64?
    var lineOrdinal: UInt32 = 0
    var records = 0
    var skipped: UInt64 = 0

    /// As the engine restores framing from the ledger's counts.
    var line: LineState { LineState(start: lineStart, ordinal: lineOrdinal, skipped: records == 0 ? skipped : 0) }

    /// As the ledger commits an entry.
    mutating func commit(_ slot: RecordSlot) {
        skipped += slot.start - offset
        offset = slot.end
        if slot.kind == .partial {
            if lineStart == nil { lineStart = slot.start }
            lineOrdinal += 1
        } else {
            lineStart = nil
            lineOrdinal = 0
        }
        if slot.kind != .oversizeGap, slot.kind != .held { records += 1 }
    }
}

/// One pass over one file. `problem` is set when the encoder breaks a promise on the way.
struct EncoderDriver {
    static let file = FileID(Identifier128(high: 0x0011_2233_4455_6677, low: 0x8899_AABB_CCDD_EEFF))
    static let stream = StreamID(Identifier128(high: 1, low: 2))

    let content: [UInt8]
    let limits: FramingLimits
    let isFinal: Bool
    let format: EntryFormat
    private var generator: SeededGenerator
    private var point: ResumePoint
    private var line: LineState
    private var finalIsKnown: Bool
    private(set) var shipped: [Shipped] = []
    private(set) var points: [ResumePoint] = []
    private(set) var problem: String?
    /// NULs at the end of a final file that belong to no record.
    private(set) var trailing: UInt64 = 0
    private var arena = GuardedArena(capacity: 0)
    private var space = ArenaSpace.none

    init(
        _ content: [UInt8], _ limits: FramingLimits, isFinal: Bool, seed: UInt64, from point: ResumePoint = .init(),
        format: EntryFormat = .plain
    ) {
        self.format = format
        self.content = content
        self.limits = limits
        self.isFinal = isFinal
        self.point = point
        line = point.line
        var generator = SeededGenerator(seed: seed)
        finalIsKnown = isFinal && generator.next() & 1 == 0
        self.generator = generator
    }

    mutating func run(path: [UInt8] = Array("/log/a.log".utf8)) {
        var encoder = RecordEncoder(
            nodeMembers: renderMembers([("host.name", Array("n1".utf8))]), limits: limits)
        path.withUnsafeBufferPointer {
            encoder.describe(
                stream: EncoderDriver.stream, file: EncoderDriver.file,
                declarationMembers: renderMembers([("log.declaration", Array("web".utf8))]), path: $0, format: format)
        }
        encoder.stamp(Timestamp(nanoseconds: 1))
        var batch = RecordBatch()
        var least = 1
        for _ in 0..<20 * content.count + 1000 where problem == nil {
            let offset = point.offset + line.scanned
            let rest = content.count - Int(offset)
            let count = min(rest, max(least, generator.number(1...3 * limits.line)))
            let isDone = turn(encoder, &batch, offset, count, atEnd: count == rest)
            if problem != nil { return }
            // A chunk that holds less than one piece is read again, larger.
            let isStuck = point.offset + line.scanned == offset
            least = isStuck ? least * 2 : 1
            guard isDone, count == rest else { continue }
            if finalIsKnown, line.hasOpenEnd, format != .plain {
                // What waits for its end ends with the file.
                _ = turn(encoder, &batch, point.offset + line.scanned, 0, atEnd: true)
                if line.hasOpenEnd { continue }
            }
            if finalIsKnown { trailing = line.hole }
            if !isFinal || finalIsKnown { return }
            finalIsKnown = true
            // As the engine does: NULs at the end may still be written to.
            if line.isInHole, point.offset + line.scanned == content.count { line.forgetHole() }
        }
        problem = problem ?? "the encoder does not come to an end at \(point.offset) of \(content.count)"
    }

    /// One read and all that comes of it; false when the source was parked with the chunk half used.
    private mutating func turn(
        _ encoder: borrowing RecordEncoder, _ batch: inout RecordBatch, _ offset: UInt64, _ count: Int, atEnd: Bool
    ) -> Bool {
        let input = UnsafeMutablePointer<UInt8>.allocate(capacity: count + JSONEscaper.slack)
        defer { input.deallocate() }
        for index in 0..<count { input[index] = content[Int(offset) + index] }
        memset(input + count, generator.once(in: 2) ? 0x80 : 0x0A, JSONEscaper.slack)
        var chunk = Chunk(bytes: input, count: count, offset: offset, isFinal: finalIsKnown && atEnd)
        var granted = false
        while problem == nil {
            let maximum = generator.number(1...8)
            let before = chunk.offset
            let outcome = encoder.encode(&chunk, line: &line, into: &space, batch: &batch, maximum: maximum)
            let records = (0..<batch.count).count { batch.slots[$0].payload != nil }
            if records > maximum { problem = "\(records) records where \(maximum) are allowed" }
            let made = take(&batch)
            switch outcome {
            case .needsInput: return true
            case .readAgain: return false
            case .batchFull where made == 0: problem = "a full batch without records"
            case .batchFull: granted = false
            case .needsArena(let bytes):
                // What is no entry after all asks once more, as text.
                let isSecond = format == .plain || bytes <= arena.capacity
                if granted && made == 0 && chunk.offset == before && isSecond {
                    problem =
                        "an arena of \(arena.capacity) bytes as it asked for does not do at \(before): it wants \(bytes)"
                }
                if bytes > max(limits.record, ArenaPool.standardCapacity, 12 * limits.line + 2000), format == .plain {
                    problem = "asks for an arena of \(bytes) bytes"
                }
                arena = GuardedArena(capacity: bytes + (generator.once(in: 2) ? 0 : generator.number(0...4000)))
                space = ArenaSpace(next: arena.base, end: arena.base + arena.capacity)
                granted = true
            }
            if generator.once(in: 10) { return false }
        }
        return false
    }

    private mutating func take(_ batch: inout RecordBatch) -> Int {
        let made = batch.count
        for index in 0..<made {
            let slot = batch.slots[index]
            let payload = slot.payload.map { Array(UnsafeBufferPointer(start: $0, count: slot.length)) } ?? []
            shipped.append(
                Shipped(start: slot.start, end: slot.end, kind: slot.kind, payload: payload, stream: slot.stream))
            point.commit(slot)
            points.append(point)
        }
        if !arena.isIntact { problem = "wrote behind the end of the arena" }
        batch.removeAll()
        return made
    }
}

/// Memory for records with guard bytes behind it.
final class GuardedArena {
    let base: UnsafeMutablePointer<UInt8>
    let capacity: Int
    private static let guardSize = 64

    init(capacity: Int) {
        self.capacity = capacity
        base = .allocate(capacity: capacity + GuardedArena.guardSize)
        memset(base + capacity, 0xA5, GuardedArena.guardSize)
    }

    deinit { base.deallocate() }

    var isIntact: Bool { (0..<GuardedArena.guardSize).allSatisfy { base[capacity + $0] == 0xA5 } }
}
