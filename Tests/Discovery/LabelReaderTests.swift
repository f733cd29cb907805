// What labels mean: the keys of the contract, the platform's pair, log-pilot's shape.
import Discovery
import Testing

/// The reading with everything switched on.
func read(_ labels: [String: String]) -> LabelReading {
    var options = LabelOptions()
    options.compatible = ["aliyun.logs"]
    options.directory = "com.example.logdir"
    options.extensions = "com.example.logext"
    return LabelReader(options).read(labels)
}

/// The only declaration of labels without problems.
private func declaration(
    _ labels: [String: String], sourceLocation: SourceLocation = #_sourceLocation
) throws -> LabelDeclaration {
    let reading = read(labels)
    #expect(reading.problems.isEmpty, sourceLocation: sourceLocation)
    try #require(reading.declarations.count == 1, sourceLocation: sourceLocation)
    return reading.declarations[0]
}

extension LabelReading {
    /// `key: message; remedy`, with `!` before fatal ones.
    var texts: [String] { problems.map { ($0.isFatal ? "!" : "") + "\($0.key): \($0.message); \($0.remedy)" } }
}

@Suite struct LabelKeyTests {
    /// Two spellings of one text are two files.
    @Test func pathsAreComparedByTheirBytes() throws {
        let (composed, apart) = ("/log/\u{E9}.log", "/log/e\u{301}.log")
        let found = try declaration(["longshore.logs.app.path": "\(composed),\(apart),\(composed)"])
        let expected = [composed, composed + "/*.log", apart, apart + "/*.log"]
        #expect(found.paths.map { Array($0.utf8) } == expected.map { Array($0.utf8) })
    }

