// Plain bytes of a gzip file at any offset, inflated in bounded steps.
internal import CZlib
internal import Core
internal import Glibc

/// How the content of an archive ended.
struct GzipEnd: Equatable, Sendable {
    /// Plain bytes before the end.
    let size: UInt64
    /// Why there is no more, where that is not the archive's own end: cut off, damaged, or not to be read.
    let damage: String?
}

/// What one step gave.
enum GzipStep: Equatable, Sendable {
    /// Bytes from the asked offset on: fewer than asked for only at the end, or when the step's work is done.
    case bytes([UInt8], end: GzipEnd?)
    /// The step's work is done and the offset is not reached yet: ask again.
    case notYet
    /// The content ends before the offset.
    case short(GzipEnd)
}

/// Inflates one gzip file (RFC 1952) by zlib: several members are one content, and what follows the last one is left
/// alone, as gzip(1) does. Offsets count plain bytes. It goes forward; for an offset before the last answer it begins
/// anew. Memory: 64 KiB of input, zlib's 40 KiB, and the last answer. Nothing in the file makes one step longer than its
/// budget. Used by one thread, which opens and closes the descriptor: the reader goes on with another one of the same file.
final class GzipReader {
    /// -1: closed for now.
    var descriptor: Int32
    private let stream: UnsafeMutablePointer<z_stream>
    private let input: UnsafeMutablePointer<UInt8>
    /// Bytes of the file that are in `input` or done.
    private var filePosition: UInt64 = 0
    /// Plain bytes inflated so far.
    private(set) var position: UInt64 = 0
    /// What was inflated last; ends at `position`.
    private var recent: [UInt8] = []
    private(set) var end: GzipEnd?
    private var isBetweenMembers = true
    private var members = 0
    /// What is left of the step's work, in bytes: plain, or of the file.
    private var work = 0

    private static let inputSize = 64 << 10
    private static let scratchSize = 64 << 10
    /// Bytes of work in one step.
    static let stepSize = 8 << 20

    init(descriptor: Int32) {
        self.descriptor = descriptor
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        input = .allocate(capacity: GzipReader.inputSize)
        // 15: the largest window, + 16: a gzip header (zlib.h). It fails for lack of memory only.
        let code = inflateInit2_(stream, 15 + 16, zlibVersion(), Int32(MemoryLayout<z_stream>.size))
        precondition(code == Z_OK, "inflateInit2: \(code)")
    }

    deinit {
        inflateEnd(stream)
        stream.deallocate()
        input.deallocate()
    }

    /// Up to `count` bytes at `offset`.
    func read(at offset: UInt64, count: Int) -> GzipStep {
        work = GzipReader.stepSize
        if offset < position - UInt64(recent.count) { restart() }
        if offset > position {
            skip(to: offset)
            if position < offset { return end.map { .short($0) } ?? .notYet }
        }
        fill(from: offset, count: count)
        if recent.isEmpty, end == nil { return .notYet }
        // What was inflated for a longer answer before is longer than asked for now.
        if recent.count > count { return .bytes(Array(recent[..<count]), end: nil) }
        return .bytes(recent, end: end)
    }

    private func restart() {
        inflateReset(stream)
        stream.pointee.avail_in = 0
        filePosition = 0
        position = 0
        recent = []
        end = nil
        isBetweenMembers = true
        members = 0
    }

    /// Goes forward to `offset`, as far as work and content reach.
    private func skip(to offset: UInt64) {
        recent = []
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: GzipReader.scratchSize) { scratch in
            while position < offset, work > 0, end == nil {
                inflateSome(scratch.baseAddress!, Int(min(UInt64(scratch.count), offset - position)))
            }
        }
    }

    /// Makes `recent` begin at `offset`, which it holds or ends at, and hold `count` bytes if there are so many.
    private func fill(from offset: UInt64, count: Int) {
        let kept = Int(position - offset)
        if kept >= count {
            recent.removeFirst(recent.count - kept)
            return
        }
        let old = recent
        recent = [UInt8](unsafeUninitializedCapacity: count) { buffer, got in
            old.withUnsafeBufferPointer { old in
                if kept > 0 { buffer.baseAddress!.update(from: old.baseAddress! + (old.count - kept), count: kept) }
            }
            got = kept
            while got < count, work > 0, end == nil {
                got += inflateSome(buffer.baseAddress! + got, count - got)
            }
        }
        if end == nil, recent.count == count, work > 0 { meetEnd() }
    }

    /// All bytes of an answer are there: whether they are the last ones is known once the member's trailer was read.
    private func meetEnd() {
        var none: UInt8 = 0
        while end == nil, work > 0, isBetweenMembers || stream.pointee.avail_in > 0 {
            let before = (stream.pointee.avail_in, isBetweenMembers, filePosition)
            inflateSome(&none, 0)
            if before == (stream.pointee.avail_in, isBetweenMembers, filePosition) { return }
        }
    }

    /// Inflates up to `count` bytes to `target`; gives how many.
    @discardableResult
    private func inflateSome(_ target: UnsafeMutablePointer<UInt8>, _ count: Int) -> Int {
        if isBetweenMembers {
            beginMember()
            return 0
        }
        if stream.pointee.avail_in == 0 { fetch() }
        guard end == nil else { return 0 }
        let isDry = stream.pointee.avail_in == 0
        stream.pointee.next_out = target
        stream.pointee.avail_out = UInt32(count)
        let available = stream.pointee.avail_in
        let code = inflate(stream, Z_NO_FLUSH)
        let made = count - Int(stream.pointee.avail_out)
        position += UInt64(made)
        work -= max(made, Int(available - stream.pointee.avail_in), 1)
        switch code {
        // Without input zlib may still hold the rest of what did not fit the last answer.
        case Z_OK, Z_BUF_ERROR: if isDry, made == 0, count > 0 { stop("it is cut off") }
        case Z_STREAM_END:
            isBetweenMembers = true
            members += 1
        default: stop(stream.pointee.msg.map { String(cString: $0) } ?? "zlib error \(code)")
        }
        return made
    }

    /// Begins the next member; what is none ends the content (RFC 1952 has no end mark; gzip(1) ignores what follows).
    private func beginMember() {
        work -= 1
        if stream.pointee.avail_in < 2 { fetch() }
        guard end == nil else { return }
        let left = stream.pointee.avail_in
        guard left >= 2, stream.pointee.next_in[0] == 0x1F, stream.pointee.next_in[1] == 0x8B else {
            return stop(members == 0 ? "not a gzip file" : nil)
        }
        if members > 0 {
            let (next, count) = (stream.pointee.next_in, stream.pointee.avail_in)
            inflateReset(stream)
            (stream.pointee.next_in, stream.pointee.avail_in) = (next, count)
        }
        isBetweenMembers = false
    }

    /// Reads behind what is left of the input.
    private func fetch() {
        let left = Int(stream.pointee.avail_in)
        if left > 0 { memmove(input, stream.pointee.next_in, left) }
        stream.pointee.next_in = input
        while true {
            let got = pread(descriptor, input + left, GzipReader.inputSize - left, off_t(filePosition))
            if got < 0, errno == EINTR { continue }
            if got < 0 { return stop("read: errno \(errno)") }
            filePosition += UInt64(got)
            stream.pointee.avail_in = UInt32(left + got)
            // Of a member's first two bytes one may come later: only the end of the file says that it is the last.
            if got > 0, left + got < 2 { continue }
            return
        }
    }

    private func stop(_ damage: String?) { end = GzipEnd(size: position, damage: damage) }
}
