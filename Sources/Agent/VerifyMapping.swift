// From a daemon's configuration to what `longshore verify` reads.
package import Configuration
internal import KafkaSink
package import Verify

/// What a configuration says of brokers and topics.
package enum VerifyMapping {
    /// A request for everything that a daemon with this configuration may have produced. No brokers with the embedded one.
    package static func request(_ configuration: Configuration) -> VerifyRequest {
        let kafka = configuration.kafka
        let brokers = kafka.bootstrapServers ?? ""
        var request = VerifyRequest(
            brokers: brokers.split(separator: ",").map(String.init), topics: topics(configuration))
        request.properties = KafkaMapping.options(kafka, brokers: brokers).consumerSettings
        request.audit = kafka.auditTopic.map { .ifThere($0) } ?? .none
        request.deadLetters = kafka.deadLetterTopic.map { .ifThere($0) } ?? .none
        return request
    }

    /// Patterns and names, of which not all need be there: what containers choose is allowed, not certain.
    private static func topics(_ configuration: Configuration) -> [String] {
        let kafka = configuration.kafka
        var topics = configuration.files.map(\.topicName)
        if configuration.runtimes.isAnyFollowed {
            topics.append(kafka.topic.pattern)
            topics.append(kafka.defaultTopic)
            topics += kafka.allowedTopics
        }
        return topics.reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
    }
}
