// The `kafka` section: brokers, topics, TLS, SASL and what is passed to librdkafka.
internal import Core

/// Decodes `kafka` and reads the password file.
struct KafkaDecoder {
    let problems: Problems

    func decode(_ section: Section) -> KafkaConfiguration {
        let brokers = brokers(section)
        let (audit, deadLetter) = controlTopics(section)
        let tls = tls(section.section("tls"))
        let sasl = sasl(section.section("sasl"))
        if brokers == .embedded {
            if tls != nil { section.add("tls", "the embedded broker has no TLS", "leave it out, or name brokers") }
            if sasl != nil { section.add("sasl", "the embedded broker has no SASL", "leave it out, or name brokers") }
        }
        return KafkaConfiguration(
            brokers: brokers ?? .embedded, topic: topic(section),
            defaultTopic: defaultTopic(section, audit: audit, deadLetter: deadLetter),
            allowedTopics: section.texts("allowed_topics", example: "\"team.*\"", check: objection(toTopicPattern:)),
            maxTopics: section.integer("max_topics", default: 200, in: 1...100_000), auditTopic: audit,
            deadLetterTopic: deadLetter,
            compression: section.choice("compression", default: .lz4), delivery: delivery(section),
            linger: section.duration("linger", default: 50 * millisecond, in: 0...minute), tls: tls, sasl: sasl,
            librdkafka: section.map("librdkafka", example: "socket.keepalive.enable: true") { name, _ in
                LibrdkafkaRules.objection(to: name)
            })
    }

    private func brokers(_ section: Section) -> KafkaConfiguration.Brokers? {
        let remedy = "write brokers: [\"k1:9092\", \"k2:9092\"], or embedded to try things out"
        guard let node = section.node("brokers") else {
            if !section.wasRefused("brokers") { section.add("brokers", "no brokers are given", remedy) }
            return nil
        }
        switch node.content {
        case .scalar(let scalar) where scalar.text == "embedded": return .embedded
        case .scalar(let scalar) where scalar.text.isEmpty: section.add("brokers", "no brokers are given", remedy)
        case .scalar(let scalar) where HostPort(scalar.text) != nil:
            section.add("brokers", "expected a list, got \(node.kind)", "write brokers: [\(node.kind)]")
        case .sequence(let items) where items.isEmpty: section.add("brokers", "no brokers are given", remedy)
        case .sequence:
            let found = section.texts("brokers", example: "\"k1:9092\"") { text in
                HostPort(text) == nil
                    ? Objection("expected HOST:PORT, got \(quoted(text))", "write for example \"k1:9092\"") : nil
            }
            return .list(found.compactMap { HostPort($0) })
        default: section.add("brokers", "expected a list or embedded, got \(node.kind)", remedy)
        }
        return nil
    }

    private func topic(_ section: Section) -> TopicTemplate {
        let text = section.text("topic", default: "logs") { text in
            if case .failure(let objection) = TopicTemplate.parse(text) { objection } else { nil }
        }
        guard case .success(let template) = TopicTemplate.parse(text) else { preconditionFailure("checked above") }
        return template
    }

    private func defaultTopic(_ section: Section, audit: String?, deadLetter: String?) -> String {
        let fallback = "logs.unrouted"
        if section.text("default_topic") == nil {
            for (key, topic) in [("audit_topic", audit), ("dead_letter_topic", deadLetter)] where topic == fallback {
                section.add(key, "this is kafka.default_topic", "write another topic")
            }
        }
        return section.text("default_topic", default: fallback) { topic in
            if topic.contains("{") { return Objection("fields are not possible here", "write one topic's name") }
            if topic == audit { return Objection("this is kafka.audit_topic", "write another topic") }
            return topic == deadLetter
                ? Objection("this is kafka.dead_letter_topic", "write another topic") : TopicName.objection(to: topic)
        }
    }

