// One history against the real tailer, and the judgement of what it read.
import Core
import Glibc
import TestSupport

@testable import FileSource

/// Drives a tailer through a history and keeps what a store and a broker would have.
final class ModelRun {
    let setting: ModelSetting
    let model: ModelDirectory
    private var engine: TestEngine?
    /// What the store holds: generations it would resume with.
    private var stored: [FileID: GenerationRecord] = [:]
    private(set) var shipments: [FileID: Shipment] = [:]
    /// Every read of the run in its order, with its stream.
    private var log: [(stream: StreamID, file: FileID, bytes: [UInt8])] = []
    private var appeared = 0
    private var announced = 0
    private var now: Int64?
    private(set) var problems: [String] = []
    private var wasKilled = false

    init(_ setting: ModelSetting) throws {
        self.setting = setting
        model = try ModelDirectory(setting)
    }

    /// Plays the history to its end and tells what is wrong with it; empty: nothing.
    static func play(_ steps: [ModelStep], _ setting: ModelSetting) throws -> [String] {
        let run = try ModelRun(setting)
        try run.start()
        for (number, step) in steps.enumerated() {
            run.model.step = number + 1
            if try !run.model.apply(step) { try run.apply(step) }
        }
        run.model.step = steps.count + 1
        try run.finish()
        return run.problems + run.judge()
    }

    private func apply(_ step: ModelStep) throws {
        if step == .start { return try start() }
        guard let engine else { return }
        switch step {
        case .look:
            engine.pump()
            looked(wide: false)
        case .walkBeforeEvents: engine.rescanBeforeEvents()
        case .pass(let seconds): pass(seconds)
        case .park(let count): engine.reads = { count > 0 && $0 % (count + 1) == 0 }
        case .unpark: unpark()
        case .letGo: letGo()
        case .checkpoint: checkpoint()
        case .stop(let killed): stop(killed)
        default: break
        }
    }

    private func start() throws {
        guard engine == nil else { return }
        for file in model.files {
            file.isFollowed = model.isDeclared(file)
            file.isMade = false
        }
        let declaration = FileDeclaration(
            name: "app", patterns: setting.declared.map { PathPattern(model.directory.path($0)) },
            isKnown: !stored.isEmpty, route: "logs")
        let known = stored.values.sorted { $0.file.description < $1.file.description }
        let engine = try TestEngine([declaration], known: known, start: false) {
            $0.openLimit = self.setting.openLimit
            if self.setting.tinyRescan { $0.rescanBudget = 0 }
        }
        if let now { engine.now = max(engine.now, now) }
        self.engine = engine
        (appeared, announced) = (0, 0)
        engine.onRead = { [unowned self] file, offset, bytes in
            note()
            shipments[file]!.read(bytes, at: Int(offset))
            log.append((shipments[file]!.stream, file, Array(bytes)))
        }
        engine.onGap = { [unowned self] file, range in
            note()
            shipments[file]!.announce(Int(range.lowerBound)..<Int(range.upperBound))
        }
        engine.begin()
        note()
        for file in model.files where !file.isFollowed { file.isFollowed = isOpen(file) }
        looked(wide: true)
    }

    private func isOpen(_ file: ModelFile) -> Bool {
        engine!.slots.contains { slot in
            let identity = engine!.tailer.identity(slot)
            return ModelFile.Key(inode: identity.inode, born: identity.born) == file.key
        }
    }

    /// Takes over what is new in the engine: generations and announcements.
    private func note() {
        guard let engine else { return }
        while appeared < engine.generations.count {
            let record = engine.generations[appeared].record
            appeared += 1
            if shipments[record.file] == nil { shipments[record.file] = Shipment(record, step: model.step) }
            stored[record.file] = stored[record.file] ?? record
        }
    }

    /// Ends and losses of generations, once a step is over.
    private func noteEnds() {
        guard let engine else { return }
        note()
        while announced < engine.vanished.count {
            let record = engine.vanished[announced].record
            announced += 1
            guard let shipment = shipments[record.file] else { continue }
            shipment.last = model.step
            shipment.announce(Int(record.counts.committed)..<Int.max)
        }
        for generation in engine.generations {
            let shipment = shipments[generation.file]!
            if let failure = generation.failure { problems.append("step \(model.step): \(failure)") }
            guard !ended.contains(generation.file) else { continue }
            shipment.last = model.step
            guard generation.hasEnded else { continue }
            ended.insert(generation.file)
            if generation.isLost { shipment.announce(shipment.end..<Int.max) }
        }
    }
    /// Generations that ended in this run of the engine.
    private var ended: Set<FileID> = []

