// What can happen in a history: changes of files, looks of the engine, restarts.
import TestSupport

/// One step. It does nothing where its names do not fit, so that a history is still one when any of its steps is left out.
enum ModelStep: Equatable {
    /// Numbered lines; without `ends` the last one has no newline yet.
    case append(String, lines: Int, ends: Bool)
    /// A writer opens a file and keeps it open, whatever becomes of its name.
    case hold(String)
    case writeHeld(lines: Int)
    case releaseHeld
    case rename(String, String)
    /// app.log.2 to app.log.3, app.log.1 to app.log.2, app.log to app.log.1.
    case rotate(String, depth: Int)
    /// To so many percent of its size.
    case truncate(String, percent: Int)
    case copy(String, String)
    /// `late` lines are written between the end of the copy and the truncation: they are gone.
    case copyTruncate(String, String, late: Int)
    case link(String, String)
    case delete(String)
    case removeDirectory(String)
    case renameDirectory(String, String)
    /// The engine takes events and reads.
    case look
    /// The slow walk comes before the events.
    case walkBeforeEvents
    /// So many seconds pass; beyond a minute the slow walk sees everything.
    case pass(seconds: Int)
    /// Of so many slots one is read; 0: none.
    case park(oneOf: Int)
    case unpark
    /// Files without a name that are read to their end are let go.
    case letGo
    /// What was read so far is acknowledged and durable.
    case checkpoint
    /// Killed: what was not checkpointed is lost.
    case stop(killed: Bool)
    case start
}

/// Which steps a history has, and what the engine may use.
struct ModelSetting: Sendable, CustomStringConvertible {
    enum Writers: String, Sendable, CaseIterable {
        /// Any file, any name.
        case many
        /// One log, rotated: its lines are to be read in order.
        case one
    }

    enum Paths: String, Sendable, CaseIterable { case literal, pattern, chain, deep }

    var writers: Writers
    var paths: Paths
    var openLimit = 8192
    var kills = false
    var parks = true
    var tinyRescan = false

    init(_ writers: Writers, _ paths: Paths, openLimit: Int = 8192) {
        self.writers = writers
        self.paths = paths
        self.openLimit = openLimit
    }

    /// A setting that follows from the seed.
    init(_ random: inout SeededGenerator) {
        writers = random.once(in: 3) ? .one : .many
        paths = Paths.allCases.randomElement(using: &random)!
        if random.once(in: 3) { openLimit = 3 }
        kills = random.once(in: 2) && writers == .many
        parks = random.once(in: 2)
        tinyRescan = random.once(in: 3)
    }

    var description: String {
        "\(writers) \(paths), openLimit \(openLimit)" + (kills ? ", kills" : "") + (parks ? ", parks" : "")
            + (tinyRescan ? ", tiny rescan" : "")
    }

    var root: String { paths == .deep ? "base/" : "" }
    var declared: [String] {
        switch paths {
        case .literal: ["logs/app.log", "other/app.log"]
        case .pattern: ["logs/*.log", "other/*.log"]
        case .chain: ["logs/app.log*", "other/*"]
        case .deep: ["base/**/*.log"]
        }
    }

    /// Directories whose files the engine is told of.
    func isWatched(_ directory: String) -> Bool {
        paths == .deep ? directory.hasPrefix("base") : directory == "logs" || directory == "other"
    }

    func isDeclared(_ path: String) -> Bool {
        let (directory, name) = split(path)
        guard isWatched(directory) else { return false }
        return switch paths {
        case .literal: name == "app.log"
        case .pattern, .deep: name.hasSuffix(".log")
        case .chain: directory == "other" || name.hasPrefix("app.log")
        }
    }

    var directories: [String] {
        paths == .deep ? ["base/logs", "base/logs/in", "base/other", "archive"] : ["logs", "other", "archive"]
    }

    /// A random history.
    func history(_ random: inout SeededGenerator, count: Int) -> [ModelStep] {
        (0..<count).flatMap { _ in writers == .one ? rotationSteps(&random) : [anyStep(&random)] }
    }

    private func name(_ random: inout SeededGenerator) -> String {
        let name = ["app.log", "app.log", "app.log", "b.log", "app.log.1", "app.log.2", "x.log"]
        return directories.randomElement(using: &random)! + "/" + name.randomElement(using: &random)!
    }

    /// Mostly the same few files, so that much happens to each.
    private func likelyName(_ random: inout SeededGenerator) -> String {
        random.once(in: 3) ? name(&random) : directories[0] + "/" + (random.once(in: 3) ? "app.log.1" : "app.log")
    }

    private func lines(_ random: inout SeededGenerator) -> Int {
        random.once(in: 5) ? random.number(40...120) : random.number(1...6)
    }

    private func anyStep(_ random: inout SeededGenerator) -> ModelStep {
        switch random.number(0...99) {
        case 0..<26: .append(likelyName(&random), lines: lines(&random), ends: !random.once(in: 5))
        case 26..<28: .hold(likelyName(&random))
        case 28..<31: .writeHeld(lines: random.number(1...5))
        case 31: .releaseHeld
        case 32..<40: .rename(likelyName(&random), name(&random))
        case 40..<43: .rotate(directories[0] + "/app.log", depth: 3)
        case 43..<47: .truncate(likelyName(&random), percent: random.once(in: 2) ? 0 : random.number(1...99))
        case 47..<50: .copy(likelyName(&random), name(&random))
        case 50..<53:
            .copyTruncate(likelyName(&random), name(&random), late: random.once(in: 2) ? 0 : random.number(1...4))
        case 53..<55: .link(likelyName(&random), name(&random))
        case 55..<60: .delete(likelyName(&random))
        case 60: .removeDirectory(directories.randomElement(using: &random)!)
        case 61:
            .renameDirectory(directories.randomElement(using: &random)!, directories.randomElement(using: &random)!)
        default: engineStep(&random)
        }
    }

    private func rotationSteps(_ random: inout SeededGenerator) -> [ModelStep] {
        let live = directories[0] + "/app.log"
        return switch random.number(0...99) {
        case 0..<40: [.append(live, lines: lines(&random), ends: !random.once(in: 5))]
        case 40..<52: [.rotate(live, depth: 3)]
        case 52..<55: [.delete(live)]
        case 55..<58:
            [
                .delete(live + ".3"), .rename(live + ".2", live + ".3"), .rename(live + ".1", live + ".2"),
                .copyTruncate(live, live + ".1", late: random.once(in: 2) ? 0 : 2),
            ]
        case 58..<60: [.truncate(live, percent: 0)]
        default: [engineStep(&random)]
        }
    }

    private func engineStep(_ random: inout SeededGenerator) -> ModelStep {
        switch random.number(0...39) {
        case 0..<16: .look
        case 16..<18: .walkBeforeEvents
        case 18..<20: .pass(seconds: random.once(in: 3) ? 61 : 1)
        case 20..<23: parks ? .park(oneOf: random.number(0...2)) : .look
        case 23..<27: parks ? .unpark : .look
        case 27..<29: .letGo
        case 29..<32: .checkpoint
        case 32..<35: .stop(killed: kills && random.once(in: 2))
        default: .start
        }
    }
}

/// Directory and name of a path.
func split(_ path: String) -> (directory: String, name: String) {
    let slash = path.lastIndex(of: "/")!
    return (String(path[..<slash]), String(path[path.index(after: slash)...]))
}
