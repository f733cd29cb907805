// Labels, names and file names made to flood the daemon or to take over the terminal of whoever looks.
import Core
import TestSupport
import Testing

extension ContainerScenarios.Hostile {
    @Test("10,000 labels and labels of 1 MiB on one container: bounded, and the neighbour's logs go on")
    func hugeLabels() async throws {
        let huge = String(repeating: "x", count: 1 << 20)
        var labels = [
            "app": huge, "com.docker.compose.service": huge, "longshore.logs.a": "/data/*.log",
            "longshore.logs.b.path": "/data/" + huge, "longshore.logs.c.topic": huge,
            "longshore.logs.d.labels": "k=\(huge)", "longshore.logs.d.path": "/none/*.log", huge: "1",
            "longshore.logs.\(huge).path": "/data/*.log", "longshore.logs.e.include": huge,
        ]
        for index in 0..<10_000 { labels["longshore.logs.n\(index).path"] = "/data/n\(index)/*.log" }
        try await stage.start("many", "echo many >/data/a.log", labels: labels, mounts: ["many:/data"])
        try await stage.start(
            "few", "echo few >/data/a.log", labels: ["longshore.logs.app": "/data/*.log"], mounts: ["few:/data"])
        try await stage.expect(["few"], of: "few")
        try await stage.expect(["many"], of: "many")
        let record = try #require(stage.records(of: "many").first)
        #expect(record.byteCount < 16_384, "a label of 1 MiB is no part of every record")
        let explained = try #require(try await stage.explained("many"))
        #expect(explained["declarations"]?.array?.count ?? .max <= 128)
        #expect(explained["problems"]?.array?.isEmpty == false)
        #expect("\(explained)".utf8.count < 1 << 20, "explain shows the beginning of what is long")
        for name in ["b", "c"] { try await stage.wait(for: "bad value", of: "many", name) }
        try await stage.remove("many")
        try await stage.execute("few", "echo more >>/data/a.log")
        try await stage.expect(["few", "more"], of: "few")
        try await stage.remove("few")
    }

    @Test("control characters and terminal escapes in labels, names and paths never reach the terminal or the log")
    func terminalEscapes() async throws {
        let evil = "\u{1b}[31mred\u{7}\u{9b}2J\r\n\u{202e}\u{8}end"
        let script = """
            cd /data; echo 1 >"$(printf 'e\\033[2Jvil.log')"; echo 2 >"$(printf 'new\\nline.log')"
            echo 3 >"$(printf 'bad\\377\\233.log')"; mkdir "$(printf 'd\\033]0;title\\007')"; mkfifo "$(printf 'f\\033c.log')"
            echo 4 >"$(printf 'd\\033]0;title\\007/x.log')"; ln -s /proc/1/"$(printf '\\033[1m')" "$(printf 'l\\033.log')"
            """
        let evilLabels = [
            "longshore.logs.app": "/data/*.log,/data/*/*.log", "longshore.logs.\(evil).path": "/x", "app": evil,
            "longshore.logs.bad.path": "/data/\(evil)", "longshore.logs.bad.\(evil)": evil,
            "longshore.logs.topic.topic": evil, "longshore.logs.topic.path": "/none/*.log",
            "longshore.logs.\(evil)": "/x",
            "com.docker.compose.service": evil + "\0", "longshore.logs.topic.labels": "k=\(evil),\(evil)=v",
            "longshore.log.\(evil)": evil, "longshore.logs.topic.start": evil, "longshore.logs.topic.exclude": evil,
        ]
        try await stage.start("escapes", script, labels: evilLabels, mounts: ["\(try stage.bind("escapes")):/data"])
        try await stage.expect(["1", "2", "3", "4"], of: "escapes")
        let paths = Set(stage.records(of: "escapes").map(\.path))
        #expect(
            paths == [
                "/data/e\u{1b}[2Jvil.log", "/data/new\nline.log", "/data/bad\\xff\\x9b.log",
                "/data/d\u{1b}]0;title\u{7}/x.log",
            ])
        for arguments in [["explain"], ["explain", "escapes"], ["explain", "escapes", "--json"], ["status"]] {
            let (_, output, error) = try await runLongshore(arguments + ["--config", stage.daemon.configurationPath])
            for text in [output, error] { expectPrintable(text, "\(arguments)") }
            #expect(output.contains("escapes") || arguments == ["status"], "\(output)")
            #expect(output.contains("1b"), "what was escaped is shown as such: \(output)")
        }
        expectPrintable(stage.daemon.process.standardError, "the daemon's log")
        try await stage.remove("escapes")
    }

    /// No C0 or C1 control character but newline, no direction override.
    private func expectPrintable(_ text: String, _ what: String) {
        // As numbers: what fails must not do to this terminal what it is about.
        var bad: Set<UInt32> = []
        for scalar in text.unicodeScalars where scalar != "\n" {
            let isControl = scalar.value < 0x20 || (0x7F..<0xA0).contains(scalar.value)
            if isControl || scalar.value == 0x202E { bad.insert(scalar.value) }
        }
        #expect(bad.isEmpty, "\(what)")
    }
}
