// Entries of runtimes' logs become records: one each, or one for all entries that a long line was cut into.
internal import Core
internal import Glibc

extension RecordEncoder {
    /// No runtime's entry is longer, as it cuts lines at 16 KiB and a byte becomes six in JSON at most. What is longer and
    /// has no end in sight is taken as text.
    private static let longestEntry = 128 << 10

    enum Step {
        case done(consumed: Int)
        /// A record was made of what waited; the entry is still to come.
        case again
        case needsArena(Int)
        /// The line is none of the runtime's.
        case noEntry
    }

    /// As `encode`, for files of a runtime. A line that is no entry becomes a record as it stands, and is counted.
    @inline(never)
    func encodeEntries(
        _ chunk: inout Chunk, _ line: inout LineState, _ space: inout ArenaSpace, _ batch: inout RecordBatch,
        _ maximum: Int
    ) -> EncodingOutcome {
        while chunk.count > 0 {
            let ahead = line.hasPendingEntries ? 2 * PendingEntry.maximumParts + 2 : 1
            if batch.count >= maximum || batch.count + ahead > RecordBatch.capacity { return .batchFull }
            let found = memchr(chunk.bytes, 0x0A, chunk.count)
            let length =
                found.map { UnsafePointer($0.assumingMemoryBound(to: UInt8.self)) - chunk.bytes } ?? chunk.count
            if _slowPath(line.start != nil || line.oversize != nil) {
                if let stop = encodeLongLine(&chunk, length, ended: found != nil, &line, &space, &batch) { return stop }
                continue
            }
            let isHole = chunk.bytes.pointee == 0
            if _slowPath(line.hasPendingEntries), let outcome = endWaiting(isHole, chunk, &line, &space, &batch) {
                if case .needsArena(let bytes) = outcome { return .needsArena(bytes) }
                continue
            }
            if _slowPath(isHole), skipHole(&chunk, &line) { continue }
            if found == nil, !chunk.isFinal, length < max(limits.line + 2, RecordEncoder.longestEntry) {
                return .needsInput
            }
            let step = appendEntry(chunk, length, consumed: found != nil ? length + 1 : length, &line, &space, &batch)
            switch step {
            case .done(let consumed): chunk.advance(consumed)
            case .again: continue
            case .needsArena(let bytes): return .needsArena(bytes)
            case .noEntry:
                hold(&line, &batch)
                if let stop = encodeAsText(&chunk, length, ended: found != nil, &line, &space, &batch) { return stop }
            }
        }
        return chunk.isFinal ? endEntries(chunk, &line, &space, &batch, maximum) : .needsInput
    }

    /// A line that is no entry, or has none of the ends an entry has.
    @inline(never)
    private func encodeAsText(
        _ chunk: inout Chunk, _ length: Int, ended: Bool, _ line: inout LineState, _ space: inout ArenaSpace,
        _ batch: inout RecordBatch
    ) -> EncodingOutcome? {
        guard ended, length <= limits.line else {
            let stop = encodeLongLine(&chunk, length, ended: ended, &line, &space, &batch)
            if stop == nil, line.ordinal <= 1 { batch.unparsed += 1 }
            return stop
        }
        switch append(
            chunk, message: withoutCarriageReturn(chunk.bytes, length), consumed: length + 1, line: &line, &space,
            &batch)
        {
        case .needsArena(let bytes): return .needsArena(bytes)
        case .done(let consumed):
            batch.unparsed += 1
            chunk.advance(consumed)
            return nil
        }
    }

    /// One entry: a record, or a part of one that is still to come.
    @inline(__always)
    private func appendEntry(
        _ chunk: Chunk, _ length: Int, consumed: Int, _ line: inout LineState, _ space: inout ArenaSpace,
        _ batch: inout RecordBatch
    ) -> Step {
        let isCRI = format == .cri
        let scanned = isCRI ? CRIEntry.scan(chunk.bytes, count: length) : JSONFileEntry.scan(chunk.bytes, count: length)
        guard var entry = scanned ?? rescan(chunk, length) else { return .noEntry }
        let pending = _slowPath(line.hasPendingEntries) ? line.entries?[entry.stream] : nil
        if let pending, let step = makeWay(for: entry, pending, chunk, consumed, &line, &space, &batch) { return step }
        let before = pending?.text.count ?? 0
        if let bytes = lacking(entry, before, entrySize(pending), space) { return .needsArena(bytes) }
        let start = space.next
        let text = writeHead(start) + before
        guard EntryTime.write(entry.time, count: entry.timeCount, to: start + RecordTemplate.timePlace) else {
            return .noEntry
        }
        var end: UnsafeMutablePointer<UInt8>
        var isUnterminated = false
        var tail: [UInt8] = []
        if isCRI {
            end = text
            if _slowPath(pending != nil || entry.isPartial) { tail = whole(&entry, pending?.tail ?? [], &end) }
            end = JSONEscaper.escape(entry.text, count: entry.count, to: end)
        } else {
            if let rewritten = JSONStringScanner.rewrite(entry.text, count: entry.count, to: text) {
                end = rewritten
            } else {
                // What looked like the end of the text was in it.
                guard let other = rescan(chunk, length), other.stream == entry.stream,
                    EntryTime.write(other.time, count: other.timeCount, to: start + RecordTemplate.timePlace),
                    let rewritten = JSONStringScanner.rewrite(other.text, count: other.count, to: text)
                else { return .noEntry }
                entry = other
                end = rewritten
            }
            if !JSONStringScanner.strip(0x6E, from: text, &end) {
                entry.isPartial = JSONStringScanner.textLength(text, end) >= JSONFileEntry.partSize
                isUnterminated = !entry.isPartial
            }
        }
        if _slowPath(entry.isPartial) {
            keep(entry.stream, text, end, tail, consumed, time: start + RecordTemplate.timePlace, chunk, &line)
            return .done(consumed: consumed)
        }
        _ = JSONStringScanner.strip(0x72, from: text, &end)
        if _slowPath(pending != nil || line.hasPendingEntries) {
            return join(entry.stream, pending, end, consumed, isUnterminated, chunk, &line, &space, &batch)
        }
        var place = writeTail(end, offset: chunk.offset, bytes: UInt64(consumed))
        place = write(entry.stream == .output ? RecordEncoder.output : RecordEncoder.errors, place)
        if _slowPath(isUnterminated || !line.isPlain) {
            place = writeExtras(place, line, isLast: true, isUnterminated: isUnterminated)
            line.end()
        }
        place.pointee = 0x7D
        space.next = place + 1
        batch.append(
            RecordSlot(
                payload: start, length: space.next - start, start: chunk.offset,
                end: chunk.offset + UInt64(consumed), kind: .lineEnd))
        return .done(consumed: consumed)
    }

