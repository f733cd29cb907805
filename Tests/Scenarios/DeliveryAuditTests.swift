// What the audit topic says of whole generations, and that no event is lost by a kill.
import Core
import Glibc
import TestSupport
import Testing

extension DeliveryScenarios {
    @Suite("Audit", .serialized, .timeLimit(.minutes(2)))
    struct Audit {
        @Test("Generations are announced before their first record, and closed with the figures that were read back")
        func openedAndClosed() async throws {
            let bench = try DeliveryBench(partitions: 2)
            try await bench.daemon.start()
            let writer = try PacedWriter(paths: bench.logs(1), linesPerSecond: 2_000)
            try await writer.waitForTotal(1_000)
            let moved = bench.directory.path("logs/0.log.1")
            try writer.rotate(0, to: moved)
            try await writer.waitForTotal(2_000)
            let size = UInt64(try bench.directory.read("logs/0.log.1").count)
            unlink(moved)
            try await waitUntil("generation_closed") { try bench.event("generation_closed").count == 1 }
            let written = try writer.stop()
            try await bench.waitForLines(written.total)
            try await bench.waitForAcknowledgement()
            bench.expectComplete(written)

            let opened = try bench.event("generation_opened")
            let closed = try #require(try bench.event("generation_closed").first)
            #expect(opened.count == 2 && Set(opened.compactMap(\.fileID)).count == 2)
            for event in opened {
                let first = try #require(try await bench.firstRecord(of: event.fileID ?? ""))
                #expect(first.observed >= event.string("@timestamp")!)
                #expect(event.streamID == first.stream && event.uint64("from") == 0)
            }
            #expect(closed.fileID == opened[0].fileID)
            let read = try #require(bench.coverage(of: closed.fileID ?? ""))
            #expect(closed.uint64("size") == size && read.contiguousEnd == size)
            #expect(closed.uint64("acknowledged") == size && closed.uint64("records") == UInt64(read.records))
            #expect(closed.uint64("gap_bytes") == 0 && closed.uint64("skipped") == 0)
            #expect(try await bench.daemon.terminate() == .exited(0))
            print("delivery/audit: closed with size \(size) and \(read.records) records, as read back")
        }

        @Test("No gap event is lost by 10 kills around the moment of the gap")
        func gapsSurviveKills() async throws {
            var random = SeededRandom()
            let bench = try DeliveryBench(partitions: 2)
            try await bench.daemon.start()
            for round in 0..<10 {
                // The unread rest of a deleted file that the daemon does not hold is a gap: nobody can read it any more.
                let name = "logs/\(round).log"
                try bench.directory.write(lines(0..<100, file: UInt32(round)), to: name)
                try await bench.waitForLines(UInt64(100 * (round + 1)))
                try await bench.waitForAcknowledgement()
                try await bench.daemon.kill9()
                unlink(bench.directory.path(name))
                try bench.daemon.launch()
                try await Task.sleep(for: .milliseconds(random.next(in: 1...150)))
                try await bench.daemon.kill9()
                try await bench.daemon.start()
            }
            try await waitUntil("10 gaps, seed \(random.seed); \(bench.daemon.process.errorTail)") {
                Set(try bench.event("gap").compactMap(\.fileID)).count == 10
            }
            try await bench.waitForAcknowledgement()
            let gaps = try bench.event("gap")
            let closed = try bench.event("generation_closed")
            #expect(Set(closed.compactMap(\.fileID)) == Set(gaps.compactMap(\.fileID)))
            for gap in gaps {
                let read = try #require(bench.coverage(of: gap.fileID ?? ""))
                // It begins at the last durable offset: behind what was read when the kill came before a checkpoint.
                #expect(try #require(gap.uint64("from")) <= read.contiguousEnd && gap["to"] == .null)
                #expect(gap.string("reason") == "deleted")
            }
            #expect(try await bench.daemon.terminate() == .exited(0))
            print("delivery/audit after kills: seed \(random.seed), \(gaps.count) gap events of 10 gaps")
        }
    }
}
