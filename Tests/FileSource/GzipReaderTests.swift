// Plain bytes of gzip files: any offset, several members, what follows, what is cut off, damaged or hostile.
import Core
import Glibc
import TestSupport
import Testing

@testable import FileSource

@Suite struct GzipReaderTests {
    let directory = try! TemporaryDirectory()

    /// The file compressed by gzip(1).
    private func gzip(_ plain: [UInt8], _ level: String = "-6") async throws -> [UInt8] {
        try directory.write(bytes: plain, to: "plain")
        _ = try await run("/bin/gzip", [level, "-f", "-k", directory.path("plain")])
        return try directory.read("plain.gz")
    }

    private func withReader<Result>(_ archive: [UInt8], _ body: (GzipReader) throws -> Result) throws -> Result {
        let path = try directory.write(bytes: archive, to: "archive.gz")
        let reader = GzipReader(descriptor: open(path, O_RDONLY))
        defer { close(reader.descriptor) }
        return try body(reader)
    }

    /// Asks until something else than `.notYet` comes.
    private func read(_ reader: GzipReader, at offset: UInt64, _ count: Int) -> GzipStep {
        for _ in 0..<10_000 {
            let step = reader.read(at: offset, count: count)
            if step != .notYet { return step }
        }
        return .notYet
    }

    /// Everything there is, and how it ends.
    private func readAll(_ reader: GzipReader, chunk: Int = 50_000) -> (bytes: [UInt8], end: GzipEnd?) {
        var all: [UInt8] = []
        for _ in 0..<100_000 {
            guard case .bytes(let bytes, let end) = read(reader, at: UInt64(all.count), chunk) else {
                return (all, nil)
            }
            all += bytes
            if let end { return (all, end) }
        }
        return (all, nil)
    }

    private func lines(_ count: Int, _ random: inout SeededGenerator) -> [UInt8] {
        (0..<count).flatMap { Array("line \($0) \(random.next() as UInt64)\n".utf8) }
    }

    @Test func anyOffsetForwardsAndBackwards() async throws {
        let seed = UInt64.random(in: 1...999_999_999)
        var random = SeededGenerator(seed: seed)
        let plain = lines(20_000, &random)
        let archive = try await gzip(plain)
        try withReader(archive) { reader in
            for _ in 0..<200 {
                let offset = Int.random(in: 0..<plain.count, using: &random)
                let count = Int.random(in: 1...100_000, using: &random)
                guard case .bytes(let bytes, let end) = read(reader, at: UInt64(offset), count) else {
                    Issue.record("nothing at \(offset), seed \(seed)")
                    return
                }
                #expect(bytes == Array(plain[offset..<min(plain.count, offset + count)]), "seed \(seed)")
                if bytes.count < count { #expect(end == GzipEnd(size: UInt64(plain.count), damage: nil)) }
            }
            #expect(
                read(reader, at: UInt64(plain.count) + 1, 10) == .short(GzipEnd(size: UInt64(plain.count), damage: nil))
            )
            #expect(readAll(reader).bytes == plain)
        }
    }

    @Test(arguments: [
        [], [0], [UInt8](repeating: 0, count: 70_000), [0x1F], Array("garbage".utf8), [0, 0, 0x1F, 0x8B],
    ])
    func whatFollowsTheLastMemberIsLeftAlone(tail: [UInt8]) async throws {
        let seed = UInt64.random(in: 1...999_999_999)
        var random = SeededGenerator(seed: seed)
        let one = lines(3_000, &random)
        let two = lines(10, &random)
        let empty = try await gzip([])
        let archive = try await gzip(one) + empty + gzip(two) + tail
        let (bytes, end) = try withReader(archive) { readAll($0) }
        #expect(bytes == one + two, "seed \(seed)")
        #expect(end == GzipEnd(size: UInt64(one.count + two.count), damage: nil))
    }

    @Test func anArchiveThatIsCutOffGivesWhatItHasAndSaysSo() async throws {
        let seed = UInt64.random(in: 1...999_999_999)
        var random = SeededGenerator(seed: seed)
        let plain = lines(5_000, &random)
        let archive = try await gzip(plain)
        for _ in 0..<60 {
            let cut = Int.random(in: 0..<archive.count, using: &random)
            let (bytes, end) = try withReader(Array(archive[..<cut])) { readAll($0) }
            #expect(bytes == Array(plain[..<bytes.count]), "seed \(seed)")
            #expect(end?.damage != nil && end?.size == UInt64(bytes.count), "cut at \(cut), seed \(seed)")
        }
    }

    /// zlib may have taken the last byte of the file and still hold up to 258 plain ones.
    @Test func anArchiveThatIsCutOffGivesAllItHasWhateverIsAskedFor() async throws {
        let archive = try await gzip([UInt8](repeating: 0x61, count: 3_000) + Array("end\n".utf8))
        for cut in 1..<archive.count {
            let whole = try withReader(Array(archive[..<cut])) { readAll($0) }
            for chunk in [1, 7, 100] {
                let (bytes, end) = try withReader(Array(archive[..<cut])) { readAll($0, chunk: chunk) }
                #expect(bytes == whole.bytes && end == whole.end, "cut at \(cut), \(chunk) at a time")
            }
        }
    }

    @Test func noMutationIsMetWithAnythingButAnEnd() async throws {
        let seed = UInt64.random(in: 1...999_999_999)
        var random = SeededGenerator(seed: seed)
        let archive = try await gzip(lines(2_000, &random))
        for round in 0..<300 {
            var bytes = archive
            if round % 3 == 0 { bytes = (0..<Int.random(in: 0...5_000, using: &random)).map { _ in random.next() } }
            if round % 6 == 0, bytes.count > 4 { bytes.replaceSubrange(0..<4, with: [0x1F, 0x8B, 8, 0]) }
            for _ in 0..<Int.random(in: 1...4, using: &random) where !bytes.isEmpty {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = random.next()
            }
            let (found, end) = try withReader(bytes) { readAll($0) }
            #expect(end != nil && end?.size == UInt64(found.count), "seed \(seed), round \(round)")
        }
    }

    /// A thousandfold: each step inflates a bounded part and nothing more is kept.
    @Test func aBombIsInflatedInBoundedSteps() async throws {
        _ = try await run(
            "/bin/sh", ["-c", "head -c 100000000 /dev/zero | gzip -9 > \(directory.path("bomb.gz"))"])
        let archive = try directory.read("bomb.gz")
        #expect(archive.count < 100_000)
        try withReader(archive) { reader in
            var steps = 0
            while true {
                let before = reader.position
                let step = reader.read(at: 90_000_000, count: 1_000)
                #expect(reader.position - before <= UInt64(GzipReader.stepSize + (64 << 10)))
                steps += 1
                guard step == .notYet else {
                    #expect(step == .bytes([UInt8](repeating: 0, count: 1_000), end: nil))
                    break
                }
            }
            #expect(steps > 10)
        }
    }

    /// Work without a plain byte: many empty members.
    @Test func membersWithoutContentAreWorkToo() async throws {
        let empty = try await gzip([])
        var archive: [UInt8] = []
        while archive.count < GzipReader.stepSize + (4 << 20) { archive += empty }
        try withReader(archive) { reader in
            #expect(reader.read(at: 0, count: 100) == .notYet)
            #expect(read(reader, at: 0, 100) == .bytes([], end: GzipEnd(size: 0, damage: nil)))
        }
    }
}
