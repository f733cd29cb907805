// What concerns containers: runtimes, paths, labels, and topics that containers have a say in.
import Configuration
import Testing

@Suite struct ContainersTests {
    @Test func aConfigurationOfContainersOnlyIsComplete() {
        let fixture = Fixture()
        fixture.write("longshore.yaml", "kafka: {brokers: embedded}\n")
        let found = fixture.configuration()
        #expect(found?.files == [])
        #expect(found?.runtimes.docker.enabled == .auto)
        #expect(found?.runtimes.docker.socket == "/var/run/docker.sock")
        #expect(found?.runtimes.cri.enabled == .auto && found?.runtimes.podman.enabled == .auto)
        #expect(found?.runtimes.cri.socket == "/run/containerd/containerd.sock")
        #expect(found?.runtimes.podman.socket == "/run/podman/podman.sock")
        #expect(found?.runtimes.hostRoot == "/")
        #expect(found?.paths.allowMountSources == [])
        #expect(found?.paths.networkVolumes == .collect)
        #expect(found?.labels.prefix == "longshore.logs")
        #expect(found?.labels.compatible == [])
        #expect(found?.labels.directory == nil && found?.labels.extensions == nil)
        #expect(found?.labels.stdout == .declared)
        #expect(found?.labels.record == [])
    }

    @Test func everyKeyIsRead() {
        let fixture = Fixture()
        fixture.write(
            "longshore.yaml",
            complete + """
                runtimes:
                  docker: {enabled: true, socket: /run/d.sock}
                  cri: {enabled: true, socket: /run/crio/crio.sock}
                  podman: {enabled: false, socket: /run/p.sock}
                  host_root: /host
                paths: {allow_mount_sources: [/srv/logs, /etc/app], network_volumes: refuse}
                labels:
                  prefix: com.acme-1.logs_
                  compatible: [aliyun.logs]
                  directory: com.example.logdir
                  extensions: com.example.logext
                  stdout: none
                  record: [app, team.name]
                """)
        let found = fixture.configuration()
        #expect(found?.runtimes.docker.enabled == .always)
        #expect(found?.runtimes.docker.socket == "/run/d.sock")
        #expect(found?.runtimes.cri.enabled == .always && found?.runtimes.cri.socket == "/run/crio/crio.sock")
        #expect(found?.runtimes.podman.enabled == .never && found?.runtimes.podman.socket == "/run/p.sock")
        #expect(found?.runtimes.hostRoot == "/host")
        #expect(found?.paths.allowMountSources == ["/srv/logs", "/etc/app"])
        #expect(found?.paths.networkVolumes == .refuse)
        #expect(found?.labels.prefix == "com.acme-1.logs_")
        #expect(found?.labels.compatible == ["aliyun.logs"])
        #expect(found?.labels.directory == "com.example.logdir")
        #expect(found?.labels.extensions == "com.example.logext")
        #expect(found?.labels.stdout == LabelsConfiguration.Stdout.none)
        #expect(found?.labels.record == ["app", "team.name"])
    }