    static let output: StaticString = ",\"log.iostream\":\"stdout\""
    static let errors: StaticString = ",\"log.iostream\":\"stderr\""

    @inline(never)
    private func rescan(_ chunk: Chunk, _ length: Int) -> ScannedEntry? {
        format == .jsonFile ? JSONFileEntry.scanStrictly(chunk.bytes, count: length) : nil
    }

    /// Free bytes that the record of an entry needs and the arena does not have; nil where it has them.
    @inline(__always)
    private func lacking(_ entry: ScannedEntry, _ before: Int, _ fixed: Int, _ space: ArenaSpace) -> Int? {
        let growth = format == .cri ? JSONEscaper.worstGrowth : JSONStringScanner.worstGrowth
        let worst = growth * entry.count + before + fixed
        if _fastPath(worst <= space.end - space.next) { return nil }
        if worst <= ArenaPool.standardCapacity || format != .cri { return worst }
        let exact = JSONEscaper.prefix(of: entry.text, count: entry.count, fitting: .max).escaped + before + fixed
        return exact <= space.end - space.next ? nil : exact
    }

    /// Before an entry of a line that waits: its text becomes a record of its own where both are too long for one, and what
    /// goes beyond limits.line_total a gap.
    @inline(never)
    private func makeWay(
        for entry: ScannedEntry, _ pending: PendingEntry, _ chunk: Chunk, _ consumed: Int, _ line: inout LineState,
        _ space: inout ArenaSpace, _ batch: inout RecordBatch
    ) -> Step? {
        let isBeyond = pending.shipped + pending.text.count + entry.count > limits.lineTotal
        if !pending.isEmpty, isBeyond || pending.text.count + entry.count > min(limits.line, budget) {
            return appendPiece(entry.stream, isLast: false, chunk, &line, &space, &batch).map(Step.needsArena) ?? .again
        }
        guard isBeyond else { return nil }
        let isLast = format == .cri ? !entry.isPartial : endsWithNewline(entry)
        hold(&line, &batch)
        batch.append(
            RecordSlot(
                payload: nil, length: 0, start: chunk.offset, end: chunk.offset + UInt64(consumed), kind: .oversizeGap))
        if isLast { line.entries?[entry.stream] = nil }
        return .done(consumed: consumed)
    }

    /// The text of a json-file entry ends with a newline; what is told from its last bytes is enough where the text is lost.
    private func endsWithNewline(_ entry: ScannedEntry) -> Bool {
        entry.count >= 2 && entry.text[entry.count - 1] == 0x6E && entry.text[entry.count - 2] == 0x5C
    }

    /// Of lines that wait, the one that has to go on without its end: nil when none has; else the size of an arena it
    /// needs, or that it has gone.
    @inline(never)
    private func endWaiting(
        _ isHole: Bool, _ chunk: Chunk, _ line: inout LineState, _ space: inout ArenaSpace, _ batch: inout RecordBatch
    ) -> Step? {
        guard let state = line.entries else { return nil }
        for stream in [OutputStream.output, .errors] {
            guard let pending = state[stream] else { continue }
            let isOverdue = pending.parts.first.map { chunk.offset - $0.offset > PendingEntry.maximumReach } ?? false
            guard isHole || isOverdue || pending.parts.count >= PendingEntry.maximumParts else { continue }
            if isHole, pending.isEmpty {
                line.entries?[stream] = nil
                return .again
            }
            let lacking = appendPiece(stream, isLast: isHole, chunk, &line, &space, &batch)
            return lacking.map(Step.needsArena) ?? .again
        }
        return nil
    }

    /// The file is over: what waited for an end has none.
    @inline(never)
    private func endEntries(
        _ chunk: Chunk, _ line: inout LineState, _ space: inout ArenaSpace, _ batch: inout RecordBatch, _ maximum: Int
    ) -> EncodingOutcome {
        if line.oversize != nil { return endOversize(chunk, &line, &batch, maximum) }
        guard chunk.isFinal, !chunk.goesOn else { return .needsInput }
        while let state = line.entries {
            if batch.count >= maximum || batch.count + 2 * PendingEntry.maximumParts + 2 > RecordBatch.capacity {
                return .batchFull
            }
            let stream = state.output != nil ? OutputStream.output : .errors
            guard state[stream]?.isEmpty == false else {
                line.entries?[stream] = nil
                continue
            }
            if let bytes = appendPiece(stream, isLast: true, chunk, &line, &space, &batch) { return .needsArena(bytes) }
        }
        return .needsInput
    }
}
