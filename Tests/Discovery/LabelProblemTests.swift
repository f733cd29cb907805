// Labels that are wrong: what is said about them, and that neighbours do not suffer.
import Discovery
import Testing

@Suite struct LabelProblemTests {
    @Test(arguments: [
        (
            "longshore.logs.app.pth", "/a",
            "longshore.logs.app.pth: unknown key \".pth\"; did you mean longshore.logs.app.path?"
        ),
        (
            "longshore.logs.app.", "/a",
            "longshore.logs.app.: unknown key \".\"; write one of .path, .include, .exclude, .topic, .start, .labels, "
                + ".enabled, .container, .charset, .format, .json_level, .json_message, .json_time, .multiline, "
                + ".timestamp, .timezone"
        ),
        ("longshore.log.app", "/a", "longshore.log.app: this label is unknown; did you mean longshore.logs.app?"),
        (
            "longshor.logs.x.path", "/a",
            "longshor.logs.x.path: this label is unknown; did you mean longshore.logs.x.path?"
        ),
        ("Longshore.logs.x", "/a", "Longshore.logs.x: this label is unknown; did you mean longshore.logs.x?"),
        ("longshore-logs.x", "/a", "longshore-logs.x: this label is unknown; did you mean longshore.logs.x?"),
        (
            "longshore.logs/x", "/a",
            "longshore.logs/x: this label is unknown; did you mean longshore.logs.NAME.path?"
        ),
        ("longshore.logs", "/a", "longshore.logs: this label is unknown; write longshore.logs.NAME.path"),
        ("aliyn.logs.x", "/a", "aliyn.logs.x: this label is unknown; did you mean aliyun.logs.x?"),
        (
            "longshore.logs.ok.start", "begining",
            "longshore.logs.ok.start: neither beginning nor end; did you mean beginning?"
        ),
        (
            "longshore.logs.ok.enabled", "no",
            "longshore.logs.ok.enabled: neither true nor false: taken as true; write \"true\" or \"false\""
        ),
        (
            "longshore.logs.ok.labels", "a=1,b,c d=2,a=3",
            "longshore.logs.ok.labels: \"b\" has no =; write key=value,key2=value2"
        ),
        (
            "longshore.logs.ok.include", "/x",
            "longshore.logs.ok.include: \"/x\" begins with /; write a file name's pattern such as *.log, "
                + "or add it to .path"
        ),
        (
            "longshore.logs.ok.exclude", "a/b",
            "longshore.logs.ok.exclude: \"a/b\" has a / in the middle; write a file name's pattern such as *.gz, "
                + "or a whole path"
        ),
        (
            "longshore.logs.ok.path", "/other",
            "longshore.logs.ok: longshore.logs.ok.path says another path, which is what is followed; "
                + "remove one of the two"
        ),
    ])
    func aProblemSaysWhatToWriteAndStopsNothing(key: String, value: String, text: String) {
        let reading = read([key: value, "longshore.logs.ok": "/ok", "longshore.logs.too": "/too/"])
        #expect(reading.texts.first == text)
        #expect(reading.declarations.map(\.name) == ["ok", "too"])
        #expect(reading.declarations.allSatisfy { !$0.paths.isEmpty })
    }

    @Test(arguments: [
        "longshore", "logs.app", "com.docker.compose.project", "longshoreman.app", "shore.logs.app", "app.logs.path",
        "longshore.logsapp", "org.opencontainers.image.title", "", ".", "..", "longshoe.lgz.x",
    ])
    func foreignLabelsAreNobodysProblem(key: String) {
        #expect(read([key: "/a"]).texts == [])
    }

    @Test(arguments: ["App", "my app", "ümlaut", "this-name-has-more-than-32-letters", "", "a/b", "\u{301}"])
    func aBadNameIsFatalForItself(name: String) {
        let reading = read(["longshore.logs.\(name).path": "/a", "longshore.logs.ok": "/ok"])
        #expect(reading.declarations.map(\.name) == ["ok"])
        #expect(reading.problems.map(\.isFatal) == [true])
    }

    @Test(arguments: [
        ("relative/x.log", "\"relative/x.log\" is not absolute"),
        ("/a/../../etc/shadow", "\"/a/../../etc/shadow\" holds .."), ("/..", "\"/..\" holds .."),
        ("/var/\u{301}/../x", "\"/var/\u{301}/../x\" holds .."), ("/a\0b", "a path holds a control character"),
        ("/a\u{1B}[31m", "a path holds a control character"), ("/a\u{9B}31m", "a path holds a control character"),
        ("/a\nb", "a path holds a control character"), ("/a/[x.log", "[ in \"[x.log\" is never closed"),
        ("/a/x**", "** in \"x**\" is not a whole component"), ("/a/{x}", "{ in \"{x}\": there are no alternatives"),
        ("/" + String(repeating: "a/", count: 2048), "a path has more than 4096 bytes"),
    ])
    func aBadPathIsFatalUnlessAnotherIsGood(path: String, message: String) {
        let alone = read(["longshore.logs.a": path, "longshore.logs.ok": "/ok"])
        #expect(alone.problems.map(\.message) == [message])
        #expect(alone.problems.map(\.isFatal) == [true])
        #expect(alone.declarations.map(\.name) == ["ok"])
        let beside = read(["longshore.logs.a": path + ",/good/"])
        #expect(beside.problems.map(\.isFatal) == [false])
        #expect(beside.declarations.map(\.paths) == [["/good/*.log"]])
    }

    @Test func badIncludesGiveWayToTheDefault() {
        let reading = read(["longshore.logs.a": "/a/", "longshore.logs.a.include": "[,../x,\u{7}"])
        #expect(reading.problems.count == 3)
        #expect(reading.declarations.map(\.paths) == [["/a/*.log"]])
    }

    @Test func includeBesideAPatternDoesNothingAndThatIsSaid() {
        let reading = read(["longshore.logs.a": "/a/*.txt", "longshore.logs.a.include": "*.log"])
        #expect(reading.problems.map(\.message) == ["include does nothing: the path is a pattern of files"])
    }

    @Test func aValueIsNoTemplate() {
        let braces = read(["longshore.logs.a": "/x/{container.name}", "longshore.logs.b": "/${HOME}/x"])
        #expect(braces.declarations.isEmpty, "a brace is no part of a pattern")
        #expect(braces.problems.map(\.isFatal) == [true, true])
        let plain = read(["longshore.logs.b": "/$(id)/%s", "longshore.logs.b.labels": "x=${PASSWORD}"])
        #expect(plain.declarations.first?.paths.first == "/$(id)/%s")
        #expect(plain.declarations.first?.labels == ["x": "${PASSWORD}"])
    }

    @Test func labelsOfRecordsAreBounded() {
        let many = (0..<100).map { "k\($0)=v" }.joined(separator: ",")
        let reading = read([
            "longshore.logs.a": "/a", "longshore.logs.a.labels": many, "longshore.logs.b": "/b",
            "longshore.logs.b.labels": "a=\u{1B}[2J,b=\(String(repeating: "x", count: 1025)),a b=1,k=1,k=2",
        ])
        #expect(reading.declarations[0].labels.count == 32)
        #expect(reading.declarations[1].labels == ["k": "1"])
        #expect(reading.problems.count == 5)
    }
}
