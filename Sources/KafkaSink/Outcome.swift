// What a failed delivery means: class, name, cause and remedy of librdkafka's error codes.
internal import CRdKafka

/// What the engine does about a failed record. Either way its source is read again from its committed offset.
package enum OutcomeClass: Sendable, Equatable {
    /// Trouble that passes, which librdkafka itself did not get over: produced again after a pause.
    case retriable
    /// The record itself is refused, however often it is sent: tried alone, then given up.
    case recordTrouble
    /// The topic cannot be written until somebody or something mends it: parked, and tried again with back-off.
    case topicTrouble
    /// The producer can do nothing more: it is made anew.
    case fatal
}

/// What one error code leads to, and what to do about it.
package struct Outcome: Sendable, Equatable {
    package let code: Int32
    package let kind: OutcomeClass
    /// Stable short name for metrics, status and logs, of a-z, 0-9 and _: librdkafka's own in lower case, or the number.
    package let reason: String
    /// Why the code has its class.
    package let cause: String
    /// The client was ended by ourselves: nothing is wrong with the topic, and nothing has to wait.
    package let isOwnDoing: Bool
    /// How often a record must be refused alone before it counts as record trouble.
    package let trials: Int
    private let remedyText: String

    /// Beside librdkafka's codes: it reports success that it has concluded, and no broker said so.
    static let unproven: Int32 = -10_001

    /// Looks up a delivery report's error, or a topic's in metadata. Codes that librdkafka does not know are retriable,
    /// and shown by their number.
    package init(error: Int32) {
        code = error
        if error == Outcome.unproven {
            reason = "unproven_acknowledgement"
            kind = .retriable
            cause = "a later request succeeded, but no broker has acknowledged this one"
            isOwnDoing = false
            trials = 1
            remedyText = "nothing: its records are produced again, so that topic @ may hold them twice"
            return
        }
        guard let row = OutcomeTable.row(of: error) else {
            reason = Outcome.number(error)
            kind = .retriable
            cause = "an error code that librdkafka does not know"
            isOwnDoing = false
            trials = 1
            remedyText = "look up Kafka's error code \(error), and what the brokers' logs say of topic @"
            return
        }
        let name = String(cString: rd_kafka_err2name(rd_kafka_resp_err_t(rawValue: error))).lowercased()
        // The marks in librdkafka's list have no name of their own.
        reason = name.contains("?") ? Outcome.number(error) : name
        kind = row.kind
        cause = row.cause
        isOwnDoing = row.isOwnDoing
        trials = row.trials
        remedyText = row.remedy
    }

    /// Negative codes are librdkafka's own, which it calls local.
    private static func number(_ error: Int32) -> String {
        error < 0 ? "err_local_\(error.magnitude)" : "err_\(error)"
    }

    /// What an operator does about it.
    package func remedy(topic: String) -> String {
        remedyText.split(separator: "@", omittingEmptySubsequences: false).joined(separator: topic)
    }
}
