// Rotation by rename five times a second at 5,000 lines a second loses nothing.
import Core
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

        private func sleep(until moment: Int64) async throws {
            try await Task.sleep(for: .nanoseconds(max(0, moment - Clock.monotonic())))
        }
    }
}
