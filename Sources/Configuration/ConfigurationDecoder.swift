// From the merged node tree to the validated Configuration.
internal import Core

/// Decodes one load. Goes on after every problem with the default, so that all problems are found at once; the value
/// counts only when `problems` stayed empty.
struct ConfigurationDecoder {
    let problems: Problems
    /// The default of node.name.
    let hostName: String

    func decode(_ root: YAMLNode, fallback: Position) -> Configuration {
        let top = Section(root, path: "", fallback: fallback, problems: problems)
        let node = node(top.section("node"))
        let state = top.text("state_directory", default: "/var/lib/longshore") { path in
            path == "/"
                ? Objection("the state needs a directory of its own", "write /var/lib/longshore")
                : PathPattern.objection(toPlainPath: path)
        }
        let kafkaSection = top.section("kafka")
        let kafka = KafkaDecoder(problems: problems).decode(kafkaSection)
        let start: StartPosition = top.choice("start", default: .beginning)
        let containers = ContainersDecoder(problems: problems)
        let runtimes = containers.runtimes(top.section("runtimes"))
        let files = FilesDecoder(
            problems: problems, node: node, kafka: kafka, topicPosition: kafkaSection.place(of: "topic"),
            stateDirectory: state, start: start, followsContainers: runtimes.isAnyFollowed)
        return Configuration(
            node: node, stateDirectory: state, kafka: kafka, runtimes: runtimes,
            paths: containers.paths(top.section("paths")), labels: containers.labels(top.section("labels")),
            files: files.decode(top), start: start,
            ignoreOlder: top.duration("ignore_older", default: 0, in: 0...36_500 * day),
            limits: limits(top.section("limits")), checkpoint: checkpoint(top.section("checkpoint")),
            admin: admin(top.section("admin")), metrics: metrics(top.section("metrics")), log: log(top.section("log")))
    }

    private func node(_ section: Section) -> NodeConfiguration {
        let name = section.text("name", default: hostName) { text in
            isPrintable(text, limit: 253)
                ? nil : Objection("not a name of 1 to 253 printable characters", "write the host's name")
        }
        let cluster = section.text("cluster", default: "") { text in
            isPrintable(text, limit: 253)
                ? nil : Objection("not a name of 1 to 253 printable characters", "write the cluster's name")
        }
        let labels = section.map("labels", example: "zone: dmz", check: objection(toLabel:value:))
        return NodeConfiguration(name: name, labels: labels, cluster: cluster)
    }

    private func limits(_ section: Section) -> LimitsConfiguration {
        let memory = section.size("memory", default: 64 << 20, in: 8 << 20...64 << 30)
        let line = section.size("line", default: 256 << 10, in: 1 << 10...16 << 20)
        let total = section.size("line_total", default: 16 << 20, in: 1 << 10...1 << 40)
        if line > memory / 8 {
            section.add(
                "line", "\(SizeText.render(line)) is more than an eighth of limits.memory (\(SizeText.render(memory)))",
                "write at most \(SizeText.render(memory / 8)), or raise limits.memory to \(SizeText.render(line * 8))")
        }
        if total < line {
            section.add(
                "line_total", "\(SizeText.render(total)) is less than limits.line (\(SizeText.render(line)))",
                "write \(SizeText.render(line)) or more")
        }
        return LimitsConfiguration(
            memory: memory, line: line, lineTotal: total,
            deletedFileHold: section.duration("deleted_file_hold", default: 5 * minute, in: 0...day),
            deletedBytes: section.size("deleted_bytes", default: 2 << 30, in: 0...1 << 50),
            drain: section.duration("drain", default: 10 * second, in: 0...10 * minute))
    }

    private func checkpoint(_ section: Section) -> CheckpointConfiguration {
        let interval = section.duration("interval", default: 200 * millisecond, in: 10 * millisecond...minute)
        let fsync = section.duration("fsync", default: second, in: 10 * millisecond...10 * minute)
        if fsync < interval {
            let written = DurationText.render(interval)
            section.add(
                "fsync", "\(DurationText.render(fsync)) is shorter than checkpoint.interval (\(written))",
                "write \(written) or more")
        }
        return CheckpointConfiguration(interval: interval, fsync: fsync)
    }

    private func admin(_ section: Section) -> AdminConfiguration {
        let socket = section.text("socket", default: "/run/longshore/admin.sock") { path in
            if path.utf8.count > 107 {
                return Objection("the path has \(path.utf8.count) bytes", "write one of at most 107 (unix(7))")
            }
            return PathPattern.objection(toPlainPath: path)
        }
        let mode = section.value("mode", "permissions such as \"0660\"", default: 0o660, example: "\"0660\"") { text in
            (3...4).contains(text.utf8.count) ? UInt32(text, radix: 8).flatMap { $0 <= 0o777 ? $0 : nil } : nil
        }
        let group = section.text("group", default: "longshore") { name in
            isPrintable(name, limit: 32) && !name.contains(" ") && !name.contains(":")
                ? nil : Objection("\(quoted(name)) is no group name", "write a group of /etc/group")
        }
        return AdminConfiguration(
            enabled: section.flag("enabled", default: true), socket: socket, mode: mode, group: group)
    }

    private func metrics(_ section: Section) -> MetricsConfiguration {
        let listen = section.value(
            "listen", "ADDRESS:PORT", default: HostPort(host: "127.0.0.1", port: 9464), example: "\"127.0.0.1:9464\""
        ) { HostPort($0, zeroPort: true) }
        return MetricsConfiguration(enabled: section.flag("enabled", default: true), listen: listen)
    }

    private func log(_ section: Section) -> LogConfiguration {
        LogConfiguration(
            level: section.choice("level", default: .info), format: section.choice("format", default: .text))
    }
}

let millisecond: Int64 = 1_000_000
let second: Int64 = 1_000_000_000
let minute: Int64 = 60 * second
let day: Int64 = 24 * 60 * minute

/// 1 to `limit` bytes without control characters and line separators.
func isPrintable(_ text: String, limit: Int) -> Bool {
    guard (1...limit).contains(text.utf8.count) else { return false }
    return !text.unicodeScalars.contains {
        switch $0.properties.generalCategory {
        case .control, .lineSeparator, .paragraphSeparator: true
        default: false
        }
    }
}

/// Labels stand in every record: keys of [A-Za-z0-9._/-], 1 to 63 bytes; values up to 1,024 bytes.
func objection(toLabel key: String, value: String) -> Objection? {
    guard (1...63).contains(key.utf8.count), key.utf8.allSatisfy({ isLetterOrDigit($0) || "._-/".utf8.contains($0) })
    else { return Objection("not a label's name", "write 1 to 63 letters, digits, '.', '_', '-' or '/'") }
    if value.isEmpty || isPrintable(value, limit: 1024) { return nil }
    return Objection("not a label's value", "write at most 1,024 bytes without control characters")
}
