// Compose files: services with labels and mounts, variables, aliases, and files made to do harm.
import Configuration
import TestSupport
import Testing

/// A Compose file in a project called `shop`.
private func compose(_ text: String, _ environment: [String: String] = [:]) -> ComposeReading {
    let fixture = Fixture()
    fixture.write("compose.yaml", text)
    return ComposeReader.read(
        path: fixture.directory + "/compose.yaml",
        environment: environment.merging(["COMPOSE_PROJECT_NAME": "shop"]) { mine, _ in mine })
}

extension ComposeReading {
    /// `LINE:COLUMN: message; remedy`
    fileprivate var texts: [String] { problems.map { "\($0.line):\($0.column): \($0.message); \($0.remedy)" } }
}

@Suite struct ComposeTests {
    @Test func aServiceIsReadWithWhatComposeAdds() {
        let reading = compose(
            """
            services:
              web:
                image: nginx:1.25
                container_name: front
                ports: ["80:80"]
                labels:
                  longshore.logs.app.path: /var/log/app/
                  number: 1
                  nothing:
              job:
                build: .
                labels: ["a=b=c", "flag"]
            """)
        #expect(reading.problems == [])
        #expect(reading.services.map(\.name) == ["web", "job"])
        #expect(reading.services.map(\.containerName) == ["front", "shop-job-1"])
        #expect(reading.services.map(\.image) == ["nginx:1.25", "shop-job"])
        #expect(
            reading.services.map(\.labels) == [
                [
                    "longshore.logs.app.path": "/var/log/app/", "number": "1", "nothing": "",
                    "com.docker.compose.project": "shop", "com.docker.compose.service": "web",
                ],
                ["a": "b=c", "flag": "", "com.docker.compose.project": "shop", "com.docker.compose.service": "job"],
            ])
        #expect(reading.services.map(\.position.line) == [2, 10])
    }

    @Test func mountsOfEveryForm() {
        let fixture = Fixture()
        fixture.write(
            "compose.yaml",
            """
            services:
              a:
                volumes:
                  - /srv/x:/x
                  - ./logs:/logs:ro
                  - ../up/./y/:/y
                  - ~/home:/home
                  - data:/data
                  - named:/named
                  - outside:/outside
                  - /anonymous
                  - {type: bind, source: rel, target: /rel}
                  - {type: volume, source: data, target: /data2, read_only: true}
                  - {type: tmpfs, target: /t1}
                  - {type: npipe, source: x, target: /no}
                tmpfs: ["/t2:size=1m", /t3]
              b: {tmpfs: /t4}
            volumes: {data: , named: {name: other}, outside: {external: true}}
            """)
        let reading = ComposeReader.read(
            path: fixture.directory + "/compose.yaml", environment: ["COMPOSE_PROJECT_NAME": "p", "HOME": "/root"])
        #expect(reading.problems == [])
        #expect(
            reading.services.first?.mounts.map { "\($0.kind) \($0.source) \($0.destination)" } == [
                "bind /srv/x /x", "bind \(fixture.directory)/logs /logs", "bind /tmp/up/y /y", "bind /root/home /home",
                "volume p_data /data", "volume other /named", "volume outside /outside", "volume  /anonymous",
                "bind \(fixture.directory)/rel /rel", "volume p_data /data2", "tmpfs  /t1", "tmpfs  /t2", "tmpfs  /t3",
            ])
        #expect(reading.services.last?.mounts == [ComposeMount(kind: .tmpfs, source: "", destination: "/t4")])
    }

    @Test func theProjectIsNamedByTheEnvironmentTheFileOrTheDirectory() {
        let text = "name: From-${X:-File}\nservices: {a: {image: i}}\n"
        #expect(compose(text).services.first?.containerName == "shop-a-1")
        #expect(compose(text, ["COMPOSE_PROJECT_NAME": "_My Shop"]).services.first?.containerName == "myshop-a-1")
        let fixture = Fixture()
        fixture.write("compose.yaml", text)
        let read = { ComposeReader.read(path: fixture.directory + "/compose.yaml", environment: [:]) }
        #expect(read().services.first?.containerName == "from-file-a-1")
        fixture.write("compose.yaml", "services: {a: {image: i}}\n")
        let directory = fixture.directory.split(separator: "/").last!.lowercased()
        #expect(read().services.first?.containerName == "\(directory)-a-1")
    }

    @Test(arguments: [
        ("$X", "x"), ("a${X}b", "axb"), ("${X:-d}", "x"), ("${NO:-d}", "d"), ("${EMPTY:-d}", "d"), ("${EMPTY-d}", ""),
        ("${NO-d}", "d"), ("${X:+y}", "y"), ("${NO+y}", ""), ("${X?must}", "x"), ("$$X $${X}", "$X ${X}"),
        ("$X.$X", "x.x"),
    ])
    func variablesAreReplaced(text: String, value: String) {
        let reading = compose("services: {a: {labels: {k: '\(text)'}}}\n", ["X": "x", "EMPTY": ""])
        #expect(reading.problems == [])
        #expect(reading.services.first?.labels["k"] == value)
    }

    @Test(arguments: [
        ("$NO", "the variable \"NO\" is not set: taken as empty; set it, or write ${NO:-}"),
        ("${NO:?tell me}", "the variable \"NO\" is needed: \"tell me\"; set it"),
        ("${X", "${ is not closed; write ${NAME}, or $$ for a $"), ("5$", "a $ without a name; write $$ for a $"),
        ("${}", "\"${}\" is not understood; write ${NAME} or ${NAME:-default}"),
        ("${X:}", "\"${X:}\" is not understood; write ${NAME} or ${NAME:-default}"),
        ("${X!a}", "\"${X!a}\" is not understood; write ${NAME} or ${NAME:-default}"),
    ])
    func badVariablesAreProblemsAtTheirPlace(text: String, expected: String) {
        let reading = compose("services: {a: {labels: {k: '\(text)'}}}\n", ["X": "x"])
        #expect(reading.texts == ["1:28: \(expected)"])
        #expect(reading.services.count == 1)
    }

    @Test func dotEnvGivesWhatTheEnvironmentDoesNot() {
        let fixture = Fixture()
        fixture.write("compose.yaml", "services: {a: {image: \"$A-$B-$C-$D\"}}\n")
        fixture.write(".env", "# no\nA=file\nexport B=\"b b\"\nC='c'  \nD=d\n=x\nnothing\n")
        let reading = ComposeReader.read(path: fixture.directory + "/compose.yaml", environment: ["A": "env"])
        #expect(reading.services.first?.image == "env-b b-c-d")
        #expect(reading.problems == [])
    }

    @Test func aliasesAndMergesAreFollowed() {
        let reading = compose(
            """
            x-labels: &labels {team: shop, kind: a}
            x-more: &more {kind: b, extra: c}
            x-volumes: &volumes [/srv:/srv]
            services:
              a: &a
                image: &image nginx
                labels: {<<: [*labels, *more], team: own}
                volumes: *volumes
              b:
                <<: *a
                image: *image
                labels: !override {<<: *more}
            """)
        #expect(reading.problems == [])
        #expect(reading.services.map(\.image) == ["nginx", "nginx"])
        let labels = reading.services.map { $0.labels.filter { !$0.key.hasPrefix("com.") } }
        #expect(labels == [["team": "own", "kind": "a", "extra": "c"], ["kind": "b", "extra": "c"]])
        #expect(reading.services.map(\.mounts.count) == [1, 1])
    }

    @Test(arguments: [
        ("", "1:1: there are no services; write services: and the services below it"),
        ("services: []", "1:11: there are no services; write services: and the services below it"),
        (
            "services: {a: x}",
            "1:15: services.a: expected a mapping, got \"x\"; "
                + "write image: and what else the service needs below it"
        ),
        ("services: {a: {image: [x]}}", "1:23: expected a text, got a list; write one value"),
        ("services: {a: {labels: x}}", "1:24: labels: expected a mapping, got \"x\"; write key: value"),
        ("services: {a: {volumes: x}}", "1:25: volumes: expected a list, got \"x\"; write - ./logs:/var/log/app"),
        ("services: {a: {volumes: [x]}}", "1:26: \"x\" is no volume; write SOURCE:/path/in/container"),
        (
            "services: {a: {volumes: [{type: bind}]}}",
            "1:26: a volume without a target; write target: /path/in/container"
        ),
        ("services: {a: {image: *no}}", "1:23: there is no anchor &no before this; write the value out"),
        ("services: {a: &a {x: *a}}", "1:22: there is no anchor &a before this; write the value out"),
        ("services: {a: {<<: x}}", "1:20: << takes mappings, got \"x\"; write <<: *name of a mapping"),
        (
            "services: {a: {extends: b}}",
            "1:25: extends is not followed; "
                + "labels and volumes of the other service are missing here"
        ),
        ("services: {a: 'b", "1:15: the quoted text that begins here never ends; close the quote"),
    ])
    func whatIsWrongIsToldAtItsPlace(text: String, expected: String) {
        #expect(compose(text + "\n").texts == [expected])
    }

    @Test func aMissingFileSaysSo() {
        let reading = ComposeReader.read(path: "/nonexistent/compose.yaml", environment: [:])
        #expect(
            reading.texts == ["1:1: cannot read it: No such file or directory; create it, or name another file"])
    }
}

