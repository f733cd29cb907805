// Every error code has one meaning.
import CRdKafka
import TestSupport
import Testing

@testable import KafkaSink

@Suite struct OutcomeTests {
    @Test(arguments: [
        (RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, OutcomeClass.recordTrouble, "msg_size_too_large"),
        (RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE, .recordTrouble, "record_list_too_large"),
        (RD_KAFKA_RESP_ERR_INVALID_RECORD, .recordTrouble, "invalid_record"),
        (RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, .topicTrouble, "unknown_topic_or_part"),
        (RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, .topicTrouble, "_unknown_topic"),
        (RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, .topicTrouble, "topic_authorization_failed"),
        (RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR, .topicTrouble, "kafka_storage_error"),
        (RD_KAFKA_RESP_ERR__FATAL, .fatal, "_fatal"),
        (RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER, .fatal, "out_of_order_sequence_number"),
        (RD_KAFKA_RESP_ERR_PRODUCER_FENCED, .fatal, "producer_fenced"),
        (RD_KAFKA_RESP_ERR__TRANSPORT, .retriable, "_transport"),
        (RD_KAFKA_RESP_ERR__QUEUE_FULL, .retriable, "_queue_full"),
        (RD_KAFKA_RESP_ERR_UNSUPPORTED_COMPRESSION_TYPE, .retriable, "unsupported_compression_type"),
    ])
    func codesHaveTheirClassAndLibrdkafkasName(code: rd_kafka_resp_err_t, kind: OutcomeClass, reason: String) {
        let outcome = Outcome(error: code.rawValue)
        #expect(outcome.kind == kind && outcome.reason == reason)
    }

    @Test func codesThatNobodyKnowsAreRetriedAndHaveAName() {
        let outcome = Outcome(error: 31_337)
        #expect(outcome.kind == .retriable && !outcome.reason.isEmpty)
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
