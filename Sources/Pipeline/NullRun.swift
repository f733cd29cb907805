// Runs of NUL bytes: what a hole in a file reads as.
internal import Glibc

/// Finds runs of NULs. A writer that goes on at its old position after its file was truncated leaves a hole: no text that
/// it wrote. Short runs inside a line are text.
enum NullRun {
    /// From this many NULs on, a run inside a line is a hole: no writer wrote it. Half of the smallest block of a disk.
    static let holeSize = 512

    /// How many NULs `bytes` begins with.
    static func length(_ bytes: UnsafePointer<UInt8>, count: Int) -> Int {
        let raw = UnsafeRawPointer(bytes)
        var length = 0
        while length + 16 <= count, raw.loadUnaligned(fromByteOffset: length, as: SIMD2<UInt64>.self) == .zero {
            length += 16
        }
        while length < count, bytes[length] == 0 { length += 1 }
        return length
    }

    /// Where the first run of at least `holeSize` NULs begins that lies within `count` bytes. Looks at one byte of every
    /// `holeSize`: each such run has one of them.
    @inline(never)
    static func hole(_ bytes: UnsafePointer<UInt8>, count: Int) -> Int? {
        var place = holeSize - 1
        while place < count {
            guard _slowPath(bytes[place] == 0) else {
                place += holeSize
                continue
            }
            var start = place
            while start > 0, bytes[start - 1] == 0 { start -= 1 }
            let end = place + length(bytes + place, count: count - place)
            if end - start >= holeSize { return start }
            place = end + holeSize
        }
        return nil
    }

    /// Where a line is cut instead of at `cut` when that place is in or before a run of NULs: one character before the run,
    /// so that the run stays whole, and if it is a hole the piece before it is the line's last.
    @inline(never)
    static func cut(_ bytes: UnsafePointer<UInt8>, near cut: Int) -> Int {
        guard _slowPath(bytes[cut] == 0) else { return cut }
        var start = cut
        while start > 0, bytes[start - 1] == 0 { start -= 1 }
        let before = JSONEscaper.boundary(of: bytes, count: cut, notAfter: start - 1)
        return before > 0 ? before : cut
    }
}
