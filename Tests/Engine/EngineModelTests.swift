// Random changes of real files while the engine runs and while it is down: every line arrives, or is in a gap.
import Core
import Engine
import Glibc
import TestSupport
import Testing

/// What the writers did, line by line. Lines that were there when the engine had looked are due.
private struct LineModel {
    let directory: TemporaryDirectory
    var random: SeededGenerator
    /// Lines of each name in logs/.
    var lines: [String: [String]] = [:]
    var due: Set<String> = []
    var story: [String] = []
    private var next = 0

    init(_ directory: TemporaryDirectory, seed: UInt64) {
        self.directory = directory
        random = SeededGenerator(seed: seed)
    }

    static let live = ["a.log", "b.log"]

    mutating func step() throws {
        let name = LineModel.live.randomElement(using: &random)!
        switch random.number(0...19) {
        case 0..<11: try append(name, random.number(1...30))
        case 11..<14: rotate(name)
        case 14..<16: try copyTruncate(name)
        case 16: truncate(name)
        case 17: delete(name)
        default: move(name, LineModel.live.first { $0 != name }!)
        }
    }

    private mutating func append(_ name: String, _ count: Int) throws {
        story.append("append \(count) to \(name), from line \(next + 1)")
        var text = ""
        for _ in 0..<count {
            next += 1
            let line = "line \(next) of \(name)"
            lines[name, default: []].append(line)
            text += line + "\n"
        }
        try directory.append(text, to: "logs/" + name)
    }

    private mutating func move(_ old: String, _ new: String) {
        guard let moved = lines.removeValue(forKey: old) else { return }
        story.append("rename \(old) \(new)")
        #expect(rename(directory.path("logs/" + old), directory.path("logs/" + new)) == 0)
        lines[new] = moved
    }

    private mutating func rotate(_ name: String) {
        move(name + ".1", name + ".2")
        move(name, name + ".1")
    }

    private mutating func copyTruncate(_ name: String) throws {
        guard let content = lines[name] else { return }
        move(name + ".1", name + ".2")
        story.append("copytruncate \(name)")
        try directory.write(bytes: directory.read("logs/" + name), to: "logs/" + name + ".1")
        lines[name + ".1"] = content
        truncate(name)
    }

    private mutating func truncate(_ name: String) {
        guard lines[name] != nil else { return }
        story.append("truncate \(name)")
        #expect(Glibc.truncate(directory.path("logs/" + name), 0) == 0)
        lines[name] = []
    }

    private mutating func delete(_ name: String) {
        guard lines.removeValue(forKey: name) != nil else { return }
        story.append("delete \(name)")
        unlink(directory.path("logs/" + name))
    }

    /// What lies under declared names now was there to be read.
    mutating func looked() {
        story.append("look")
        for name in LineModel.live { due.formUnion(lines[name] ?? []) }
    }
}

@Suite(.serialized) struct EngineModelTests {
    private static let histories = environmentVariable("LONGSHORE_MODEL_HISTORIES").flatMap { Int($0) } ?? 3

    @Test func everyLineOfARandomHistoryArrivesOrIsAnnounced() async throws {
        for _ in 0..<EngineModelTests.histories { try await history(UInt64.random(in: 0...UInt64.max)) }
    }

    private func history(_ seed: UInt64) async throws {
        let fixture = try EngineFixture()
        defer { fixture.directory.remove() }
        var model = LineModel(fixture.directory, seed: seed)
        var engine = try fixture.start(fixture.options())
        var marks = 0
        for _ in 0..<6 {
            for _ in 0..<model.random.number(1...8) { try model.step() }
            if model.random.once(in: 3) {
                model.story.append("stop")
                _ = await fixture.stop(engine, drainSeconds: model.random.once(in: 2) ? 0 : 10)
                for _ in 0..<model.random.number(0...4) { try model.step() }
                engine = try fixture.start(fixture.options())
            }
            marks += 1
            try await settle(fixture, engine, marks)
            model.looked()
        }
        _ = await fixture.stop(engine)
        try await judge(fixture, model, seed)
    }

    /// Events come in order: when a line that was written last has arrived, all before it were seen.
    private func settle(_ fixture: EngineFixture, _ engine: Engine, _ marks: Int) async throws {
        try fixture.directory.append("mark\n", to: "logs/mark.log")
        try await fixture.waitForStatus(engine, "mark \(marks) and all before it acknowledged") { report in
            report.totals.unread == 0 && report.totals.inFlight == 0
                && report.sources.contains { source in
                    source.path.hasSuffix("mark.log") && source.ledger.acknowledged == UInt64(5 * marks)
                }
        }
    }

    private func judge(_ fixture: EngineFixture, _ model: LineModel, _ seed: UInt64) async throws {
        let records = try await readRecords(fixture.cluster.bootstrap, topic: "logs")
        let audit = try await readRecords(fixture.cluster.bootstrap, topic: "audit")
        var coverage = CoverageChecker<String>()
        var arrived: Set<String> = []
        for record in records {
            let fields = try record.fields()
            coverage.record(fields, partition: record.partition)
            arrived.insert(fields.message ?? "")
        }
        for event in audit { coverage.gap(try event.fields()) }
        let story = "seed \(seed): " + model.story.joined(separator: "; ")
        for (file, judgement) in coverage.report() {
            #expect(judgement.holes.isEmpty && judgement.overlaps.isEmpty, "\(file): \(judgement), \(story)")
        }
        let missing = model.due.subtracting(arrived)
        #expect(missing.isEmpty, "\(missing.sorted()) were there and did not arrive, \(story)")
    }
}
