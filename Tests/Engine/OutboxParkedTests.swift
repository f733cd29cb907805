// An audit topic that cannot be written: announcements wait, records do not.
import Core
import TestSupport
import Testing

@testable import Engine

@Suite(.serialized) struct OutboxParkedTests {
    @Test(arguments: [KafkaErrorCode.unknownTopic, .topicAuthorizationFailed])
    func anAuditTopicThatIsNotThereParksAnnouncementsAndNoRecords(code: KafkaErrorCode) async throws {
        let fixture = try EngineFixture()
        defer { fixture.directory.remove() }
        try fixture.cluster.createTopic("logs", partitions: 1)
        try fixture.cluster.createTopic("audit", partitions: 1)
        fixture.cluster.setTopicError("audit", code)
        try fixture.directory.write("first\n", to: "logs/a.log")
        let engine = try fixture.start(fixture.options())
        for round in 1...3 {
            try await fixture.waitForStatus(engine, "round \(round): the lines, and announcements that wait") {
                $0.totals.acknowledged == UInt64(6 * round) && $0.totals.inFlight == 0 && $0.store.outboxEvents > 0
                    && $0.store.outboxOldestSeconds != nil
            }
            if round < 3 { try fixture.directory.append("again\n", to: "logs/a.log") }
        }
        let parked = try #require(await engine.status())
        #expect(parked.problems.contains { $0.contains("topic audit takes no records") }, "\(parked.problems)")
        fixture.cluster.setTopicError("audit", .none)
        try await fixture.waitForStatus(engine, "the announcements", timeout: .seconds(60)) {
            $0.store.outboxEvents == 0 && $0.store.outboxOldestSeconds == nil
        }
        #expect(await fixture.stop(engine) == EngineEnd())
        let events = try await fixture.records("audit", count: 1)
        #expect(events.first?["event"]?.string == "generation_opened")
    }
}
