// Every error code of librdkafka with its class, why it has it, and what to do about it.
internal import CRdKafka

/// Codes that mean the same. In `remedy`, @ stands for the topic.
struct OutcomeRow: Sendable {
    let codes: [rd_kafka_resp_err_t]
    let kind: OutcomeClass
    let cause: String
    let remedy: String
    var isOwnDoing = false
    var trials = 1

    init(_ code: rd_kafka_resp_err_t, _ kind: OutcomeClass, _ cause: String, _ remedy: String, trials: Int = 1) {
        codes = [code]
        self.kind = kind
        self.cause = cause
        self.remedy = remedy
        self.trials = trials
    }

    /// Codes that answer no Produce request and are in no delivery report. Should a broker send one all the same, it is
    /// tried again, and shown.
    init(never cause: String, _ codes: [rd_kafka_resp_err_t]) {
        self.codes = codes
        kind = .retriable
        self.cause = cause + "; no answer to records"
        remedy = "look into the brokers' logs: this is no answer to records of topic @"
    }

    /// Our own end of a client.
    init(own cause: String, _ codes: [rd_kafka_resp_err_t]) {
        self.codes = codes
        kind = .retriable
        self.cause = cause
        remedy = "nothing: records of topic @ are produced again"
        isOwnDoing = true
    }
}

/// The table. The classes follow what librdkafka 2.0 does with an idempotent producer (rd_kafka_handle_Produce_error):
/// - it retries for ever what it takes for passing: such a code reaches us only when the producer's epoch changed while
///   the request was under way, and is retriable here as well;
/// - it reports whatever else a broker answers at once, raises the epoch and goes on; the class then is ours to choose: a
///   record is blamed only where no other record could get the same answer, a topic where somebody has to act, and all
///   else is tried again;
/// - it raises a fatal error when order or exactness can no longer be kept; those of its codes that say so, and those by
///   which a broker disowns the producer's identity, are cured by a new one.
enum OutcomeTable {
    static let rows = record + topic + fatal + brokers + connection + own + never

    /// The row of a code; nil when librdkafka does not know it.
    static func row(of code: Int32) -> OutcomeRow? { places[code].map { rows[$0] } }

    private static let places: [Int32: Int] = {
        var places: [Int32: Int] = [:]
        for (place, row) in rows.enumerated() {
            for code in row.codes { places[code.rawValue] = place }
        }
        return places
    }()

    private static let record: [OutcomeRow] = [
        OutcomeRow(
            RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, .recordTrouble, "larger than the topic or the client allows",
            "raise max.message.bytes of topic @ (and the brokers' message.max.bytes), or lower limits.line"),
        OutcomeRow(
            RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE, .recordTrouble, "larger than a segment of the topic",
            "raise segment.bytes of topic @, or lower limits.line"),
        OutcomeRow(
            RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE, .recordTrouble, "the broker refuses the record's size",
            "raise max.message.bytes of topic @, or lower limits.line"),
        OutcomeRow(
            RD_KAFKA_RESP_ERR_INVALID_RECORD, .recordTrouble, "the broker's validation refuses the record",
            "see which validation or schema topic @ demands, or ship to a topic without one"),
        OutcomeRow(
            RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP, .recordTrouble, "the record's time is out of the topic's range",
            "check the clocks of node and brokers and message.timestamp.* of topic @"),
        // The checksum is of the whole request: a lone record has to fail again and again before the wire is innocent.
        OutcomeRow(
            RD_KAFKA_RESP_ERR_INVALID_MSG, .recordTrouble, "its checksum was wrong when it arrived, each time alone",
            "look for faulty network or memory on the way to the brokers of topic @", trials: 3),
    ]

