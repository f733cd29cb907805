// SIGKILL and SIGTERM at random moments under load: nothing lost, duplicates within what the last checkpoint allows.
import Core
import TestSupport
import Testing

extension DeliveryScenarios {
    @Suite("Kill and stop", .serialized, .timeLimit(.minutes(4)))
    struct KillAndStop {
        /// From producing a record to the end of the checkpoint that holds it: acknowledgement, interval (200 ms), store.
        private static let checkpointWindow = ms(600)
        @Test("50 kills at random moments of 20,000 lines a second, with rotations, lose nothing")
        func kills() async throws {
            var random = SeededRandom()
            let bench = try DeliveryBench(partitions: 128)
            let writer = try PacedWriter(paths: bench.logs(24), linesPerSecond: 20_000)
            let start = Clock.monotonic()
            var kills: [Int64] = []
            try bench.daemon.launch()
            for kill in 0..<50 {
                try await Task.sleep(for: .milliseconds(random.next(in: 20...900)))
                if kill % 4 == 3 { try writer.rotate(kill / 4 % 3, to: bench.directory.path("logs/\(kill).rotated")) }
                kills.append(Clock.wall() + ms(1))
                try await bench.daemon.kill9()
                try bench.daemon.launch()
                bench.takeArrivals()
            }
            let written = try writer.stop()
            let stormed = elapsed(since: start)
            try await bench.waitForLines(written.total)
            try await bench.waitForAcknowledgement()
            let report = bench.expectComplete(written)
            let allowed = bench.produced(within: Self.checkpointWindow, before: kills)
            #expect(report.duplicates <= allowed, "seed \(random.seed)")
            #expect(allowed > 0, "no kill met a daemon at work")
            // Each one for itself: what came twice was produced within the window before the next kill.
            let ages = bench.repetitions.map { repetition in
                (kills.first { $0 >= repetition.earlier } ?? .max) - repetition.earlier
            }
            let oldest = ages.max() ?? 0
            let unexplained = ages.count { $0 > Self.checkpointWindow }
            #expect(unexplained == 0, "seed \(random.seed)")
            #expect(try await bench.daemon.terminate() == .exited(0))
            print(
                "delivery/kill -9: seed \(random.seed), \(kills.count) kills in \(stormed), \(report); "
                    + "duplicates \(report.duplicates) of at most \(allowed), the oldest produced "
                    + "\(oldest / nanosecondsPerMillisecond) ms before its kill")
        }

        @Test("20 stops by SIGTERM under the same load lose nothing, repeat nothing, and exit 0 within limits.drain")
        func stops() async throws {
            var random = SeededRandom()
            let bench = try DeliveryBench(partitions: 128) { $0.topLevelLines = ["limits: {drain: 5s}"] }
            let writer = try PacedWriter(paths: bench.logs(24), linesPerSecond: 20_000)
            var longest: Int64 = 0
            for stop in 0..<20 {
                try await bench.daemon.start()
                try await Task.sleep(for: .milliseconds(random.next(in: 0...500)))
                if stop % 5 == 4 { try writer.rotate(stop / 5, to: bench.directory.path("logs/\(stop).rotated")) }
                let asked = Clock.monotonic()
                let end = try await bench.daemon.terminate()
                longest = max(longest, Clock.monotonic() - asked)
                #expect(end == .exited(0), "seed \(random.seed): \(bench.daemon.process.errorTail)")
                #expect(!bench.daemon.process.standardError.contains("before everything was acknowledged"))
            }
            let written = try writer.stop()
            try await bench.daemon.start()
            try await bench.waitForLines(written.total)
            try await bench.waitForAcknowledgement()
            #expect(try await bench.daemon.terminate() == .exited(0))
            let report = bench.expectComplete(written)
            #expect(report.duplicates == 0 && report.firstOutOfOrder == 0, "seed \(random.seed): \(report)")
            #expect(longest < 5 * nanosecondsPerSecond)
            print(
                "delivery/SIGTERM: seed \(random.seed), 21 stops, longest \(longest / nanosecondsPerMillisecond) ms; "
                    + "\(report)")
        }
    }
}

/// Numbers that a failed test can be repeated with: $LONGSHORE_SEED, else a new seed.
struct SeededRandom {
    let seed: UInt64
    private var state: UInt64

    init() {
        seed = environmentVariable("LONGSHORE_SEED").flatMap { UInt64($0) } ?? UInt64.random(in: 1...999_999_999)
        state = seed
    }

    /// splitmix64.
    mutating func next(in range: ClosedRange<Int>) -> Int {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
        value ^= value >> 31
        return range.lowerBound + Int(value % UInt64(range.count))
    }
}