    @Test(arguments: [
        (
            "runtimes: {docker: {enabled: yes}}",
            "3:30: error: runtimes.docker.enabled: expected auto, true or false, got \"yes\"; write enabled: auto"
        ),
        (
            "runtimes: {docker: {socket: 'unix:///run/d.sock'}}",
            "3:29: error: runtimes.docker.socket: this is a URL; write the path alone: /run/d.sock"
        ),
        (
            "runtimes: {docker: {sokcet: /x}}",
            "3:21: error: unknown key \"runtimes.docker.sokcet\"; did you mean runtimes.docker.socket?"
        ),
        (
            "runtimes: {host_root: host}",
            "3:23: error: runtimes.host_root: not an absolute path; write a path that begins with /"
        ),
        (
            "paths: {allow_mount_sources: [/a/../b]}",
            "3:31: error: paths.allow_mount_sources: the path holds an empty name, . or ..; "
                + "write it without //, /./, /../ and / at the end"
        ),
        (
            "paths: {allow_mount_sources: [/]}",
            "3:31: error: paths.allow_mount_sources: / would let containers reach every file of the host; "
                + "name the directories they may reach"
        ),
        (
            "paths: {network_volumes: refused}",
            "3:26: error: paths.network_volumes: expected collect or refuse, got \"refused\"; did you mean refuse?"
        ),
        (
            "labels: {prefix: .x}",
            "3:18: error: labels.prefix: \".x\" is no prefix of labels; "
                + "write a-z, 0-9, '.', '_' and '-' without a dot at the ends"
        ),
        (
            "labels: {compatible: [longshore.logs]}",
            "3:23: error: labels.compatible: \"longshore.logs\" is a prefix already; write every prefix once"
        ),
        (
            "labels: {directory: 'a b'}",
            "3:21: error: labels.directory: \"a b\" is no key of a label; "
                + "write the label's key, such as com.example.logdir"
        ),
        (
            "labels: {extensions: x}",
            "3:22: error: labels.extensions: extensions need a directory; write labels.directory, or leave it out"
        ),
        (
            "labels: {directory: x, extensions: x}",
            "3:36: error: labels.extensions: this is labels.directory; "
                + "write the key of the label that holds the extensions"
        ),
        (
            "labels: {record: [a.b, a_b]}",
            "3:24: error: labels.record: container.labels.a_b is in the records already; leave one of them out"
        ),
        (
            "labels: {stdout: al}",
            "3:18: error: labels.stdout: expected all, declared or none, got \"al\"; did you mean all?"
        ),
    ])
    func badValuesSayWhatToWrite(line: String, expected: String) {
        #expect(problems(complete + line + "\n") == [expected])
    }
}

@Suite struct ContainerTopicTests {
    private static func top(_ kafka: String, _ rest: String = "") -> [String] {
        problems("kafka: {brokers: embedded, \(kafka)}\n\(rest)\n")
    }

    @Test func fieldsOfContainersAreKnown() {
        let text = "{container.name}.{container.image.name}.{container.runtime.name}.{service.name}.{label:a}"
        guard case .success(let template) = TopicTemplate.parse(text + "{container.labels.b.c}") else {
            Issue.record("not parsed")
            return
        }
        #expect(
            template.fields == [
                .containerName, .imageName, .runtimeName, .serviceName, .containerLabel("a"), .containerLabel("b.c"),
            ])
        #expect(template.fields.allSatisfy { $0.isOfContainer })
        #expect(template.fields.filter { !$0.isOfTenant } == [.runtimeName])
        #expect(template.fields.map(\.description).joined(separator: ".") == text + ".{label:b.c}")
    }

    @Test func anEntryOfFilesNeedsItsOwnTopicThen() {
        let topic = "topic: 'l.{service.name}', allowed_topics: ['l.*']"
        #expect(
            Self.top(topic, "files: [{name: a, paths: [/a]}]") == [
                "2:9: error: files[].topic: kafka.topic needs {service.name}, which only containers have; "
                    + "give this entry a topic of its own"
            ])
        #expect(Self.top(topic, "files: [{name: a, paths: [/a], topic: a}]") == [])
        #expect(
            Self.top("topic: l", "files: [{name: a, paths: [/a], topic: 'x.{label:team}'}]") == [
                "2:39: error: files[].topic: only containers have {label:team}; write another topic"
            ])
    }

    @Test func whatContainersChooseMustBeAllowedSomewhere() {
        #expect(
            Self.top("topic: 'l.{service.name}'") == [
                "1:35: error: kafka.topic: {service.name} is the container's choice, and kafka.allowed_topics allows "
                    + "none; write kafka.allowed_topics, for example [\"logs.*\"]"
            ])
        #expect(Self.top("topic: 'l.{container.runtime.name}'") == [])
    }

    @Test(arguments: [
        ("longshore.audit", "this is kafka.audit_topic; write another topic"),
        ("longshore.dead", "this is kafka.dead_letter_topic; write another topic"),
        (
            "'{k8s.cluster.name}'",
            "\"{k8s.cluster.name}\" needs node.cluster, which is not set; "
                + "set it, or write another topic"
        ),
        (
            "'{node.labels.z}.{log.declaration}'",
            "\"{node.labels.z}.{log.declaration}\" needs node.labels.z, "
                + "which is not set; set it, or write another topic"
        ),
    ])
    func theTopicIsCheckedWithoutEntriesToo(topic: String, expected: String) {
        #expect(Self.top("topic: \(topic)") == ["1:35: error: kafka.topic: \(expected)"])
        #expect(Self.top("topic: \(topic)", "files: [{name: a, paths: [/a], topic: own}]").count == 1)
    }
}
