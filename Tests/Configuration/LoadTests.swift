// Files, conf.d, the environment, and the effective configuration.
import Configuration
import Glibc
import Testing

/// The folder config/ of the repository.
private let shipped = #filePath.split(separator: "/").dropLast(3).reduce("") { $0 + "/" + $1 } + "/config"

@Suite struct LoadTests {
    @Test func fragmentsAreReadInOrderMapsMergeListsAppendAndTheLaterScalarWins() {
        let fixture = Fixture()
        fixture.write(
            "longshore.yaml",
            """
            node: {name: main, labels: {a: main, b: main}}
            kafka: {brokers: ["k1:9092"], linger: 10ms}
            files: [{name: main, paths: [/main.log]}]
            """)
        fixture.write(
            "conf.d/20-second.yaml",
            "node: {name: second, labels: {c: second}}\nkafka: {brokers: ['k3:9092'], linger: }\n"
                + "files: [{name: second, paths: [/second.log]}]\n")
        fixture.write(
            "conf.d/10-first.yaml",
            "node: {name: first, labels: {b: first}}\nkafka: {brokers: ['k2:9092'], linger: 20ms}\n"
                + "files: [{name: first, paths: [/first.log]}]\n")
        fixture.write("conf.d/30-empty.yaml", "")
        fixture.write("conf.d/99-other.yml", "not: [read")
        fixture.write("conf.d/.hidden.yaml", "not: [read")
        let configuration = fixture.configuration()
        #expect(configuration?.node.name == "second")
        #expect(configuration?.node.labels == ["a": "main", "b": "first", "c": "second"])
        #expect(configuration?.kafka.bootstrapServers == "k1:9092,k2:9092,k3:9092")
        #expect(configuration?.kafka.linger == 50_000_000, "a null sets the default again")
        #expect(configuration?.files.map(\.name) == ["main", "first", "second"])
    }

    @Test func problemsInFragmentsNameTheirFile() {
        let fixture = Fixture()
        fixture.write("longshore.yaml", complete + "strat: end\n")
        fixture.write("conf.d/a.yaml", "files:\n  - {name: app, paths: [/b]}\nlimits: [1]\n")
        fixture.write("conf.d/b.yaml", "limits: {memory: 1}\nkafka: none\n")
        #expect(
            fixture.problems() == [
                "longshore.yaml:3:1: error: unknown key \"strat\"; did you mean start?",
                "conf.d/a.yaml:2:12: error: files[].name: \"app\" is already the name of the entry at "
                    + "\(fixture.main):2; write another name",
                "conf.d/a.yaml:3:9: error: limits: expected a mapping, got a list; "
                    + "write lines of key: value, for example memory:",
                "conf.d/b.yaml:1:9: error: limits is a mapping here but a list at \(fixture.directory)/conf.d/a.yaml:3:9; "
                    + "write the same kind of value in both files, or keep only one of them",
                "conf.d/b.yaml:2:8: error: kafka is \"none\" here but a mapping at \(fixture.main):1:8; "
                    + "write the same kind of value in both files, or keep only one of them",
            ])
    }

    @Test func everyFileThatIsNoYAMLIsReported() {
        let fixture = Fixture()
        fixture.write("longshore.yaml", "a: 'b\n")
        fixture.write("conf.d/a.yaml", "\tb\n")
        #expect(
            fixture.problems() == [
                "longshore.yaml:1:4: error: the quoted text that begins here never ends; close the quote",
                "conf.d/a.yaml:1:1: error: a tab is used for indentation; indent with spaces",
            ])
    }

    @Test func aMissingFileSaysHowToCreateOne() {
        #expect(
            Fixture().problems() == [
                "longshore.yaml:1:1: error: there is no configuration file; create it with at least "
                    + "kafka: {brokers: [\"k1:9092\"]} and files: [{name: app, paths: [\"/var/log/app/*.log\"]}], "
                    + "or correct --config"
            ])
    }

    @Test func aFileThatIsNoFileIsRefused() {
        let fixture = Fixture()
        mkdir(fixture.main, 0o700)
        #expect(fixture.problems() == ["longshore.yaml:1:1: error: not a regular file; name a regular file"])
        rmdir(fixture.main)
        mkfifo(fixture.main, 0o600)
        #expect(fixture.problems() == ["longshore.yaml:1:1: error: not a regular file; name a regular file"])
    }

    @Test func aHugeFileIsRefused() {
        let fixture = Fixture()
        fixture.write("longshore.yaml", [UInt8](repeating: UInt8(ascii: "#"), count: 4 << 20) + [0x0A])
        #expect(
            fixture.problems() == [
                "longshore.yaml:1:1: error: the file is larger than 4MiB; name another file, or split it"
            ])
    }

    @Test func aFileThatCannotBeReadSaysWhy() {
        guard geteuid() != 0 else { return }
        let fixture = Fixture()
        fixture.write("longshore.yaml", complete)
        chmod(fixture.main, 0)
        #expect(
            fixture.problems() == [
                "longshore.yaml:1:1: error: cannot read it: Permission denied; let the user of this process read it"
            ])
    }
}

