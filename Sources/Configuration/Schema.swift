// Which keys there are, and which of the contract's keys are not available yet.

/// Names of keys by section: "" is the whole file, `files[]` an entry of `files`.
enum Schema {
    /// Sections that are read, with their keys.
    static let available: [String: [String]] = [
        "": [
            "node", "state_directory", "kafka", "runtimes", "paths", "labels", "start", "ignore_older", "files",
            "limits",
            "checkpoint", "admin", "metrics", "log",
        ],
        "node": ["name", "labels", "cluster"],
        "kafka": [
            "brokers", "topic", "default_topic", "allowed_topics", "max_topics", "audit_topic", "dead_letter_topic",
            "compression",
            "delivery", "linger", "tls", "sasl", "librdkafka",
        ],
        "kafka.tls": ["ca", "certificate", "key"],
        "kafka.sasl": ["mechanism", "username", "password_file"],
        "runtimes": ["docker", "cri", "podman", "host_root"],
        "runtimes.docker": ["enabled", "socket"],
        "runtimes.cri": ["enabled", "socket"],
        "runtimes.podman": ["enabled", "socket"],
        "paths": ["allow_mount_sources", "network_volumes"],
        "labels": ["prefix", "compatible", "directory", "extensions", "stdout", "record"],
        "files[]": ["name", "paths", "exclude", "topic", "labels", "start"],
        "limits": ["memory", "line", "line_total", "deleted_file_hold", "deleted_bytes", "drain"],
        "checkpoint": ["interval", "fsync"],
        "admin": ["enabled", "socket", "mode", "group"],
        "metrics": ["enabled", "listen"],
        "log": ["level", "format"],
    ]

    /// Keys of the contract that are refused yet, with the values that change nothing and are therefore accepted.
    /// Left out, null, an empty text and an empty list are always accepted.
    static let notYet: [String: [String]] = [
        "kafka.headers": ["false"],
        "journal.enabled": ["false"],
        "journal.directory": [],
        "journal.units": [],
        "journal.matches": [],
        "journal.since": [],
        "journal.topic": [],
        "files[].multiline": [],
        "files[].charset": ["utf-8", "UTF-8"],
        "files[].format": ["plain"],
        "files[].timestamp": [],
        "files[].timezone": [],
        "files[].json_message": [],
        "files[].json_level": [],
        "files[].json_time": [],
        "files[].include": [],
        "files[].enabled": ["true"],
    ]

    /// Keys of a section in the order they are documented, the ones that are not available yet behind the others.
    static func keys(of section: String) -> [String] {
        let now = available[section] ?? []
        return now + (laterKeys[section] ?? []).filter { !now.contains($0) && !$0.hasSuffix("[]") }
    }

    /// True for a section of which nothing is available yet.
    static func isLater(section: String) -> Bool { available[section] == nil && laterKeys[section] != nil }

    /// Where a key that stands in the wrong section belongs: the only other section that has it.
    static func home(of key: String) -> String? {
        let homes = available.filter { $0.value.contains(key) && !$0.key.isEmpty }.map { dotted($0.key, key) }
        return homes.count == 1 ? homes[0] : nil
    }

    private static let laterKeys: [String: [String]] = {
        var sections: [String: Set<String>] = [:]
        for path in notYet.keys {
            var names = path.split(separator: ".").map(String.init)
            while let key = names.popLast() {
                sections[names.joined(separator: "."), default: []].insert(key)
            }
        }
        return sections.mapValues { $0.sorted() }
    }()
}
