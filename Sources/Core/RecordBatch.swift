// Many records in one reusable buffer: what crosses rooms, threads and async boundaries.

/// One record of a batch: where its encoded payload lies and which raw bytes of its source it stands for.
package struct RecordSlot {
    /// What the ledger does with the range.
    package enum Kind: UInt8 {
        /// A whole line, or the last piece of a long one.
        case lineEnd
        /// A piece of a line longer than limits.line; more follows.
        case partial
        /// No payload: the rest of a line beyond limits.line_total, announced as a gap "oversize".
        case oversizeGap
        /// No payload: bytes of a record that is still to come, behind others (`stream` says which).
        case held
        /// A record that stands for all bytes of its `stream` held before it too. Its own range may be empty.
        case joined

        /// It is, or goes with, an entry of one of several interleaved streams.
        @inline(__always) package var isInterleaved: Bool { rawValue >= Kind.held.rawValue }
    }

    /// Encoded JSON in the arena; nil for a gap.
    package var payload: UnsafeMutablePointer<UInt8>?
    package var length: Int
    /// First raw byte of the record; what lies between the previous record's end and here was skipped.
    package var start: UInt64
    /// First raw byte behind the record.
    package var end: UInt64
    package var kind: Kind
    /// Of several streams that are interleaved in one file: 0 or 1.
    package var stream: UInt8

    package init(
        payload: UnsafeMutablePointer<UInt8>?, length: Int, start: UInt64, end: UInt64, kind: Kind, stream: UInt8 = 0
    ) {
        self.stream = stream
        self.payload = payload
        self.length = length
        self.start = start
        self.end = end
        self.kind = kind
    }
}

/// A reusable, fixed-capacity list of records of one source in the order of the file. Used by one thread.
package struct RecordBatch: ~Copyable {
    package static let capacity = 512
    package let slots: UnsafeMutablePointer<RecordSlot>
    package private(set) var count = 0
    /// Lines among them that are not in the form their file should have.
    package var unparsed = 0

    package init() { slots = .allocate(capacity: RecordBatch.capacity) }
    deinit { slots.deallocate() }

    package var isFull: Bool { count == RecordBatch.capacity }

    @inline(__always)
    package mutating func append(_ slot: RecordSlot) {
        (slots + count).initialize(to: slot)
        count &+= 1
    }

    /// Takes back all records behind the first `kept`.
    package mutating func removeLast(keeping kept: Int) { count = kept }

    package mutating func removeAll() {
        count = 0
        unparsed = 0
    }
}
