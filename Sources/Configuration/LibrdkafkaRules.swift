// What may not be passed to librdkafka: what delivery guarantees, secrets and the event loop depend on.

/// The deny list of `kafka.librdkafka` (names of librdkafka's CONFIGURATION.md).
enum LibrdkafkaRules {
    /// Patterns: exact names, or with a `*` at the beginning, the end or both.
    private struct Rule: Sendable {
        let names: [String]
        let why: String
        let remedy: String
    }

    /// Why a property is refused and what to write instead; nil when it may pass.
    static func objection(to property: String) -> Objection? {
        let name = property.lowercased()
        guard !name.isEmpty, name.utf8.allSatisfy({ isLetterOrDigit($0) || "._-".utf8.contains($0) }) else {
            return Objection("not a property's name", "write a name of librdkafka's CONFIGURATION.md")
        }
        guard let rule = rules.first(where: { $0.names.contains { matches(name, $0) } }) else { return nil }
        return Objection("refused: \(rule.why)", rule.remedy)
    }

    private static func matches(_ name: String, _ pattern: String) -> Bool {
        switch (pattern.hasPrefix("*"), pattern.hasSuffix("*")) {
        case (false, false): name == pattern
        case (true, false): name.hasSuffix(pattern.dropFirst())
        case (false, true): name.hasPrefix(pattern.dropLast())
        case (true, true): name.contains(pattern.dropFirst().dropLast())
        }
    }

    private static let always = "leave it out, the daemon sets it"

    private static let rules: [Rule] = [
        Rule(
            names: ["bootstrap.servers", "metadata.broker.list"], why: "brokers have a key of their own",
            remedy: "write kafka.brokers"),
        Rule(
            names: ["security.protocol"], why: "it follows from kafka.tls and kafka.sasl",
            remedy: "write kafka.tls or kafka.sasl"),
        Rule(
            names: ["sasl.username", "sasl.mechanism", "sasl.mechanisms"], why: "SASL has keys of its own",
            remedy: "write kafka.sasl"),
        Rule(
            names: ["sasl.password"], why: "secrets stay out of the configuration",
            remedy: "write kafka.sasl.password_file"),
        Rule(
            names: ["ssl.ca.location", "ssl.certificate.location", "ssl.key.location"], why: "TLS has keys of its own",
            remedy: "write kafka.tls"),
        Rule(
            names: ["ssl.key.pem", "ssl.certificate.pem", "ssl.ca.pem", "ssl_key", "ssl_certificate", "ssl_ca"],
            why: "keys stay out of the configuration", remedy: "write kafka.tls with the paths of files"),
        Rule(
            names: ["*password*", "*passphrase*", "*secret*", "*private.key*", "sasl.oauthbearer.config"],
            why: "secrets stay out of the configuration", remedy: "leave it out, it is not available yet"),
        Rule(
            names: ["linger.ms", "queue.buffering.max.ms"], why: "it has a key of its own", remedy: "write kafka.linger"
        ),
        Rule(
            names: ["compression.codec", "compression.type"], why: "it has a key of its own",
            remedy: "write kafka.compression"),
        Rule(
            names: ["acks", "request.required.acks"], why: "a record counts as delivered when all replicas have it",
            remedy: always),
        Rule(
            names: ["enable.idempotence", "enable.gapless.guarantee"], why: "order and freedom from holes depend on it",
            remedy: always),
        Rule(
            names: ["max.in.flight*", "retries", "message.send.max.retries"], why: "the order of records depends on it",
            remedy: always),
        Rule(
            names: ["message.timeout.ms", "delivery.timeout.ms"],
            why: "records never expire, the daemon waits for Kafka",
            remedy: always),
        Rule(names: ["queue.*"], why: "the bound of memory depends on it", remedy: "write limits.memory"),
        Rule(names: ["queuing.strategy", "msg_order_cmp"], why: "the order of records depends on it", remedy: always),
        Rule(
            names: ["transactional.id", "transaction.timeout.ms"], why: "transactions are not available yet",
            remedy: "leave it out"),
        Rule(
            names: ["partitioner", "partitioner_cb"], why: "one stream's records go to one partition",
            remedy: "leave it out, the key is log.stream.id"),
        Rule(
            names: ["delivery.report.only.error", "dr_cb", "dr_msg_cb"],
            why: "committed offsets follow every delivery report", remedy: always),
        Rule(
            names: ["*_cb", "opaque", "interceptors", "enabled_events", "default_topic_conf", "log.queue"],
            why: "callbacks and events belong to the daemon", remedy: "leave it out"),
        Rule(
            names: [
                "plugin.library.paths", "ssl.engine.location", "ssl.engine.id", "ssl.providers",
                "sasl.kerberos.kinit.cmd",
            ],
            why: "it loads or runs foreign code", remedy: "leave it out"),
        Rule(names: ["message.copy.max.bytes"], why: "the daemon's buffers depend on it", remedy: always),
        Rule(names: ["debug"], why: "debug output holds log text and secrets", remedy: "write log.level: debug"),
        Rule(names: ["log_level"], why: "it has a key of its own", remedy: "write log.level"),
        Rule(names: ["test.mock*"], why: "the embedded broker has a key of its own", remedy: "write brokers: embedded"),
    ]
}
