// Directories that make the queue of events overflow: polled until they are calm, so that all others keep their events.
internal import CLinux
internal import Core
internal import Glibc
package import LinuxIO

extension Tailer {
    /// A polled directory is calm when it has no more events a second than this: the queue would hold them for 16 s.
    private static let calmRate = 1_000
    /// So many calm polls in a row, and it is watched again. Twice as many each time it floods again within some minutes.
    private static let calmPolls = 5
    private static let maximumCalmPolls = 80
    private static let memory = 600 * nanosecondsPerSecond
    /// Of the gauge's queue at once.
    private static let maximumBuffers = 64
    private static let writesMask = UInt32(IN_MODIFY | IN_ATTRIB)
    private static let namesMask = UInt32(IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE)
    private static let ownMask = UInt32(IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)

    /// Directories that are polled because they have too many events for inotify: path and events a second.
    package var floodedDirectories: [(path: RawPath, rate: Int?)] {
        floods.compactMap { watch, flood in
            directoriesOfWatch[watch]?.first.map { (directories[Int($0)].path, flood.rate) }
        }.sorted { $0.path.lexicographicallyPrecedes($1.path) }
    }

    package func takeFloodNews() -> [FloodNews] {
        guard !floodNews.isEmpty else { return [] }
        defer { floodNews = [] }
        return floodNews
    }

    /// The queue has overflowed: those that caused most of the recent events are polled from now on.
    func blameOverflow(_ now: Int64) {
        for (watch, count) in tally.culprits() where directoriesOfWatch[watch] != nil {
            beginFlood(watch, count.names * 8 <= count.all ? .writes : .names, now)
        }
        tally.reset()
    }

    /// All nodes of the watch are polled; of its events only those are kept that do not flood. A gauge counts the others
    /// in a queue of its own, whose overflow is nobody else's.
    private func beginFlood(_ watch: Int32, _ kind: Flood.Kind, _ now: Int64) {
        let nodes = directoriesOfWatch[watch] ?? []
        guard let first = nodes.first else { return }
        if floods[watch] == nil {
            let ended = directories[Int(first)].floodEnded
            let former = ended > 0 && now - ended < Tailer.memory ? directories[Int(first)].calmNeeded : 0
            let needed = former == 0 ? Tailer.calmPolls : min(former * 2, Tailer.maximumCalmPolls)
            if floods.isEmpty { floodsMeasured = now }
            floods[watch] = Flood(kind: kind, calmNeeded: needed)
            floodNews.append(.began(directories[Int(first)].path))
            measure(watch, first)
        } else {
            // Without its writes it still floods.
            floods[watch]!.kind = .names
            floods[watch]!.calm = 0
        }
        reduceWatch(watch)
    }

    private func reduceWatch(_ watch: Int32) {
        let nodes = directoriesOfWatch[watch] ?? []
        guard let first = nodes.first, let flood = floods[watch] else { return }
        for index in nodes {
            directories[Int(index)].isFlooded = true
            directories[Int(index)].calmNeeded = flood.calmNeeded
            poll(index)
        }
        var mask = Tailer.ownMask
        if case .writes = flood.kind { mask |= Tailer.namesMask }
        guard case .success(watch) = view(of: first).watch(directories[Int(first)].path, mask: mask, inotify) else {
            // Another directory stands there now.
            return pendingScans.append(first)
        }
        for index in nodes { directories[Int(index)].mask = mask }
    }

    /// A node has got a watch that floods by another one of its nodes: it is polled like that.
    func joinFlood(_ watch: Int32) {
        if floods[watch] != nil { reduceWatch(watch) }
    }

    private func measure(_ watch: Int32, _ index: Int32) {
        if gauge == nil { gauge = try? FloodGauge() }
        guard let gauge else { return }
        let mask = Tailer.writesMask | Tailer.namesMask | UInt32(IN_ONLYDIR)
        if case .success(let own) = view(of: index).watch(directories[Int(index)].path, mask: mask, gauge.inotify) {
            floods[watch]!.gauge = own
        }
    }

