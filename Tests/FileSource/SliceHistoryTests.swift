// Random histories while a directory is looked at entry by entry: whatever was there when its events had been drained was read.
import Core
import Glibc
import TestSupport
import Testing

@testable import FileSource

/// Names and contents as a writer sees them; the files lie below `base`.
private struct Model {
    let directory: TemporaryDirectory
    var random: SeededGenerator
    var lines: [String: [Int]] = [:]
    var directories = ["base"]
    var next = 0
    /// Lines that must have been read.
    var due: Set<Int> = []

    mutating func step() throws {
        let name = lines.keys.sorted().randomElement(using: &random)
        switch Int.random(in: 0..<100, using: &random) {
        case 0..<12: try append(freshName())
        case 12..<60: try append(name ?? freshName())
        case 60..<78: if let name { move(name, Bool.random(using: &random) ? freshName() : name + "+.log") }
        case 78..<84: if let name, let other = lines.keys.sorted().randomElement(using: &random) { move(name, other) }
        case 84..<89:
            guard let name else { return }
            directory.truncate(name)
            lines[name] = []
        case 89..<94:
            guard let name else { return }
            directory.delete(name)
            lines[name] = nil
        case 94..<98 where directories.count < 12:
            let made = directories.randomElement(using: &random)! + "/d\(next)"
            try directory.makeDirectory(made)
            directories.append(made)
        default: moveDirectory()
        }
    }

    private mutating func freshName() -> String {
        next += 1
        return directories.randomElement(using: &random)! + "/f\(next % 7).log"
    }

    private mutating func append(_ name: String) throws {
        var text = ""
        for _ in 0..<Int.random(in: 1...40, using: &random) {
            next += 1
            lines[name, default: []].append(next)
            text += "\(next)\n"
        }
        try directory.append(text, to: name)
    }

    private mutating func move(_ name: String, _ other: String) {
        guard name != other, other.utf8.count < 200 else { return }
        directory.rename(name, other)
        lines[other] = lines.removeValue(forKey: name)
    }

    private mutating func moveDirectory() {
        guard directories.count > 1 else { return }
        next += 1
        let old = directories.dropFirst().randomElement(using: &random)!
        let new = "base/m\(next)"
        directory.rename(old, new)
        func moved(_ path: String) -> String { path.hasPrefix(old + "/") ? new + path.dropFirst(old.count) : path }
        directories = directories.map { $0 == old ? new : moved($0) }
        lines = Dictionary(uniqueKeysWithValues: lines.map { (moved($0.key), $0.value) })
    }

    mutating func drained() { for content in lines.values { due.formUnion(content) } }
}

@Suite struct SliceHistoryTests {
    /// Everything changes between two entries of a directory that is being looked at.
    @Test(arguments: [8192, 3], [false, true])
    func randomHistoriesBetweenTheSlicesOfAWalkAreReadCompletely(openLimit: Int, restarts: Bool) throws {
        for _ in 0..<40 {
            let seed = UInt64.random(in: 0...UInt64.max)
            try history(seed, openLimit: openLimit, restarts: restarts, budget: 1)
        }
    }

    /// Histories that once lost lines: a rename into a directory that was itself renamed before the events were read.
    @Test(arguments: [12_298_593_766_276_929_358, 11_084_741_763_684_558_901] as [UInt64])
    func formerFailuresAreReadCompletely(seed: UInt64) throws {
        try history(seed, openLimit: 3, restarts: false)
    }

    /// With a `budget` of 1 ns a walk is one entry at a time, and a rescan is nearly always under way.
    private func history(_ seed: UInt64, openLimit: Int, restarts: Bool, budget: Int64 = .max) throws {
        let directory = try TemporaryDirectory()
        var model = Model(directory: directory, random: SeededGenerator(seed: seed))
        try directory.makeDirectory("base")
        let declaration = files(directory.path("base/**/*.log"))
        func engine(_ known: [GenerationRecord] = []) throws -> TestEngine {
            try TestEngine([declaration], known: known, finishesWalks: budget == .max) {
                $0.openLimit = openLimit
                $0.rescanBudget = budget
            }
        }
        var engines = [try engine()]
        for _ in 0..<120 {
            try model.step()
            if budget != .max {
                if Int.random(in: 0..<5, using: &model.random) == 0 {
                    engines.last!.tailer.beginRescan(engines.last!.now)
                }
                for _ in 0..<Int.random(in: 0..<4, using: &model.random) { engines.last!.turn() }
            }
            if Int.random(in: 0..<4, using: &model.random) == 0 {
                engines.last!.pump()
                model.drained()
            }
            if Int.random(in: 0..<10, using: &model.random) == 0 {
                engines.last!.pump()
                model.drained()
                engines.last!.endNameless()
            }
            if restarts, Int.random(in: 0..<30, using: &model.random) == 0 {
                engines.last!.pump()
                model.drained()
                engines.append(try engine(engines.last!.records()))
            }
        }
        engines.last!.pump()
        model.drained()
        let read = engines.flatMap { $0.allText }.flatMap { $0.split(separator: "\n").compactMap { Int($0) } }
        let missing = model.due.subtracting(read)
        #expect(missing.isEmpty, "\(missing.count) lines missing, seed \(seed)")
        if !restarts { #expect(Set(read).count == read.count, "lines read twice, seed \(seed)") }
    }
}
