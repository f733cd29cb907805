// From the configuration's `kafka` section to the options of Kafka's clients.
internal import Configuration
internal import KafkaSink

/// Maps one validated section, for the daemon and for commands that read what it produced.
enum KafkaMapping {
    /// `brokers`: host:port, several comma-separated.
    static func options(_ settings: KafkaConfiguration, brokers: String) -> KafkaOptions {
        var options = KafkaOptions(brokers: brokers.split(separator: ",").map(String.init))
        options.compression = settings.compression.rawValue
        options.lingerMilliseconds = Double(settings.linger) / 1_000_000
        options.securityProtocol = settings.securityProtocol
        options.certificateAuthority = settings.tls?.ca
        options.certificate = settings.tls?.certificate
        options.key = settings.tls?.key
        options.saslMechanism = settings.sasl?.mechanism.rawValue
        options.saslUsername = settings.sasl?.username
        options.saslPassword = settings.sasl?.password.revealed
        options.passthrough = settings.librdkafka.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
        return options
    }
}
