// Answers of single mock brokers, and error codes by their number.
internal import CRdKafka

extension MockCluster {
    /// The next requests of this kind fail with these codes of the protocol, whether librdkafka knows them or not.
    package func pushRequestErrors(_ api: KafkaAPI, numbers: [Int32]) {
        let errors = numbers.map { rd_kafka_resp_err_t(rawValue: $0) }
        rd_kafka_mock_push_request_errors_array(cluster, api.rawValue, errors.count, errors)
    }

    /// One request of this kind to this broker is answered with the code after `milliseconds`; code 0 only delays it.
    /// Answers that are pushed for all brokers go first.
    package func pushAnswer(
        _ api: KafkaAPI, broker: Int32, number: Int32, milliseconds: Int32 = 0
    ) throws {
        let code = rd_kafka_resp_err_t(rawValue: number)
        try check(
            crdkafka_mock_broker_push_answer(cluster, broker, api.rawValue, code, milliseconds), "push an answer")
    }

    /// Answers that were pushed for this broker and are not given yet.
    package func waitingAnswers(_ api: KafkaAPI, broker: Int32) throws -> Int {
        var count = 0
        try check(rd_kafka_mock_broker_error_stack_cnt(cluster, broker, api.rawValue, &count), "count answers")
        return count
    }
}
