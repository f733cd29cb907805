// The entries of files: names, paths, patterns, labels.
import Configuration
import Testing

@Suite struct FilesTests {
    @Test(arguments: [
        ("var/log/a", "\"var/log/a\" is not absolute; write a path that begins with /"),
        ("/var/log/", "\"/var/log/\" names a directory; write the files in it: /var/log/*.log"),
        ("/a/../b", "\"/a/../b\" holds an empty name, . or ..; write the path without //, /./ and /../"),
        ("/a//b", "\"/a//b\" holds an empty name, . or ..; write the path without //, /./ and /../"),
        ("/a/**b", "** in \"**b\" is not a whole component; write * here, or ** between two slashes: /**/"),
        ("/a/[x", "[ in \"[x\" is never closed; close it with ], or write [[] for a literal ["),
        ("/a/[]", "[ in \"[]\" is never closed; close it with ], or write [[] for a literal ["),
        ("/a/[z-a]", "a range in \"[z-a]\" runs backwards; write the lower end first: [0-9]"),
        ("/a/{b,c}", "{ in \"{b,c}\": there are no alternatives; write two patterns, or [{] for a literal {"),
        ("/a\\b", "\\ in \"a\\b\" escapes nothing here; write [*] for a literal *, [\\] for \\"),
        (
            "/var/lib/longshore/x",
            "\"/var/lib/longshore/x\" lies in state_directory, the daemon's own files; "
                + "write a path outside of /var/lib/longshore"
        ),
    ])
    func badPathsAreRefusedAtTheirItem(path: String, expected: String) {
        let text = "kafka: {brokers: embedded}\nfiles:\n  - name: a\n    paths:\n      - /ok.log\n      - '\(path)'\n"
        #expect(problems(text) == ["6:9: error: files[].paths: \(expected)"])
    }

    @Test(arguments: [
        "/var/log/*.log", "/var/log/**/*.log", "/var/log/**", "/a?[0-9][!a-c][]x][^]]/b", "/var/lib/longshore.log",
        "/var/log/ü b.log", "/a[*]b/[\\]x",
    ])
    func goodPathsPass(path: String) {
        let fixture = Fixture()
        fixture.write(
            "longshore.yaml", "kafka: {brokers: embedded}\nfiles:\n  - name: a\n    paths: ['\(path)']\n")
        #expect(fixture.configuration()?.files.first?.paths == [path])
    }

    /// Names are what lies between the bytes of slashes, whatever characters the slashes are part of.
    @Test(arguments: [
        ("/a\u{600}/../b", "holds an empty name, . or .."), ("/a//\u{301}b", "holds an empty name, . or .."),
        ("/a/.\u{600}/../b", "holds an empty name, . or .."),
        ("/var/lib/longshore/\u{301}x", "lies in state_directory, the daemon's own files"),
    ])
    func noCharacterHidesASlash(path: String, expected: String) {
        let text = "kafka: {brokers: embedded}\nfiles:\n  - name: a\n    paths: ['\(path)']\n"
        let found = problems(text)
        #expect(found.count == 1 && found[0].hasPrefix("4:13: ") && found[0].contains(expected), "\(found)")
    }

    @Test func entriesNeedAUniqueNameAndPaths() {
        let text = """
            kafka: {brokers: embedded}
            files:
              - {name: App, paths: [/a]}
              - {name: ok, paths: []}
              - {paths: /x}
              - text
              -
              - {name: this-name-has-more-than-32-letters, paths: [/a]}
              - {name: ok}

            """
        let found = problems(text)
        #expect(
            found.prefix(8) == [
                "3:12: error: files[].name: \"App\" is no name of a declaration; write 1 to 32 of a-z, 0-9, _ and -",
                "4:23: error: files[].paths: no path to collect; write paths: [\"/var/log/app/*.log\"]",
                "5:5: error: files[].name: the entry has no name; write name: and 1 to 32 of a-z, 0-9, _ and -",
                "5:13: error: files[].paths: expected a list, got \"/x\"; write paths: [\"/var/log/app/*.log\"]",
                "6:5: error: files[]: expected a mapping, got \"text\"; write lines of key: value, for example name:",
                "7:4: error: files[].name: an empty entry; write {name: app, paths: [...]}",
                "8:12: error: files[].name: \"this-name-has-more-than-32-letters\" is no name of a declaration; "
                    + "write 1 to 32 of a-z, 0-9, _ and -",
                "9:5: error: files[].paths: no path to collect; write paths: [\"/var/log/app/*.log\"]",
            ])
        #expect(found.last?.hasPrefix("9:12: error: files[].name: \"ok\" is already the name of the entry at ") == true)
        #expect(found.last?.hasSuffix("longshore.yaml:4; write another name") == true)
        #expect(found.count == 9)
    }

    @Test(arguments: [
        (
            "exclude: [a/b.gz]",
            "5:15: error: files[].exclude: \"a/b.gz\" has a / in the middle; "
                + "write a file name's pattern such as *.gz, or a whole path"
        ),
        (
            "exclude: ['**']",
            "5:15: error: files[].exclude: ** excludes everything; write a pattern such as *.gz"
        ),
        ("exclude: '*.gz'", "5:14: error: files[].exclude: expected a list, got \"*.gz\"; write exclude: [\"*.gz\"]"),
        (
            "start: middle",
            "5:12: error: files[].start: expected beginning or end, got \"middle\"; write start: beginning"
        ),
        (
            "labels: {c: \"x\\n\"}",
            "5:14: error: files[].labels.c: not a label's value; write at most 1,024 bytes without control characters"
        ),
        ("path: /x", "5:5: error: unknown key \"files[].path\"; did you mean files[].paths?"),
    ])
    func wrongValuesOfAnEntryAreRefused(line: String, expected: String) {
        #expect(problems(entry(line)) == [expected])
    }

    @Test func whatATerminalWouldObeyIsEscaped() {
        #expect(
            problems(entry("\"\\x1b[31mred\": 1")) == [
                "5:5: error: unknown key \"files[].\\u{1b}[31mred\"; "
                    + "write one of name, paths, exclude, topic, labels, start, charset, enabled, format, include, "
                    + "json_level, json_message, json_time, multiline, timestamp or timezone"
            ])
    }

    @Test func theGlobalStartIsEachEntrysDefault() {
        let fixture = Fixture()
        fixture.write(
            "longshore.yaml",
            "kafka: {brokers: embedded}\nstart: end\n"
                + "files: [{name: a, paths: [/a]}, {name: b, paths: [/b], start: beginning}]\n")
        #expect(fixture.configuration()?.files.map(\.start) == [.end, .beginning])
    }
}
