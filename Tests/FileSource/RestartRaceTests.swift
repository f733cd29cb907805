// A log that is rotated all the time while the tailer is killed and started again: each stream stays in order.
import Core
import Glibc
import LinuxIO
import Synchronization
import TestSupport
import Testing

@testable import FileSource

/// A writer numbers its lines and rotates by renaming, on a thread of its own; life after life of the tailer follows it,
/// each from the rows that the one before had stored, which are not always the last ones. What arrived last of each line
/// must be in the order of their numbers, within each stream. Where a rotation meets a look is left to chance, many times.
@Suite(.serialized, .ownThread) struct RestartRaceTests {
    private static let lives = environmentVariable("LONGSHORE_RACE_LIVES").flatMap { Int($0) } ?? 10

    /// `budget`: nanoseconds of a slice of a walk; with 1 events may come between any two of its steps.
    @Test(arguments: [1, 200_000, Int64.max], RaceWriter.Kind.allCases)
    func linesStayInOrder(budget: Int64, kind: RaceWriter.Kind) throws {
        for isContainer in [false, true] {
            let race = try Race(budget, isContainer: isContainer)
            let writer = try RaceWriter(race.directory, kind)
            race.onTurn = writer.allow
            for _ in 0..<Self.lives { try race.live() }
            writer.stop()
            try race.finish()
            let wrong = race.disorder
            // A chain that is shifted with every look comes out of order once in some hundred lives: ARCHITECTURE.md, "Known
            // limitations".
            withKnownIssue(isIntermittent: true) {
                #expect(wrong.isEmpty, "container \(isContainer): \(wrong.prefix(3).joined(separator: "\n"))")
            } when: {
                kind == .chain
            }
            #expect(race.arrived > Self.lives)
        }
    }
}

/// The lives of the tailer, and what arrived in them.
private final class Race {
    let directory: TemporaryDirectory
    private let budget: Int64
    private let isContainer: Bool
    private var random = SeededGenerator(seed: .random(in: 0...UInt64.max))
    private var stored: [GenerationRecord] = []
    private var last: [String: [Int: Arrival]] = [:]
    private(set) var arrived = 0
    private var life = 0
    var onTurn: () -> Void = {}

    /// The last occurrence of a line: its place among all arrivals, and for messages where it came from.
    private struct Arrival: CustomStringConvertible {
        let place: Int
        let life: Int
        let file: FileID
        var description: String { "in life \(life) of \(file.description.prefix(6))" }
    }

    init(_ budget: Int64, isContainer: Bool) throws {
        directory = try TemporaryDirectory()
        try directory.makeDirectory("logs")
        self.budget = budget
        self.isContainer = isContainer
    }

    deinit { directory.remove() }

    /// Follows the log for some turns, then is gone without a word.
    func live() throws {
        let engine = try start()
        for _ in 0..<random.number(1...40) {
            turn(engine)
            if random.once(in: 4) { checkpoint(engine) }
            if random.once(in: 4) { _ = engine.hasEvents(milliseconds: 2) }
        }
        if random.once(in: 3) { usleep(UInt32(random.number(0...3000))) }
    }

    func finish() throws {
        let engine = try start()
        repeat { turn(engine) } while engine.isWalking || engine.hasEvents(milliseconds: 0)
    }

    private func start() throws -> TestEngine {
        life += 1
        let path = isContainer ? "/logs/app.log*" : directory.path("logs/app.log*")
        let declared = FileDeclaration(
            name: "app", container: isContainer ? "c1" : "", patterns: [PathPattern(path)], isKnown: life > 1,
            route: "logs")
        let engine = try TestEngine(
            isContainer ? [] : [declared], known: isContainer ? [] : stored, start: false, finishesWalks: false
        ) { $0.rescanBudget = self.budget }
        engine.activates = false
        engine.onRead = { [unowned self, unowned engine] in take($0, $2, engine) }
        engine.begin()
        if isContainer {
            engine.follow("c1", [declared], mounts: ["/logs": directory.path("logs")], known: stored)
        }
        return engine
    }

