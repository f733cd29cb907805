// The effective configuration as YAML: what `validate --print` shows.
internal import Core

extension ConfigurationLoader {
    /// Every key with its effective value. Loads back to an equal configuration (while the files it names are
    /// readable); passwords appear as `password_file` only.
    package static func effectiveText(_ configuration: Configuration) -> String {
        var writer = YAMLWriter()
        writer.node(configuration.node)
        writer.line("state_directory", configuration.stateDirectory)
        writer.kafka(configuration.kafka)
        writer.containers(configuration)
        writer.line("start", configuration.start.rawValue)
        writer.line("ignore_older", raw: DurationText.render(configuration.ignoreOlder))
        writer.files(configuration.files)
        writer.limits(configuration.limits)
        writer.section("checkpoint")
        writer.line("interval", raw: DurationText.render(configuration.checkpoint.interval))
        writer.line("fsync", raw: DurationText.render(configuration.checkpoint.fsync))
        writer.end()
        writer.admin(configuration.admin)
        writer.section("metrics")
        writer.line("enabled", raw: "\(configuration.metrics.enabled)")
        writer.line("listen", configuration.metrics.listen.description)
        writer.end()
        writer.section("log")
        writer.line("level", configuration.log.level.rawValue)
        writer.line("format", configuration.log.format.rawValue)
        writer.end()
        return writer.text
    }
}

/// Writes block mappings, with every text in double quotes and escaped for YAML and for a terminal.
private struct YAMLWriter {
    private(set) var text = ""
    private var depth = 0

    mutating func section(_ key: String) {
        line(key, raw: "")
        depth += 1
    }

    mutating func end() { depth -= 1 }

    mutating func line(_ key: String, raw: String) {
        text += String(repeating: "  ", count: depth) + key + (raw.isEmpty ? ":" : ": " + raw) + "\n"
    }

    mutating func line(_ key: String, _ value: String) { line(key, raw: YAMLWriter.quote(value)) }

    mutating func line(_ key: String, list: [String]) {
        line(key, raw: "[" + list.map(YAMLWriter.quote).joined(separator: ", ") + "]")
    }

    mutating func line(_ key: String, map: [String: String]) {
        let members = map.sorted { $0.key < $1.key }
        line(
            key,
            raw: "{" + members.map { "\(YAMLWriter.quote($0)): \(YAMLWriter.quote($1))" }.joined(separator: ", ") + "}")
    }

    /// A double-quoted scalar (YAML 1.1, 5.7). `${` is doubled, so that nothing is expanded again.
    static func quote(_ value: String) -> String {
        var quoted = "\""
        var rest = Substring(value)
        while let place = rest.unicodeScalars.firstIndex(of: "$") {
            quoted += escape(rest[..<place])
            rest = rest[place...]
            quoted += rest.hasPrefix("${") ? "$$" : "$"
            rest = Substring(rest.unicodeScalars.dropFirst())
        }
        return quoted + escape(rest) + "\""
    }

    private static func escape(_ text: Substring) -> String {
        var escaped = ""
        for scalar in text.unicodeScalars {
            if scalar == "\"" || scalar == "\\" {
                escaped += "\\"
                escaped.unicodeScalars.append(scalar)
            } else if escapedForTerminal(String(scalar)) == String(scalar),
                scalar.value < 0xFFFE || scalar.value > 0xFFFF
            {
                escaped.unicodeScalars.append(scalar)
            } else {
                let digits = String(scalar.value, radix: 16)
                escaped += "\\U" + String(repeating: "0", count: 8 - digits.utf8.count) + digits
            }
        }
        return escaped
    }
}

extension YAMLWriter {
    mutating func node(_ node: NodeConfiguration) {
        section("node")
        line("name", node.name)
        line("labels", map: node.labels)
        line("cluster", node.cluster)
        end()
    }

    mutating func kafka(_ kafka: KafkaConfiguration) {
        section("kafka")
        switch kafka.brokers {
        case .embedded: line("brokers", "embedded")
        case .list(let brokers): line("brokers", list: brokers.map(\.description))
        }
        line("topic", kafka.topic.text)
        line("default_topic", kafka.defaultTopic)
        line("allowed_topics", list: kafka.allowedTopics)
        line("max_topics", raw: "\(kafka.maxTopics)")
        line("audit_topic", kafka.auditTopic ?? "none")
        line("dead_letter_topic", kafka.deadLetterTopic ?? "none")
        line("compression", kafka.compression.rawValue)
        line("delivery", kafka.delivery.rawValue)
        line("linger", raw: DurationText.render(kafka.linger))
        section("tls")
        line("ca", kafka.tls?.ca ?? "")
        line("certificate", kafka.tls?.certificate ?? "")
        line("key", kafka.tls?.key ?? "")
        end()
        section("sasl")
        line("mechanism", (kafka.sasl?.mechanism ?? .scramSHA512).rawValue)
        line("username", kafka.sasl?.username ?? "")
        line("password_file", kafka.sasl?.passwordFile ?? "")
        end()
        line("librdkafka", map: kafka.librdkafka)
        end()
    }

    mutating func containers(_ configuration: Configuration) {
        section("runtimes")
        let runtimes = configuration.runtimes
        for (name, runtime) in [("docker", runtimes.docker), ("cri", runtimes.cri), ("podman", runtimes.podman)] {
            section(name)
            line("enabled", raw: runtime.enabled.rawValue)
            line("socket", runtime.socket)
            end()
        }
        line("host_root", runtimes.hostRoot)
        end()
        section("paths")
        line("allow_mount_sources", list: configuration.paths.allowMountSources)
        line("network_volumes", configuration.paths.networkVolumes.rawValue)
        end()
        let labels = configuration.labels
        section("labels")
        line("prefix", labels.prefix)
        line("compatible", list: labels.compatible)
        line("directory", labels.directory ?? "")
        line("extensions", labels.extensions ?? "")
        line("stdout", labels.stdout.rawValue)
        line("record", list: labels.record)
        end()
    }

    mutating func files(_ files: [FileEntry]) {
        section("files")
        for file in files {
            line("- name", file.name)
            depth += 1
            line("paths", list: file.paths)
            line("exclude", list: file.exclude)
            line("topic", file.topic.text)
            line("labels", map: file.labels)
            line("start", file.start.rawValue)
            depth -= 1
        }
        end()
    }

    mutating func limits(_ limits: LimitsConfiguration) {
        section("limits")
        line("memory", raw: SizeText.render(limits.memory))
        line("line", raw: SizeText.render(limits.line))
        line("line_total", raw: SizeText.render(limits.lineTotal))
        line("deleted_file_hold", raw: DurationText.render(limits.deletedFileHold))
        line("deleted_bytes", raw: SizeText.render(limits.deletedBytes))
        line("drain", raw: DurationText.render(limits.drain))
        end()
    }

    mutating func admin(_ admin: AdminConfiguration) {
        section("admin")
        line("enabled", raw: "\(admin.enabled)")
        line("socket", admin.socket)
        let digits = String(admin.mode, radix: 8)
        line("mode", String(repeating: "0", count: 4 - digits.utf8.count) + digits)
        line("group", admin.group)
        end()
    }
}
