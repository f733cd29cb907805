// Many histories of log files at once, in the sight of one real daemon, and what it shipped and announced of each.
import Core
import Glibc
import LinuxIO
import TestSupport
import Testing

/// One daemon on a mock cluster with a declaration for each history; all of them are played together.
final class RotationWorld: Sendable {
    let mode: RotationMode
    private let histories: [RotationHistory]
    private let directory: TemporaryDirectory
    private let cluster: MockCluster
    private let daemon: Daemon
    private let records: KafkaReader<RotationRecord>
    private let gaps: KafkaReader<RecordFields>

    init(_ mode: RotationMode, _ histories: [RotationHistory]) throws {
        self.mode = mode
        self.histories = histories
        let directory = try TemporaryDirectory()
        self.directory = directory
        cluster = try MockCluster()
        try cluster.createTopic("logs", partitions: 4)
        try cluster.createTopic("audit", partitions: 1)
        records = try KafkaReader(cluster.bootstrap, topics: ["logs"]) { try RotationRecord($0.copy()) }
        gaps = try KafkaReader(cluster.bootstrap, topics: ["audit"]) { view in
            let fields = try view.copy().fields()
            return fields.string("event") == "gap" ? fields : nil
        }
        try directory.makeDirectory("marks")
        var files = ["{name: marks, paths: [\"\(directory.path("marks/*"))\"]}"]
        for history in histories {
            try directory.makeDirectory(history.name)
            let paths = history.paths.map { "\"\(directory.path("\(history.name)/\($0)"))\"" }
            files.append("{name: \(history.name), paths: [\(paths.joined(separator: ", "))]\(history.options)}")
        }
        var options = DaemonOptions(brokers: cluster.bootstrap, topic: "logs", paths: [])
        options.files = files
        options.topLevelLines = ["checkpoint: {interval: 50ms}"]
        daemon = try Daemon(options, in: directory)
    }

    /// Plays all histories to their end and waits until each has its outcome, or `timeout` is over; then the daemon runs
    /// once more, which must change nothing.
    func play(timeout: Duration) async throws {
        for history in histories { try history.before(place(history)) }
        try await daemon.start()
        try await settle()
        switch mode {
        case .running: break
        case .paused: daemon.process.signal(SIGSTOP)
        case .down: try await stop()
        }
        for step in 0..<(histories.map(\.steps.count).max() ?? 0) {
            for history in histories where step < history.steps.count { try history.steps[step](place(history)) }
            if mode == .running { try await settle() }
        }
        switch mode {
        case .running: break
        case .paused: daemon.process.signal(SIGCONT)
        case .down: try await daemon.start()
        }
        try await settle()
        let clock = ContinuousClock()
        let end = clock.now + timeout
        while clock.now < end, histories.contains(where: { outcome($0.name) != $0.outcome(mode) }) {
            try await Task.sleep(for: .milliseconds(20))
        }
        // Deleted files are let go first: what a stop would find unread then is another history.
        try await daemon.waitForStatus("no deleted file is held") { status in
            status["sources"]?.array?.contains { $0["deleted"]?.bool == true } == false
        }
        try await stop()
        try await daemon.start()
        try await settle()
        try await stop()
        #expect(records.problems.isEmpty && gaps.problems.isEmpty && records.missedMessages == 0)
    }

    private func place(_ history: RotationHistory) -> LogFiles {
        LogFiles(directory: directory, folder: history.name)
    }

    private func stop() async throws { #expect(try await daemon.terminate() == .exited(0)) }

    /// Waits until the daemon has dealt with all that was done before. A new file is met, made durable and read behind
    /// everything whose events came before; a second one behind what waited for that.
    private func settle() async throws {
        for _ in 0..<2 {
            let mark = "\(Clock.monotonic())"
            try directory.write(mark + "\n", to: "marks/\(mark)")
            try await waitUntil("the mark \(mark); the daemon wrote: \(daemon.process.errorTail)") {
                records.items().contains { $0.declaration == "marks" && $0.message == mark }
            }
        }
    }

    /// What has been shipped and announced of a history so far, as `RotationHistory` describes it, sorted.
    func outcome(_ name: String) -> [String] {
        var outcome = RotationOutcome(directory: directory.path(name))
        for record in records.items() where record.declaration == name { outcome.add(record) }
        for gap in gaps.items() where gap.string("log.declaration") == name { outcome.add(gap: gap) }
        return outcome.lines.sorted()
    }
}

/// One record, as far as it is judged.
struct RotationRecord: Sendable {
    let declaration: String
    let path: String
    let file: String
    let offset: UInt64
    let bytes: UInt64
    let skipped: UInt64
    let message: String
    let isUnterminated: Bool
    let partition: Int32

    init(_ record: KafkaRecord) throws {
        let fields = try record.fields()
        guard let declaration = fields.string("log.declaration"), let path = fields.string("log.file.path"),
            let file = fields.fileID, let offset = fields.offset, let bytes = fields.byteCount,
            let message = fields.message
        else { throw FixtureError("a record without its place: \(record.text)") }
        (self.declaration, self.path, self.file) = (declaration, path, file)
        (self.offset, self.bytes, self.message) = (offset, bytes, message)
        skipped = fields.skippedBytes
        isUnterminated = fields["log.unterminated"]?.bool == true
        partition = record.partition
    }
}

/// Collects what came of one declaration.
struct RotationOutcome {
    /// The paths are told below it.
    let directory: String
    /// Generations of each stream, in the order of their first records.
    private var generations: [String: [String]] = [:]
    private var records: [String: [RotationRecord]] = [:]
    private var gaps: [String] = []
    private var last: [String: String] = [:]
    private var interleaved: Set<String> = []
    private var coverage = CoverageChecker<String>()

    init(directory: String) { self.directory = directory }

    mutating func add(_ record: RotationRecord) {
        let path = name(record.path)
        if records[record.file] == nil {
            generations[path, default: []].append(record.file)
        } else if last[path] != record.file {
            interleaved.insert(path)
        }
        last[path] = record.file
        records[record.file, default: []].append(record)
        coverage.record(
            record.file, offset: record.offset, byteCount: record.bytes, skipped: record.skipped,
            partition: record.partition)
    }

    mutating func add(gap: RecordFields) {
        let path = name(gap.string("log.file.path") ?? "?")
        let number = generations[path]?.firstIndex(of: gap.fileID ?? "").map(String.init) ?? "?"
        let end = gap.uint64("to").map(String.init) ?? "?"
        gaps.append(
            "gap \(path)#\(number) \(gap.uint64("from") ?? 0)-\(end) \(gap.string("reason") ?? "without a reason")")
        coverage.gap(gap)
    }

    var lines: [String] {
        var lines = gaps + interleaved.map { "interleaved \($0)" }
        for (path, files) in generations {
            for (number, file) in files.enumerated() {
                lines.append("\(path)#\(number) \(text(records[file]!))")
                let covered = coverage.coverage(of: file)
                if !covered.isComplete || covered.duplicateRecords > 0 { lines.append("\(path)#\(number): \(covered)") }
            }
        }
        return lines
    }

    /// The raw bytes as far as the records stand for them: each is its message, with or without a newline.
    private func text(_ records: [RotationRecord]) -> String {
        records.map { record in
            let skipped = record.skipped > 0 ? "~\(record.skipped)~" : ""
            let rest = Int(record.bytes) - record.message.utf8.count
            let end = record.isUnterminated ? "$" : ""
            return skipped + record.message + end + (rest == 0 ? "" : rest == 1 ? "|" : "<\(rest) bytes more>")
        }.joined()
    }

    private func name(_ path: String) -> String {
        path.hasPrefix(directory + "/") ? String(path.dropFirst(directory.count + 1)) : path
    }
}

/// Plays histories in all modes around a suite, one after the other, for the tests in it to judge.
struct PlayedHistories: SuiteTrait, TestScoping {
    @TaskLocal static var worlds: [RotationWorld] = []
    let histories: [RotationHistory]

    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
    ) async throws {
        var worlds: [RotationWorld] = []
        for mode in RotationMode.allCases {
            let start = Clock.monotonic()
            let world = try RotationWorld(mode, histories)
            try await world.play(timeout: .seconds(20))
            worlds.append(world)
            print("rotation: \(histories.count) histories, \(mode): \(elapsed(since: start))")
        }
        try await PlayedHistories.$worlds.withValue(worlds, operation: function)
    }
}

extension Trait where Self == PlayedHistories {
    static func played(_ histories: [RotationHistory]) -> PlayedHistories { PlayedHistories(histories: histories) }
}

/// Judges one played history in one mode.
func expectOutcome(
    _ history: RotationHistory, _ mode: RotationMode, sourceLocation: SourceLocation = #_sourceLocation
) throws {
    let world = try #require(PlayedHistories.worlds.first { $0.mode == mode }, sourceLocation: sourceLocation)
    #expect(
        world.outcome(history.name) == history.outcome(mode), "\(history.name), \(mode)",
        sourceLocation: sourceLocation)
}
