// Every error code stands in the table once, and its class fits what librdkafka does with it.
import CRdKafka
import TestSupport
import Testing

@testable import KafkaSink

@Suite(.serialized, .ownThread) struct OutcomeTests {
    /// Codes, in librdkafka's own list, that have a name.
    private static let known: [Int32] = {
        var descriptions: UnsafePointer<rd_kafka_err_desc>?
        var count = 0
        rd_kafka_get_err_descs(&descriptions, &count)
        return (0..<count).map { descriptions![$0] }.filter { $0.name != nil }.map(\.code.rawValue)
    }()

    @Test func theTableHoldsEveryCodeOfLibrdkafkaExactlyOnce() {
        let codes = OutcomeTable.rows.flatMap(\.codes).map(\.rawValue)
        #expect(OutcomeTests.known.count > 150)
        #expect(Set(codes).count == codes.count, "\(codes.filter { code in codes.count { $0 == code } > 1 })")
        let missing = Set(OutcomeTests.known).subtracting(codes)
        #expect(missing.isEmpty, "\(missing.sorted())")
    }

    @Test func everyCodeHasANameForMetricsACauseAndARemedyThatNamesTheTopic() {
        for code in OutcomeTests.known {
            let outcome = Outcome(error: code)
            #expect(!outcome.reason.isEmpty && outcome.reason.utf8.allSatisfy(isMetricSafe), "\(outcome.reason)")
            #expect(!outcome.cause.isEmpty, "\(outcome.reason)")
            let remedy = outcome.remedy(topic: "app.logs")
            #expect(!remedy.isEmpty && !remedy.contains("@"), "\(outcome.reason): \(remedy)")
            if outcome.kind == .topicTrouble || outcome.kind == .fatal {
                #expect(remedy.contains("app.logs") || remedy.contains("cluster"), "\(outcome.reason): \(remedy)")
            }
        }
        #expect(
            Outcome(error: RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED.rawValue).remedy(topic: "app.logs")
                .hasPrefix("grant Write and Describe on topic app.logs to the principal"))
    }

    @Test(arguments: [(31_337, "err_31337"), (98, "err_98"), (-7, "err_local_7"), (Int32.min, "err_local_2147483648")])
    func codesThatLibrdkafkaDoesNotKnowAreRetriedAndShownByNumber(code: Int32, reason: String) {
        let outcome = Outcome(error: code)
        #expect(outcome.kind == .retriable && outcome.reason == reason && !outcome.isOwnDoing)
        #expect(outcome.remedy(topic: "logs").contains("\(code)"))
    }

    @Test(arguments: [
        (RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, OutcomeClass.recordTrouble, "msg_size_too_large"),
        (RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE, .recordTrouble, "record_list_too_large"),
        (RD_KAFKA_RESP_ERR_INVALID_RECORD, .recordTrouble, "invalid_record"),
        (RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP, .recordTrouble, "invalid_timestamp"),
        (RD_KAFKA_RESP_ERR_INVALID_MSG, .recordTrouble, "invalid_msg"),
        (RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, .topicTrouble, "unknown_topic_or_part"),
        (RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, .topicTrouble, "_unknown_topic"),
        (RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION, .topicTrouble, "_unknown_partition"),
        (RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, .topicTrouble, "topic_authorization_failed"),
        (RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE, .topicTrouble, "leader_not_available"),
        (RD_KAFKA_RESP_ERR__FATAL, .fatal, "_fatal"),
        (RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER, .fatal, "out_of_order_sequence_number"),
        (RD_KAFKA_RESP_ERR_PRODUCER_FENCED, .fatal, "producer_fenced"),
        (RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH, .fatal, "invalid_producer_epoch"),
        (RD_KAFKA_RESP_ERR__TRANSPORT, .retriable, "_transport"),
        (RD_KAFKA_RESP_ERR__QUEUE_FULL, .retriable, "_queue_full"),
        (RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR, .retriable, "kafka_storage_error"),
        (RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, .retriable, "not_enough_replicas"),
        (RD_KAFKA_RESP_ERR_DUPLICATE_SEQUENCE_NUMBER, .retriable, "duplicate_sequence_number"),
        (RD_KAFKA_RESP_ERR_UNKNOWN, .retriable, "unknown"),
    ])
    func codesHaveTheirClassAndLibrdkafkasName(code: rd_kafka_resp_err_t, kind: OutcomeClass, reason: String) {
        let outcome = Outcome(error: code.rawValue)
        #expect(outcome.kind == kind && outcome.reason == reason)
    }

    @Test func onlyTheEndOfAClientByOurselvesIsOurOwnDoing() {
        let own = OutcomeTests.known.filter { Outcome(error: $0).isOwnDoing }
        let expected = [
            RD_KAFKA_RESP_ERR__PURGE_QUEUE, RD_KAFKA_RESP_ERR__PURGE_INFLIGHT, RD_KAFKA_RESP_ERR__DESTROY,
        ]
        #expect(Set(own) == Set(expected.map(\.rawValue)))
        #expect(own.allSatisfy { Outcome(error: $0).kind == .retriable })
    }

    private func isMetricSafe(_ byte: UInt8) -> Bool {
        (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte) || byte == 0x5F
    }

    /// What librdkafka does with a broker's answer decides what its class can be: blaming a record for what librdkafka
    /// tries again by itself, or going on with a client that has ended, would be wrong.
    @Test func theClassesFitWhatLibrdkafkaDoesWithEachAnswer() throws {
        let cluster = try MockCluster()
        try cluster.createTopic("logs", partitions: 1)
        var fixture = try fixture(cluster)
        var topic = try fixture.open("logs")
        var retried: Set<Int32> = []
        for code in OutcomeTests.known where code > 0 {
            cluster.pushRequestErrors(.produce, numbers: [code])
            let value = try #require(fixture.send(topic, ["code \(code)"]).first)
            try fixture.wait("a report for code \(code)") { fixture.reports[value] != nil }
            let report = try #require(fixture.reports[value])
            if report == 0 {
                retried.insert(code)
                continue
            }
            #expect(report == code)
            let next = try #require(fixture.send(topic, ["next"]).first)
            try fixture.wait("what follows code \(code)") { fixture.reports[next] != nil || !fixture.rejected.isEmpty }
            if fixture.reports[next] == 0 { continue }
            // Refused from now on: the topic, or the client.
            #expect([.fatal, .topicTrouble].contains(Outcome(error: code).kind), "\(code)")
            fixture.close()
            fixture = try self.fixture(cluster)
            topic = try fixture.open("logs")
        }
        let expected: Set<Int32> = [3, 5, 6, 7, 8, 9, 19, 20, 46, 56]
        #expect(retried.isSuperset(of: expected), "\(expected.subtracting(retried).sorted()) are reported")
        let blamed = retried.filter { Outcome(error: $0).kind == .recordTrouble && Outcome(error: $0).trials == 1 }
        #expect(blamed.isEmpty, "\(blamed) are tried again by librdkafka")
        fixture.close()
    }

    /// Two requests are in flight, the first is refused, the second taken: librdkafka concludes from it that the first was
    /// written. Real brokers that know nothing of the producer yet take any sequence as this mock does.
    @Test func successThatNoBrokerHasConfirmedIsNoAcknowledgement() async throws {
        let cluster = try MockCluster()
        try cluster.createTopic("logs", partitions: 1)
        let fixture = try fixture(cluster)
        let topic = try fixture.open("logs")
        fixture.send(topic, ["before"])
        try fixture.waitForReports(1)
        try cluster.pushAnswer(.produce, broker: 1, number: 59, milliseconds: 500)
        let refused = try #require(fixture.send(topic, ["refused"]).first)
        try await waitUntil("the first request at the broker") {
            try cluster.waitingAnswers(.produce, broker: 1) == 0
        }
        let taken = try #require(fixture.send(topic, ["taken"]).first)
        try fixture.waitForReports(3)
        #expect(fixture.reports[taken] == 0)
        let outcome = Outcome(error: try #require(fixture.reports[refused]))
        #expect(outcome.reason == "unproven_acknowledgement" && outcome.kind == .retriable)
        #expect(fixture.producer.topics[topic].acknowledgedRecords == 2)
        let records = try await readRecords(cluster.bootstrap, topic: "logs", until: .count(2))
        #expect(records.map(\.text) == ["before", "taken"])
        fixture.close()
    }

    private func fixture(_ cluster: MockCluster) throws -> ProducerFixture {
        try ProducerFixture(cluster.bootstrap) {
            $0.lingerMilliseconds = 0
            $0.passthrough = [(key: "retry.backoff.ms", value: "5")]
        }
    }

    @Test func recordsGoThroughTheEmbeddedBrokerToTheConsumer() throws {
        let broker = try EmbeddedBroker()
        let fixture = try ProducerFixture(broker.bootstrap)
        let topic = try fixture.open("demo")
        fixture.send(topic, partition: 2, ["a", "b"])
        try fixture.waitForReports(2)
        let consumer = try RecordConsumer(brokers: [broker.bootstrap], topics: ["demo"], properties: [:])
        var values: [String] = []
        try poll(consumer, until: { values.count == 2 }) {
            values.append("\($0.partition) \(String(decoding: $0.value, as: UTF8.self))")
        }
        #expect(values == ["2 a", "2 b"])
        consumer.close()
        fixture.close()
    }
}
