// Disks that cannot read some bytes of a file: a gap says which, everything around it is shipped.
import Core
import Engine
import Glibc
import LinuxIO
import TestSupport
import Testing

@Suite(.serialized, .enabled(if: FuseMount.isAvailable, "mounting FUSE needs root and /dev/fuse"))
struct UnreadableTests {
    private let fixture: EngineFixture
    private let mount: FuseMount

    init() throws {
        fixture = try EngineFixture()
        mount = try FuseMount.start(in: fixture.directory, name: "volume")
    }

    /// 4,096 lines of 16 bytes: block `n` of the file has the lines from 256 * n on.
    private let lines = (0..<4_096).map { number in
        let digits = String(number)
        return "line " + String(repeating: "0", count: 10 - digits.count) + digits
    }
    private var content: [UInt8] { Array(lines.map { $0 + "\n" }.joined().utf8) }

    private func options(_ pattern: String) -> EngineOptions {
        fixture.options {
            $0.declarations = [fixture.declaration("app", pattern, topic: "logs")]
            $0.readRetry = nanosecondsPerSecond / 20
        }
    }

    /// Waits until everything is settled, with so many bytes in gaps.
    private func waitForEnd(_ engine: Engine, gap: UInt64, size: Int? = nil) async throws {
        let size = UInt64(size ?? content.count)
        try await fixture.waitForStatus(engine, "everything is settled") {
            $0.totals.size == size && $0.totals.unread == 0 && $0.totals.inFlight == 0 && $0.totals.gap == gap
                && $0.counters.gapBytes["unreadable", default: 0] == gap && $0.store.outboxEvents == 0
                && $0.sources.first?.state == "idle"
        }
    }

    private func gaps() async throws -> [String] {
        try await fixture.records("audit", count: 2).filter { $0.string("event") == "gap" }.map {
            "\($0.uint64("from")!)..<\($0.uint64("to")!) \($0.string("reason")!)"
        }
    }

    @Test func aBadRangeOfANetworkVolumeIsAGapAndTheRestIsShipped() async throws {
        try mount.breakBytes(8_192 + 5..<16_384)
        try mount.write("a.log", content)
        let engine = try fixture.start(options("volume/*.log"))
        try await waitForEnd(engine, gap: 8_192 - 5)
        let records = try await fixture.records(count: 3_585)
        let expected = lines[..<512] + ["line "] + lines[1_024...]
        #expect(records.map { $0.message ?? "" } == Array(expected))
        #expect(records.filter { $0["log.unterminated"]?.bool == true }.map(\.offset) == [8_192])
        #expect(try await gaps() == ["8197..<16384 unreadable"])
        _ = await fixture.stop(engine)
    }

    @Test func aFileWhoseRestIsUnreadableGoesOnWhenItGrowsAndAfterARestart() async throws {
        try mount.breakBytes(61_440..<65_536)
        try mount.write("a.log", content)
        var engine = try fixture.start(options("volume/*.log"))
        try await waitForEnd(engine, gap: 4_096)
        try mount.write("a.log", Array("more\n".utf8))
        try await waitForEnd(engine, gap: 4_096, size: content.count + 5)
        _ = await fixture.stop(engine)
        try mount.write("a.log", Array("again\n".utf8))
        engine = try fixture.start(options("volume/*.log"))
        let records = try await fixture.records(count: 3_842)
        #expect(records.map { $0.message ?? "" } == lines[..<3_840] + ["more", "again"])
        #expect(Set(records.map(\.fileID)).count == 1, "it is still the same generation")
        _ = await fixture.stop(engine)
    }

    @Test func aReadThatFailsOnceOrTwiceLosesNothing() async throws {
        try mount.breakBytes(0..<1 << 30)
        try mount.write("a.log", content)
        var slow = options("volume/*.log")
        slow.readRetry = nanosecondsPerSecond
        let engine = try fixture.start(slow)
        try await fixture.waitForStatus(engine, "the problem is shown") {
            $0.sources.first?.state == "unreadable"
                && $0.sources[0].reason?.contains("at byte 0: it is tried again") == true
        }
        try mount.breakBytes(0..<0)
        try await waitForEnd(engine, gap: 0)
        #expect(try await fixture.records(count: 4_096).map { $0.message ?? "" } == lines)
        _ = await fixture.stop(engine)
    }

    @Test func aVolumeOfWhichNothingCanBeReadLosesNothing() async throws {
        try mount.breakBytes(0..<1 << 30)
        try mount.write("a.log", content)
        let engine = try fixture.start(options("volume/*.log"))
        try await fixture.waitForStatus(engine, "the volume is blamed") {
            $0.sources.first?.reason?.contains("its volume may be away") == true
        }
        try mount.breakBytes(0..<0)
        try await waitForEnd(engine, gap: 0)
        _ = await fixture.stop(engine)
    }

    @Test func aBadBlockOfALocalDiskIsAGapAndTheRestIsShipped() async throws {
        let disk = try await LocalDisk.start(on: mount, in: fixture.directory, files: ["a.log": content])
        defer { disk.end() }
        let block = try disk.place(of: Array(content[8_192..<12_288]))
        try mount.breakBytes(block..<block + 4_096)
        try await disk.mount()
        var engine = try fixture.start(options("disk/*.log"))
        try await waitForEnd(engine, gap: 4_096)
        let records = try await fixture.records(count: 3_840)
        #expect(records.map { $0.message ?? "" } == Array(lines[..<512] + lines[768...]))
        #expect(try await gaps() == ["8192..<12288 unreadable"])
        _ = await fixture.stop(engine)
        engine = try fixture.start(options("disk/*.log"))
        try await fixture.waitForStatus(engine, "it is known again") { $0.totals.acknowledged == 61_440 }
        _ = await fixture.stop(engine)
        let after = try await fixture.records(count: 3_840)
        #expect(after.count == 3_840, "nothing is shipped again")
    }
}

/// An ext4 file system on a loop device over a file of a FUSE mount: its bad bytes are bad blocks of a local disk.
private struct LocalDisk {
    let image: [UInt8]
    let imagePath: String
    let mountPoint: String

    static func start(on fuse: FuseMount, in directory: TemporaryDirectory, files: [String: [UInt8]]) async throws
        -> LocalDisk
    {
        let content = try directory.makeDirectory("disk.content")
        for (name, bytes) in files {
            try directory.write(String(decoding: bytes, as: UTF8.self), to: "disk.content/\(name)")
        }
        try fuse.write("disk.image", [0])
        let path = "\(fuse.backing)/disk.image"
        precondition(truncate(path, 8 << 20) == 0)
        _ = try await run("/sbin/mkfs.ext4", ["-q", "-F", "-b", "4096", "-O", "^has_journal", "-d", content, path])
        return LocalDisk(
            image: try readWholeFile(path), imagePath: "\(fuse.path)/disk.image",
            mountPoint: try directory.makeDirectory("disk"))
    }

    func mount() async throws {
        _ = try await run("/bin/mount", ["-o", "loop,ro", imagePath, mountPoint])
    }

    func end() { umount2(mountPoint, Int32(MNT_DETACH)) }

    /// Where on the disk a block of a file is.
    func place(of block: [UInt8]) throws -> UInt64 {
        for start in stride(from: 0, to: image.count, by: 4_096)
        where image[start..<start + 64].elementsEqual(block[..<64]) { return UInt64(start) }
        throw FixtureError("the block is not in the image")
    }
}
