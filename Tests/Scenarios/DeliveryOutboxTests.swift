// kill -9 between all steps of an event's way: from the read that finds a gap to the row that is deleted.
import Core
import Glibc
import LinuxIO
import TestSupport
import Testing

extension DeliveryScenarios {
    @Suite("Outbox", .serialized, .timeLimit(.minutes(30)))
    struct Outbox {
        /// A log with a line that is too long: its rest is a gap whose extent is known beforehand.
        private struct World {
            let bench: DeliveryBench
            let shim: KillShim
            /// Rounds so far: each is one log and two generations.
            private(set) var rounds = 0
            /// Of the two generations of each log; the second is shorter, as every reader must notice.
            private let contents: [Content]

            private struct Content {
                let text: String
                let gap: Range<UInt64>
                var size: UInt64 { UInt64(text.utf8.count) }

                init(_ sequences: Range<UInt64>) {
                    let before = lines(sequences)
                    let long = String(repeating: "x", count: 20_000) + "\n"
                    text = before + long + lines(sequences)
                    // The newline belongs to the line.
                    gap = UInt64(before.utf8.count + 4096)..<UInt64(before.utf8.count + long.utf8.count)
                }
            }

            init() async throws {
                let directory = try TemporaryDirectory()
                let shim = try await KillShim(in: directory)
                self.shim = shim
                bench = try DeliveryBench(partitions: 1) { options in
                    options.environment = shim.environment
                    options.topLevelLines = ["limits: {line: 1KiB, line_total: 4KiB}", "checkpoint: {interval: 20ms}"]
                }
                contents = [Content(0..<5), Content(10..<13)]
            }

            /// Two generations of one log, each with a gap; the daemon may be killed at any moment. False: it was.
            mutating func round(killAt step: Int) async throws -> Bool {
                let name = "logs/\(rounds).log"
                shim.disarm()
                // One that was armed stays so.
                if bench.daemon.isRunning { try await bench.daemon.kill9() }
                try await bench.daemon.start()
                try shim.arm(step: step)
                rounds += 1
                try bench.directory.write(contents[0].text, to: name)
                var survived = try await settle(2 * rounds - 1)
                // Over what is shipped: the next generation.
                try retryingInterrupts("truncate") { truncate(bench.directory.path(name), 0) }
                try bench.directory.append(contents[1].text, to: name)
                if survived { survived = try await settle(2 * rounds) }
                if !survived {
                    shim.disarm()
                    try await bench.daemon.start()
                    _ = try await settle(2 * rounds)
                }
                return survived
            }

            /// Waits until all of so many generations is told and stored; starts the daemon again when it was killed before.
            /// False: it was killed.
            private func settle(_ generations: Int) async throws -> Bool {
                var survived = true
                try await waitUntil(
                    timeout: .seconds(60), "\(generations) generations; \(bench.daemon.process.errorTail)"
                ) {
                    guard bench.daemon.isRunning else {
                        survived = false
                        shim.disarm()
                        try await bench.daemon.start()
                        return false
                    }
                    guard Set(try bench.event("generation_opened").compactMap(\.fileID)).count >= generations,
                        Set(try bench.event("gap").compactMap(\.fileID)).count >= generations,
                        let status = try? await bench.daemon.status(), let totals = status["totals"]
                    else { return false }
                    return totals["unread"]?.uint64 == 0 && totals["inFlight"]?.uint64 == 0
                        && status["store"]?["outboxEvents"]?.uint64 == 0
                        && status["store"]?["isBehind"]?.bool == false
                }
                return survived
            }

