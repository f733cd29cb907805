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
    }

    /// Encoded JSON in the arena; nil for a gap.
    package var payload: UnsafeMutablePointer<UInt8>?
    package var length: Int
    /// First raw byte of the record; what lies between the previous record's end and here was skipped.
    package var start: UInt64
    /// First raw byte behind the record.
    package var end: UInt64
    package var kind: Kind

    package init(payload: UnsafeMutablePointer<UInt8>?, length: Int, start: UInt64, end: UInt64, kind: Kind) {
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

    package init() { slots = .allocate(capacity: RecordBatch.capacity) }
    deinit { slots.deallocate() }

    package var isFull: Bool { count == RecordBatch.capacity }

    @inline(__always)
    package mutating func append(_ slot: RecordSlot) {
        (slots + count).initialize(to: slot)
        count &+= 1
    }

    package mutating func removeLast() { count &-= 1 }

    package mutating func removeAll() { count = 0 }
}
