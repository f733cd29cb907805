// Labels: whatever a tenant writes stays in its place, harms no other declaration, and reaches no forbidden topic.
internal import Agent
internal import Core
@testable internal import Discovery
@testable internal import FileSource

/// The first byte chooses the operator's rules; then lines of `key=value`. In a value 0xFF is a line feed.
enum LabelsTarget {
    static func check(_ bytes: [UInt8]) {
        let rules = Int(bytes.first ?? 0)
        let pairs = bytes.dropFirst().split(separator: 0x0A).prefix(300).map { line in
            let key = line.prefix { $0 != 0x3D }
            return (key: fuzzText(key), value: fuzzText(line.dropFirst(key.count + 1)))
        }
        let labels = Dictionary(pairs.map { ($0.key, $0.value) }) { _, last in last }
        let reader = LabelReader(options(rules))
        let reading = reader.read(labels)
        var reversed: [String: String] = [:]
        reversed.reserveCapacity(1000)
        for pair in labels.reversed() { reversed[pair.key] = pair.value }
        expect(reader.read(reversed) == reading, "the order of labels matters")
        checkBounds(reading)
        let directory = options(rules).directory
        for declaration in reading.declarations {
            check(declaration)
            checkPaths(declaration, labels, isPlatform: directory.map { declaration.keys.contains($0) } ?? false)
        }
        checkNeighbour(reader, labels, reading)
        RoutingCheck(rules: rules / 4, labels).check(reading.declarations)
    }

    private static func options(_ number: Int) -> LabelOptions {
        var options = LabelOptions()
        if number & 1 != 0 { options.compatible = ["aliyun.logs", "logs"] }
        if number & 2 != 0 { (options.directory, options.extensions) = ("com.example.logdir", "com.example.logext") }
        return options
    }

    private static func checkBounds(_ reading: LabelReading) {
        expect(reading.declarations.count <= 64 && reading.problems.count <= 101, "too much")
        let names = reading.declarations.map(\.name)
        expect(names == names.sorted() && Set(names).count == names.count, "names \(names)")
        for problem in reading.problems {
            expect(
                problem.key.utf8.count <= 200 && problem.value.utf8.count <= 200 && problem.message.utf8.count <= 1000
                    && problem.remedy.utf8.count <= 1000 && problem.declaration.utf8.count <= 32,
                "a long problem: \(problem)")
        }
        let fatal = Set(reading.problems.filter(\.isFatal).map(\.declaration))
        for declaration in reading.declarations where fatal.contains(declaration.name) {
            expect(declaration.isStdout, "a fatal problem, and followed all the same: \(declaration)")
        }
    }

    private static func check(_ declaration: LabelDeclaration) {
        expect(LabelText.isName(declaration.name), "a name \(declaration.name)")
        expect(declaration.isStdout == declaration.paths.isEmpty, "paths of \(declaration)")
        expect(declaration.paths.count <= 256 && declaration.exclude.count <= 32, "too many patterns")
        for path in declaration.paths { checkPath(path) }
        for pattern in declaration.exclude where pattern.utf8.contains(0x2F) { checkPath(pattern, isNormal: false) }
        expect(!declaration.exclude.contains { LabelText.hasControl($0) }, "a control character")
        for (key, value) in declaration.labels {
            expect(1...63 ~= key.utf8.count && value.utf8.count <= 1024 && !LabelText.hasControl(value), "label \(key)")
        }
        expect(declaration.labels.count <= 32 && (declaration.topic ?? "").utf8.count <= 249, "too much")
    }

    /// It stays below the root it is looked for in, and means to the matcher what it says.
    private static func checkPath(_ path: String, isNormal: Bool = true) {
        let names = path.utf8.split(separator: 0x2F, omittingEmptySubsequences: false).dropFirst()
        expect(path.utf8.first == 0x2F && path.utf8.count <= 8193 && !LabelText.hasControl(path), "a path \(path)")
        expect(!names.contains { $0.elementsEqual("..".utf8) }, "a path out of its place: \(path)")
        guard isNormal else { return }
        expect(!names.contains { $0.isEmpty || $0.elementsEqual(".".utf8) }, "not normal: \(path)")
        expect(PathPattern(path).components.count == names.count, "components of \(path)")
        for name in names where !name.elementsEqual("**".utf8) {
            expect(GlobSyntax.flaw(inComponent: Substring(name)) == nil, "a bad pattern: \(path)")
        }
    }
}

extension LabelsTarget {
    /// Every good path that the label names is declared, byte by byte, in its order; a file of another name is another.
    private static func checkPaths(_ declaration: LabelDeclaration, _ labels: [String: String], isPlatform: Bool) {
        guard let key = declaration.keys.first(where: { $0.hasSuffix(".path") }), !isPlatform, !declaration.isStdout,
            !declaration.keys.contains(where: { $0.hasSuffix(".include") }), let value = labels[key],
            !LabelText.trimmed(value.utf8).isEmpty
        else { return }
        var expected: [[UInt8]] = []
        for item in LabelText.items(value).items {
            guard case .success(let path) = LabelPath.parse(item) else { continue }
            for pattern in path.patterns(include: ["*.log"]).map({ Array($0.utf8) }) where !expected.contains(pattern) {
                expected.append(pattern)
            }
        }
        expect(
            declaration.paths.map { Array($0.utf8) } == expected,
            "\(declaration.paths) of \(value) in \(declaration.name)")
    }

    /// A good declaration is read whatever stands beside it, and changes nothing of the others.
    private static func checkNeighbour(_ reader: LabelReader, _ labels: [String: String], _ reading: LabelReading) {
        let name = "zz-good"
        let isTaken = reading.declarations.contains { $0.name == name } || labels.keys.contains { $0.contains("zz-") }
        guard reading.declarations.count < 50, labels.count < 50, !isTaken else { return }
        var more = labels
        more["longshore.logs.\(name).path"] = "/good/*.log"
        let declarations = reader.read(more).declarations
        expect(declarations.contains { $0.name == name && $0.paths == ["/good/*.log"] }, "a good declaration is lost")
        expect(declarations.filter { $0.name != name } == reading.declarations, "a good declaration changes others")
    }
}
