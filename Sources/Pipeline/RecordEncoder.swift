// From raw bytes to encoded records: framing lines and writing them as JSON in one pass over a chunk.
package import Core
internal import Glibc

/// Frames lines and encodes each as one JSON record of the contract into an arena. Owned by the pipeline thread; reused
/// for every source: `begin` sets the constant parts, `encode` makes records until input, batch or arena is used up.
package struct RecordEncoder: ~Copyable {
    package private(set) var limits: FramingLimits
    var template: RecordTemplate
    var file = Identifier128(high: 0, low: 0)
    private(set) var format = EntryFormat.plain

    /// `nodeMembers`: the node's constant fields as `renderMembers` gives them.
    package init(nodeMembers: [UInt8], limits: FramingLimits) {
        self.limits = limits
        template = RecordTemplate(nodeMembers: nodeMembers)
    }

    /// Sets the source of the next chunks: its identifiers, the rendered members of its declaration (`,"name":"value"…`)
    /// its path as the container (or host) sees it, where that really is on the host if it is elsewhere, and its form.
    package mutating func describe(
        stream: StreamID, file: FileID, declarationMembers: [UInt8], path: UnsafeBufferPointer<UInt8>,
        resolvedPath: [UInt8]? = nil, format: EntryFormat = .plain
    ) {
        self.file = file.value
        self.format = format
        template.describe(
            stream: stream, file: file, declarationMembers: declarationMembers, path: path, resolvedPath: resolvedPath)
    }

    /// Sets how large the next chunks' records may be, encoded: what their topic takes.
    package mutating func limit(record: Int) { limits.record = record }

    /// Sets the observed time of the next chunk: when it was read.
    package mutating func stamp(_ observed: Timestamp) { template.stamp(observed) }

    /// Makes records from the front of `chunk` and appends them to `batch`, which may hold `maximum` records at most.
    /// An empty final chunk ends what is left open: an oversize rest that was counted before becomes its gap.
    package func encode(
        _ chunk: inout Chunk, line: inout LineState, into space: inout ArenaSpace, batch: inout RecordBatch,
        maximum: Int
    ) -> EncodingOutcome {
        if _slowPath(format != .plain), line.ahead == 0 {
            return encodeEntries(&chunk, &line, &space, &batch, maximum)
        }
        skipByteOrderMark(&chunk, &line)
        if _slowPath(line.ahead > 0) { return lookBehindRun(&chunk, &line) }
        if _slowPath(chunk.count == 0) { return endOversize(chunk, &line, &batch, maximum) }
        while chunk.count > 0 {
            if batch.count >= maximum || batch.isFull { return .batchFull }
            if _slowPath(chunk.bytes.pointee == 0), skipHole(&chunk, &line) { continue }
            let found = memchr(chunk.bytes, 0x0A, chunk.count)
            let length =
                found.map { UnsafePointer($0.assumingMemoryBound(to: UInt8.self)) - chunk.bytes } ?? chunk.count
            if line.start == nil, found != nil, length <= limits.line,
                length < NullRun.holeSize || hole(in: chunk, length) == nil
            {
                // The usual case: a whole line in one record.
                let outcome = append(
                    chunk, message: withoutCarriageReturn(chunk.bytes, length), consumed: length + 1, line: &line,
                    &space, &batch)
                switch outcome {
                case .done(let consumed): chunk.advance(consumed)
                case .needsArena(let bytes): return .needsArena(bytes)
                }
                continue
            }
            if let stop = encodeLongLine(&chunk, length, ended: found != nil, &line, &space, &batch) { return stop }
        }
        return .needsInput
    }

    /// One step in a line that does not fit one record, has no end yet, or has a hole. Nil: go on with the next step.
    @inline(never)
    func encodeLongLine(
        _ chunk: inout Chunk, _ lineLength: Int, ended lineEnded: Bool, _ line: inout LineState,
        _ space: inout ArenaSpace, _ batch: inout RecordBatch
    ) -> EncodingOutcome? {
        var (length, ended) = (lineLength, lineEnded)
        if line.oversize != nil {
            return skipOversize(&chunk, length, ended: ended, &line, &batch)
        }
        if let hole = hole(in: chunk, length) {
            if !ended, waitsForEnd(ofRunAt: hole, &chunk, &line) { return .needsInput }
            if hole == 0 {
                // Its last piece did not know that nothing of the line would follow.
                line.end()
                return nil
            }
            length = hole
            ended = false
        } else if !ended, !chunk.isFinal, length < limits.line + 2 {
            // Without an end in sight a piece is cut only when the line is surely longer than one record (with its CR LF).
            return .needsInput
        }
        let message = ended ? withoutCarriageReturn(chunk.bytes, length) : length
        // What was shipped may be more than the total when the limit was lowered between two runs.
        let left = max(0, limits.lineTotal - Int(chunk.offset - (line.start ?? chunk.offset)))
        let allowed = min(limits.line, left)
        let outcome: Appended
        if message <= allowed {
            outcome = append(
                chunk, message: message, consumed: ended ? length + 1 : length, line: &line, &space, &batch)
        } else {
            var cut = JSONEscaper.boundary(of: chunk.bytes, count: message, notAfter: allowed)
            if cut == 0, line.start != nil, left <= limits.line {
                // Nothing more fits the total (or only a part of one character): the rest is oversize.
                line.oversize = 0
                return nil
            }
            if cut == 0 { cut = max(1, allowed) }
            cut = NullRun.cut(chunk.bytes, near: cut)
            outcome = appendPartial(chunk, count: cut, line: &line, &space, &batch)
        }
        switch outcome {
        case .done(let consumed):
            chunk.advance(consumed)
            return nil
        case .needsArena(let bytes): return .needsArena(bytes)
        }
    }

    /// Counts the rest of a line beyond limits.line_total; at its end the whole rest becomes one gap.
    private func skipOversize(
        _ chunk: inout Chunk, _ length: Int, ended: Bool, _ line: inout LineState, _ batch: inout RecordBatch
    ) -> EncodingOutcome? {
        let consumed = ended ? length + 1 : length
        let total = line.oversize! + UInt64(consumed)
        let end = chunk.offset + UInt64(consumed)
        guard ended || chunk.isFinal else {
            line.oversize = total
            chunk.advance(consumed)
            return .needsInput
        }
        batch.append(RecordSlot(payload: nil, length: 0, start: end - total, end: end, kind: .oversizeGap))
        line.end()
        chunk.advance(consumed)
        return nil
    }

    /// The file is over and the rest of an oversize line was counted in earlier chunks: it becomes its gap now.
    @inline(never)
    func endOversize(
        _ chunk: Chunk, _ line: inout LineState, _ batch: inout RecordBatch, _ maximum: Int
    ) -> EncodingOutcome {
        guard chunk.isFinal, let total = line.oversize, total > 0 else { return .needsInput }
        if batch.count >= maximum || batch.isFull { return .batchFull }
        batch.append(
            RecordSlot(payload: nil, length: 0, start: chunk.offset - total, end: chunk.offset, kind: .oversizeGap))
        line.end()
        return .needsInput
    }

    enum Appended {
        case done(consumed: Int)
        case needsArena(Int)
    }

    /// Encodes the end of a line (usually all of it) as one record; one that is too large for Kafka becomes pieces.
    @inline(__always)
    func append(
        _ chunk: Chunk, message: Int, consumed: Int, line: inout LineState, _ space: inout ArenaSpace,
        _ batch: inout RecordBatch
    ) -> Appended {
        if _slowPath(JSONEscaper.worstGrowth * message > min(space.end - space.next - fixedSize, budget)) {
            if let other = makeRoom(chunk, message, &line, &space, &batch) { return other }
        }
        let start = space.next
        var place = writeHead(start)
        place = JSONEscaper.escape(chunk.bytes, count: message, to: place)
        place = writeTail(place, offset: chunk.offset, bytes: UInt64(consumed))
        let isPlain = line.isPlain && consumed != message
        if _slowPath(!isPlain) {
            place = writeExtras(place, line, isLast: true, isUnterminated: consumed == message)
        }
        place.pointee = 0x7D
        space.next = place + 1
        batch.append(
            RecordSlot(
                payload: start, length: space.next - start, start: chunk.offset, end: chunk.offset + UInt64(consumed),
                kind: .lineEnd))
        if _slowPath(!isPlain) { line.end() }
        return .done(consumed: consumed)
    }

    /// Encodes `count` bytes as a piece of a longer line.
    private func appendPartial(
        _ chunk: Chunk, count: Int, line: inout LineState, _ space: inout ArenaSpace, _ batch: inout RecordBatch
    ) -> Appended {
        if JSONEscaper.worstGrowth * count > min(space.end - space.next - fixedSize, budget) {
            if let other = makeRoom(chunk, count, &line, &space, &batch) { return other }
        }
        if line.start == nil { line.start = chunk.offset }
        let start = space.next
        var place = writeHead(start)
        place = JSONEscaper.escape(chunk.bytes, count: count, to: place)
        place = writeTail(place, offset: chunk.offset, bytes: UInt64(count))
        place = writeExtras(place, line, isLast: false, isUnterminated: false)
        place.pointee = 0x7D
        space.next = place + 1
        batch.append(
            RecordSlot(
                payload: start, length: space.next - start, start: chunk.offset, end: chunk.offset + UInt64(count),
                kind: .partial))
        line.ordinal &+= 1
        line.skipped = 0
        line.hole = 0
        return .done(consumed: count)
    }

    /// When the worst case of a message does not fit the arena or Kafka's limit: nil if its true size does; a request
    /// for an arena; or, where the encoded record would be larger than Kafka takes, a piece of it as a partial record.
    func makeRoom(
        _ chunk: Chunk, _ message: Int, _ line: inout LineState, _ space: inout ArenaSpace, _ batch: inout RecordBatch
    ) -> Appended? {
        let worst = JSONEscaper.worstGrowth * message + fixedSize
        if worst <= min(ArenaPool.standardCapacity, budget + fixedSize) { return .needsArena(worst) }
        let (count, escaped) = JSONEscaper.prefix(of: chunk.bytes, count: message, fitting: budget)
        if count < message {
            let cut = NullRun.cut(chunk.bytes, near: count)
            return appendPartial(chunk, count: cut, line: &line, &space, &batch)
        }
        return escaped > space.end - space.next - fixedSize ? .needsArena(escaped + fixedSize) : nil
    }

    /// How many bytes an escaped message may have, the same for every arena, so that a replay cuts where the first run
    /// did. Where the constant members alone are too large for Kafka no piece would help: such records are made
    /// all the same, Kafka refuses them, and their ranges become gaps.
    @inline(__always)
    var budget: Int {
        let rest = limits.record - fixedSize
        return rest >= JSONEscaper.worstGrowth ? rest : max(limits.record, JSONEscaper.worstGrowth)
    }

    /// Bytes of a record beside its message, extras included: enough for any record.
    var fixedSize: Int {
        template.head.count + template.tail.count + RecordEncoder.numbersSize + JSONEscaper.slack
    }

    /// offset, log.record.bytes, skipped, partial id (32 + 20), ordinal, last, unterminated: names and widest values.
    private static let numbersSize = 20 + 41 + 44 + 80 + 48 + 32 + 24

    @inline(__always)
    func writeHead(_ place: UnsafeMutablePointer<UInt8>) -> UnsafeMutablePointer<UInt8> {
        memcpy(place, template.head.base, template.head.count)
        return place + template.head.count
    }

    @inline(__always)
    func writeTail(
        _ place: UnsafeMutablePointer<UInt8>, offset: UInt64, bytes: UInt64
    ) -> UnsafeMutablePointer<UInt8> {
        memcpy(place, template.tail.base, template.tail.count)
        var next = writeDecimal(offset, place + template.tail.count)
        next = write(",\"log.record.bytes\":", next)
        return writeDecimal(bytes, next)
    }

    /// `log.skipped.bytes`, `log.unterminated` and the `log.partial.*` fields, where they apply.
    @inline(never)
    func writeExtras(
        _ place: UnsafeMutablePointer<UInt8>, _ line: LineState, of file: Identifier128? = nil, isLast: Bool,
        isUnterminated: Bool
    ) -> UnsafeMutablePointer<UInt8> {
        var next = place
        if line.skipped | line.hole > 0 {
            next = write(",\"log.skipped.bytes\":", next)
            next = writeDecimal(line.skipped &+ line.hole, next)
        }
        if isUnterminated { next = write(",\"log.unterminated\":true", next) }
        guard let start = line.start else { return next }
        next = write(",\"log.partial.id\":\"", next)
        next = (file ?? self.file).write(next)
        next = write("-", next)
        next = writeDecimal(start, next)
        next = write("\",\"log.partial.ordinal\":", next)
        next = writeDecimal(UInt64(line.ordinal), next)
        return write(isLast ? ",\"log.partial.last\":true" : ",\"log.partial.last\":false", next)
    }

    /// A UTF-8 byte order mark at the start of a file is skipped, and counted with the first record.
    @inline(never)
    private func skipByteOrderMark(_ chunk: inout Chunk, _ line: inout LineState) {
        guard chunk.offset == 0, chunk.count >= 3, line.start == nil else { return }
        guard chunk.bytes[0] == 0xEF, chunk.bytes[1] == 0xBB, chunk.bytes[2] == 0xBF else { return }
        line.hole = 3
        chunk.advance(3)
    }

    // MARK: Holes

    // What is rare is never inlined into the loop: it would cost the usual line registers.

    /// Skips NULs where a line would begin. False inside a line, where they are text.
    @inline(never)
    func skipHole(_ chunk: inout Chunk, _ line: inout LineState) -> Bool {
        guard line.start == nil, line.oversize == nil else { return false }
        let count = NullRun.length(chunk.bytes, count: chunk.count)
        line.hole &+= UInt64(count)
        chunk.advance(count)
        return true
    }

    /// Where in the line a run of NULs begins that ends it. Only what is looked at before a piece is ever cut counts, so
    /// that records do not depend on how the file was read: other runs are found in the next piece.
    @inline(never)
    private func hole(in chunk: Chunk, _ length: Int) -> Int? {
        NullRun.hole(chunk.bytes, count: min(length, limits.line + 2))
    }

    /// True when the run reaches the end of the chunk and it is not known yet whether anything follows.
    @inline(never)
    private func waitsForEnd(ofRunAt run: Int, _ chunk: inout Chunk, _ line: inout LineState) -> Bool {
        let isOpen = run + NullRun.length(chunk.bytes + run, count: chunk.count - run) == chunk.count
        guard isOpen, !chunk.isFinal, line.run != chunk.offset + UInt64(run) else { return false }
        line.run = chunk.offset + UInt64(run)
        line.ahead = UInt64(chunk.count)
        chunk.advance(chunk.count)
        return true
    }

    /// Looks for the end of a run of NULs in an unfinished line.
    @inline(never)
    private func lookBehindRun(_ chunk: inout Chunk, _ line: inout LineState) -> EncodingOutcome {
        let count = NullRun.length(chunk.bytes, count: chunk.count)
        chunk.advance(count)
        if chunk.count == 0, !chunk.isFinal {
            line.ahead &+= UInt64(count)
            return .needsInput
        }
        line.ahead = 0
        return .readAgain
    }

    @inline(__always)
    func withoutCarriageReturn(_ bytes: UnsafePointer<UInt8>, _ length: Int) -> Int {
        length > 0 && bytes[length - 1] == 0x0D ? length - 1 : length
    }
}

@inline(__always)
func write(_ text: StaticString, _ place: UnsafeMutablePointer<UInt8>) -> UnsafeMutablePointer<UInt8> {
    memcpy(place, text.utf8Start, text.utf8CodeUnitCount)
    return place + text.utf8CodeUnitCount
}

/// Writes `value` in decimal and returns the place behind it.
@inline(__always)
func writeDecimal(_ value: UInt64, _ place: UnsafeMutablePointer<UInt8>) -> UnsafeMutablePointer<UInt8> {
    var count = 1
    var rest = value
    while rest >= 10 {
        rest /= 10
        count &+= 1
    }
    var next = place + count
    rest = value
    repeat {
        next -= 1
        let quotient = rest / 10
        next.pointee = 0x30 &+ UInt8(truncatingIfNeeded: rest &- quotient &* 10)
        rest = quotient
    } while rest != 0
    return place + count
}