    /// Once a second: how many events the flooding directories had. Those that are calm for long enough are watched again.
    func measureFloods(_ now: Int64) {
        guard !floods.isEmpty else { return }
        let elapsed = max(1, now - floodsMeasured)
        floodsMeasured = now
        let isComplete = drainGauge()
        for watch in floods.keys.sorted() {
            let flood = floods[watch]!
            let rate = Int(Double(flood.count) * Double(nanosecondsPerSecond) / Double(elapsed))
            floods[watch]!.rate = rate
            floods[watch]!.count = 0
            floods[watch]!.made = []
            // Without a gauge there is nothing but to try, after a while.
            let isCalm = flood.gauge < 0 ? true : isComplete && rate <= Tailer.calmRate
            floods[watch]!.calm = isCalm ? flood.calm + 1 : 0
            let needed = flood.gauge < 0 ? Tailer.maximumCalmPolls : flood.calmNeeded
            if floods[watch]!.calm >= needed { endFlood(watch, now) }
        }
    }

    /// False: more came than the gauge's queue holds.
    private func drainGauge() -> Bool {
        guard let gauge else { return true }
        var watches: [Int32: Int32] = [:]
        for (watch, flood) in floods where flood.gauge >= 0 { watches[flood.gauge] = watch }
        var isComplete = true
        for _ in 0..<Tailer.maximumBuffers {
            let found = gauge.inotify.drain { event in
                if event.mask & UInt32(IN_Q_OVERFLOW) != 0 { isComplete = false }
                guard let watch = watches[event.watch] else { return }
                floods[watch]!.count += 1
                if event.mask & UInt32(IN_ISDIR) == 0 { noteShortLife(watch, event) }
            }
            if found == .nothing { return isComplete }
        }
        return false
    }

    /// A declared file that is made and deleted between two polls is announced: what it had cannot be known.
    private func noteShortLife(_ watch: Int32, _ event: Inotify.Event) {
        guard case .names = floods[watch]!.kind, event.mask & Tailer.namesMask != 0 else { return }
        for index in directoriesOfWatch[watch] ?? [] {
            let entry = EntryName(directory: index, name: Array(event.name))
            if event.mask & UInt32(IN_CREATE | IN_MOVED_TO) != 0 {
                guard slots(index, event.name).isEmpty, !wanting(index, event.name).isEmpty else { continue }
                floods[watch]!.made.insert(entry)
            } else if floods[watch]!.made.remove(entry) != nil, event.mask & UInt32(IN_DELETE) != 0,
                slots(index, event.name).isEmpty
            {
                announceUnseen(
                    UnseenFile(
                        livePath: path(index, event.name).path, declarations: wanting(index, event.name), order: 0))
            }
        }
    }

    /// It is calm: watched as all others, then looked at once more, since no event told of what came before.
    private func endFlood(_ watch: Int32, _ now: Int64) {
        let nodes = directoriesOfWatch[watch] ?? []
        if let first = nodes.first { floodNews.append(.ended(directories[Int(first)].path)) }
        forgetFlood(watch)
        for index in nodes {
            directories[Int(index)].mask = 0
            directories[Int(index)].floodEnded = now
            rescan(index, now)
        }
    }

    /// The watch is gone, or as those of other directories again.
    func forgetFlood(_ watch: Int32) {
        guard let flood = floods.removeValue(forKey: watch) else { return }
        if flood.gauge >= 0 { gauge?.inotify.remove(flood.gauge) }
        if floods.isEmpty { gauge = nil }
        for index in directoriesOfWatch[watch] ?? [] where directories[Int(index)].isFlooded {
            directories[Int(index)].isFlooded = false
            guard directories[Int(index)].isPolled else { continue }
            directories[Int(index)].isPolled = false
            polledDirectories -= 1
        }
    }

    /// A file of a polled directory lost its name, or is about to, while its descriptor was given up: it may have grown
    /// since the last poll. Unless it is opened again this is announced (`ReadOutcome.lost`).
    func noteUnseenGrowth(_ slot: Int32, in directory: Int32) {
        let file = files[Int(slot)]
        guard directories[Int(directory)].isPolled, file.descriptor < 0, !file.isRemote, file.phase == .active else {
            return
        }
        files[Int(slot)].grew = true
    }
}

/// An inotify instance for directories that flood, which only counts.
final class FloodGauge {
    let inotify: Inotify

    init() throws(SystemError) { inotify = try Inotify() }
}
