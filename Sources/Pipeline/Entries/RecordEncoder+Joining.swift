// Joining the entries of one line, with entries of the other output between them.
internal import Core
internal import Glibc

extension RecordEncoder {
    /// Bytes of an entry's record beside its message: those of any record, the stream's name, and where its parts are.
    func entrySize(_ pending: PendingEntry?) -> Int {
        let plain = fixedSize + 32
        guard _slowPath(pending != nil), let pending else { return plain }
        return plain + 110 + 46 * (pending.partCount + 1) + 80 * pending.former.count
    }

    /// Makes the characters of a CRI entry whole: writes the one that the entry before ended in, and takes from a partial
    /// one what it begins and does not end. Returns that.
    @inline(never)
    func whole(
        _ entry: inout ScannedEntry, _ tail: [UInt8], _ end: inout UnsafeMutablePointer<UInt8>
    ) -> [UInt8] {
        if !tail.isEmpty {
            let bytes = tail + UnsafeBufferPointer(start: entry.text, count: min(entry.count, 4 - tail.count))
            let (length, valid) = bytes.withUnsafeBufferPointer {
                JSONEscaper.sequence($0.baseAddress!, $0.baseAddress! + $0.count)
            }
            let isUnfinished = !valid && length == bytes.count && length - tail.count == entry.count
            entry.text += length - tail.count
            entry.count -= length - tail.count
            if isUnfinished && entry.isPartial { return bytes }
            for byte in valid ? bytes.prefix(length) : RecordEncoder.replacement[...] {
                end.pointee = byte
                end += 1
            }
        }
        guard entry.isPartial else { return [] }
        let count = JSONEscaper.unfinished(entry.text, count: entry.count)
        entry.count -= count
        return Array(UnsafeBufferPointer(start: entry.text + entry.count, count: count))
    }

    /// U+FFFD
    private static let replacement: [UInt8] = [0xEF, 0xBF, 0xBD]

    /// Keeps the text of an entry whose line goes on.
    @inline(never)
    func keep(
        _ stream: OutputStream, _ text: UnsafeMutablePointer<UInt8>, _ end: UnsafeMutablePointer<UInt8>,
        _ tail: [UInt8], _ consumed: Int, time: UnsafeMutablePointer<UInt8>, _ chunk: Chunk, _ line: inout LineState
    ) {
        var state = line.entries ?? EntryState()
        var pending =
            state[stream]
            ?? PendingEntry(
                time: Array(UnsafeBufferPointer(start: time, count: Timestamp.byteCount)), file: file,
                start: chunk.offset)
        let part = EntryPart(offset: chunk.offset, length: UInt64(consumed))
        if pending.isEmpty { pending.skipped = line.skipped &+ line.hole }
        pending.text.append(contentsOf: UnsafeBufferPointer(start: text, count: end - text))
        pending.tail = tail
        pending.append(part)
        state[stream] = pending
        state.scan(part, of: stream, skipped: line.hole)
        line.hole = 0
        line.skipped = 0
        line.entries = state
    }

    /// Tells the ledger of the parts that lie before the next record.
    @inline(never)
    func hold(_ line: inout LineState, _ batch: inout RecordBatch) {
        guard var state = line.entries, !state.unheld.isEmpty else { return }
        for (stream, part) in state.unheld {
            batch.append(
                RecordSlot(
                    payload: nil, length: 0, start: part.offset, end: part.end, kind: .held, stream: stream.rawValue))
        }
        state.unheld = []
        state.scanned = 0
        line.entries = state
    }

    /// The last entry of a line, or one while the other output's line waits. Its own text ends at `end`, with room before it
    /// for what waited.
    @inline(never)
    func join(
        _ stream: OutputStream, _ pending: PendingEntry?, _ end: UnsafeMutablePointer<UInt8>, _ consumed: Int,
        _ isUnterminated: Bool, _ chunk: Chunk, _ line: inout LineState, _ space: inout ArenaSpace,
        _ batch: inout RecordBatch
    ) -> Step {
        hold(&line, &batch)
        let start = space.next
        var whole = pending ?? PendingEntry(time: [], file: file, start: chunk.offset)
        copy(whole, to: start)
        if whole.isEmpty { whole.skipped = line.skipped &+ line.hole }
        let isJoined = !whole.isEmpty
        whole.append(EntryPart(offset: chunk.offset, length: UInt64(consumed)))
        space.next = finish(end, whole, stream, at: chunk.offset, isLast: true, isUnterminated)
        batch.append(
            RecordSlot(
                payload: start, length: space.next - start, start: chunk.offset, end: chunk.offset + UInt64(consumed),
                kind: isJoined ? .joined : .lineEnd, stream: stream.rawValue))
        line.entries?[stream] = nil
        line.hole = 0
        line.skipped = 0
        return .done(consumed: consumed)
    }

