// Random trouble of every kind on random brokers under load: every line arrives, or is announced as a gap once.
import Core
import TestSupport
import Testing

@Suite(.serialized, .timeLimit(.minutes(20))) struct TroubleModelTests {
    private static let schedules = environmentVariable("LONGSHORE_TROUBLE_SCHEDULES").flatMap { Int($0) } ?? 20
    /// Codes of every class that brokers may answer with, and some that librdkafka does not know. Without 46, which is a
    /// lie when a mock tells it.
    private static let codes: [Int32] = [
        -195, -1, 2, 3, 5, 6, 7, 8, 9, 10, 13, 17, 18, 19, 20, 21, 25, 29, 31, 32, 35, 42, 43, 44, 45, 47, 49, 56, 59,
        76, 87, 89, 90, 105, 120,
    ]
    /// Announcements go to this broker: it never answers with what would make one wait for minutes.
    private static let auditBroker: Int32 = 3
    private static let refusals: Set<Int32> = [2, 10, 18, 32, 87]

    @Test func everythingIsAcknowledgedOrAnnouncedUnderRandomTrouble() async throws {
        let given = environmentVariable("LONGSHORE_TROUBLE_SEED").flatMap { UInt64($0) }
        for _ in 0..<TroubleModelTests.schedules { try await schedule(given ?? UInt64.random(in: 0...UInt64.max)) }
    }

    private func schedule(_ seed: UInt64) async throws {
        var random = SeededGenerator(seed: seed)
        var story = ["seed \(seed)"]
        let stage = try await TroubleStage(
            brokers: 3, topics: 3, partitions: random.number(1...4), files: random.number(1...3),
            linesPerSecond: random.number(500...3_000),
            arrange: { cluster in
                // There may be fewer.
                for partition: Int32 in 0..<4 {
                    try? cluster.setLeader("audit", partition: partition, broker: TroubleModelTests.auditBroker)
                }
            })
        for _ in 0..<random.number(4...8) {
            try step(stage.cluster, stage.topics, &random, &story)
            // When the next thing happens is part of the schedule: there may be no event to wait for, all may stand still.
            try? await Task.sleep(for: .milliseconds(random.number(10...400)))
            stage.takeArrivals()
        }
        try heal(stage.cluster, stage.topics)
        let report = try await stage.finish(mayLose: true, story.joined(separator: "; "))
        print("trouble: \(story.joined(separator: "; ")): \(report)")
    }

    private func step(
        _ cluster: MockCluster, _ topics: [String], _ random: inout SeededGenerator, _ story: inout [String]
    ) throws {
        let broker = Int32(random.number(1...3))
        let topic = (topics + ["audit"]).randomElement(using: &random)!
        switch random.number(0...9) {
        case 0..<4:
            let codes = (0..<random.number(1...4)).map { _ in
                TroubleModelTests.codes.randomElement(using: &random)!
            }
            story.append("broker \(broker) answers \(codes)")
            for code in codes
            where broker != TroubleModelTests.auditBroker || !TroubleModelTests.refusals.contains(code) {
                try cluster.pushAnswer(
                    .produce, broker: broker, number: code, milliseconds: Int32(random.number(0...1) * 200))
            }
        case 4:
            story.append("broker \(broker) down")
            try cluster.setDown(broker: broker)
        case 5:
            story.append("all up")
            try cluster.setUp()
        case 6:
            let time = Int32(random.number(0...300))
            story.append("broker \(broker) takes \(time) ms")
            try cluster.setRoundTripTime(milliseconds: time, broker: broker)
        case 7:
            let code = [KafkaErrorCode.none, .unknownTopic, .topicAuthorizationFailed].randomElement(using: &random)!
            story.append("metadata of \(topic): \(code)")
            cluster.setTopicError(topic, code)
        case 8:
            let leader = topic == "audit" ? TroubleModelTests.auditBroker : broker
            story.append("leader of \(topic) 0 is \(leader)")
            try cluster.setLeader(topic, partition: 0, broker: leader)
        default:
            story.append("no leader of \(topic) 0")
            try cluster.setLeader(topic, partition: 0, broker: nil)
        }
    }

    private func heal(_ cluster: MockCluster, _ topics: [String]) throws {
        try cluster.setUp()
        try cluster.setRoundTripTime(milliseconds: 0)
        for topic in topics + ["audit"] {
            cluster.setTopicError(topic, .none)
            try cluster.setLeader(topic, partition: 0, broker: TroubleModelTests.auditBroker)
        }
    }
}