@Suite struct EnvironmentTests {
    @Test func variablesAndDefaultsAreReplaced() {
        let fixture = Fixture()
        fixture.write(
            "longshore.yaml",
            complete + """
                node:
                  name: ${NAME}
                  cluster: "${REGION:-eu}-${EMPTY:-1}"
                  labels: {a: "$${NAME} costs $5", b: "${EMPTY}", c: '${NAME}${NAME}'}
                limits: {memory: "${MEMORY:-}"}
                """)
        let configuration = fixture.configuration(["NAME": "n1", "EMPTY": ""])
        #expect(configuration?.node.name == "n1")
        #expect(configuration?.node.cluster == "eu-1")
        #expect(configuration?.node.labels == ["a": "${NAME} costs $5", "b": "", "c": "n1n1"])
        #expect(configuration?.limits.memory == 64 << 20)
    }

    /// An accent behind a sign makes one character with it, and is text all the same.
    @Test func accentsBehindTheSignsOfAVariableAreText() {
        let fixture = Fixture()
        let labels = ["a": "${NAME}\u{301}", "b": "$\u{301}{NAME}", "c": "${X:-\u{301}}", "d": "$${\u{301}NAME}"]
        let text = labels.map { "\($0.key): '\($0.value)'" }.joined(separator: ", ")
        fixture.write("longshore.yaml", complete + "node: {labels: {\(text)}}\n")
        #expect(
            fixture.configuration(["NAME": "n1"])?.node.labels == [
                "a": "n1\u{301}", "b": "$\u{301}{NAME}", "c": "\u{301}", "d": "${\u{301}NAME}",
            ])
    }

    @Test func anUnsetVariableIsNamed() {
        let text = "node: {name: \"${X}\", cluster: '${X:-${Y}}', labels: {a: '${1}', b: '${X'}}\nstart: ${S}${T}\n"
        #expect(
            problems(complete + text) == [
                "3:14: error: the environment variable X is not set; "
                    + "set it, or write ${X:-default} (nothing behind the - means the key's own default)",
                "3:31: error: \"${X:-${Y}\" is not understood; write ${X:-default}, without ${ in it",
                "3:57: error: \"${1}\" names no variable; write ${NAME} or ${NAME:-default}",
                "3:68: error: \"${X\" is not closed; write ${NAME} or, for the text, $${",
                "4:8: error: the environment variable S is not set; "
                    + "set it, or write ${S:-default} (nothing behind the - means the key's own default)",
                "4:8: error: the environment variable T is not set; "
                    + "set it, or write ${T:-default} (nothing behind the - means the key's own default)",
            ])
    }

    @Test func anUnsetVariableIsNamedOncePerText() {
        #expect(problems(complete + "start: ${S}${S}${S}\n").count == 1)
    }

    @Test func aValueFromTheEnvironmentNeverBecomesStructure() {
        let fixture = Fixture()
        fixture.write("longshore.yaml", complete + "node:\n  name: ${A}\n  labels:\n    b: ${B}\n    c: ${C}\n")
        let configuration = fixture.configuration(["A": "x, y: [1]", "B": "${A}", "C": "null"])
        #expect(configuration?.node.name == "x, y: [1]")
        #expect(configuration?.node.labels == ["b": "${A}", "c": "null"])
        #expect(
            problems("kafka: {brokers: embedded}\nfiles: ${F}\n", ["F": "[{name: a, paths: [/a]}]"]) == [
                "2:8: error: files: expected a list, got \"${F}\"; "
                    + "write files: [{name: app, paths: [\"/var/log/app/*.log\"]}]"
            ])
    }

    @Test func aVariableOfAScalarThatALaterFileReplacesIsNotNeeded() {
        let fixture = Fixture()
        fixture.write("longshore.yaml", complete + "node:\n  name: ${UNSET}\n")
        fixture.write("conf.d/a.yaml", "node: {name: set}\n")
        #expect(fixture.configuration()?.node.name == "set")
    }
}

@Suite struct EffectiveTextTests {
    /// The text of `configuration`, loaded again.
    private func reloaded(_ configuration: Configuration) -> Configuration? {
        let fixture = Fixture()
        fixture.write("longshore.yaml", ConfigurationLoader.effectiveText(configuration))
        return fixture.configuration()
    }

    @Test(arguments: ["longshore.yaml", "quickstart.yaml"])
    func theShippedFilesLoadAndPrintAsThemselves(name: String) {
        switch ConfigurationLoader.load(path: shipped + "/" + name, environment: [:]) {
        case .refused(let problems): Issue.record("\(problems.map(\.description))")
        case .loaded(let configuration): #expect(reloaded(configuration) == configuration)
        }
    }

