// Making librdkafka's configuration and clients, with errors that name the setting.
internal import CRdKafka
internal import LinuxIO

/// librdkafka's configuration object and the client made of it, for the producer and the consumer.
enum ClientConfiguration {
    /// A configuration with `settings` in their order. The caller owns it until a client takes it over.
    static func make(_ settings: [(String, String)]) throws(KafkaFailure) -> OpaquePointer {
        let configuration = rd_kafka_conf_new()!
        var text = [CChar](repeating: 0, count: 512)
        for (key, value) in settings
        where rd_kafka_conf_set(configuration, key, value, &text, text.count) != RD_KAFKA_CONF_OK {
            rd_kafka_conf_destroy(configuration)
            throw KafkaFailure(message: "librdkafka does not accept the setting \(key): " + reason(text, key, value))
        }
        return configuration
    }

    /// librdkafka 2.0 rounds its waits down to milliseconds and spins through the rest, once a second in each client:
    /// 20-25 ms of CPU in 30 idle seconds. Waking its threads up to a millisecond late instead costs nothing (1 ms).
    private static let timerSlack: UInt = 1_000_000

    /// A client that owns `configuration`, which is destroyed when there is none.
    static func client(_ type: rd_kafka_type_t, _ configuration: OpaquePointer) throws(KafkaFailure) -> OpaquePointer {
        var text = [CChar](repeating: 0, count: 512)
        let made = TimerSlack.with(nanoseconds: timerSlack) { rd_kafka_new(type, configuration, &text, text.count) }
        guard let client = made else {
            rd_kafka_conf_destroy(configuration)
            throw KafkaFailure(message: "cannot make the Kafka client: " + string(text))
        }
        return client
    }

    static func string(_ text: [CChar]) -> String {
        String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// librdkafka's own words, which may quote the value: never that of a secret.
    private static func reason(_ text: [CChar], _ key: String, _ value: String) -> String {
        let words = string(text)
        let isSecret = secretWords.contains { key.contains($0) }
        return isSecret && !value.isEmpty && words.contains(value) ? "its value is not valid" : words
    }

    private static let secretWords = ["password", "secret", "pem", "token", "oauthbearer.config"]
}
