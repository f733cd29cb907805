// What is no YAML, or YAML that a configuration has no use for.
import Configuration
import Testing

@Suite struct SyntaxTests {
    @Test(arguments: [
        ("node:\n\tname: a\n", "2:1: error: a tab is used for indentation; indent with spaces"),
        ("node:\n  name: \"abc\n\n", "2:9: error: the quoted text that begins here never ends; close the quote"),
        ("node:\n  name: 'abc\n", "2:9: error: the quoted text that begins here never ends; close the quote"),
        (
            "node: {name: a\nkafka: b\n",
            "2:6: error: not valid YAML: did not find expected ',' or '}' while parsing a flow mapping; "
                + "check the indentation, colons, quotes and brackets here and in the lines above"
        ),
        (
            "node: {name: ${NAME}}\n",
            "1:15: error: not valid YAML: did not find expected ',' or '}' while parsing a flow mapping; "
                + "put ${...} into quotes inside of {} and []"
        ),
        (
            "a: b: c\n",
            "1:5: error: not valid YAML: mapping values are not allowed in this context; "
                + "check the indentation, colons, quotes and brackets here and in the lines above"
        ),
        (
            "# é\nnode: {name: a\u{1b}}\n",
            "2:15: error: a character here is not allowed in YAML (control characters are not allowed); "
                + "remove it, or write it as an escape such as \"\\x1b\" in double quotes"
        ),
    ])
    func brokenYAMLIsReportedWhereItBreaks(text: String, expected: String) {
        #expect(problems(text) == [expected])
    }

    @Test func aDuplicateKeyIsReportedAtItsSecondPlace() {
        #expect(
            problems(complete + "node: {name: a}\nlog:\n  level: info\n  level: debug\nnode: {name: b}\n") == [
                "6:3: error: the key \"level\" is there twice, first in line 5; keep one of the two",
                "7:1: error: the key \"node\" is there twice, first in line 3; keep one of the two",
            ])
    }

    @Test func aliasesAnchorsAndTagsAreRefused() {
        #expect(
            problems(complete + "node: &a {name: a}\nlog: *a\nlimits: !!map {}\n") == [
                "3:7: error: anchors (&name) are refused; write the value where it is needed",
                "4:6: error: aliases (*name) are refused; write the value out",
                "5:9: error: tags (!name) are refused; write the value without the tag",
            ])
    }

    @Test func whatWasRefusedAsAnAliasIsNotCalledMissing() {
        #expect(
            problems("kafka: {brokers: *b}\nfiles: *f\n") == [
                "1:18: error: aliases (*name) are refused; write the value out",
                "2:8: error: aliases (*name) are refused; write the value out",
            ])
    }

    @Test func sixtyFiveLevelsAreTooDeep() {
        let deep = String(repeating: "[", count: 65) + String(repeating: "]", count: 65)
        #expect(problems(deep) == ["1:65: error: more than 64 levels of nesting; write a flatter file"])
        let accepted = String(repeating: "[", count: 64) + String(repeating: "]", count: 64)
        #expect(
            problems(accepted).first
                == "1:1: error: the file: expected a mapping, got a list; write lines of key: value, for example node:")
        let mappings = String(repeating: "{a: ", count: 65) + String(repeating: "}", count: 65)
        #expect(problems(mappings) == ["1:257: error: more than 64 levels of nesting; write a flatter file"])
    }

    @Test func oneDocumentPerFile() {
        #expect(
            problems(complete + "---\na: b\n") == [
                "3:1: error: a second document begins here; "
                    + "write one document per file, without ---, or a further file in conf.d"
            ])
    }

    @Test func aKeyThatIsNoNameIsRefused() {
        #expect(
            problems(complete + "? [a]\n: b\n") == ["3:3: error: a key is a list; write a name followed by a colon"])
    }

    @Test func aNULIsRefusedWhereverItStands() {
        #expect(
            problems(complete + "node: {name: \"a\\0b\"}\n") == [
                "3:14: error: this text contains a NUL character; remove the \\0"
            ])
    }

    @Test func invalidUTF8IsReportedWithLineAndCharacter() {
        let fixture = Fixture()
        fixture.write("longshore.yaml", Array("node:\n  name: é".utf8) + [0xFF, 0x0A])
        #expect(
            fixture.problems() == [
                "longshore.yaml:2:10: error: a byte here is not valid UTF-8; save the file as UTF-8"
            ])
    }

    @Test func aByteOrderMarkAndCRLFAreFine() {
        #expect(problems("\u{FEFF}" + complete.replacing("\n", with: "\r\n")) == [])
    }

    @Test func anEmptyFileSaysWhatIsMissing() {
        let expected = [
            "1:1: error: kafka.brokers: no brokers are given; "
                + "write brokers: [\"k1:9092\", \"k2:9092\"], or embedded to try things out"
        ]
        #expect(problems("") == expected)
        #expect(problems("# a comment\n") == expected)
        #expect(problems("kafka:\nfiles: ~\n").map { $0.drop { $0 != " " } } == expected.map { $0.drop { $0 != " " } })
    }

    @Test(arguments: ["files: []", "files:", "files: \"\"", "files: ${NOTHING:-}"])
    func noFilesAndNoContainersMeansNothingToCollect(line: String) {
        let off = "{enabled: false}"
        let without = "runtimes: {docker: \(off), cri: \(off), podman: \(off)}\n"
        let found = problems("kafka: {brokers: embedded}\n\(line)\n\(without)")
        #expect(
            found.map { $0.drop { $0 != " " } } == [
                " error: nothing to collect; add files: [{name: app, paths: [\"/var/log/app/*.log\"]}]"
            ])
        #expect(found.first?.hasPrefix("2:") == true)
    }
}
