// Labels made to do harm: huge, many, random. Work and answers stay within bounds, and a good neighbour is always read.
import Discovery
import Testing

@Suite struct LabelHostileTests {
    private static func isBounded(_ reading: LabelReading) -> Bool {
        reading.declarations.count <= 64 && reading.problems.count <= 101
            && reading.problems.allSatisfy { problem in
                problem.key.utf8.count <= 200 && problem.value.utf8.count <= 200 && problem.declaration.utf8.count <= 32
                    && problem.message.utf8.count <= 1000 && problem.remedy.utf8.count <= 1000
            } && reading.declarations.allSatisfy(isBounded)
    }

    private static func isBounded(_ declaration: LabelDeclaration) -> Bool {
        declaration.paths.count <= 256 && declaration.exclude.count <= 32 && declaration.labels.count <= 32
            && declaration.keys.count <= 20 && (declaration.topic ?? "").utf8.count <= 249
            && declaration.paths.allSatisfy { path in
                let names = path.utf8.split(separator: UInt8(ascii: "/"))
                return path.utf8.first == UInt8(ascii: "/") && path.utf8.count <= 8193
                    && !names.contains { $0.elementsEqual("..".utf8) }
                    && !path.unicodeScalars.contains { $0.properties.generalCategory == .control }
            }
    }

    @Test func tenThousandLabelsAreReadWithinBounds() {
        var labels: [String: String] = [:]
        for number in 0..<2500 {
            labels["longshore.logs.n\(number)"] = "/n/\(number)"
            labels["longshore.logs.N\(number)"] = "/n"
            labels["longshore.log.n\(number)"] = "/n"
            labels["x\(number)"] = "/n"
        }
        let reading = read(labels)
        #expect(Self.isBounded(reading))
        #expect(reading.declarations.count == 64)
        #expect(reading.problems.count == 101)
        // 2,500 bad names, one for too many declarations, 2,500 misspelt prefixes; 100 of them are shown.
        #expect(reading.problems.last?.message == "4901 more problems of this container's labels")
        #expect(read(labels) == reading)
    }

    @Test func tooManyDeclarationsAreOneProblem() {
        let labels = Dictionary(uniqueKeysWithValues: (100..<170).map { ("longshore.logs.n\($0)", "/n") })
        let reading = read(labels)
        #expect(reading.declarations.last?.name == "n163")
        #expect(
            reading.texts == [
                "longshore.logs.n164: more than 64 declarations: 6 are left out; "
                    + "declare fewer, with several paths each"
            ])
    }

    @Test func tooManyPathsAndPatternsAreLeftOut() {
        let paths = (0..<40).map { "/\($0)/" }.joined(separator: ",")
        let names = (0..<40).map { "\($0)" }.joined(separator: ",")
        let reading = read(["longshore.logs.a": paths, "longshore.logs.a.include": names])
        #expect(reading.declarations[0].paths.count == 256)
        #expect(
            reading.problems.map(\.message) == [
                "more than 32 patterns: the rest is left out", "more than 32 paths: the rest is left out",
                "more than 256 paths with their include: the rest is left out",
            ])
    }

    @Test(arguments: [
        ".path", ".include", ".exclude", ".topic", ".start", ".labels", ".enabled", ".format", ".multiline", ".x", "",
    ])
    func aValueOfAMebibyteIsReadWithinBounds(key: String) {
        for filling in ["a", "/a,", ",", "[", "\u{1B}", "é", "a=b,", "/"] {
            let value = String(repeating: filling, count: (1 << 20) / filling.utf8.count)
            let reading = read(["longshore.logs.a\(key)": value, "longshore.logs.ok": "/ok"])
            #expect(Self.isBounded(reading), "\(key) of \(filling)")
            #expect(reading.declarations.contains { $0.name == "ok" })
        }
    }

    @Test func aKeyOfAMebibyteIsReadWithinBounds() {
        let long = String(repeating: "a", count: 1 << 20)
        for start in ["longshore.logs.", "longshore.logs.a.", "longshor.logs.", "aliyun.logs.", "longshore.logs/"] {
            let reading = read([start + long: "/a"])
            #expect(Self.isBounded(reading))
            #expect(!reading.problems.isEmpty)
        }
    }

    @Test func damagedLabelsNeverTrapAndNeverHurtAGoodOne() {
        let seed = UInt64.random(in: .min ... .max)
        var generator = LabelGenerator(state: seed)
        for round in 0..<4000 {
            var labels: [String: String] = [:]
            for _ in 0..<Int.random(in: 1...8, using: &generator) {
                labels[generator.text(LabelGenerator.keys)] = generator.text(LabelGenerator.values)
            }
            labels["longshore.logs.zz-good.path"] = "/good/*.log"
            let reading = read(labels)
            #expect(Self.isBounded(reading), "seed \(seed), round \(round): \(labels)")
            #expect(
                reading.declarations.contains { $0.name == "zz-good" && $0.paths == ["/good/*.log"] },
                "seed \(seed), round \(round): \(labels)")
            #expect(reading == read(labels), "seed \(seed), round \(round): \(labels)")
        }
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014): the same seed gives the same labels.
private struct LabelGenerator: RandomNumberGenerator {
    static let keys = [
        "longshore", "logs", "aliyun", ".", ".", ".", ".path", ".include", ".topic", ".labels", ".enabled", ".tags",
        "longshore.logs.", "aliyun.logs.", "com.example.logdir", "com.example.logext", "app", "A", "é", "\u{301}", "\0",
        "\u{1B}[2J", "-", "_", "/",
    ]
    static let values = [
        "/", "/var/log", "stdout", ",", ";", "..", ".", "*", "**", "?", "[", "]", "{", "}", "\\", "a", "=", " ", "\t",
        "\n", "\0", "\u{1B}", "\u{9B}", "\u{202E}", "é", "\u{301}", "😀", "\r\n", "${HOME}", "%n", ".log", "false",
        "end",
    ]

    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    mutating func text(_ pieces: [String]) -> String {
        (0..<Int.random(in: 0...7, using: &self)).map { _ in pieces.randomElement(using: &self)! }.joined()
    }
}
