// Brokers that answer late, wrongly or not at all: nothing is lost, and order holds.
import Core
import TestSupport
import Testing

extension DeliveryScenarios {
    @Suite("Faulty brokers", .serialized, .timeLimit(.minutes(4)))
    struct Faults {
        @Test("Acknowledgements that are lost under load cost neither a line, nor order, nor a duplicate")
        func lostAcknowledgements() async throws {
            let bench = try await DeliveryBench.onRealBroker(partitions: 4)
            let proxy = try #require(bench.proxy)
            try await bench.daemon.start()
            let writer = try PacedWriter(paths: bench.logs(8), linesPerSecond: 500)
            try await bench.waitForLines(500)
            let seed = UInt64.random(in: 1...999_999_999)
            var random = SeededGenerator(seed: seed)
            var dropped = 0
            for _ in 0..<12 {
                let count = Int.random(in: 1...3, using: &random)
                dropped += count
                proxy.dropProduceResponses(count)
                try await waitUntil("\(dropped) answers dropped; \(proxy.tally); seed \(seed)") {
                    proxy.tally.dropped >= dropped
                }
                let lines = writer.written.total
                try await bench.waitForLines(lines)
            }
            let written = try writer.stop()
            try await bench.waitForLines(written.total)
            try await bench.waitForAcknowledgement()
            #expect(try await bench.daemon.terminate() == .exited(0))
            let report = bench.expectComplete(written)
            #expect(report.duplicates == 0 && report.firstOutOfOrder == 0, "\(report); seed \(seed)")
            #expect(proxy.tally.dropped == dropped && proxy.problems.isEmpty, "\(proxy.tally) \(proxy.problems)")
            print("delivery/lost acknowledgements: \(dropped) answers dropped, \(report)")
        }

        @Test("One of three brokers answers with errors for a while: all arrives, in order")
        func oneBrokerErrs() async throws {
            try await underLoad("errors on one of three brokers") { bench in
                let proxy = try #require(bench.proxy)
                for code in [KafkaErrorCode.notLeader, .notEnoughReplicas, .requestTimedOut, .leaderNotAvailable] {
                    let before = proxy.tally.refused
                    proxy.refuseProduce(broker: 1, count: 20, code)
                    try await waitUntil("20 requests refused with \(code); \(proxy.tally)") {
                        proxy.tally.refused >= before + 20
                    }
                }
                return "\(proxy.tally.refused) requests refused"
            }
        }

        @Test("Leaders that move from broker to broker under load: all arrives, in order")
        func movedLeaders() async throws {
            try await underLoad("moved leaders") { bench in
                let seed = UInt64.random(in: 1...999_999_999)
                var random = SeededGenerator(seed: seed)
                for _ in 0..<40 {
                    for _ in 0..<3 {
                        let partition = Int32.random(in: 0..<12, using: &random)
                        let broker = Int32.random(in: 1...3, using: &random)
                        try bench.cluster.setLeader("logs", partition: partition, broker: broker)
                    }
                    let lines = bench.takeArrivals()
                    try await bench.waitForLines(lines + 300)
                }
                return "120 moves, seed \(seed)"
            }
        }

        @Test("Brokers that go down and come up in turns: all arrives, in order")
        func brokersInTurns() async throws {
            try await underLoad("brokers down and up in turns") { bench in
                for turn in 0..<6 {
                    let broker = Int32(turn % 3 + 1)
                    try bench.cluster.setDown(broker: broker)
                    // The partitions of the other two go on.
                    let lines = bench.takeArrivals()
                    try await bench.waitForLines(lines + 2_000)
                    try bench.cluster.setUp(broker: broker)
                    let before = bench.takeArrivals()
                    try await bench.waitForLines(before + 2_000)
                }
                return "6 turns"
            }
        }

        @Test("Brokers that answer slowly: all arrives, in order")
        func slowBrokers() async throws {
            try await underLoad("slow brokers") { bench in
                for milliseconds: Int32 in [300, 1_500] {
                    try bench.cluster.setRoundTripTime(milliseconds: milliseconds, broker: 2)
                    var lines = bench.takeArrivals()
                    try await bench.waitForLines(lines + 5_000)
                    try bench.cluster.setRoundTripTime(milliseconds: milliseconds)
                    lines = bench.takeArrivals()
                    try await bench.waitForLines(lines + 5_000)
                }
                try bench.cluster.setRoundTripTime(milliseconds: 0)
                return "round trips of up to 1.5 s"
            }
        }

        @Test("A cluster that takes connections and says nothing for a while: all arrives, in order")
        func silentBrokers() async throws {
            try await underLoad("silent brokers") { bench in
                let proxy = try #require(bench.proxy)
                for _ in 0..<3 {
                    proxy.stall(true)
                    // Unread bytes grow: the daemon has noticed, as far as it can.
                    try await bench.daemon.waitForStatus("records in flight that wait") {
                        ($0["totals"]?["inFlight"]?.uint64 ?? 0) > 200_000
                    }
                    proxy.stall(false)
                    let lines = bench.takeArrivals()
                    try await bench.waitForLines(lines + 2_000)
                }
                return "3 silences"
            }
        }

        /// Three brokers behind a proxy, 16 files and 4,000 lines a second while `trouble` lasts; then all must be there.
        private func underLoad(
            _ name: String, _ trouble: (DeliveryBench) async throws -> String
        ) async throws {
            let bench = try DeliveryBench(partitions: 12, brokers: 3, isProxied: true)
            try await bench.daemon.start()
            let writer = try PacedWriter(paths: bench.logs(16), linesPerSecond: 4_000)
            try await bench.waitForLines(2_000)
            let done = try await trouble(bench)
            let written = try writer.stop()
            try await bench.waitForLines(written.total)
            try await bench.waitForAcknowledgement()
            #expect(try await bench.daemon.terminate() == .exited(0))
            let report = bench.expectComplete(written)
            #expect(bench.proxy?.problems == [])
            #expect(try bench.event("gap").isEmpty)
            print("delivery/\(name): \(done); \(report)")
        }
    }
}