    private static let topic: [OutcomeRow] = [
        OutcomeRow(
            RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, .topicTrouble, "writing to the topic is forbidden",
            "grant Write and Describe on topic @ to the principal of kafka.sasl or kafka.tls"),
        OutcomeRow(
            RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, .topicTrouble, "idempotent writing is forbidden",
            "grant IdempotentWrite on the cluster to the principal (brokers before 2.8 ask for it), and Write on topic @"
        ),
        OutcomeRow(
            RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, .topicTrouble, "the brokers do not know the topic or partition",
            "create topic @, or allow the brokers to (auto.create.topics.enable)"),
        OutcomeRow(
            RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, .topicTrouble, "the topic is gone, or never was",
            "create topic @, or allow the brokers to (auto.create.topics.enable)"),
        OutcomeRow(
            RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION, .topicTrouble, "the topic has fewer partitions than before",
            "nothing if topic @ was made anew: its partitions are asked for again; else create it"),
        OutcomeRow(
            RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION, .topicTrouble, "no topic that clients may write",
            "choose another topic: @ is internal to Kafka, or its name is not valid"),
        OutcomeRow(
            RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE, .topicTrouble, "a partition has no leader",
            "bring back the brokers that hold replicas of topic @"),
        OutcomeRow(
            RD_KAFKA_RESP_ERR_POLICY_VIOLATION, .topicTrouble, "a policy of the cluster refuses the request",
            "ask who runs the cluster which policy concerns topic @"),
        OutcomeRow(
            RD_KAFKA_RESP_ERR_INVALID_REQUIRED_ACKS, .topicTrouble, "the brokers do not take acks=all",
            "check min.insync.replicas of topic @, and that the brokers are Kafka 0.11 or later"),
        OutcomeRow(
            RD_KAFKA_RESP_ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT, .topicTrouble, "the topic's message format is too old",
            "raise message.format.version of topic @ to 0.11 or later"),
        OutcomeRow(
            RD_KAFKA_RESP_ERR_UNSUPPORTED_COMPRESSION_TYPE, .topicTrouble, "the topic does not take this compression",
            "set kafka.compression to one that topic @ takes (lz4 and gzip are known to all brokers)"),
    ]

    private static let newProducer =
        "nothing: a new producer takes over; if it recurs, see the brokers' logs on topic @"

    private static let fatal: [OutcomeRow] = [
        OutcomeRow(
            RD_KAFKA_RESP_ERR__FATAL, .fatal, "librdkafka can no longer keep the order of records", newProducer),
        OutcomeRow(
            RD_KAFKA_RESP_ERR__INCONSISTENT, .fatal, "an answer came that contradicts the ones before", newProducer),
        OutcomeRow(
            RD_KAFKA_RESP_ERR__GAPLESS_GUARANTEE, .fatal, "the order of records could not be kept", newProducer),
        OutcomeRow(
            RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER, .fatal, "the broker has lost track of the sequence",
            newProducer),
        OutcomeRow(
            RD_KAFKA_RESP_ERR_UNKNOWN_PRODUCER_ID, .fatal, "the broker has forgotten the producer",
            "nothing: a new producer takes over; if it recurs, lengthen retention.ms of topic @"),
        OutcomeRow(
            RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH, .fatal, "another producer has this one's identity", newProducer),
        OutcomeRow(RD_KAFKA_RESP_ERR_PRODUCER_FENCED, .fatal, "another producer has this one's identity", newProducer),
        OutcomeRow(RD_KAFKA_RESP_ERR__FENCED, .fatal, "another producer has this one's identity", newProducer),
        OutcomeRow(
            RD_KAFKA_RESP_ERR_INVALID_PRODUCER_ID_MAPPING, .fatal, "the brokers do not know the producer", newProducer),
    ]

    private static let wait = "nothing unless it lasts: then see the brokers' logs on topic @"
    private static let reach = "check kafka.brokers, the network, and that the brokers of topic @ run"

    private static let brokers: [OutcomeRow] = [
        OutcomeRow(RD_KAFKA_RESP_ERR_UNKNOWN, .retriable, "an unexpected error of the broker", wait),
        OutcomeRow(RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, .retriable, "the leader has moved", wait),
        OutcomeRow(RD_KAFKA_RESP_ERR_FENCED_LEADER_EPOCH, .retriable, "the leader has moved", wait),
        OutcomeRow(RD_KAFKA_RESP_ERR_UNKNOWN_LEADER_EPOCH, .retriable, "the leader is about to move", wait),
        OutcomeRow(RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT, .retriable, "the replicas took too long", wait),
        OutcomeRow(RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE, .retriable, "the broker is not there", reach),
        OutcomeRow(RD_KAFKA_RESP_ERR_REPLICA_NOT_AVAILABLE, .retriable, "the replica is not there", reach),
        OutcomeRow(RD_KAFKA_RESP_ERR_NETWORK_EXCEPTION, .retriable, "the broker lost the connection", reach),
        OutcomeRow(
            RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, .retriable, "fewer replicas are in sync than the topic demands",
            "bring back the brokers that hold replicas of topic @, or lower its min.insync.replicas"),
        OutcomeRow(
            RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND, .retriable,
            "fewer replicas were in sync than the topic demands",
            "bring back the brokers that hold replicas of topic @, or lower its min.insync.replicas"),
        OutcomeRow(
            RD_KAFKA_RESP_ERR__ISR_INSUFF, .retriable, "fewer replicas are in sync than the topic demands",
            "bring back the brokers that hold replicas of topic @, or lower its min.insync.replicas"),
        OutcomeRow(
            RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR, .retriable, "a disk of the broker failed; another one takes over",
            "check the log directories of the brokers that lead topic @"),
        OutcomeRow(
            RD_KAFKA_RESP_ERR_THROTTLING_QUOTA_EXCEEDED, .retriable, "a quota is used up for now",
            "raise the quota of the principal or of client.id longshore"),
        OutcomeRow(
            RD_KAFKA_RESP_ERR_DUPLICATE_SEQUENCE_NUMBER, .retriable, "it was written before; doubtful, so once more",
            wait),
        OutcomeRow(
            RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION, .retriable, "the broker is too old, or being changed",
            "use brokers of Kafka 0.11 or later for topic @"),
        OutcomeRow(
            RD_KAFKA_RESP_ERR_INVALID_REQUEST, .retriable, "the broker does not understand the request",
            "see the brokers' logs on topic @, and whether they speak Kafka's protocol"),
    ]

