// The writer thread: order, bounds, loss that is told, no harm from a broken stderr.
import Core
import Glibc
import Synchronization
import Testing

@testable import Telemetry

struct LogWriterTests {
    private static func writer(
        _ descriptor: Int32, lines: Int = LogWriter.lineCapacity, bytes: Int = LogWriter.byteCapacity,
        turn: @escaping @Sendable () -> LogWriter.Turn = { ([], nil) }
    ) throws -> LogWriter {
        try LogWriter(
            descriptor: descriptor, lineCapacity: lines, byteCapacity: bytes,
            report: { Array("lost \($0)\n".utf8) }, turn: turn)
    }

    @Test func linesArriveInOrderAndWhole() throws {
        let pipe = Pipe()
        let writer = try Self.writer(pipe.writeEnd)
        for index in 0..<500 { writer.submit(Array("line \(index)\n".utf8)) }
        #expect(writer.flush(milliseconds: 10_000))
        #expect(pipe.lines(500) == (0..<500).map { "line \($0)" })
        #expect(writer.droppedLines == 0)
        #expect(writer.close(milliseconds: 10_000))
    }

    @Test func closeWritesWhatWaitsAndLaterLinesAreCounted() throws {
        let pipe = Pipe()
        let writer = try Self.writer(pipe.writeEnd)
        writer.submit(Array("last\n".utf8))
        #expect(writer.close(milliseconds: 10_000))
        writer.submit(Array("too late\n".utf8))
        #expect(pipe.line() == "last")
        #expect(writer.droppedLines == 1)
        #expect(writer.close(milliseconds: 10_000), "closing twice is harmless")
    }

    @Test(arguments: [(64, 1 << 20), (1 << 20, 8192)])
    func aFullQueueDropsAndSaysHowMany(lineCapacity: Int, byteCapacity: Int) throws {
        let pipe = Pipe()
        let writer = try Self.writer(pipe.writeEnd, lines: lineCapacity, bytes: byteCapacity)
        let line = Array((String(repeating: "x", count: 127) + "\n").utf8)
        // Nobody reads: the pipe holds 64 KiB, the queue its bound, the rest must go without blocking this thread.
        for _ in 0..<5000 { writer.submit(line) }
        let dropped = writer.droppedLines
        #expect(dropped > 5000 - 512 - 128)
        #expect(dropped < 5000)
        var arrived: UInt64 = 0
        var told: UInt64 = 0
        while arrived + told < 5000, let line = pipe.line() {
            if line.hasPrefix("lost ") { told += UInt64(line.dropFirst(5))! } else { arrived += 1 }
        }
        #expect(told == dropped)
        #expect(arrived == 5000 - dropped)
        #expect(writer.close(milliseconds: 10_000))
    }

    @Test func aPipeWithoutReaderLosesLinesButHurtsNobody() throws {
        var ends: [Int32] = [-1, -1]
        #expect(pipe(&ends) == 0)
        close(ends[0])
        let writer = try Self.writer(ends[1])
        for _ in 0..<10 { writer.submit(Array("nobody hears this\n".utf8)) }
        #expect(writer.flush(milliseconds: 10_000))
        #expect(writer.droppedLines == 10)
        #expect(writer.close(milliseconds: 10_000))
        close(ends[1])
    }

    @Test func aStuckDescriptorDoesNotHoldTheExit() throws {
        let pipe = Pipe()
        let writer = try Self.writer(pipe.writeEnd)
        for _ in 0..<1000 { writer.submit([UInt8](repeating: 0x78, count: 999) + [0x0A]) }
        #expect(!writer.flush(milliseconds: 10))
        #expect(!writer.close(milliseconds: 10))
        #expect(pipe.lines(1000).count == 1000, "once somebody reads, everything that was queued arrives")
        #expect(writer.close(milliseconds: 10_000))
    }

    @Test func aNonBlockingDescriptorIsWaitedFor() throws {
        let pipe = Pipe()
        _ = fcntl(pipe.writeEnd, F_SETFL, O_NONBLOCK)
        let writer = try Self.writer(pipe.writeEnd)
        for _ in 0..<500 { writer.submit([UInt8](repeating: 0x78, count: 999) + [0x0A]) }
        #expect(pipe.lines(500).count == 500)
        #expect(writer.close(milliseconds: 10_000))
        #expect(writer.droppedLines == 0)
    }

    @Test func aTurnComesAtItsTimeAndAnIdleWriterSleeps() throws {
        let pipe = Pipe()
        let turns = Mutex(0)
        let start = Clock.monotonic()
        let due = start + 50 * nanosecondsPerMillisecond
        let said = Mutex(false)
        let writer = try Self.writer(pipe.writeEnd) {
            turns.withLock { $0 += 1 }
            if said.withLock({ $0 }) { return ([], nil) }
            guard Clock.monotonic() >= due else { return ([], due) }
            said.withLock { $0 = true }
            return ([Array("it is time\n".utf8)], nil)
        }
        #expect(pipe.line() == "it is time")
        #expect(Clock.monotonic() >= due)
        #expect(writer.flush(milliseconds: 10_000))
        // Nothing is due: within this time a writer with a timer would take turns.
        _ = poll(nil, 0, 200)
        #expect(turns.withLock { $0 } <= 5)
        writer.wake()
        #expect(writer.close(milliseconds: 10_000))
    }
}