    /// The engine has looked: what is there now is to be read or announced, whatever happens from now on.
    /// `wide`: also what no event tells of.
    private func looked(wide: Bool) {
        noteEnds()
        for file in model.files {
            noteUntold(file)
            if file.isMade {
                file.isMade = false
                file.isFollowed = file.isFollowed || model.isInSight(file)
            }
            if model.isDeclared(file) { file.isFollowed = true }
            guard file.isFollowed else { continue }
            let isTold = model.isInSight(file) && !file.isQuiet
            if isTold || wide {
                file.contents[file.last].due = file.size
                file.isQuiet = false
            }
            // Its descriptor may be given up, and without a name there is no way back.
            if !model.isInSight(file), setting.openLimit < 100 { file.isFollowed = false }
        }
        wasDown = false
        model.fresh = []
    }

    /// Nothing tells that a file was cut off behind what was read of it, when it is as long as before again.
    private func noteUntold(_ file: ModelFile) {
        defer { file.cuts = [] }
        var kept = Int.max
        for (content, length) in file.cuts.reversed() {
            kept = min(kept, length)
            let old = file.contents[content]
            guard old.due > 0 else { continue }
            let known = shipments.values.filter { $0.key == file.key && $0.fits(old) }.map(\.end).max() ?? 0
            if kept >= known, kept > 0, wasDown || file.size >= old.due {
                file.contents[content].untold = min(old.untold, kept)
            }
        }
    }
    /// The engine was not running since the last look.
    private var wasDown = false

    private func pass(_ seconds: Int) {
        engine!.advance(seconds: Int64(seconds))
        for _ in 0..<1_000 where engine!.tailer.nextDeadline == 0 { engine!.tickWithoutEvents(seconds: 0) }
        engine!.pump()
        looked(wide: seconds > 60)
    }

    private func unpark() {
        engine!.unpark()
        engine!.settle()
        noteEnds()
    }

    private func letGo() {
        engine!.pump()
        looked(wide: false)
        engine!.endNameless()
        noteEnds()
        for file in model.files where !model.isInSight(file) {
            file.isFollowed = file.isFollowed && isOpen(file)
            file.wasLetGo = true
        }
    }

    private func checkpoint() {
        noteEnds()
        for record in engine!.records() { stored[record.file] = record }
        for file in ended { stored[file] = nil }
        for vanished in engine!.vanished { stored[vanished.record.file] = nil }
        for shipment in shipments.values { shipment.checkpoint() }
    }

    private func stop(_ killed: Bool) {
        noteEnds()
        if killed {
            wasKilled = true
            for shipment in shipments.values { shipment.kill() }
        } else {
            checkpoint()
        }
        now = engine!.now
        engine = nil
        ended = []
        wasDown = true
    }

    /// Everything that waits is read, and what is gone for good is announced.
    private func finish() throws {
        try start()
        unpark()
        engine!.pump()
        looked(wide: false)
        for _ in 0..<3 {
            pass(61)
            letGo()
        }
        for _ in 0..<2 { pass(400) }
        letGo()
        checkpoint()
    }
}

// MARK: Judgement
extension ModelRun {
    private func judge() -> [String] {
        var wrong: [String] = []
        let byKey = Dictionary(grouping: shipments.values, by: \.key)
        for shipment in shipments.values where !fits(shipment) {
            wrong.append("read what no content of its file has: \(shipment.file) \(shipment.describe())")
        }
        for file in model.files {
            for number in file.contents.indices { wrong += missing(file, number, byKey) }
            wrong += repeated(file, byKey[file.key] ?? [])
            wrong += announcedForNothing(file, byKey[file.key] ?? [])
        }
        if setting.writers == .one { wrong += outOfOrder() }
        return wrong
    }

    /// True when what a generation read is one content of its file, or of a copy in which it went on.
    private func fits(_ shipment: Shipment) -> Bool {
        model.files.contains { file in
            file.contents.contains {
                shipment.fits($0) && (file.key == shipment.key || origins($0).contains(shipment.key))
            }
        }
    }

