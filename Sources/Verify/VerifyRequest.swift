// What is to be verified.
internal import Core

/// Where to read, and what.
package struct VerifyRequest: Sendable {
    /// The topic of announcements or of dead letters.
    package enum ControlTopic: Sendable, Equatable {
        case none
        /// It must be there.
        case named(String)
        /// It is read where the brokers have it.
        case ifThere(String)
    }

    package var brokers: [String]
    /// librdkafka's settings, in their order.
    package var properties: [(String, String)] = []
    /// Names of topics, or patterns over the brokers' topics.
    package var topics: [String]
    /// Each of them must be there; else it is enough that one is.
    package var needsAllTopics = false
    package var audit = ControlTopic.ifThere("longshore.audit")
    package var deadLetters = ControlTopic.ifThere("longshore.dead")
    /// Milliseconds since 1970.
    package var since: Int64?
    package var until: Int64?
    /// How long brokers may say nothing, in seconds.
    package var patience = 30

    package init(brokers: [String], topics: [String]) {
        self.brokers = brokers
        self.topics = topics
    }
}

/// Why nothing could be verified, and what to do.
package struct VerifyFailure: Error, Sendable, CustomStringConvertible {
    package let message: String
    package var description: String { message }
}

/// How far the reading is.
package struct VerifyProgress: Sendable {
    /// Offsets: passed, and all there are to pass.
    package var passed: Int64 = 0
    package var total: Int64 = 0
    /// Messages that were read.
    package var messages: UInt64 = 0
    package var seconds = 0.0
}

/// A topic that was read.
package struct TopicFacts: Sendable {
    /// What is in it.
    package enum Role: String, Sendable {
        case records
        case audit
        case deadLetters = "dead_letters"
    }

    package let name: String
    package let role: Role
    package var partitions: Int
    package var messages: UInt64 = 0
    /// Partitions of which retention has removed the beginning.
    package var trimmed = 0
}