    @Test func everyKeyOfADeclarationIsRead() throws {
        let labels = [
            "longshore.logs.app.path": "/var/log/app/, /srv/x.log", "longshore.logs.app.include": "*.log, *.out",
            "longshore.logs.app.exclude": "*.gz,/srv/*/y", "longshore.logs.app.topic": " team.a ",
            "longshore.logs.app.start": "end", "longshore.logs.app.labels": "team=a, b = c=d ,e=",
            "longshore.logs.app.enabled": "true", "foreign": "x", "com.docker.compose.service": "longshore",
        ]
        let found = try declaration(labels)
        #expect(found.name == "app")
        #expect(
            found.paths == [
                "/var/log/app/*.log", "/var/log/app/*.out", "/srv/x.log", "/srv/x.log/*.log", "/srv/x.log/*.out",
            ])
        #expect(found.exclude == ["*.gz", "/srv/*/y"])
        #expect(found.topic == "team.a")
        #expect(found.start == .end)
        #expect(found.labels == ["team": "a", "b": "c=d", "e": ""])
        #expect(found.isEnabled && !found.isStdout)
        #expect(found.keys == labels.keys.filter { $0.hasPrefix("longshore") }.sorted())
    }

    @Test(arguments: [
        ("/var/log", ["/var/log", "/var/log/*.log"]), ("/var/log/", ["/var/log/*.log"]),
        ("/var/log/.", ["/var/log/*.log"]), ("//var/./log//", ["/var/log/*.log"]), ("/", ["/*.log"]),
        ("/var/log/*.txt", ["/var/log/*.txt"]), ("/var/log/**", ["/var/log/**"]), ("/var/*/", ["/var/*/*.log"]),
        ("/var/*/app", ["/var/*/app", "/var/*/app/*.log"]), ("/var/log/**/", ["/var/log/**/*.log"]),
        ("/a b/c,/a b/c", ["/a b/c", "/a b/c/*.log"]), ("/l[o]g", ["/l[o]g"]), ("/...", ["/...", "/.../*.log"]),
    ])
    func theFormOfAPathTellsWhatItIs(path: String, patterns: [String]) throws {
        #expect(try declaration(["longshore.logs.app": path]).paths == patterns)
        #expect(try declaration(["longshore.logs.app.path": path]).paths == patterns)
    }

    @Test func includeMayReachIntoDirectories() throws {
        let labels = ["longshore.logs.app": "/var/log/", "longshore.logs.app.include": "**/*.log,sub/a?"]
        #expect(try declaration(labels).paths == ["/var/log/**/*.log", "/var/log/sub/a?"])
    }

    @Test func emptyValuesCountAsLeftOutButForThePath() throws {
        let found = try declaration([
            "longshore.logs.a": "", "longshore.logs.a.path": "/a/", "longshore.logs.a.include": "",
            "longshore.logs.a.exclude": " ", "longshore.logs.a.topic": "", "longshore.logs.a.start": "",
            "longshore.logs.a.labels": ",", "longshore.logs.a.enabled": "", "longshore.logs.a.multiline": "",
        ])
        #expect(found.paths == ["/a/*.log"])
        #expect(found.exclude.isEmpty && found.topic == nil && found.start == nil && found.labels.isEmpty)
        let reading = read(["longshore.logs.a": ""])
        #expect(reading.declarations.isEmpty)
        #expect(
            reading.texts == [
                "!longshore.logs.a: the path is empty; write a path in the container such as /var/log/app/*.log"
            ])
    }

    @Test func anotherPrefixIsReadAndTheDefaultThenMeansNothing() {
        var options = LabelOptions()
        options.prefix = "com.acme.logs"
        let labels = ["com.acme.logs.a": "/a", "longshore.logs.b": "/b", "com.acme.team": "x"]
        let reading = LabelReader(options).read(labels)
        #expect(reading.declarations.map(\.name) == ["a"])
        #expect(reading.problems.isEmpty)
    }

    @Test func declarationsAreSortedAndOneThatIsOffIsToldSo() {
        let reading = read([
            "longshore.logs.b": "/b", "longshore.logs.a": "/a", "longshore.logs.a.enabled": "false",
            "longshore.logs.c.enabled": "false",
        ])
        #expect(reading.declarations.map(\.name) == ["a", "b"])
        #expect(reading.declarations.map(\.isEnabled) == [false, true])
        #expect(reading.problems.isEmpty)
    }

    @Test func keysThatComeLaterAreProblemsUnlessTheyChangeNothing() {
        let neutral = read([
            "longshore.logs.a": "/a", "longshore.logs.a.format": "plain", "longshore.logs.a.charset": "UTF-8",
        ])
        #expect(neutral.problems.isEmpty)
        let reading = read([
            "longshore.logs.a": "/a", "longshore.logs.a.format": "json", "longshore.logs.a.multiline": "java",
        ])
        #expect(reading.declarations.map(\.paths) == [["/a", "/a/*.log"]])
        #expect(
            reading.texts == [
                "longshore.logs.a.format: format is not available yet; leave it out, or write plain",
                "longshore.logs.a.multiline: multiline is not available yet; leave it out",
            ])
    }

    @Test func stdoutIsADeclarationOfItsOwn() {
        let reading = read(["longshore.logs.a": "stdout", "longshore.logs.b": "stdout,/b/"])
        #expect(reading.declarations.map(\.isStdout) == [true, false])
        #expect(reading.declarations.map(\.paths) == [[], ["/b/*.log"]])
        #expect(
            reading.texts == [
                "longshore.logs.b: stdout stands among paths; give stdout a declaration of its own"
            ])
    }
}

@Suite struct LabelPlatformTests {
    @Test(arguments: [
        (".log;out", ["/a/*.log", "/a/*.out"]), ("log,.txt", ["/a/*.log", "/a/*.txt"]), ("*.log", ["/a/*.log"]),
        ("*", ["/a/*"]), ("", ["/a/*.log"]), ("tar.gz", ["/a/*.tar.gz"]),
    ])
    func extensionsAreReadWithOrWithoutADot(extensions: String, patterns: [String]) throws {
        let found = try declaration(["com.example.logdir": "/a", "com.example.logext": extensions])
        #expect(found.paths == patterns)
        #expect(found.name == "logdir")
    }