    /// The file it was copied from, if that was cut off afterwards, and the one that was copied from.
    private func origins(_ content: ModelContent) -> [ModelFile.Key] {
        let twins = content.twins.filter { twin in
            model.files.first { $0.key == twin.key }?.contents.contains { $0.ended ?? 0 >= twin.step } ?? false
        }
        return twins.map(\.key) + originals(content)
    }

    /// `known`: found already; two files may have been copied to each other.
    private func originals(_ content: ModelContent, _ known: [ModelFile.Key] = []) -> [ModelFile.Key] {
        guard let origin = content.origin, !known.contains(origin.key),
            let original = model.files.first(where: { $0.key == origin.key }),
            original.contents.contains(where: { $0.ended ?? 0 >= origin.step })
        else { return [] }
        return [origin.key] + original.contents.flatMap { originals($0, known + [origin.key]) }
    }

    private func isCopy(_ file: FileID) -> Bool {
        model.files.first { $0.key == shipments[file]!.key }?.contents.contains { $0.origin != nil } ?? false
    }

    /// What was due and is neither read nor announced.
    private func missing(_ file: ModelFile, _ number: Int, _ shipped: [ModelFile.Key: [Shipment]]) -> [String] {
        let content = file.contents[number]
        var ranges: [Range<Int>] = []
        for shipment in shipped[file.key] ?? [] {
            ranges += shipment.covered(of: content) + shipment.announced(of: content)
            // Known for all it may have become since.
            if shipment.endsUnknown, shipment.isSeen(during: content) { ranges.append(0..<Int.max) }
        }
        for origin in origins(content) {
            for shipment in shipped[origin] ?? [] {
                ranges += shipment.covered(of: content) + shipment.announced(of: content)
            }
        }
        let holes = holes(below: min(content.due, content.untold), ranges)
        guard !holes.isEmpty else { return [] }
        return [
            "lost silently: \(holes) of \(content.due) bytes that were there (content \(number) of the file that was "
                + "\(file.names.sorted()), steps \(content.began)-\(content.ended.map { "\($0)" } ?? ""))"
        ]
    }

    /// What was read twice, though nothing excuses it.
    private func repeated(_ file: ModelFile, _ shipped: [Shipment]) -> [String] {
        guard !wasKilled, !file.wasCut, !file.wasLinked, !file.wasLetGo, !shipped.contains(where: \.wasAnnounced)
        else { return [] }
        var reads = shipped.flatMap { $0.reads.map { $0.offset..<$0.offset + $0.bytes.count } }
        reads.sort { $0.lowerBound < $1.lowerBound }
        for (one, two) in zip(reads, reads.dropFirst()) where two.lowerBound < one.upperBound {
            return ["read twice: \(one) and \(two) of the file that was \(file.names.sorted())"]
        }
        return []
    }

    /// Gaps of files that were whole all the time.
    private func announcedForNothing(_ file: ModelFile, _ shipped: [Shipment]) -> [String] {
        guard !wasKilled, !file.wasCut, !file.wasNameless, !file.wasLinked else { return [] }
        guard let announced = shipped.first(where: \.wasAnnounced) else { return [] }
        return ["announced for nothing: \(announced.gaps) of the file that is \(file.names.sorted())"]
    }

    /// One writer's lines in the order they were read, in each stream. A copy is read as a file of its own when nothing was
    /// known of its original.
    private func outOfOrder() -> [String] {
        for (stream, reads) in Dictionary(grouping: log.filter { !isCopy($0.file) }, by: \.stream) {
            var last = 0
            for token in reads.flatMap(\.bytes).split(separator: 0x23).dropFirst() {
                guard let number = Int(String(decoding: token.prefix { $0 != 0x3A }, as: UTF8.self)) else { continue }
                if number <= last { return ["line \(number) was read after line \(last) of stream \(stream)"] }
                last = number
            }
        }
        return []
    }
}

extension Shipment {
    func describe() -> String {
        let ranges = reads.map { "\($0.offset)..<\($0.offset + $0.bytes.count)" }.joined(separator: ", ")
        return "reads \(ranges), gaps \(gaps), steps \(first)-\(last)"
    }
}
