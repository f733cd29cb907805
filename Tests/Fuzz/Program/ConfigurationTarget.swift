// Configuration: any bytes are refused with a place, or load and print as themselves.
@testable internal import Configuration

/// The input is a file, and behind a byte 0xFF one of `conf.d`.
enum ConfigurationTarget {
    /// Values that look like YAML, like variables and like parts of longer characters.
    static let environment = [
        "A": "a", "DIR": "/var/log", "EMPTY": "", "EVIL": "x: [y]\n- ${A}", "MARK": "\u{301}", "NUMBER": "7",
    ]

    static func check(_ bytes: [UInt8]) {
        let files = bytes.split(separator: 0xFF, maxSplits: 1, omittingEmptySubsequences: false).map(Array.init)
        Scratch.makeDirectory("conf.d")
        let main = Scratch.write("longshore.yaml", files[0])
        let fragment = Scratch.write("conf.d/a.yaml", files.count > 1 ? files[1] : nil)
        switch ConfigurationLoader.load(path: main, environment: environment) {
        case .refused(let problems):
            expect(!problems.isEmpty, "refused without a problem")
            for problem in problems { check(problem, [main: files[0], fragment: files.last!]) }
        case .loaded(let configuration):
            check(configuration)
            Scratch.write("conf.d/a.yaml", nil)
            let text = ConfigurationLoader.effectiveText(configuration)
            Scratch.write("longshore.yaml", Array(text.utf8))
            let again = ConfigurationLoader.load(path: main, environment: environment)
            expect(again == .loaded(configuration), "it does not print as itself: \(text)\n\(again)")
        }
        for file in files { checkVariables(String(decoding: file, as: UTF8.self)) }
    }

    /// The place is in the file, and the text is safe for a terminal.
    static func check(_ problem: Diagnostic, _ files: [String: [UInt8]]) {
        guard let content = files[problem.file] else { finding("a problem of no file: \(problem)") }
        // Line feed, carriage return, and the lead bytes of U+0085, U+2028 and U+2029 (YAML 1.1, 5.4).
        let breaks = content.count { [0x0A, 0x0D, 0xC2, 0xE2].contains($0) }
        // What is missing at the end is missed in the line behind it.
        expect(1...breaks + 2 ~= problem.line && problem.column >= 1, "no place in the file: \(problem)")
        let isSafe = problem.description.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control }
        expect(isSafe, "unsafe for a terminal: \(problem)")
        expect(!problem.message.isEmpty && !problem.remedy.isEmpty, "a problem without words: \(problem)")
    }

    private static func check(_ configuration: Configuration) {
        let kafka = configuration.kafka
        for file in configuration.files {
            let topic = file.topicName
            expect(isTopic(topic), "\(file.name) goes to \(topic)")
            expect(topic != kafka.auditTopic && topic != kafka.deadLetterTopic, "\(file.name) goes to \(topic)")
            for path in file.paths { checkPath(path) }
        }
        expect(isTopic(kafka.defaultTopic), "default topic \(kafka.defaultTopic)")
        expect(Set(configuration.files.map(\.name)).count == configuration.files.count, "a name twice")
        let limits = configuration.limits
        expect(limits.line <= limits.memory / 8 && limits.line <= limits.lineTotal, "\(limits)")
    }

    private static func checkPath(_ path: String) {
        let names = path.utf8.split(separator: 0x2F)
        expect(path.utf8.first == 0x2F && !path.utf8.contains(0), "a path \(path)")
        expect(!names.contains { $0.elementsEqual("..".utf8) }, "a path out of its place: \(path)")
    }

    /// A name that Kafka takes and that is none of its own.
    static func isTopic(_ name: String) -> Bool {
        (1...249).contains(name.utf8.count) && name != "." && name != ".." && !name.utf8.starts(with: "__".utf8)
            && name.utf8.allSatisfy { byte in
                switch byte {
                case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
                default: "._-".utf8.contains(byte)
                }
            }
    }
}

extension ConfigurationTarget {
    /// Variables byte by byte, as a shell replaces them.
    private static func checkVariables(_ text: String) {
        let found = Interpolation(environment: environment, problems: Problems()).expand(text)
        let model = expanded(Array(text.utf8)[...])
        expect((model == nil) == !found.objections.isEmpty, "variables of \(text): \(found), model \(model ?? [])")
        if let model { expect(Array(found.text.utf8) == model, "variables of \(text): \(found.text)") }
    }

    /// Nil where something is to be objected to.
    private static func expanded(_ text: ArraySlice<UInt8>) -> [UInt8]? {
        var out: [UInt8] = []
        var rest = text
        while let byte = rest.popFirst() {
            if byte == 0x24, rest.starts(with: "${".utf8) {
                out += Array("${".utf8)
                rest = rest.dropFirst(2)
            } else if byte == 0x24, rest.first == 0x7B {
                guard let end = rest.firstIndex(of: 0x7D), let value = value(rest[(rest.startIndex + 1)..<end]) else {
                    return nil
                }
                out += value
                rest = rest[(end + 1)...]
            } else {
                out.append(byte)
            }
        }
        return out
    }

    private static func value(_ body: ArraySlice<UInt8>) -> [UInt8]? {
        let name = body.prefix { $0 != 0x3A }
        let isName = name.allSatisfy { byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x5F, 0x61...0x7A: true
            default: false
            }
        }
        guard isName, let first = name.first, !(0x30...0x39).contains(first) else { return nil }
        let value = environment[String(decoding: name, as: UTF8.self)].map { Array($0.utf8) }
        let rest = body.dropFirst(name.count)
        if rest.isEmpty { return value }
        let fallback = Array(rest.dropFirst(2))
        let hasVariable = zip(fallback, fallback.dropFirst()).contains { $0 == (0x24, 0x7B) }
        guard rest.starts(with: ":-".utf8), !hasVariable else { return nil }
        return value.flatMap { $0.isEmpty ? nil : $0 } ?? fallback
    }
}
