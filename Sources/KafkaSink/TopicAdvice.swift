// What an operator should know and do about a topic that takes no records, by the name of the error.
internal import CRdKafka

/// Text for people about one error of a topic.
package struct TopicAdvice: Sendable, Equatable {
    /// The error in librdkafka's words.
    package let why: String
    package let remedy: String

    /// `reason` is the error's name as `Outcome.reason` has it.
    package init(reason: String, topic: String) {
        let known = TopicAdvice.errors[reason]
        why = known?.text ?? reason
        remedy = TopicAdvice.remedy(known?.code ?? RD_KAFKA_RESP_ERR_UNKNOWN, topic)
    }

    private static func remedy(_ code: rd_kafka_resp_err_t, _ topic: String) -> String {
        switch code {
        case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART,
            RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
            "create the topic \(topic) (its partitions too), or correct the topic in the configuration"
        case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
            "grant longshore's user Write and Describe on the topic \(topic)"
        case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
            "grant longshore's user IdempotentWrite on the cluster"
        case RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION:
            "bring the brokers that hold replicas of the topic \(topic) back; until then its partitions have no leader"
        case RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND:
            "bring the brokers that hold replicas of the topic \(topic) back: fewer than its min.insync.replicas are in sync"
        case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION: "rename the topic \(topic): the brokers do not accept its name"
        case RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR: "look at the disks of the brokers that lead the topic \(topic)"
        case RD_KAFKA_RESP_ERR__TRANSPORT, RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN, RD_KAFKA_RESP_ERR__TIMED_OUT,
            RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT:
            "check kafka.brokers, the network and the load of the brokers that lead the topic \(topic)"
        default: "look for this error in the brokers' logs; longshore tries the topic \(topic) again by itself"
        }
    }

    /// librdkafka's errors by their names in lower case.
    private static let errors: [String: (code: rd_kafka_resp_err_t, text: String)] = {
        var first: UnsafePointer<rd_kafka_err_desc>?
        var count = 0
        rd_kafka_get_err_descs(&first, &count)
        var errors: [String: (code: rd_kafka_resp_err_t, text: String)] = [:]
        for description in UnsafeBufferPointer(start: first, count: count) {
            guard let text = description.desc else { continue }
            errors[String(cString: rd_kafka_err2name(description.code)).lowercased()] = (
                description.code, String(cString: text)
            )
        }
        return errors
    }()
}
