// A tiny engine around one tailer: activates what appears, reads all there is, keeps offsets and what was read.
import Core
import Glibc
import LinuxIO
import TestSupport

@testable import FileSource

/// One generation as the test engine saw it.
struct ReadGeneration {
    let file: FileID
    let stream: StreamID
    let declaration: Int
    /// Live path.
    let path: String
    let isNew: Bool
    let start: UInt64
    let skipped: SkipReason?
    var record: GenerationRecord
    var bytes: [UInt8] = []
    /// Bytes announced as a gap at its end.
    var gap: UInt64 = 0
    /// Nobody knows how much was unread when it went.
    var isLost = false
    var failure: String?
    var hasEnded = false
    var text: String { String(decoding: bytes, as: UTF8.self) }
}

/// Drives `Tailer` as the pipeline loop does, without framing and without Kafka: everything read counts as committed.
/// Used by one test. Time stands still but for `advance`.
final class TestEngine {
    let tailer: Tailer
    /// In the order they appeared.
    private(set) var generations: [ReadGeneration] = []
    private(set) var vanished: [VanishedGeneration] = []
    /// Generations in the order bytes were read from them, each run once.
    private(set) var readOrder: [FileID] = []
    private(set) var maximumOpen = 0
    /// Slots whose generations went on in another file.
    private(set) var moved: [Int] = []
    /// Copies that were not read as files of their own.
    private(set) var discarded = 0
    var now: Int64
    /// Slots that may be read as soon as they appear; false: `activateAll` does it.
    var activates = true
    /// Called with every chunk, in the order of reading.
    var onRead: ((FileID, UInt64, UnsafeBufferPointer<UInt8>) -> Void)?
    var onGap: ((FileID, Range<UInt64>) -> Void)?
    /// The start and `advance` end with nothing left to look at; false: the test makes each `turn`.
    let finishesWalks: Bool
    /// Slots that are read; the others are parked. Nil: all.
    var reads: ((Int) -> Bool)?
    /// One chunk at a time: `unpark` or another event gives the next one.
    var readsOnce = false
    /// Searches in archives are over before anything else is done, as if they took no time.
    var settlesSearches = true
    private var generationOfSlot: [Int: Int] = [:]
    private var offsets: [Int: UInt64] = [:]
    private let buffer = UnsafeMutablePointer<UInt8>.allocate(capacity: TestEngine.chunk + Tailer.anchorSize)
    static let chunk = 4096

    init(
        _ declarations: [FileDeclaration], known: [GenerationRecord] = [], start: Bool = true,
        finishesWalks: Bool = true,
        _ change: (inout TailerOptions) -> Void = { _ in }
    ) throws {
        var options = TailerOptions(host: "test")
        options.rescanBudget = .max
        change(&options)
        self.finishesWalks = finishesWalks
        now = Clock.monotonic()
        tailer = try Tailer(options, declarations: declarations, known: known)
        if start { begin() }
    }

    deinit { buffer.deallocate() }

    /// Walks over everything while events wait, as the slow rescan may. What it finds is read once they are taken: until
    /// a generation is durable the loop has looked at its events.
    func rescanBeforeEvents() {
        tailer.rescanEverything(now)
        owesEvents = true
    }

    private var owesEvents = false

    private func takeOwedEvents() {
        guard owesEvents else { return }
        owesEvents = false
        tailer.handleEvents(now: now)
    }

    func begin() {
        tailer.start(now: now)
        settle()
        if finishesWalks { finishWalks() }
    }

    /// Walks go on in slices of `TailerOptions.rescanBudget`.
    var isWalking: Bool { tailer.nextDeadline == 0 }

    /// One turn of the loop: events, reading, one slice of what is to be looked at.
    func turn() {
        tailer.handleEvents(now: now)
        settle()
        tailer.tick(now: now)
        settle()
    }

    func finishWalks() { while isWalking { turn() } }

    /// Takes all events that wait, then reads until nothing is ready.
    func pump() {
        repeat {
            turn()
        } while isWalking || hasEvents(milliseconds: 0)
    }

    /// True when inotify events wait; waits for them at most so long.
    func hasEvents(milliseconds: Int32) -> Bool {
        var poller = pollfd(fd: tailer.descriptor, events: Int16(POLLIN), revents: 0)
        return poll(&poller, 1, milliseconds) > 0
    }

