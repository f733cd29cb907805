// The kafka section: brokers, topics, TLS, SASL, the deny list of librdkafka's properties.
import Configuration
import Testing

@Suite struct KafkaTests {
    private static let files = "files: [{name: app, paths: [/var/log/app.log]}]\n"

    @Test func brokersAreAListOfHostAndPort() {
        #expect(
            problems(Self.files + "kafka: {brokers: ['k1', 'ssl://k1:9092', 'k:0', 'k:99999', '']}\n") == [
                "2:19: error: kafka.brokers: expected HOST:PORT, got \"k1\"; write for example \"k1:9092\"",
                "2:25: error: kafka.brokers: expected HOST:PORT, got \"ssl://k1:9092\"; write for example \"k1:9092\"",
                "2:42: error: kafka.brokers: expected HOST:PORT, got \"k:0\"; write for example \"k1:9092\"",
                "2:49: error: kafka.brokers: expected HOST:PORT, got \"k:99999\"; write for example \"k1:9092\"",
                "2:60: error: kafka.brokers: expected a text, got \"\"; write for example \"k1:9092\"",
            ])
        #expect(
            problems(Self.files + "kafka: {brokers: 'k1:9092'}\n") == [
                "2:18: error: kafka.brokers: expected a list, got \"k1:9092\"; write brokers: [\"k1:9092\"]"
            ])
        #expect(
            problems(Self.files + "kafka: {brokers: []}\n") == [
                "2:18: error: kafka.brokers: no brokers are given; "
                    + "write brokers: [\"k1:9092\", \"k2:9092\"], or embedded to try things out"
            ])
    }

    @Test func brokersMayHaveIPv6Addresses() {
        let fixture = Fixture()
        fixture.write("longshore.yaml", Self.files + "kafka: {brokers: ['[::1]:9092', 'k2:19092']}\n")
        let kafka = fixture.configuration()?.kafka
        #expect(kafka?.brokers == .list([HostPort(host: "::1", port: 9092), HostPort(host: "k2", port: 19092)]))
        #expect(kafka?.bootstrapServers == "[::1]:9092,k2:19092")
        #expect(kafka?.securityProtocol == "plaintext")
    }

    @Test func theEmbeddedBrokerHasNoTLS() {
        #expect(
            problems(Self.files + "kafka: {brokers: embedded, tls: {ca: /etc/passwd}}\n") == [
                "2:33: error: kafka.tls: the embedded broker has no TLS; leave it out, or name brokers"
            ])
    }

    private static let fields =
        "{host.name}, {k8s.cluster.name}, {node.labels.KEY}, {log.declaration}, {labels.KEY}, {container.name}, "
        + "{container.image.name}, {container.runtime.name}, {service.name}, {k8s.namespace.name}, {k8s.pod.name}, "
        + "{k8s.container.name}, {label:KEY}"

    @Test(arguments: [
        ("logs/x", "\"/\" cannot be part of a topic name; write letters, digits, '.', '_', '-' and {fields}"),
        ("'{host.nmae}'", "unknown field {host.nmae}; did you mean {host.name}? There are \(fields)"),
        ("'{foo}'", "unknown field {foo}; use \(fields)"),
        ("'{label:}'", "unknown field {label:}; use \(fields)"),
        ("'{k8s.pod.nam}'", "unknown field {k8s.pod.nam}; did you mean {k8s.pod.name}? There are \(fields)"),
        ("'{systemd.unit}'", "the field {systemd.unit} is not available yet; use \(fields)"),
        ("'{service.nam}'", "unknown field {service.nam}; did you mean {service.name}? There are \(fields)"),
        ("'{host.name'", "unbalanced braces in \"{host.name\"; write {field}, for example {host.name}"),
        ("'host.name}'", "unbalanced braces in \"host.name}\"; write {field}, for example {host.name}"),
        (
            "'{k8s.cluster.name}'",
            "\"{k8s.cluster.name}\" needs node.cluster, which is not set; set it, or write another topic"
        ),
        (
            "'{labels.x}{node.labels.y}'",
            "\"{labels.x}{node.labels.y}\" needs labels.x of the entry \"app\" and node.labels.y, which are not set; "
                + "set them, or write another topic"
        ),
        ("__x", "\"__x\" begins with __, as Kafka's internal topics do; write another name"),
        (
            "'__{log.declaration}'",
            "\"__{log.declaration}\" gives \"__app\": \"__app\" begins with __, as Kafka's internal topics do; "
                + "write another name"
        ),
        ("..", "\"..\" is no topic name; write a name of 1 to 249 letters, digits, '.', '_' or '-'"),
        ("longshore.audit", "this is kafka.audit_topic; write another topic"),
        ("longshore.dead", "this is kafka.dead_letter_topic; write another topic"),
        (
            String(repeating: "a", count: 250),
            "the topic name has 250 characters; write a name of 1 to 249 letters, digits, '.', '_' or '-'"
        ),
    ])
    func badTopicsAreRefusedWhereTheyAreWritten(topic: String, expected: String) {
        #expect(problems(kafka("topic: \(topic)")) == ["4:10: error: kafka.topic: \(expected)"])
        #expect(problems(entry("topic: \(topic)")) == ["5:12: error: files[].topic: \(expected)"])
    }

    @Test func aBadDefaultTemplateIsReportedOnceForAllEntries() {
        let files = "files: [{name: a, paths: [/a.log]}, {name: b, paths: [/b.log]}]\n"
        #expect(
            problems(files + "kafka:\n  brokers: embedded\n  topic: longshore.audit\n") == [
                "4:10: error: kafka.topic: this is kafka.audit_topic; write another topic"
            ])
    }

    @Test(arguments: [
        (
            "default_topic: '{host.name}'",
            "4:18: error: kafka.default_topic: fields are not possible here; write one topic's name"
        ),
        (
            "default_topic: longshore.audit",
            "4:18: error: kafka.default_topic: this is kafka.audit_topic; write another topic"
        ),
        (
            "audit_topic: longshore.dead",
            "4:16: error: kafka.audit_topic: this is kafka.dead_letter_topic, too; write another topic"
        ),
        (
            "dead_letter_topic: longshore.audit",
            "4:22: error: kafka.dead_letter_topic: this is kafka.audit_topic; write another topic"
        ),
        (
            "audit_topic: x\n  dead_letter_topic: x",
            "5:22: error: kafka.dead_letter_topic: this is kafka.audit_topic; write another topic"
        ),
        (
            "dead_letter_topic: 'dead.{host.name}'",
            "4:22: error: kafka.dead_letter_topic: \"{\" cannot be part of a topic name; "
                + "write a name of 1 to 249 letters, digits, '.', '_' or '-'"
        ),
        (
            "dead_letter_topic: logs.unrouted",
            "4:22: error: kafka.dead_letter_topic: this is kafka.default_topic; write another topic"
        ),
        (
            "audit_topic: logs.unrouted",
            "4:16: error: kafka.audit_topic: this is kafka.default_topic; write another topic"
        ),
        (
            "dead_letter_topic: x\n  default_topic: x",
            "5:18: error: kafka.default_topic: this is kafka.dead_letter_topic; write another topic"
        ),
        (
            "audit_topic: __x",
            "4:16: error: kafka.audit_topic: \"__x\" begins with __, as Kafka's internal topics do; write another name"
        ),
        ("max_topics: 0", "4:15: error: kafka.max_topics: \"0\" is out of range; write a value from 1 to 100000"),
        (
            "max_topics: many",
            "4:15: error: kafka.max_topics: expected a whole number, got \"many\"; write max_topics: 200"
        ),
        (
            "compression: LZ4",
            "4:16: error: kafka.compression: expected lz4, zstd, gzip, snappy or none, got \"LZ4\"; did you mean lz4?"
        ),
        ("linger: 2m", "4:11: error: kafka.linger: \"2m\" is out of range; write a value from 0s to 1m"),
        (
            "linger: 5",
            "4:11: error: kafka.linger: expected a duration such as 250ms, 5s or 1h, got \"5\"; write linger: 50ms"
        ),
        (
            "allowed_topics: ['a[']",
            "4:20: error: kafka.allowed_topics: [ in \"a[\" is never closed; close it with ], or write [[] for a literal ["
        ),
        (
            "tls: {ca: /nonexistent/ca.pem}",
            "4:13: error: kafka.tls.ca: cannot read it: No such file or directory; create it, or name another file"
        ),
        ("tls: {ca: /etc}", "4:13: error: kafka.tls.ca: not a regular file; name a regular file"),
        (
            "tls: {certificate: /etc/passwd}",
            "4:22: error: kafka.tls.certificate: a certificate needs its key; write kafka.tls.key: /path/to/key.pem"
        ),
        (
            "sasl: {username: u}",
            "4:20: error: kafka.sasl.username: a user needs a password; write kafka.sasl.password_file: /path/to/file"
        ),
        (
            "sasl: {password_file: /x}",
            "4:25: error: kafka.sasl.password_file: a password needs its user; write kafka.sasl.username"
        ),
        (
            "sasl: {mechanism: GSSAPI}",
            "4:21: error: kafka.sasl.mechanism: expected SCRAM-SHA-512, SCRAM-SHA-256 or PLAIN, got \"GSSAPI\"; "
                + "write mechanism: SCRAM-SHA-512"
        ),
        (
            "sasl: {username: u, password_file: /nonexistent/pw}",
            "4:38: error: kafka.sasl.password_file: cannot read it: No such file or directory; "
                + "create it, or name another file"
        ),
        (
            "librdkafka: {a: [1]}",
            "4:19: error: kafka.librdkafka.a: expected a text, got a list; "
                + "write librdkafka: {socket.keepalive.enable: true}"
        ),
    ])
    func wrongValuesAreRefusedAtTheirPlace(line: String, expected: String) {
        #expect(problems(kafka(line)) == [expected])
    }

    @Test func moreTopicsThanAllowedAreRefused() {
        let text = """
            kafka: {brokers: embedded, topic: "{log.declaration}", max_topics: 1}
            files: [{name: a, paths: [/a.log]}, {name: b, paths: [/b.log]}]

            """
        #expect(
            problems(text) == [
                "2:8: error: files: the entries go to 2 topics, more than kafka.max_topics (1); "
                    + "raise kafka.max_topics, or use fewer topics"
            ])
    }

    @Test func aTemplateIsRenderedForEachEntryWithOtherCharactersReplaced() {
        let fixture = Fixture()
        fixture.write(
            "longshore.yaml",
            """
            node: {name: "höst:1", cluster: east, labels: {idc: sz1}}
            kafka: {brokers: embedded, topic: "l.{host.name}.{k8s.cluster.name}.{node.labels.idc}.{log.declaration}"}
            files: [{name: a, paths: [/a.log]}, {name: b, paths: [/b.log], topic: "x-{labels.team}", labels: {team: a/b}}]
            """)
        #expect(fixture.configuration()?.files.map(\.topicName) == ["l.h_st_1.east.sz1.a", "x-a_b"])
    }

    @Test func aTemplateLooksItsFieldsUp() {
        guard case .success(let template) = TopicTemplate.parse("a.{node.labels.x.y}{labels.k}-{host.name}") else {
            Issue.record("the template was refused")
            return
        }
        #expect(template.fields == [.nodeLabel("x.y"), .label("k"), .hostName])
        #expect(template.render { $0 == .label("k") ? "v v" : nil } == "a.v_v-")
    }

    @Test(arguments: [
        "acks", "request.required.acks", "enable.idempotence", "enable.gapless.guarantee", "max.in.flight",
        "max.in.flight.requests.per.connection", "retries", "message.send.max.retries", "message.timeout.ms",
        "delivery.timeout.ms", "transactional.id", "transaction.timeout.ms", "partitioner",
        "delivery.report.only.error", "plugin.library.paths", "debug", "opaque", "interceptors",
        "message.copy.max.bytes", "dr_msg_cb", "stats_cb", "ssl.engine.location", "sasl.kerberos.kinit.cmd",
        "ACKS", "queuing.strategy",
    ])
    func whatGuaranteesDependOnIsNotPassedThrough(property: String) {
        let found = problems(kafka("librdkafka: {\(property): 1}"))
        #expect(found.count == 1)
        #expect(found.first?.hasPrefix("4:16: error: kafka.librdkafka.\(property): refused: ") == true)
    }

    @Test(arguments: [
        ("bootstrap.servers", "write kafka.brokers"), ("metadata.broker.list", "write kafka.brokers"),
        ("linger.ms", "write kafka.linger"), ("queue.buffering.max.ms", "write kafka.linger"),
        ("queue.buffering.max.messages", "write limits.memory"), ("compression.codec", "write kafka.compression"),
        ("compression.type", "write kafka.compression"), ("security.protocol", "write kafka.tls or kafka.sasl"),
        ("sasl.username", "write kafka.sasl"), ("ssl.ca.location", "write kafka.tls"),
    ])
    func whatHasAKeyOfItsOwnIsPointedThere(property: String, remedy: String) {
        #expect(problems(kafka("librdkafka: {\(property): 1}")).first?.hasSuffix("; \(remedy)") == true)
    }

    @Test(arguments: [
        "sasl.password", "ssl.key.password", "ssl.key.pem", "ssl.keystore.password",
        "sasl.oauthbearer.client.secret", "sasl.oauthbearer.assertion.private.key.passphrase",
    ])
    func secretsAreRefusedAndNotRepeated(property: String) {
        let found = problems(kafka("librdkafka: {\(property): hunter2}"))
        #expect(found.count == 1)
        #expect(found.first?.contains("stay out of the configuration") == true)
        #expect(found.first?.contains("hunter2") == false)
    }

    @Test func otherPropertiesPass() {
        let fixture = Fixture()
        fixture.write(
            "longshore.yaml",
            kafka("librdkafka: {socket.keepalive.enable: true, request.timeout.ms: 5000, batch.size: 1}"))
        #expect(
            fixture.configuration()?.kafka.librdkafka == [
                "socket.keepalive.enable": "true", "request.timeout.ms": "5000", "batch.size": "1",
            ])
    }
}
