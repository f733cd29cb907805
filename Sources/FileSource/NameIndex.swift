// From an inotify event's directory and name to a slot, without allocating.

/// An open-addressing table of slots by (directory, name). It stores slots and hashes only; names live in the files.
/// Owned by the tailer.
struct NameIndex {
    private struct Cell {
        var hash: UInt64
        var slot: Int32
    }

    private static let empty: Int32 = -1
    private static let removed: Int32 = -2
    private var cells: [Cell] = Array(repeating: Cell(hash: 0, slot: NameIndex.empty), count: 64)
    private var used = 0
    private(set) var count = 0

    /// FNV-1a over the directory's number and the name. Table positions only; equality is always checked.
    static func hash(directory: Int32, name: UnsafeBufferPointer<UInt8>) -> UInt64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325 ^ UInt64(UInt32(bitPattern: directory))
        for byte in name { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        return hash ^ hash >> 32
    }

    /// The slot for which `isIt` holds among those with this hash.
    func find(_ hash: UInt64, _ isIt: (Int32) -> Bool) -> Int32? {
        let mask = cells.count - 1
        var place = Int(truncatingIfNeeded: hash) & mask
        while cells[place].slot != NameIndex.empty {
            if cells[place].hash == hash, cells[place].slot >= 0, isIt(cells[place].slot) { return cells[place].slot }
            place = (place + 1) & mask
        }
        return nil
    }

    /// Calls `body` with every slot of this hash.
    func forEach(_ hash: UInt64, _ body: (Int32) -> Void) {
        let mask = cells.count - 1
        var place = Int(truncatingIfNeeded: hash) & mask
        while cells[place].slot != NameIndex.empty {
            if cells[place].hash == hash, cells[place].slot >= 0 { body(cells[place].slot) }
            place = (place + 1) & mask
        }
    }

    mutating func insert(_ hash: UInt64, _ slot: Int32) {
        if (used + 1) * 4 > cells.count * 3 { grow() }
        place(Cell(hash: hash, slot: slot))
        count += 1
    }

    mutating func remove(_ hash: UInt64, _ slot: Int32) {
        let mask = cells.count - 1
        var place = Int(truncatingIfNeeded: hash) & mask
        while cells[place].slot != NameIndex.empty {
            if cells[place].slot == slot, cells[place].hash == hash {
                cells[place].slot = NameIndex.removed
                count -= 1
                return
            }
            place = (place + 1) & mask
        }
    }

    private mutating func place(_ cell: Cell) {
        let mask = cells.count - 1
        var place = Int(truncatingIfNeeded: cell.hash) & mask
        while cells[place].slot >= 0 { place = (place + 1) & mask }
        if cells[place].slot == NameIndex.empty { used += 1 }
        cells[place] = cell
    }

    private mutating func grow() {
        let old = cells
        let size = count * 2 >= old.count ? old.count * 2 : old.count
        cells = Array(repeating: Cell(hash: 0, slot: NameIndex.empty), count: size)
        used = 0
        for cell in old where cell.slot >= 0 { place(cell) }
    }
}