@Suite struct HostileComposeTests {
    @Test func aliasesOfAliasesDoNotGrowWithoutEnd() {
        var text = "a0: &a0 [\(Array(repeating: "lol", count: 9).joined(separator: ","))]\n"
        for level in 1..<30 {
            text += "a\(level): &a\(level) [\(Array(repeating: "*a\(level - 1)", count: 9).joined(separator: ","))]\n"
        }
        let reading = compose(text + "services: {a: {image: *a29}}\n")
        #expect(reading.texts.contains { $0.hasSuffix("too much text comes from aliases; write a smaller file") })
    }

    @Test func aLongTextIsNotMultiplied() {
        let long = String(repeating: "$X", count: 20_000)
        let aliases = Array(repeating: "*l", count: 100).joined(separator: ",")
        let reading = compose("l: &l '\(long)'\nservices: {a: {labels: [\(aliases)]}}\n", ["X": "x"])
        #expect(reading.texts.contains { $0.hasSuffix("too much text comes from aliases; write a smaller file") })
        let blown = compose("services: {a: {image: '\(long)'}}\n", ["X": String(repeating: "x", count: 1000)])
        #expect(blown.texts == ["1:23: the text becomes too long; write less"])
    }

    /// Of many texts each is short enough, and all together would take gigabytes.
    @Test func manyLongTextsAreBoundedTogether() {
        let label = "'\(String(repeating: "$X", count: 16))'"
        let labels = Array(repeating: label, count: 20_000).enumerated().map { "k\($0.offset): \($0.element)" }
        let reading = compose(
            "services: {a: {labels: {\(labels.joined(separator: ", "))}}}\n",
            ["X": String(repeating: "x", count: 60_000)])
        let size = reading.services[0].labels.reduce(0) { $0 + $1.value.utf8.count }
        #expect(3 << 20...6 << 20 ~= size)
        #expect(reading.problems.allSatisfy { $0.message == "the text becomes too long" })
    }