            /// Every gap is told exactly, every generation is covered, every closed one has the right figures.
            func check(_ place: Comment) throws {
                var generations: [String: Content] = [:]
                for event in try bench.event("gap") {
                    let file = try #require(event.fileID)
                    if event["to"] == .null {
                        // Killed just before the truncation: nobody knows what was written behind the last offset.
                        #expect(event.uint64("from") == contents[0].size, place)
                        continue
                    }
                    guard let content = contents.first(where: { $0.gap.lowerBound == event.uint64("from") }) else {
                        Issue.record("a gap that is none: \(event); \(place)")
                        continue
                    }
                    generations[file] = content
                    #expect(event.uint64("to") == content.gap.upperBound, place)
                    #expect(event.string("reason") == "oversize", place)
                }
                let opened = Set(try bench.event("generation_opened").compactMap(\.fileID))
                #expect(opened.count == 2 * rounds && Set(generations.keys) == opened, place)
                checkCoverage(generations, place)
                let closed = try bench.event("generation_closed")
                #expect(Set(closed.compactMap(\.fileID)).count == rounds, place)
                for event in closed {
                    #expect(generations[event.fileID ?? ""]?.gap == contents[0].gap, place)
                    #expect(event["size"] == .null || event.uint64("size") == contents[0].size, place)
                    #expect(event.uint64("gap_bytes") == UInt64(contents[0].gap.count), place)
                    #expect(event.uint64("acknowledged") == contents[0].size - UInt64(contents[0].gap.count), place)
                }
            }

            private func checkCoverage(_ generations: [String: Content], _ place: Comment) {
                var checker = CoverageChecker<String>()
                for arrival in bench.records.items() {
                    let summary = arrival.summary
                    checker.record(
                        summary.fileID.description, offset: summary.offset, byteCount: summary.byteCount,
                        skipped: summary.skippedBytes)
                }
                #expect(checker.files == Set(generations.keys), place)
                for (file, content) in generations {
                    checker.gap(file, from: content.gap.lowerBound, to: content.gap.upperBound)
                    checker.expect(file, size: content.size)
                    let coverage = checker.coverage(of: file)
                    #expect(coverage.isComplete && coverage.contiguousEnd == content.size, "\(coverage); \(place)")
                }
            }
        }

        @Test("kill -9 before and after every step of the outbox loses no gap, tells it exactly, and revives nothing")
        func everyStep() async throws {
            var random = SeededRandom()
            var world = try await World()
            let place: Comment = "seed \(random.seed)"
            // Once to its end: how many steps there are.
            #expect(try await world.round(killAt: .max))
            let total = try world.shim.steps()
            let all = environmentVariable("LONGSHORE_KILLS") == "all"
            var kills = 0
            var chosen: [Int] = []
            if all {
                // Until one survives: a run's steps are never exactly those of another.
                var step = 1
                while try await !world.round(killAt: step) || step < total {
                    kills += 1
                    step += 1
                }
                chosen = Array(1...step)
            } else {
                chosen = (0..<Outbox.sample).map { index in
                    // One of each part of the way.
                    let part = max(1, total / Outbox.sample)
                    return index * part + random.next(in: 1...part)
                }
                for step in chosen where try await !world.round(killAt: step) { kills += 1 }
                #expect(kills > Outbox.sample / 2, place)
            }
            try world.check(place)
            try await expectNothingRevived(world, place)
            print("delivery/outbox kills: seed \(random.seed), \(total) steps, \(kills) kills of \(chosen.count) runs")
        }

        private static let sample = 24

        /// What was delivered and deleted is not sent again by another start.
        private func expectNothingRevived(_ world: World, _ place: Comment) async throws {
            let before = try world.bench.events().count
            world.shim.disarm()
            try await world.bench.daemon.kill9()
            try await world.bench.daemon.start()
            try world.bench.directory.write("one line\n", to: "logs/last.log")
            let path = world.bench.directory.path("logs/last.log")
            try await waitUntil("the last log is announced") {
                try world.bench.event("generation_opened").contains { $0.string("log.file.path") == path }
            }
            let after = try world.bench.events().dropFirst(before)
            #expect(after.count == 1, "\(after.map { $0.string("event") ?? "" }); \(place)")
        }
    }
}