    /// Waits for what the workers of network volumes are busy with, `turns` times at most, and takes it: until `isDone`.
    func pumpNetwork(turns: Int = 200, until isDone: () -> Bool) {
        for _ in 0..<turns where !isDone() {
            var poller = pollfd(fd: tailer.networkDescriptor, events: Int16(POLLIN), revents: 0)
            if poll(&poller, 1, 50) > 0 { tailer.takeNetworkAnswers(now: now) }
            settle()
        }
    }

    /// Lets seconds pass, so that network volumes are listed, and takes what comes of each before the next: until `isDone`.
    func pollNetwork(until isDone: () -> Bool) {
        for _ in 0..<20 where !isDone() {
            advance(seconds: 1)
            pumpNetwork { isDone() || !tailer.volumes.values.contains { $0.isBusy || $0.isListDue } }
        }
    }

    /// Lets time pass and does what is due.
    func advance(seconds: Int64) {
        now += seconds * nanosecondsPerSecond
        tailer.handleEvents(now: now)
        tailer.tick(now: now)
        settle()
        if finishesWalks { finishWalks() }
    }

    /// Lets time pass as if the kernel told nothing.
    func tickWithoutEvents(seconds: Int64) {
        now += seconds * nanosecondsPerSecond
        tailer.tick(now: now)
        settle()
    }

    /// News and reading, without looking at events.
    func settle() {
        takeOwedEvents()
        repeat {
            for appeared in tailer.takeAppeared() { open(appeared) }
            vanished += tailer.takeVanished()
            moved += tailer.takeMoved()
            for slot in tailer.takeDiscarded() where generationOfSlot[slot] != nil { discard(slot) }
            for (slot, size) in tailer.takePassed() { offsets[slot] = size }
            for slot in tailer.takeReady() where generationOfSlot[slot] != nil { read(slot) }
            maximumOpen = max(maximumOpen, tailer.openCount)
            if settlesSearches { awaitSearches() }
        } while tailer.hasNews
    }

    func awaitSearches() {
        while !tailer.archives.searches.isEmpty {
            var poller = pollfd(fd: tailer.networkDescriptor, events: Int16(POLLIN), revents: 0)
            precondition(poll(&poller, 1, 30_000) > 0, "the archive worker is silent")
            tailer.takeNetworkAnswers(now: now)
        }
    }

    private func open(_ appeared: AppearedFile) {
        let record = appeared.record
        generationOfSlot[appeared.slot] = generations.count
        offsets[appeared.slot] = record.counts.committed
        generations.append(
            ReadGeneration(
                file: record.file, stream: record.stream, declaration: appeared.declaration,
                path: escapingInvalidUTF8(record.path), isNew: appeared.isNew, start: record.counts.committed,
                skipped: appeared.skipped, record: record))
        if activates { tailer.activate(appeared.slot) }
    }

    private func read(_ slot: Int) {
        guard !tailer.isWaiting(slot), !tailer.hasEnded(slot), reads?(slot) != false else {
            tailer.dropChunk(slot)
            if let lastSize = tailer.wasCut(slot) { truncated(slot, lastSize) }
            return
        }
        while true {
            let offset = offsets[slot]!
            switch tailer.read(slot, at: offset, into: buffer, capacity: TestEngine.chunk, now: now) {
            case .bytes(let bytes, let count, let atEnd):
                let index = generationOfSlot[slot]!
                generations[index].bytes += UnsafeBufferPointer(start: bytes, count: count)
                onRead?(generations[index].file, offset, UnsafeBufferPointer(start: bytes, count: count))
                if readOrder.last != generations[index].file { readOrder.append(generations[index].file) }
                offsets[slot] = offset + UInt64(count)
                tailer.remember(slot, offset: offset + UInt64(count), before: bytes + count)
                tailer.hasBegun(slot)
                if atEnd { return tailer.caughtUp(slot) }
                if readsOnce { return }
            case .endOfFile: return tailer.caughtUp(slot)
            case .truncated(let lastSize):
                return truncated(slot, lastSize)
            case .lost:
                generations[generationOfSlot[slot]!].isLost = true
                tailer.end(slot)
                return close(slot)
            case .failed(let error):
                generations[generationOfSlot[slot]!].failure = "\(error)"
                return
            case .broken, .pending: return
            }
        }
    }