    /// Makes a record of what waits, without its end. Its own range is empty and lies before the chunk. Returns the size
    /// of the arena it needs; nil when it was made. `isLast`: the end will never come.
    @inline(never)
    func appendPiece(
        _ stream: OutputStream, isLast: Bool, _ chunk: Chunk, _ line: inout LineState, _ space: inout ArenaSpace,
        _ batch: inout RecordBatch
    ) -> Int? {
        guard var pending = line.entries?[stream] else { return nil }
        if isLast && !pending.tail.isEmpty { pending.text += RecordEncoder.replacement }
        let size = pending.text.count + entrySize(pending)
        guard size <= space.end - space.next else { return size }
        hold(&line, &batch)
        let start = space.next
        let text = writeHead(start)
        copy(pending, to: start)
        let place = chunk.offset &- line.hole
        space.next = finish(text + pending.text.count, pending, stream, at: place, isLast: isLast, isLast)
        batch.append(
            RecordSlot(
                payload: start, length: space.next - start, start: place, end: place, kind: .joined,
                stream: stream.rawValue))
        pending.ordinal &+= 1
        pending.shipped += pending.text.count
        pending.text = []
        pending.parts = []
        pending.former = []
        pending.skipped = 0
        line.entries?[stream] = isLast ? nil : pending
        return nil
    }

    /// Writes time and text of what waited into the record that begins at `start`, whose head is written.
    private func copy(_ pending: PendingEntry, to start: UnsafeMutablePointer<UInt8>) {
        guard !pending.time.isEmpty else { return }
        memcpy(start + RecordTemplate.timePlace, pending.time, pending.time.count)
        memcpy(start + template.head.count, pending.text, pending.text.count)
    }

    /// Everything behind the message; returns the place behind the record.
    private func finish(
        _ end: UnsafeMutablePointer<UInt8>, _ entry: PendingEntry, _ stream: OutputStream, at offset: UInt64,
        isLast: Bool, _ isUnterminated: Bool
    ) -> UnsafeMutablePointer<UInt8> {
        var place = writeTail(end, offset: entry.parts.first?.offset ?? offset, bytes: entry.bytes)
        place = write(stream == .output ? RecordEncoder.output : RecordEncoder.errors, place)
        if entry.parts.count > 1 {
            place = write(",\"log.record.parts\":", place)
            place = writeParts(entry.parts, place)
        }
        if !entry.former.isEmpty { place = writeFormer(entry.former, place) }
        var line = LineState(skipped: entry.skipped)
        if entry.ordinal > 0 || !isLast {
            line.start = entry.start
            line.ordinal = entry.ordinal
        }
        place = writeExtras(place, line, of: entry.file, isLast: isLast, isUnterminated: isUnterminated)
        place.pointee = 0x7D
        return place + 1
    }

    private func writeFormer(
        _ former: [FormerParts], _ place: UnsafeMutablePointer<UInt8>
    ) -> UnsafeMutablePointer<UInt8> {
        var next = write(",\"log.record.former\":[", place)
        for (index, generation) in former.enumerated() {
            next = write(index == 0 ? "{\"log.file.id\":\"" : ",{\"log.file.id\":\"", next)
            next = generation.file.write(next)
            next = write("\",\"parts\":", next)
            next = writeParts(generation.parts, next)
            next = write("}", next)
        }
        return write("]", next)
    }

    private func writeParts(
        _ parts: [EntryPart], _ place: UnsafeMutablePointer<UInt8>
    ) -> UnsafeMutablePointer<UInt8> {
        var next = write("[", place)
        for (index, part) in parts.enumerated() {
            next = index == 0 ? write("[", next) : write(",[", next)
            next = writeDecimal(part.offset, next)
            next = write(",", next)
            next = writeDecimal(part.length, next)
            next = write("]", next)
        }
        return write("]", next)
    }
}