    /// Events, and a slice of the walks; what appears is read once its row is stored: until then the events that waited when
    /// it was looked at have been taken.
    private func turn(_ engine: TestEngine) {
        onTurn()
        engine.turn()
        let registering = engine.slots.filter { engine.tailer.isRegistering($0) }
        let known = Set(stored.map(\.file))
        stored += engine.records().filter { !known.contains($0.file) }
        engine.tailer.handleEvents(now: engine.now)
        for slot in registering where engine.slots.contains(slot) { engine.tailer.activate(slot) }
        engine.settle()
        engine.endNameless(onlyDeleted: true)
    }

    /// All rows as they are now, but for those of generations that are over; what was not met yet stays as it is.
    private func checkpoint(_ engine: TestEngine) {
        let rows = Dictionary(uniqueKeysWithValues: engine.records().map { ($0.file, $0) })
        let gone = Set(engine.generations.filter(\.hasEnded).map(\.file) + engine.vanished.map(\.record.file))
        stored = stored.filter { !gone.contains($0.file) }.map { rows[$0.file] ?? $0 }
    }

    private func take(_ file: FileID, _ bytes: UnsafeBufferPointer<UInt8>, _ engine: TestEngine) {
        let stream = engine.generations.first { $0.file == file }!.path
        for start in stride(from: 0, to: bytes.count, by: RaceWriter.width) {
            let text = String(decoding: bytes[start..<start + RaceWriter.width - 1], as: UTF8.self)
            arrived += 1
            last[stream, default: [:]][Int(text)!] = Arrival(place: arrived, life: life, file: file)
        }
    }

    /// Neighbours among the lines of a stream of which the later one came last before the earlier one did.
    var disorder: [String] {
        last.flatMap { stream, lines -> [String] in
            let sorted = lines.sorted { $0.key < $1.key }
            return zip(sorted, sorted.dropFirst()).filter { $0.value.place > $1.value.place }.map {
                "\(stream): \($1.key) arrived \($1.value), before \($0.key) \($0.value)"
            }
        }
    }
}

/// Writes numbered lines of one width to logs/app.log and rotates it every few milliseconds.
final class RaceWriter: Sendable {
    enum Kind: CaseIterable, Sendable {
        /// `app.log` → `app.log.N`, another one is made at once.
        case rename
        /// The same, but the next one is made with the next line, as a shell does.
        case renameApart
        /// `app.log` → `app.log.1` → … → `app.log.8`.
        case chain
    }

    /// Bytes of a line: a divisor of a page and of what is read at once, so that no look sees half a line.
    static let width = 8
    private static let kept = 8
    private let stopping: Stopping
    private let thread: Thread

    private final class Stopping: Sendable {
        let flag = Atomic(false)
        let rotations = Atomic(0)
    }

    /// The tailer has looked: there may be more rotations, two at most until it does again.
    func allow() { stopping.rotations.store(1, ordering: .relaxed) }

    init(_ directory: TemporaryDirectory, _ kind: Kind) throws {
        let stopping = Stopping()
        self.stopping = stopping
        thread = try Thread(name: "test-writer") {
            var random = SeededGenerator(seed: .random(in: 0...UInt64.max))
            var (line, rotations) = (0, 0)
            while !stopping.flag.load(ordering: .relaxed) {
                let lines = (line..<line + random.number(1...5)).map { number in
                    let digits = String(number)
                    return String(repeating: "0", count: RaceWriter.width - 1 - digits.count) + digits + "\n"
                }
                line += lines.count
                try! directory.append(lines.joined(), to: "logs/app.log")
                if random.once(in: 6), stopping.rotations.load(ordering: .relaxed) > 0 {
                    stopping.rotations.subtract(1, ordering: .relaxed)
                    rotations += 1
                    RaceWriter.rotate(directory, kind, rotations)
                }
                usleep(UInt32(random.number(0...400)))
            }
        }
    }

    private static func rotate(_ directory: TemporaryDirectory, _ kind: Kind, _ number: Int) {
        if kind == .chain {
            for step in stride(from: min(number - 1, kept), to: 0, by: -1) {
                directory.rename("logs/app.log.\(step)", "logs/app.log.\(step + 1)")
            }
        }
        directory.rename("logs/app.log", kind == .chain ? "logs/app.log.1" : "logs/app.log.\(number)")
        if kind != .renameApart { try! directory.append("", to: "logs/app.log") }
        if kind != .chain, number > kept { directory.delete("logs/app.log.\(number - kept)") }
    }

    /// Ends the thread.
    func stop() {
        stopping.flag.store(true, ordering: .relaxed)
        thread.join()
    }
}
