// Archives: any bytes read at any offsets give what zlib gives in one go.
internal import CZlib
@testable internal import FileSource
internal import Glibc

/// The first bytes are offsets and lengths of reads; the rest is the file.
enum GzipTarget {
    /// Plain bytes that are looked at: a small file may inflate to a thousand times its size.
    private static let largest = 1 << 20

    private static let descriptor: Int32 = {
        let descriptor = open(Scratch.write("archive", []), O_RDWR | O_CLOEXEC)
        if descriptor < 0 { finding("no file: errno \(errno)") }
        return descriptor
    }()

    static func check(_ bytes: [UInt8]) {
        var input = FuzzBytes(bytes)
        let reads = (0..<6).map { _ in (offset: input.number(2), count: 1 + Int(input.number(2))) }
        let file = Array(input.rest)
        expect(ftruncate(descriptor, 0) == 0 && pwrite(descriptor, file, file.count, 0) == file.count, "no file")
        let (plain, isWhole) = inflated(file)
        let reader = GzipReader(descriptor: descriptor)
        for read in reads { check(reader, read.offset, read.count, plain, isWhole: isWhole) }
        check(reader, 0, max(1, plain.count), plain, isWhole: isWhole)
    }

    private static func check(_ reader: GzipReader, _ offset: UInt64, _ count: Int, _ plain: [UInt8], isWhole: Bool) {
        var step = reader.read(at: offset, count: count)
        for _ in 0..<64 where step == .notYet { step = reader.read(at: offset, count: count) }
        switch step {
        case .notYet: finding("no answer at \(offset)")
        case .short(let end):
            expect(end.size < offset, "\(end) is not before \(offset)")
            if isWhole { expect(end.size == UInt64(plain.count), "\(end) where \(plain.count) are") }
        case .bytes(let bytes, let end):
            let expected = plain.dropFirst(Int(offset)).prefix(count)
            expect(bytes.count <= count, "\(bytes.count) bytes where \(count) were asked for")
            let isSame = isWhole ? bytes.elementsEqual(expected) : bytes.starts(with: expected.prefix(bytes.count))
            expect(isSame, "other bytes at \(offset): \(bytes.count) where \(expected.count) are")
            if let end, isWhole { expect(end.size == UInt64(plain.count), "\(end) where \(plain.count) are") }
        }
    }

    /// All members in one go; false when it stopped at the limit.
    private static func inflated(_ file: [UInt8]) -> (plain: [UInt8], isWhole: Bool) {
        var plain: [UInt8] = []
        var rest = file[...]
        while rest.starts(with: [0x1F, 0x8B]) {
            guard let used = inflateMember(Array(rest), &plain) else { return (plain, plain.count < largest) }
            rest = rest.dropFirst(used)
        }
        return (plain, true)
    }

    /// Bytes of the file that the member took; nil: it is damaged, cut off, or beyond the limit.
    private static func inflateMember(_ file: [UInt8], _ plain: inout [UInt8]) -> Int? {
        var stream = z_stream()
        let code = inflateInit2_(&stream, 15 + 16, zlibVersion(), Int32(MemoryLayout<z_stream>.size))
        expect(code == Z_OK, "inflateInit2: \(code)")
        defer { inflateEnd(&stream) }
        var input = file
        return input.withUnsafeMutableBufferPointer { input in
            stream.next_in = input.baseAddress
            stream.avail_in = UInt32(input.count)
            var out = [UInt8](repeating: 0, count: 4096)
            while plain.count < largest {
                let code = out.withUnsafeMutableBufferPointer { out in
                    stream.next_out = out.baseAddress
                    stream.avail_out = UInt32(out.count)
                    return inflate(&stream, Z_NO_FLUSH)
                }
                plain += out[..<(out.count - Int(stream.avail_out))]
                if code == Z_STREAM_END { return input.count - Int(stream.avail_in) }
                if code != Z_OK { return nil }
            }
            return nil
        }
    }
}
