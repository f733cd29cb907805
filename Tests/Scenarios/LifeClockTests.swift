// A wall clock that is set back by a day while the daemon runs, while it is down, and forward again.
import Core
import Glibc
import LinuxIO
import TestSupport
import Testing

extension DaemonTests {
    @Suite("Life: clock")
    struct LifeClock {
        /// A daemon whose clock can be set, and a log that rotates.
        private final class World {
            static let day = 86_400
            let stage: LifeStage
            let clock: ClockShim
            private(set) var lines: [String] = []

            init() async throws {
                let directory = try TemporaryDirectory()
                let clock = try await ClockShim(in: directory)
                self.clock = clock
                stage = try LifeStage(in: directory) { options, _ in
                    options.environment = clock.environment
                    options.topLevelLines = ["checkpoint: {interval: 50ms}"]
                }
            }

            func write(_ count: Int) throws {
                let fresh = (0..<count).map { "line \(lines.count + $0)" }
                try stage.append(fresh)
                lines += fresh
            }

            func rename(_ index: Int) throws {
                try retryingInterrupts("rename") { Glibc.rename(stage.log("a.log"), stage.log("a.log.\(index)")) }
            }

            /// As a copier does it: all of the file, then the truncation.
            func copyTruncate(_ index: Int) throws {
                try stage.directory.write(bytes: stage.directory.read("logs/a.log"), to: "logs/a.log.\(index)")
                try retryingInterrupts("truncate") { truncate(stage.log("a.log"), 0) }
            }

            /// Two rotations of each kind, with lines of which nothing was read before each.
            func rotate(from index: Int) async throws {
                for step in index..<index + 4 {
                    try write(3)
                    if step % 2 == 0 { try rename(step) } else { try copyTruncate(step) }
                    try write(2)
                    try await check("rotation \(step)")
                }
            }

            /// Every line once, in order.
            func check(_ moment: String) async throws {
                let messages = try await stage.messages(count: lines.count)
                #expect(messages == lines, "\(moment)")
            }

            func stop() async throws { #expect(try await stage.daemon.terminate() == .exited(0)) }

            /// When the daemon read the last line, in days of the machine's clock from now.
            func lastDay() async throws -> Double {
                let text = try #require(try await stage.records().last?.string("observed_timestamp"))
                let days = Double(try #require(instant(text)) - Clock.wall()) / 1e9 / Double(World.day)
                return days.rounded()
            }
        }

        @Test("Rotation before and after the clock is set back a day, and forward again: every line once, in order")
        func setWhileItRuns() async throws {
            let world = try await World()
            try await world.stage.daemon.start()
            for (index, day) in [0, -1, 0].enumerated() {
                // What is written just before is read with the clock of afterwards, or not.
                try world.write(1)
                try world.clock.set(seconds: day * World.day)
                try await world.rotate(from: index * 4)
                #expect(try await world.lastDay() == Double(day))
            }
            try await world.stop()
            try await world.stage.daemon.start()
            try world.write(1)
            try await world.check("after a restart")
        }

        @Test("Timers go on when the clock is set back a day: a deleted file is closed, checkpoints are made")
        func timers() async throws {
            let world = try await World()
            try await world.stage.daemon.start()
            try world.write(2)
            try world.rename(0)
            try world.write(2)
            try await world.check("before")
            try world.clock.set(seconds: -World.day)
            try retryingInterrupts("unlink") { unlink(world.stage.log("a.log.0")) }
            // It is closed by a timer, and announced once the store has it.
            let closed = try await world.stage.auditEvents("generation_closed", timeout: .seconds(40))
            #expect(closed.count == 1 && closed[0]["acknowledged"]?.uint64 == 14, "\(closed)")
            let start = Clock.monotonic()
            try world.write(2)
            try await world.check("after")
            try await world.stage.daemon.waitForStatus("a checkpoint since the clock was set") { status in
                let elapsed = Double(Clock.monotonic() - start) / 1e9
                return (status["store"]?["secondsSinceCheckpoint"]?.double ?? .infinity) < elapsed
            }
            try await world.stop()
            try await world.stage.daemon.start()
            try world.write(1)
            try await world.check("after a restart")
        }

        @Test("The clock is set while the daemon is down: rotated files are read in their order", arguments: [-1, 1])
        func setWhileItIsDown(day: Int) async throws {
            let world = try await World()
            try await world.stage.daemon.start()
            try world.write(3)
            try await world.check("before")
            try await world.rotate(from: 0)
            try await world.stop()
            // What the first run has seen last waits behind its new name, and a copy holds what came after.
            try world.write(3)
            try world.rename(10)
            try world.write(2)
            try world.clock.set(seconds: day * World.day)
            try await world.stage.daemon.start()
            try await world.check("after the clock was set")
            #expect(try await world.lastDay() == Double(day))
            try world.write(2)
            try world.copyTruncate(11)
            try world.write(1)
            try await world.check("rotated with that clock")
            try await world.stop()
            try world.write(2)
            try world.copyTruncate(12)
            try world.write(1)
            try world.clock.set(seconds: 0)
            try await world.stage.daemon.start()
            try await world.check("after it was set again")
            try await world.rotate(from: 20)
        }
    }
}
