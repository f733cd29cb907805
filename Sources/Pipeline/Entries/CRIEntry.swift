// One line of a CRI log.
internal import Glibc

/// Reads `<time> <stdout|stderr> <tags> <text>`: the container runtime interface's log format (kubernetes, design proposal
/// "CRI: Log management for container stdout/stderr streams"). Tags are separated by colons; the first is `F` or `P`.
enum CRIEntry {
    private static let shortestTime = 20

    /// The entry of a line without its newline; nil where it is none.
    @inline(__always)
    static func scan(_ line: UnsafePointer<UInt8>, count: Int) -> ScannedEntry? {
        // The shortest: a time, `stdout`, `F` and the blanks between them.
        guard count >= shortestTime + 10,
            let found = memchr(line + shortestTime, 0x20, min(count, EntryTime.maximumCount + 1) - shortestTime)
        else { return nil }
        let blank = found.assumingMemoryBound(to: UInt8.self) - UnsafeMutablePointer(mutating: line)
        guard count >= blank + 9 else { return nil }
        let name = line + blank + 1
        let stream: OutputStream
        if memcmp(name, "stdout ", 7) == 0 {
            stream = .output
        } else if memcmp(name, "stderr ", 7) == 0 {
            stream = .errors
        } else {
            return nil
        }
        let tag = line + blank + 8
        guard tag[0] == 0x46 || tag[0] == 0x50 else { return nil }
        guard let text = textStart(tag, line + count) else { return nil }
        return ScannedEntry(
            text: text, count: line + count - text, time: line, timeCount: blank, stream: stream,
            isPartial: tag[0] == 0x50)
    }

    /// Behind the blank that ends the tags. An empty text may stand without it.
    @inline(__always)
    private static func textStart(
        _ tag: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>
    ) -> UnsafePointer<UInt8>? {
        let next = tag + 1
        if next == end { return end }
        if next.pointee == 0x20 { return next + 1 }
        guard next.pointee == 0x3A else { return nil }
        guard let blank = memchr(next, 0x20, min(end - next, 64)) else { return nil }
        return UnsafePointer(blank.assumingMemoryBound(to: UInt8.self)) + 1
    }
}