    /// Every key is in the reference, and what it shows as a default is the default.
    @Test func theReferenceShowsTheDefaults() {
        let fixture = Fixture()
        fixture.write(
            "longshore.yaml",
            """
            node: {name: n, labels: {idc: sz1, zone: dmz}}
            kafka: {brokers: ["k1:9092", "k2:9092"]}
            files: [{name: nginx, paths: ["/var/log/nginx/*.log"], exclude: ["*.gz"], labels: {team: web}}]
            """)
        let outcome = ConfigurationLoader.load(path: shipped + "/longshore.yaml", environment: ["NODE_NAME": "n"])
        #expect(fixture.configuration().map(ConfigurationOutcome.loaded) == outcome)
    }

    @Test func awkwardValuesSurviveTheRoundTripAndNoPasswordIsPrinted() {
        let fixture = Fixture()
        let password = fixture.write("password", "hunter2 \n".utf8)
        fixture.write(
            "longshore.yaml",
            """
            node: {name: "a\\"b\\\\c", cluster: "$${X} $$ ${E}", labels: {k: "é\u{202E}: [x] # 'y'", n: "null", z: ""}}
            state_directory: "/st ate"
            kafka:
              brokers: ["[::1]:9092"]
              topic: "{labels.k}.{log.declaration}"
              audit_topic: none
              allowed_topics: ["a.*", "[ab]?"]
              compression: none
              linger: 1500us
              tls: {ca: /etc/passwd}
              sasl: {mechanism: PLAIN, username: "u: v", password_file: \(password)}
              librdkafka: {client.id: "x y", socket.timeout.ms: 1000}
            runtimes: {docker: {enabled: true, socket: /d.sock}, cri: {socket: "/c d"}, podman: {enabled: false}, host_root: "/ho st"}
            paths: {allow_mount_sources: [/srv/a, "/b c"], network_volumes: refuse}
            labels: {prefix: a.b, compatible: [x, y.z], directory: d, extensions: e/x, stdout: none, record: [k, k8s.io/l]}
            start: end
            ignore_older: 36h
            files: [{name: "0", paths: ["/a b/*.log", "/**/[#]x"], exclude: ["#*"], labels: {k: "true"}, start: beginning}]
            limits: {memory: 100MB, line: 10000B, line_total: 1GB, deleted_file_hold: 0s, deleted_bytes: 0, drain: 61s}
            checkpoint: {interval: 10ms, fsync: 90s}
            admin: {enabled: false, socket: /s, mode: "0007", group: g}
            metrics: {enabled: false, listen: "[::]:0"}
            log: {level: trace, format: json}
            """)
        guard let configuration = fixture.configuration(["E": "e"]) else { return }
        #expect(configuration.node.cluster == "${X} $$ e")
        #expect(configuration.kafka.sasl?.password.revealed == "hunter2 ")
        #expect(configuration.kafka.securityProtocol == "sasl_ssl")
        #expect(configuration.kafka.auditTopic == nil)
        #expect(configuration.admin.mode == 0o007)
        #expect(reloaded(configuration) == configuration)
        let text = ConfigurationLoader.effectiveText(configuration)
        #expect(text.contains("password_file: \"\(password)\""))
        #expect(!text.contains("hunter2"))
        #expect(!text.unicodeScalars.contains("\u{202E}"))
        var dumped = "\(configuration) \(String(reflecting: configuration))"
        dump(configuration, to: &dumped)
        #expect(!dumped.contains("hunter2"))
    }

    @Test(arguments: [
        ("", "the file is empty; put the password, and nothing else, into the file"),
        ("\n", "the file is empty; put the password, and nothing else, into the file"),
        (
            "hunter2\nhunter3",
            "the file is not one line of UTF-8 text; put the password, and nothing else, into the file"
        ),
        ("hunter2\0", "the file is not one line of UTF-8 text; put the password, and nothing else, into the file"),
    ])
    func aPasswordFileHoldsOneLine(content: String, expected: String) {
        let fixture = Fixture()
        let password = fixture.write("password", content.utf8)
        fixture.write("longshore.yaml", kafka("sasl: {username: u, password_file: \(password)}"))
        #expect(fixture.problems() == ["longshore.yaml:4:38: error: kafka.sasl.password_file: \(expected)"])
    }

    @Test func aPasswordInPlaceOfItsFileIsNotRepeated() {
        #expect(
            problems(kafka("sasl: {username: u, password_file: \"${PASSWORD}\"}"), ["PASSWORD": "hunter2"]) == [
                "4:38: error: kafka.sasl.password_file: not an absolute path; write a path that begins with /"
            ])
        #expect(
            problems(kafka("sasl: {username: u, password_file: /hunter2}")) == [
                "4:38: error: kafka.sasl.password_file: cannot read it: No such file or directory; "
                    + "create it, or name another file"
            ])
    }
}