    private static let login = "check kafka.sasl, kafka.tls and the brokers' listeners"

    private static let connection: [OutcomeRow] = [
        OutcomeRow(RD_KAFKA_RESP_ERR__TRANSPORT, .retriable, "the connection broke", reach),
        OutcomeRow(RD_KAFKA_RESP_ERR__FAIL, .retriable, "the broker could not be spoken with", reach),
        OutcomeRow(RD_KAFKA_RESP_ERR__RESOLVE, .retriable, "the broker's name is not known", reach),
        OutcomeRow(RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN, .retriable, "no broker answers", reach),
        OutcomeRow(RD_KAFKA_RESP_ERR__TIMED_OUT, .retriable, "no answer came in time", reach),
        OutcomeRow(RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE, .retriable, "the request could not be sent in time", reach),
        OutcomeRow(RD_KAFKA_RESP_ERR__MSG_TIMED_OUT, .retriable, "no answer came in time", reach),
        OutcomeRow(RD_KAFKA_RESP_ERR__SSL, .retriable, "TLS failed", login),
        OutcomeRow(RD_KAFKA_RESP_ERR__AUTHENTICATION, .retriable, "the brokers refuse the login", login),
        OutcomeRow(RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED, .retriable, "the brokers refuse the login", login),
        OutcomeRow(RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM, .retriable, "the brokers refuse the login", login),
        OutcomeRow(RD_KAFKA_RESP_ERR_ILLEGAL_SASL_STATE, .retriable, "the login was not finished", login),
        OutcomeRow(RD_KAFKA_RESP_ERR__BAD_MSG, .retriable, "the broker's answer could not be read", wait),
        OutcomeRow(RD_KAFKA_RESP_ERR__UNDERFLOW, .retriable, "the broker's answer was cut off", wait),
        OutcomeRow(
            RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE, .retriable, "no connected broker knows idempotent producers",
            "use brokers of Kafka 0.11 or later for topic @"),
        OutcomeRow(
            RD_KAFKA_RESP_ERR__QUEUE_FULL, .retriable, "librdkafka's queue has no place now", "nothing: it empties"),
        OutcomeRow(
            RD_KAFKA_RESP_ERR__CRIT_SYS_RESOURCE, .retriable, "threads or memory are lacking",
            "give the daemon more memory or threads (cgroup limits)"),
        OutcomeRow(RD_KAFKA_RESP_ERR__RETRY, .retriable, "librdkafka wants it sent again", wait),
        OutcomeRow(RD_KAFKA_RESP_ERR__WAIT_CACHE, .retriable, "librdkafka waits for metadata", wait),
        OutcomeRow(RD_KAFKA_RESP_ERR__OUTDATED, .retriable, "librdkafka has newer metadata", wait),
        OutcomeRow(RD_KAFKA_RESP_ERR__UNKNOWN_BROKER, .retriable, "the broker is no longer part of the cluster", wait),
    ]

    private static let own: [OutcomeRow] = [
        OutcomeRow(
            own: "it was in the hands of a producer that was ended",
            [RD_KAFKA_RESP_ERR__PURGE_QUEUE, RD_KAFKA_RESP_ERR__PURGE_INFLIGHT, RD_KAFKA_RESP_ERR__DESTROY])
    ]
}