    private func truncated(_ slot: Int, _ lastSize: UInt64) {
        let offset = offsets[slot]!
        let index = generationOfSlot[slot]!
        if let size = tailer.goOnInCopy(slot, at: offset, now: now) {
            generations[index].gap = lastSize > size ? lastSize - size : 0
            if lastSize > size { onGap?(generations[index].file, size..<lastSize) }
            return read(slot)
        }
        generations[index].gap = lastSize > offset ? lastSize - offset : 0
        if lastSize > offset { onGap?(generations[index].file, offset..<lastSize) }
        tailer.startOver(slot, now: now)
        close(slot)
    }

    private func discard(_ slot: Int) {
        discarded += 1
        precondition(generations[generationOfSlot[slot]!].bytes.isEmpty, "a copy was read as a file of its own")
        close(slot)
    }

    /// The slots that were parked go on.
    func unpark() {
        reads = nil
        for slot in slots where generationOfSlot[slot] != nil {
            read(slot)
            settle()
        }
    }

    func close(_ slot: Int) {
        generations[generationOfSlot.removeValue(forKey: slot)!].hasEnded = true
        offsets[slot] = nil
        tailer.free(slot)
    }

    /// Ends the slots without a name that are read to their end, as the engine does after a while; those that were moved
    /// away much later than the deleted ones.
    func endNameless(onlyDeleted: Bool = false) {
        for slot in tailer.nameless where !tailer.isWaiting(slot) && (!onlyDeleted || tailer.isDeleted(slot)) {
            read(slot)
            guard let offset = offsets[slot], offset >= tailer.presentSize(slot),
                !tailer.isOutOfReach(slot, now: now)
            else { continue }
            close(slot)
        }
        settle()
    }

    /// What the store would hold now: everything read is committed.
    func records() -> [GenerationRecord] {
        generationOfSlot.sorted { $0.key < $1.key }.map { slot, index in
            var record = generations[index].record
            record.counts.committed = offsets[slot]!
            record = GenerationRecord(
                file: record.file, stream: record.stream, container: record.container,
                declaration: record.declaration, route: record.route, path: record.path,
                identity: tailer.identity(slot), evidence: record.evidence, counts: record.counts,
                opened: record.opened, detached: record.detached)
            record.evidence = tailer.evidence(slot, committed: offsets[slot]!)
            return record
        }
    }

    /// Everything read from the generations of a live path, in the order they appeared.
    func text(_ path: String) -> String { generations.filter { $0.path == path }.map(\.text).joined() }
    func generations(of path: String) -> [ReadGeneration] { generations.filter { $0.path == path } }
    var allText: [String] { generations.map(\.text) }
    var problems: [FileProblem] { Array(tailer.problems.values.joined()) }
    var slots: [Int] { generationOfSlot.keys.sorted() }
    func path(ofSlot slot: Int) -> String { tailer.presentPath(slot).map { escapingInvalidUTF8($0) } ?? "" }
}

/// A declaration of `paths` with the usual values.
func files(
    _ paths: String..., name: String = "app", exclude: [String] = [], startAtEnd: Bool = false,
    ignoreOlder: Int64 = 0, isKnown: Bool = false, route: String = "logs"
) -> FileDeclaration {
    FileDeclaration(
        name: name, patterns: paths.map { PathPattern($0) }, excludes: exclude.map { ExcludePattern($0) },
        startAtEnd: startAtEnd, ignoreOlder: ignoreOlder, isKnown: isKnown, route: route)
}

extension TemporaryDirectory {
    func rename(_ old: String, _ new: String) { precondition(Glibc.rename(path(old), path(new)) == 0, "rename \(old)") }
    func delete(_ name: String) { precondition(unlink(path(name)) == 0, "unlink \(name)") }
    func truncate(_ name: String, to size: Int = 0) { precondition(Glibc.truncate(path(name), size) == 0, name) }
    func link(_ old: String, _ new: String) { precondition(Glibc.link(path(old), path(new)) == 0, "link \(new)") }
    func symlink(_ target: String, _ new: String) {
        precondition(Glibc.symlink(target, path(new)) == 0, "symlink \(new)")
    }
    func removeDirectory(_ name: String) { precondition(rmdir(path(name)) == 0, "rmdir \(name)") }
}
