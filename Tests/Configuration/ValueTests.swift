// Keys and values: unknown, of a wrong type, out of range, not available yet.
import Configuration
import Testing

@Suite struct ValueTests {
    @Test func unknownKeysComeWithASuggestion() {
        let text = complete + "strat: end\nkafak: {}\nbrokers: [a]\nnode: {nmae: a}\nmetrics: {zzzzzz: 1}\nLog: {}\n"
        #expect(
            problems(text) == [
                "3:1: error: unknown key \"strat\"; did you mean start?",
                "4:1: error: unknown key \"kafak\"; did you mean kafka?",
                "5:1: error: unknown key \"brokers\"; did you mean kafka.brokers?",
                "6:8: error: unknown key \"node.nmae\"; did you mean node.name?",
                "7:11: error: unknown key \"metrics.zzzzzz\"; write one of enabled or listen",
                "8:1: error: unknown key \"Log\"; did you mean log?",
            ])
        #expect(
            problems(kafka("sasl: {password: hunter2}")) == [
                "4:10: error: unknown key \"kafka.sasl.password\"; did you mean kafka.sasl.password_file?"
            ])
    }

    @Test func everyProblemIsFoundInOneGo() {
        let text = """
            start: [end]
            ignore_older: 5 minutes
            limits: {memory: 64, line: -1KiB, line_total: 99999999999999TiB, drain: {}}
            checkpoint: 5s
            admin: {enabled: yes, mode: 999, socket: run/x, group: 'a b'}
            metrics: {listen: 9464}
            log: {level: inof, format: xml}
            state_directory: relative

            """
        let size = "expected a size such as 64KiB, 1MiB or 10MB"
        let duration = "expected a duration such as 250ms, 5s or 1h"
        #expect(
            problems(complete + text) == [
                "3:8: error: start: expected a text, got a list; write start: and one value",
                "4:15: error: ignore_older: \(duration), got \"5 minutes\"; write ignore_older: 0s",
                "5:18: error: limits.memory: \(size), got \"64\"; write memory: 64MiB",
                "5:28: error: limits.line: \(size), got \"-1KiB\"; write line: 256KiB",
                "5:47: error: limits.line_total: \(size), got \"99999999999999TiB\"; write line_total: 16MiB",
                "5:73: error: limits.drain: \(duration), got a mapping; write drain: 10s",
                "6:13: error: checkpoint: expected a mapping, got \"5s\"; "
                    + "write lines of key: value, for example interval:",
                "7:18: error: admin.enabled: expected true or false, got \"yes\"; write enabled: true",
                "7:29: error: admin.mode: expected permissions such as \"0660\", got \"999\"; write mode: \"0660\"",
                "7:42: error: admin.socket: not an absolute path; write a path that begins with /",
                "7:56: error: admin.group: \"a b\" is no group name; write a group of /etc/group",
                "8:19: error: metrics.listen: expected ADDRESS:PORT, got \"9464\"; write listen: \"127.0.0.1:9464\"",
                "9:14: error: log.level: expected trace, debug, info, notice, warning, error or critical, "
                    + "got \"inof\"; did you mean info?",
                "9:28: error: log.format: expected text or json, got \"xml\"; write format: text",
                "10:18: error: state_directory: not an absolute path; write a path that begins with /",
            ])
    }

    @Test(arguments: [
        (
            "limits: {memory: 1MiB}",
            "3:18: error: limits.memory: \"1MiB\" is out of range; write a value from 8MiB to 64GiB"
        ),
        (
            "limits: {line: 1023B}",
            "3:16: error: limits.line: \"1023B\" is out of range; write a value from 1KiB to 16MiB"
        ),
        ("limits: {drain: 11m}", "3:17: error: limits.drain: \"11m\" is out of range; write a value from 0s to 10m"),
        (
            "checkpoint: {interval: 1ms}",
            "3:24: error: checkpoint.interval: \"1ms\" is out of range; write a value from 10ms to 1m"
        ),
        (
            "limits: {memory: 8MiB, line: 2MiB}",
            "3:30: error: limits.line: 2MiB is more than an eighth of limits.memory (8MiB); "
                + "write at most 1MiB, or raise limits.memory to 16MiB"
        ),
        (
            "limits: {line: 1MiB, line_total: 512KiB}",
            "3:34: error: limits.line_total: 512KiB is less than limits.line (1MiB); write 1MiB or more"
        ),
        (
            "checkpoint: {interval: 2s, fsync: 1s}",
            "3:35: error: checkpoint.fsync: 1s is shorter than checkpoint.interval (2s); write 2s or more"
        ),
        (
            "node: {labels: [a]}",
            "3:16: error: node.labels: expected a mapping, got a list; write labels: {zone: dmz}"
        ),
        (
            "node: {labels: {'a b': x, c: [1]}}",
            "3:17: error: node.labels.a b: not a label's name; write 1 to 63 letters, digits, '.', '_', '-' or '/'"
        ),
        (
            "node: {cluster: \"a\\nb\"}",
            "3:17: error: node.cluster: not a name of 1 to 253 printable characters; write the cluster's name"
        ),
        (
            "state_directory: /",
            "3:18: error: state_directory: the state needs a directory of its own; write /var/lib/longshore"
        ),
        (
            "state_directory: /var/../x",
            "3:18: error: state_directory: the path holds an empty name, . or ..; "
                + "write it without //, /./, /../ and / at the end"
        ),
        (
            "admin: {socket: /\(String(repeating: "a", count: 107))}",
            "3:17: error: admin.socket: the path has 108 bytes; write one of at most 107 (unix(7))"
        ),
    ])
    func valuesOutOfRangeNameTheRange(line: String, expected: String) {
        #expect(problems(complete + line + "\n").first == expected)
    }

    @Test func keysOfTheContractThatAreNotThereYetAreNamed() {
        let text = """
            runtimes: {docker: {enabled: auto}, podmn: {}}
            paths: {network_volumes: collect}
            labels: {stdout: all, compatible: []}
            journal: {enabled: true, units: [a]}

            """
        #expect(
            problems(complete + text) == [
                "3:37: error: unknown key \"runtimes.podmn\"; did you mean runtimes.podman?",
                "6:11: error: journal.enabled is not available yet; leave it out or write enabled: false",
                "6:26: error: journal.units is not available yet; leave it out",
            ])
    }

    @Test(arguments: [
        (
            kafka("headers: true"),
            "4:3: error: kafka.headers is not available yet; leave it out or write headers: false"
        ),
        (
            kafka("delivery: exactly-once"),
            "4:13: error: kafka.delivery: exactly-once is not available yet; write at-least-once, or leave it out"
        ),
        (entry("multiline: java"), "5:5: error: files[].multiline is not available yet; leave it out"),
        (
            entry("charset: gb18030"),
            "5:5: error: files[].charset is not available yet; leave it out or write charset: utf-8"
        ),
        (entry("format: json"), "5:5: error: files[].format is not available yet; leave it out or write format: plain"),
        (entry("timestamp: iso8601"), "5:5: error: files[].timestamp is not available yet; leave it out"),
    ])
    func aKeyThatIsNotThereYetIsRefusedAtItsPlace(text: String, expected: String) {
        #expect(problems(text) == [expected])
    }

    @Test func theDocumentedDefaultsOfKeysThatAreNotThereYetAreAccepted() {
        let text = """
            runtimes:
              docker: {enabled: auto, socket: /var/run/docker.sock}
              cri: {enabled: auto, socket: /run/containerd/containerd.sock}
              podman: {enabled: false, socket: /run/podman/podman.sock}
              host_root: /
            paths: {allow_mount_sources: [], network_volumes: collect}
            labels: {prefix: longshore.logs, compatible: [], directory: , extensions: , stdout: declared, record: []}
            journal: {enabled: false, directory: , units: [], matches: [], since: , topic: }
            kafka: {brokers: embedded, headers: false, delivery: at-least-once}
            files:
              - {name: a, paths: [/a.log], exclude: [], topic: , multiline: , charset: utf-8, format: plain, labels: {}}

            """
        #expect(problems(text) == [])
    }
}
