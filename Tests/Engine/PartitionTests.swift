// Partitions of one topic that do not move: what belongs to the others goes on.
import Core
import TestSupport
import Testing

@testable import Engine

@Suite(.serialized) struct PartitionTests {
    private static let files = 16
    private static let lines = 3_000

    /// 16 files on a topic of two partitions; gives those of partition 0, by path.
    private func start(_ fixture: EngineFixture) async throws -> (Engine, Set<String>) {
        try fixture.cluster.createTopic("logs", partitions: 2, replication: 2)
        for partition in 0..<Int32(2) {
            try fixture.cluster.setLeader("logs", partition: partition, broker: partition + 1)
        }
        for file in 0..<Self.files { try fixture.directory.write("first\n", to: "logs/\(file).log") }
        let engine = try fixture.start(fixture.options { $0.auditTopic = nil })
        try await fixture.waitForStatus(engine, "the first lines") { $0.totals.acknowledged == UInt64(6 * Self.files) }
        let records = try await readRecords(fixture.cluster.bootstrap, topic: "logs", until: .count(Self.files))
        let first = try records.filter { $0.partition == 0 }.map { try $0.fields()["log.file.path"]?.string ?? "" }
        try #require(!first.isEmpty && first.count < Self.files)
        return (engine, Set(first))
    }

    private func append(_ fixture: EngineFixture) throws -> UInt64 {
        let text = String(repeating: String(repeating: "x", count: 99) + "\n", count: Self.lines)
        for file in 0..<Self.files { try fixture.directory.append(text, to: "logs/\(file).log") }
        return UInt64(text.utf8.count)
    }

    /// The files of partition 1 are shipped while those of partition 0 wait for `reason`; then `heal`, and all arrive.
    private func expectOthersGoOn(
        _ fixture: EngineFixture, _ engine: Engine, _ stuck: Set<String>, reason: String, heal: () throws -> Void
    ) async throws {
        let bytes = try append(fixture) + 6
        try await fixture.waitForStatus(engine, "the files of the other partition", timeout: .seconds(60)) { report in
            report.sources.allSatisfy { stuck.contains($0.path) || $0.ledger.acknowledged == bytes }
        }
        try await fixture.waitForStatus(engine, "the reason") { report in
            report.sources.contains { stuck.contains($0.path) && $0.reason?.contains(reason) == true }
        }
        let report = try #require(await engine.status())
        #expect(report.sources.filter { stuck.contains($0.path) }.allSatisfy { $0.ledger.acknowledged == 6 })
        try heal()
        try await fixture.waitForStatus(engine, "everything", timeout: .seconds(60)) {
            $0.totals.acknowledged == bytes * UInt64(Self.files)
        }
        #expect(await fixture.stop(engine) == EngineEnd())
    }

    @Test func aPartitionWithoutALeaderDoesNotStopTheOthersOfItsTopic() async throws {
        let fixture = try EngineFixture(brokers: 2)
        defer { fixture.directory.remove() }
        let (engine, stuck) = try await start(fixture)
        try fixture.cluster.setLeader("logs", partition: 0, broker: nil)
        try await expectOthersGoOn(fixture, engine, stuck, reason: "partition 0 of the topic has no leader") {
            try fixture.cluster.setLeader("logs", partition: 0, broker: 1)
        }
    }

    @Test func aBrokerThatDoesNotAnswerDoesNotStopThePartitionsOfAnother() async throws {
        let fixture = try EngineFixture(brokers: 2)
        defer { fixture.directory.remove() }
        let (engine, stuck) = try await start(fixture)
        try fixture.cluster.setDown(broker: 1)
        try await expectOthersGoOn(fixture, engine, stuck, reason: "partition 0 of the topic does not acknowledge") {
            try fixture.cluster.setUp(broker: 1)
        }
    }

    @Test func aTopicOfWhichNoPartitionHasALeaderIsParkedAndGoesOn() async throws {
        let fixture = try EngineFixture(brokers: 1)
        defer { fixture.directory.remove() }
        try fixture.cluster.createTopic("logs", partitions: 1)
        try fixture.cluster.setLeader("logs", partition: 0, broker: nil)
        try fixture.directory.write("first\n", to: "logs/a.log")
        let engine = try fixture.start(fixture.options { $0.auditTopic = nil })
        try await fixture.waitForStatus(engine, "the reason") { report in
            report.kafka.topics.contains { $0.reason?.contains("leader_not_available") == true }
        }
        try fixture.cluster.setLeader("logs", partition: 0, broker: 1)
        try await fixture.waitForStatus(engine, "the line") { $0.totals.acknowledged == 6 }
        try fixture.cluster.setLeader("logs", partition: 0, broker: nil)
        try fixture.directory.append("second\n", to: "logs/a.log")
        // A record that was sent before the client learnt of it waits in the client, and the topic is not parked for it: then
        // its partition is said to have no leader.
        try await fixture.waitForStatus(engine, "parked, or without a leader") { report in
            report.kafka.topics.contains { topic in
                topic.state == "parked" && topic.reason?.contains("leader_not_available") == true
                    || topic.leaderless == topic.partitions && topic.inFlight > 0
            }
        }
        try fixture.cluster.setLeader("logs", partition: 0, broker: 1)
        try await fixture.waitForStatus(engine, "the second line") { $0.totals.acknowledged == 13 }
        #expect(await fixture.stop(engine) == EngineEnd())
    }
}