    @Test func severalDirectoriesAreOneDeclaration() throws {
        let found = try declaration(["com.example.logdir": "/a/;/b; "])
        #expect(found.paths == ["/a/*.log", "/b/*.log"])
        #expect(found.keys == ["com.example.logdir"])
    }

    @Test func theNameGivesWayToADeclaredOne() {
        let reading = read(["com.example.logdir": "/a", "longshore.logs.logdir": "/b", "longshore.logs.logdir-2": "/c"])
        #expect(reading.declarations.map(\.name) == ["logdir", "logdir-2", "logdir-3"])
        #expect(reading.declarations.last?.paths == ["/a/*.log"])
    }

    @Test func badOnesAreProblems() {
        #expect(
            read(["com.example.logdir": "logs;/ok", "com.example.logext": "a/b;[;log"]).texts == [
                "com.example.logext: \"a/b\" is no extension of a file; write for example .log;out",
                "com.example.logext: \"[\" is no extension of a file; write for example .log;out",
                "com.example.logdir: \"logs\" is not absolute; write a path in the container that begins with /",
            ])
        #expect(
            read(["com.example.logext": "log"]).texts == [
                "com.example.logext: extensions of files, but no directory; add the label com.example.logdir"
            ])
        #expect(read(["com.example.logdir": "stdout"]).problems.map(\.isFatal) == [true])
    }

    @Test func aKeyBelowThePrefixIsThePlatformsAllTheSame() {
        var options = LabelOptions()
        options.directory = "longshore.logs.dir"
        let reading = LabelReader(options).read(["longshore.logs.dir": "/a"])
        #expect(reading.declarations.map(\.name) == ["logdir"])
    }
}

@Suite struct LogPilotTests {
    @Test func itsLabelsMeanWhatTheyMeantThere() throws {
        let found = try declaration([
            "aliyun.logs.catalina": "/usr/local/tomcat/logs/catalina.*.log", "aliyun.logs.catalina.tags": "k=v,k2=v2",
            "aliyun.logs.catalina.target": "tomcat", "aliyun.logs.catalina.format": "none",
        ])
        #expect(found.name == "catalina")
        #expect(found.paths == ["/usr/local/tomcat/logs/catalina.*.log"])
        #expect(found.labels == ["k": "v", "k2": "v2"])
        #expect(found.topic == "tomcat")
    }

    @Test func theyMeanNothingUnlessSwitchedOn() {
        let reading = LabelReader(LabelOptions()).read(["aliyun.logs.a": "/a"])
        #expect(reading.declarations.isEmpty && reading.problems.isEmpty)
    }

    @Test func itsNamesAreMadeLegalAndItsOtherKeysAreUnknown() {
        let reading = read([
            "aliyun.logs.Access": "/a", "aliyun.logs.my.app": "/b", "aliyun.logs.c": "/c",
            "aliyun.logs.c.format": "json", "aliyun.logs.c.path": "/d", "aliyun.logs.s": "stdout",
        ])
        #expect(reading.declarations.map(\.name) == ["access", "c", "s"])
        #expect(
            reading.texts == [
                "aliyun.logs.Access: \"Access\" is no name of a declaration: it is called \"access\"; "
                    + "write a name of 1 to 32 of a-z, 0-9, _ and -",
                "aliyun.logs.c.format: format is not available yet; leave it out, or write plain",
                "aliyun.logs.c.path: unknown key \".path\"; write one of .format, .tags, .target",
                "aliyun.logs.my.app: unknown key \".app\"; write one of .format, .tags, .target",
                "!aliyun.logs.my.app: the declaration has no path; write aliyun.logs.my: /var/log/app/*.log",
            ])
    }

    @Test func ourDeclarationWinsOverOneOfTheSameName() {
        let reading = read(["aliyun.logs.app": "/a", "longshore.logs.app": "/b"])
        #expect(reading.declarations.map(\.paths) == [["/b", "/b/*.log"]])
        #expect(
            reading.texts == [
                "aliyun.logs.app: \"app\" is declared by \"longshore.logs.app\" already, which is what is followed; "
                    + "remove one of the two, or give it another name"
            ])
    }
}
