// The pool of entries behind the ledger: one per record or gap between produced and committed.
internal import Core

/// One record or gap between its production and the moment the committed offset passes it.
struct InFlightEntry {
    enum Kind {
        case lineEnd
        case partial
        /// `isInsideLine`: the line goes on behind the gap (a refused piece of a long line).
        case gap(GapReason, isInsideLine: Bool)
        /// Nothing but skipped bytes, with no record behind them.
        case skipped
        /// Bytes of a record that comes behind others of its file: done when that is acknowledged.
        case held
    }

    var source: Int32
    /// Next entry of the same source; -1 at the end.
    var next: Int32 = -1
    let from: UInt64
    let end: UInt64
    /// Bytes dropped on purpose directly before `from`.
    let skipped: UInt64
    /// Arena that holds the payload; -1 once reported.
    var arena: Int32
    /// Counts the uses of the place, so that a late report of a former entry is recognised.
    var generation: UInt32 = 0
    /// Monotonic ns.
    let produced: Int64
    var kind: Kind
    /// Acknowledged, or a gap.
    var isDone: Bool
    /// Of a record: the last entry that is held for it; of a held one: the one held before it. -1: none.
    var part: Int32 = -1
    /// Of a held entry: the record it is held for; -1: that is still to come.
    var owner: Int32 = -1
    /// Of a record that goes on with what an earlier generation holds of its stream: 1 + that stream.
    var ends: UInt8 = 0

    /// Bytes of the file it stands for, those dropped before it included.
    @inline(__always) var bytes: UInt64 { (end &- from) &+ skipped }
    /// The error its report came with; 0 when there was none.
    var error: Int32 = 0

    init(
        source: Int32, from: UInt64, end: UInt64, skipped: UInt64, arena: Int32, produced: Int64, kind: Kind,
        isDone: Bool
    ) {
        self.source = source
        self.from = from
        self.end = end
        self.skipped = skipped
        self.arena = arena
        self.produced = produced
        self.kind = kind
        self.isDone = isDone
    }
}

/// Entries by place, reused through a free list. The opaque value of a record packs place and use:
/// low 32 bits the place, the 31 bits above its generation; the top bit stays free for audit events.
struct InFlightEntries: ~Copyable {
    private static let generationMask: UInt32 = 0x7FFF_FFFF
    private var storage: UnsafeMutablePointer<InFlightEntry>
    private var capacity: Int
    private var used = 0
    private var free: Int32 = -1

    init(capacity: Int = 1024) {
        self.capacity = capacity
        storage = .allocate(capacity: capacity)
    }

    deinit { storage.deallocate() }

    subscript(place: Int32) -> InFlightEntry {
        @inline(__always) _read { yield storage[Int(place)] }
        @inline(__always) _modify { yield &storage[Int(place)] }
    }

    /// Stores `entry` and returns its place.
    mutating func take(_ entry: InFlightEntry) -> Int32 {
        var entry = entry
        if free >= 0 {
            let place = free
            free = storage[Int(place)].next
            entry.generation = storage[Int(place)].generation
            storage[Int(place)] = entry
            return place
        }
        if used == capacity { grow() }
        (storage + used).initialize(to: entry)
        used += 1
        return Int32(used - 1)
    }

    mutating func giveBack(_ place: Int32) {
        storage[Int(place)].generation &+= 1
        storage[Int(place)].next = free
        free = place
    }

    func opaque(_ place: Int32) -> UInt {
        UInt(storage[Int(place)].generation & InFlightEntries.generationMask) << 32 | UInt(UInt32(bitPattern: place))
    }

    /// The place of a record by its opaque value; nil when the entry has been given back since.
    func find(opaque: UInt) -> Int32? {
        let place = Int(opaque & 0xFFFF_FFFF)
        guard place < used, UInt(storage[place].generation & InFlightEntries.generationMask) == opaque >> 32,
            storage[place].arena >= 0
        else { return nil }
        return Int32(place)
    }

    private mutating func grow() {
        let larger = UnsafeMutablePointer<InFlightEntry>.allocate(capacity: capacity * 2)
        larger.moveInitialize(from: storage, count: used)
        storage.deallocate()
        storage = larger
        capacity *= 2
    }
}