    /// kafka.audit_topic and kafka.dead_letter_topic: two topics, each may be `none`.
    private func controlTopics(_ section: Section) -> (audit: String?, deadLetter: String?) {
        func topic(_ key: String, default fallback: String) -> String? {
            let name = section.text(key, default: fallback) { TopicName.objection(to: $0) }
            return name == "none" ? nil : name
        }
        let audit = topic("audit_topic", default: "longshore.audit")
        let deadLetter = topic("dead_letter_topic", default: "longshore.dead")
        if let deadLetter, deadLetter == audit {
            let objection = Objection(
                section.text("dead_letter_topic") == nil
                    ? "this is kafka.dead_letter_topic, too" : "this is kafka.audit_topic",
                "write another topic")
            section.add(section.text("dead_letter_topic") == nil ? "audit_topic" : "dead_letter_topic", objection)
        }
        return (audit, deadLetter)
    }

    private func delivery(_ section: Section) -> KafkaConfiguration.Delivery {
        guard section.text("delivery") == "exactly-once" else {
            return section.choice("delivery", default: .atLeastOnce)
        }
        section.add("delivery", "exactly-once is not available yet", "write at-least-once, or leave it out")
        return .atLeastOnce
    }

    private func objection(toTopicPattern pattern: String) -> Objection? {
        if pattern.contains("/") { return Objection("\(quoted(pattern)) holds a /", "write a pattern such as team.*") }
        return PathPattern.objection(toExclude: pattern)
    }
}

extension KafkaDecoder {
    private func tls(_ section: Section) -> TLSConfiguration? {
        func file(_ key: String) -> String? {
            guard let path = section.text(key) else { return nil }
            if let objection = PathPattern.objection(toPlainPath: path) ?? SmallFile.objection(toReading: path) {
                section.add(key, objection)
            }
            return path
        }
        let tls = TLSConfiguration(ca: file("ca"), certificate: file("certificate"), key: file("key"))
        if tls.certificate != nil, tls.key == nil {
            section.add("certificate", "a certificate needs its key", "write kafka.tls.key: /path/to/key.pem")
        }
        if tls.key != nil, tls.certificate == nil {
            section.add("key", "a key needs its certificate", "write kafka.tls.certificate: /path/to/certificate.pem")
        }
        return tls == TLSConfiguration(ca: nil, certificate: nil, key: nil) ? nil : tls
    }

    private func sasl(_ section: Section) -> SASLConfiguration? {
        let mechanism: SASLConfiguration.Mechanism = section.choice("mechanism", default: .scramSHA512)
        let username = section.text("username")
        let file = section.text("password_file")
        guard let username else {
            if file != nil, !section.wasRefused("username") {
                section.add("password_file", "a password needs its user", "write kafka.sasl.username")
            }
            return nil
        }
        guard let file else {
            if !section.wasRefused("password_file") {
                section.add("username", "a user needs a password", "write kafka.sasl.password_file: /path/to/file")
            }
            return nil
        }
        if !isPrintable(username, limit: 1024) {
            section.add("username", "not a user's name", "write at most 1,024 bytes without control characters")
        }
        switch password(file) {
        case .success(let secret):
            return SASLConfiguration(mechanism: mechanism, username: username, passwordFile: file, password: secret)
        case .failure(let objection):
            section.add("password_file", objection)
            return nil
        }
    }

    /// The content of the file without line ends behind it. No message shows any of it.
    private func password(_ file: String) -> Result<Secret, Objection> {
        if let objection = PathPattern.objection(toPlainPath: file) { return .failure(objection) }
        let remedy = "put the password, and nothing else, into the file"
        switch SmallFile.read(file, limit: 64 << 10) {
        case .failure(let objection): return .failure(objection)
        case .success(var bytes):
            while let last = bytes.last, last == 0x0A || last == 0x0D { bytes.removeLast() }
            if bytes.isEmpty { return .failure(Objection("the file is empty", remedy)) }
            guard !bytes.contains(0), !bytes.contains(0x0A), let text = String(validating: bytes, as: UTF8.self) else {
                return .failure(Objection("the file is not one line of UTF-8 text", remedy))
            }
            return .success(Secret(text))
        }
    }
}
