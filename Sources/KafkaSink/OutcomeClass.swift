// What a failed delivery means: librdkafka's error codes in one table.
internal import CRdKafka

/// What the engine does about a failed record.
package enum OutcomeClass: Sendable, Equatable {
    /// Transport trouble that librdkafka itself did not get over: read again and produce again.
    case retriable
    /// The record itself is refused, however often it is sent.
    case recordTrouble
    /// The topic cannot be written now: it is parked and tried again with back-off.
    case topicTrouble
    /// The producer can do nothing more: it has to be made anew.
    case fatal
}

/// Class and reason of one error code.
package struct Outcome: Sendable, Equatable {
    package let kind: OutcomeClass
    /// Short name for metrics and status: librdkafka's own, in lower case.
    package let reason: String

    /// Classifies a delivery report's error; codes that are not in the table are retriable, and shown by their name.
    package init(error: Int32) {
        let code = rd_kafka_resp_err_t(rawValue: error)
        reason = String(cString: rd_kafka_err2name(code)).lowercased()
        kind = Outcome.table[error] ?? .retriable
    }

    private static let table: [Int32: OutcomeClass] = {
        var table: [Int32: OutcomeClass] = [:]
        for code in [
            RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, RD_KAFKA_RESP_ERR_INVALID_RECORD, RD_KAFKA_RESP_ERR_INVALID_MSG,
            RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE, RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE,
            RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP, RD_KAFKA_RESP_ERR_POLICY_VIOLATION,
        ] { table[code.rawValue] = .recordTrouble }
        for code in [
            RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION,
            RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
            RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION, RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE,
            RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR,
        ] { table[code.rawValue] = .topicTrouble }
        for code in [
            RD_KAFKA_RESP_ERR__FATAL, RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER,
            RD_KAFKA_RESP_ERR_UNKNOWN_PRODUCER_ID, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH,
            RD_KAFKA_RESP_ERR_PRODUCER_FENCED,
        ] { table[code.rawValue] = .fatal }
        return table
    }()
}
