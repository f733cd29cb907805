// Settings: what librdkafka takes, and what is said about what it does not.
import TestSupport
import Testing

@testable import KafkaSink

@Suite(.serialized, .ownThread) struct OptionsTests {
    @Test func everySecuritySettingIsTaken() async throws {
        try await withTemporaryDirectory { directory in
            let key = directory.path("key.pem")
            let certificate = directory.path("certificate.pem")
            try await run(
                "openssl",
                [
                    "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=broker", "-keyout",
                    key, "-out", certificate,
                ])
            for (securityProtocol, mechanism) in [
                ("plaintext", nil), ("ssl", nil), ("sasl_plaintext", "PLAIN"), ("sasl_ssl", "SCRAM-SHA-256"),
                ("sasl_ssl", "SCRAM-SHA-512"),
            ] {
                var options = KafkaOptions(brokers: ["127.0.0.1:1", "[::1]:1"])
                options.securityProtocol = securityProtocol
                options.saslMechanism = mechanism
                options.saslUsername = mechanism.map { _ in "user" }
                options.saslPassword = mechanism.map { _ in "hunter2" }
                if securityProtocol.hasSuffix("ssl") {
                    options.certificateAuthority = certificate
                    options.certificate = certificate
                    options.key = key
                }
                options.passthrough = [("socket.keepalive.enable", "true"), ("compression.level", "3")]
                try ProducerFixture(options).close()
            }
        }
    }

    @Test func theGuaranteesWinOverThePassthrough() {
        var options = KafkaOptions(brokers: ["b:1"])
        options.passthrough = [("acks", "0"), ("enable.idempotence", "false"), ("message.timeout.ms", "5")]
        var last: [String: String] = [:]
        for (key, value) in options.settings { last[key] = value }
        #expect(last["acks"] == "all" && last["enable.idempotence"] == "true" && last["message.timeout.ms"] == "0")
    }

    @Test(arguments: [
        ("socket.timeout.ms", "hunter2"), ("no.such.setting", "hunter2"), ("ssl.key.pem", "hunter2"),
        ("ssl.certificate.pem", "hunter2"), ("ssl.keystore.location", "/does/not/exist"),
    ])
    func aSettingThatIsNotTakenIsNamedAndNoSecretIsTold(key: String, value: String) throws {
        var options = KafkaOptions(brokers: ["127.0.0.1:1"])
        options.securityProtocol = "sasl_ssl"
        options.saslMechanism = "PLAIN"
        options.saslUsername = "user"
        options.saslPassword = "correct horse"
        options.passthrough = [(key, value)]
        let failure = try #require(throws: KafkaFailure.self) { try ProducerFixture(options).close() }
        #expect(failure.message.contains(key) || failure.message.contains(key.split(separator: ".")[1]))
        #expect(!failure.message.contains("correct horse"))
        if key.hasSuffix("pem") { #expect(!failure.message.contains("hunter2")) }
    }

    @Test func aMissingKeyFileAndAMechanismWithoutAUserAreErrors() {
        var options = KafkaOptions(brokers: ["127.0.0.1:1"])
        options.securityProtocol = "ssl"
        options.certificateAuthority = "/does/not/exist.pem"
        let file = #expect(throws: KafkaFailure.self) { try ProducerFixture(options).close() }
        #expect(file?.message.contains("ssl.ca.location") == true)
        options = KafkaOptions(brokers: ["127.0.0.1:1"])
        options.securityProtocol = "sasl_plaintext"
        options.saslMechanism = "PLAIN"
        #expect(throws: KafkaFailure.self) { try ProducerFixture(options).close() }
    }

    @Test func nothingOfLibrdkafkaGoesToStandardError() throws {
        let cluster = try MockCluster()
        let written = try capturingStandardError {
            // A setting that is for consumers only is worth a warning to librdkafka.
            let fixture = try ProducerFixture(cluster.bootstrap) {
                $0.passthrough = [("debug", "broker,topic"), ("fetch.wait.max.ms", "7")]
            }
            _ = try fixture.open("logs")
            #expect(fixture.notices.contains { if case .log(_, _, let text) = $0 { !text.isEmpty } else { false } })
            try cluster.setDown()
            try fixture.wait("the news that no broker answers") { !fixture.producer.isUp }
            fixture.close()
            let consumer = try RecordConsumer(
                brokers: [cluster.bootstrap], topics: ["logs"], properties: ["debug": "broker"])
            consumer.poll(milliseconds: 10) { _ in }
            consumer.close()
        }
        #expect(!written.contains("|longshore#"), "\(written.prefix(500))")
    }

    @Test func noticesAreBoundedLogLinesAreAmongThemAndAFatalOneIsKept() throws {
        let cluster = try MockCluster()
        try cluster.createTopic("logs", partitions: 1)
        let fixture = try ProducerFixture(cluster.bootstrap) { $0.passthrough = [("debug", "broker,msg,protocol")] }
        let topic = try fixture.open("logs")
        #expect(fixture.notices.contains { if case .log(7, _, let text) = $0 { !text.isEmpty } else { false } })
        fixture.takesNotices = false
        try fixture.wait("many log lines") {
            fixture.send(topic, ["a"])
            return fixture.producer.notices.count == 100
        }
        cluster.pushRequestErrors(.produce, [.outOfOrderSequence])
        fixture.send(topic, ["a"])
        try fixture.wait("the fatal notice") {
            fixture.producer.notices.contains { if case .fatal = $0 { true } else { false } }
        }
        #expect(fixture.producer.notices.count == 101)
        #expect(fixture.producer.takeNotices().count == 101)
        #expect(fixture.producer.takeNotices() == [])
    }
}