    @Test func depthIsBoundedThroughAliases() {
        let deep = String(repeating: "[", count: 40) + String(repeating: "]", count: 40)
        let reading = compose(
            "d: &d \(deep)\ne: \(String(repeating: "[", count: 40))*d\(String(repeating: "]", count: 40))\n")
        #expect(reading.texts.contains { $0.contains("more than 64 levels of nesting with *d") })
    }

    @Test func aHugeFileIsRefused() {
        let reading = compose(String(repeating: "#", count: (1 << 20) + 1))
        #expect(reading.texts == ["1:1: the file is larger than 1MiB; name another file, or split it"])
    }

    @Test func aDamagedFileNeverTraps() {
        let text = """
            x: &x {a: b, c: [d]}
            services:
              web: {image: "i:${V:-1}", labels: {<<: *x, longshore.logs.a: /a}, volumes: ["./l:/l", {target: /x}]}
              two: {labels: ["k=v"], tmpfs: /t, container_name: $NAME}
            volumes: {v: {external: true}}
            """
        let seed = UInt64.random(in: .min ... .max)
        var generator = SeededGenerator(seed: seed)
        let fixture = Fixture()
        var good = 0
        for round in 0..<2000 {
            var bytes = Array(text.utf8)
            MutationTests.damage(&bytes, &generator)
            fixture.write("compose.yaml", bytes)
            let reading = ComposeReader.read(path: fixture.directory + "/compose.yaml", environment: [:])
            if !reading.services.isEmpty { good += 1 }
            #expect(
                reading.problems.allSatisfy { $0.line >= 1 && $0.column >= 1 }, "seed \(seed), round \(round)")
        }
        #expect(good > 100, "seed \(seed): \(good) of 2000 could be read, the damage tests nothing")
    }
}
