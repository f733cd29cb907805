// Where a source stands inside a line that is longer than one record.
internal import Core

/// Sizes in bytes that decide how lines become records.
package struct FramingLimits: Sendable, Equatable {
    /// limits.line: a longer line becomes consecutive partial records.
    package var line: Int
    /// limits.line_total: what a line has beyond it is a gap "oversize".
    package var lineTotal: Int
    /// Largest encoded record: Kafka's message.max.bytes less key and framing.
    package var record: Int

    package init(line: Int, lineTotal: Int, record: Int) {
        self.line = line
        self.lineTotal = lineTotal
        self.record = record
    }
}

/// The part of framing that outlives a chunk. Kept per source; `start` and `ordinal` are durable with the checkpoint.
package struct LineState: Equatable {
    /// Offset of the first byte of the line that is being read piece by piece; nil between lines.
    package var start: UInt64?
    /// Ordinal of the next partial record of that line.
    package var ordinal: UInt32
    /// Bytes behind the last record that are known to belong to the oversize rest of the line; nil when not in one.
    package var oversize: UInt64?
    /// Raw bytes skipped on purpose directly before the next record, not yet said in one.
    package var skipped: UInt64
    /// Bytes read directly behind the last record that go into none: NULs where a line would begin, a byte order mark.
    /// They belong to the next record; without one they are not consumed.
    package var hole: UInt64 = 0
    /// File offset of a run of NULs inside the line that ends the line if anything follows it.
    package var run: UInt64?
    /// Bytes read behind `hole` while looking for what follows `run`: they are read again once that is known.
    package var ahead: UInt64 = 0
    /// Lines of a runtime's log whose last entry has not come: one element, or none. An array, so that the many sources
    /// without any pay for one pointer.
    private var pending: [EntryState] = []

    package init(start: UInt64? = nil, ordinal: UInt32 = 0, skipped: UInt64 = 0) {
        self.start = start
        self.ordinal = ordinal
        self.oversize = nil
        self.skipped = skipped
    }

    /// Bytes behind the last record that have been looked at and are in no record yet: reading goes on behind them.
    package var scanned: UInt64 {
        let behind = hole &+ ahead &+ (oversize ?? 0)
        return _slowPath(!pending.isEmpty) ? behind &+ pending[0].scanned : behind
    }
    /// Something ends only when it is known that nothing follows: an oversize rest, a run of NULs, a line whose last entry
    /// has not come.
    package var hasOpenEnd: Bool { oversize != nil || ahead > 0 || !pending.isEmpty }
    /// A line waits for its last entry.
    package var hasPendingEntries: Bool { !pending.isEmpty }
    /// Lines that go on in the next generation of their stream: taken there with `inherit`.
    package var entries: EntryState? {
        get { pending.first }
        set { pending = newValue.map { $0.isEmpty && $0.unheld.isEmpty ? [] : [$0] } ?? [] }
    }

    /// A line is behind us: what is known of it goes, what waits for other entries stays.
    mutating func end() {
        let kept = pending
        self = LineState()
        pending = kept
    }
    /// Reading goes on behind NULs of which it is not known whether anything follows them.
    package var isInHole: Bool { hole | ahead != 0 }

    /// The `count` bytes behind what was scanned are known to be NULs, too.
    package mutating func skipHole(_ count: UInt64) {
        if ahead > 0 { ahead &+= count } else { hole &+= count }
    }

    /// The NULs reach the end of the file: nothing of them counts as seen, for they may still be written to.
    package mutating func forgetHole() {
        hole = 0
        ahead = 0
        run = nil
    }

    /// The next record, if it ends its line, says nothing of the line or of what is before it.
    @inline(__always)
    var isPlain: Bool { start == nil && skipped | hole == 0 }
}

/// Bytes of a file as read, not yet framed; shrinks from the front as records are made.
/// `JSONEscaper.slack` bytes behind `bytes + count` are readable.
package struct Chunk {
    package var bytes: UnsafePointer<UInt8>
    package var count: Int
    /// File offset of `bytes`.
    package var offset: UInt64
    /// No more bytes will ever follow: an unfinished line is complete.
    package var isFinal: Bool
    /// Of a final file of entries: lines whose last entry is not in it have it in the next file.
    package var goesOn = false

    package init(bytes: UnsafePointer<UInt8>, count: Int, offset: UInt64, isFinal: Bool = false) {
        self.bytes = bytes
        self.count = count
        self.offset = offset
        self.isFinal = isFinal
    }

    mutating func advance(_ consumed: Int) {
        bytes += consumed
        count -= consumed
        offset += UInt64(consumed)
    }
}

/// Free memory of an arena: records are written at `next`, never past `end`.
package struct ArenaSpace {
    package var next: UnsafeMutablePointer<UInt8>
    package let end: UnsafeMutablePointer<UInt8>

    package init(next: UnsafeMutablePointer<UInt8>, end: UnsafeMutablePointer<UInt8>) {
        self.next = next
        self.end = end
    }

    package static var none: ArenaSpace {
        let nowhere = UnsafeMutablePointer<UInt8>(bitPattern: 16)!
        return ArenaSpace(next: nowhere, end: nowhere)
    }
}

/// Why encoding stopped.
package enum EncodingOutcome: Equatable {
    /// What is left of the chunk is an unfinished line (or nothing).
    case needsInput
    /// The batch holds as many records as it may.
    case batchFull
    /// The next record needs an arena with this many free bytes.
    case needsArena(Int)
    /// What follows a run of NULs is known now: the line before it is to be read again.
    case readAgain
}
