// Looking at directories in steps: what each step does, and for how long steps are made.
internal import CLinux
internal import Core
internal import Glibc
internal import LinuxIO

extension Tailer {
    /// Everything is done at once, as a step of one budget would.
    private var isUnsliced: Bool { options.rescanBudget == .max }
    /// How long a view's directories are looked at before another view's.
    private static let viewTurn = nanosecondsPerMillisecond

    /// Begins to look at a directory; `known`: at the slots that have their names here too. A look that is under way is
    /// followed by another one, since it may be past what this one is for.
    func beginScan(_ index: Int32, known: Bool, _ now: Int64) {
        if let scan = scans[index] {
            if case .begin = scan.phase { return }
            if case .known = scan.phase, !known { return }
            scan.isAgain = true
            scan.isAgainKnown = scan.isAgainKnown || known
            return
        }
        let scan = DirectoryScan(index, view: directories[Int(index)].view, known ? .begin : .watch)
        // A few names are looked at without waiting: what a pattern names on its way costs no more than a turn does.
        if !known, !begin(scan, now) { return }
        scans.push(scan)
        if isUnsliced { while !scan.isOver { advance(scan, now) } }
    }

    /// Makes steps until `end` (monotonic ns), one at least. True: nothing is left.
    func goOnWithScans(_ now: Int64, until end: Int64) -> Bool {
        while let view = scans.nextView {
            let start = Clock.monotonic()
            let turnEnd = min(end, start + Tailer.viewTurn)
            let first = scans.top(view)
            while let scan = scans.top(view) {
                advance(scan, now)
                guard Clock.monotonic() >= turnEnd else { continue }
                if scan === first, !scan.isOver { scans.sink(scan) }
                break
            }
            scans.rotate(view)
            if Clock.monotonic() >= end { break }
        }
        return scans.isEmpty
    }

    /// What events tell of a directory waits for its generations of the store that were renamed while the daemon was down:
    /// they come first in their streams.
    func admitRenamedFirst(_ directory: Int32, _ now: Int64) {
        guard let scan = scans[directory], !scan.inodes.isEmpty else { return }
        while !scan.isOver, !scan.inodes.isEmpty { advance(scan, now) }
    }

    /// Makes steps for one view only, at once: what has just come may soon be gone.
    func hurryScans(of view: Int32, _ now: Int64) {
        let end = sliceEnd
        while let scan = scans.top(view), Clock.monotonic() < end { advance(scan, now) }
        runPendingScans(now)
        endIdleWalks(now)
    }

    /// Monotonic ns at which a slice that begins now is over.
    var sliceEnd: Int64 { isUnsliced ? .max : Clock.monotonic() + options.rescanBudget }

    /// The directory is forgotten: so is what was still to be looked at in it.
    func cancelScan(_ index: Int32) {
        guard let scan = scans[index] else { return }
        if scan.hasRest, views[Int(scan.view)].container != nil { views[Int(scan.view)].isDoubtful = true }
        if !scan.inodes.isEmpty, let place = storedDirectory(index) {
            knownByDirectory[place, default: []].formUnion(scan.inodes)
        }
        scans.end(scan)
    }

    /// Ends the first walks, and the last looks at stopped containers, that have nothing left to look at.
    func endIdleWalks(_ now: Int64) {
        guard scans.firstWalks.contains(where: mayBeOver) || scans.retiring.contains(where: mayBeOver) else { return }
        // What was renamed while its directory was listed is not gone: events tell where it is.
        guard takeEvents(now) else { return }
        let waiting = Set(pendingScans.filter { directories[Int($0)].isAlive }.map { directories[Int($0)].view })
        func isIdle(_ view: Int32) -> Bool {
            !scans.isBusy(view) && !waiting.contains(view) && !pendingWalks.contains(view)
        }
        for view in scans.firstWalks.filter(isIdle).sorted() {
            scans.firstWalks.remove(view)
            endFirstWalk(view)
        }
        for view in scans.retiring.filter(isIdle) {
            scans.retiring.remove(view)
            retireDelegations(of: view, true)
            for number in views[Int(view)].declarations { declarations[Int(number)].isRetired = true }
        }
    }

    private func mayBeOver(_ view: Int32) -> Bool { !scans.isBusy(view) && !pendingWalks.contains(view) }

    // MARK: Steps

    private func advance(_ scan: DirectoryScan, _ now: Int64) {
        switch scan.phase {
        case .begin: beginKnown(scan, now)
        case .known: advanceKnown(scan, now)
        case .watch: if !begin(scan, now) { finish(scan, now) }
        case .list: advanceListing(scan, now)
        case .renamed: advanceRenamed(scan, now)
        case .entries: advanceEntries(scan, now)
        case .over: break
        }
    }

    private func finish(_ scan: DirectoryScan, _ now: Int64) {
        // It was forgotten meanwhile; its number may be another directory's.
        if scan.isOver { return }
        scans.end(scan)
        // A large directory without a watch is not looked at all the time.
        let end = Clock.monotonic()
        directories[Int(scan.directory)].nextPoll = now + (end - scan.began) * 3
        if scan.isAgain, directories[Int(scan.directory)].isAlive {
            beginScan(scan.directory, known: scan.isAgainKnown, now)
        }
    }

    private func beginKnown(_ scan: DirectoryScan, _ now: Int64) {
        let index = scan.directory
        if hasMoved(index) { return drop(index, now) }
        directories[Int(index)].isDoubted = false
        scan.slots = slots(in: index)
        scan.phase = .known
    }

    private func advanceKnown(_ scan: DirectoryScan, _ now: Int64) {
        guard scan.nextSlot < scan.slots.count else {
            scan.slots = []
            scan.phase = .watch
            return
        }
        let slot = scan.slots[scan.nextSlot]
        scan.nextSlot += 1
        // It may have been freed and used again meanwhile.
        guard files[Int(slot)].directory == scan.directory else { return }
        files[Int(slot)].name.withUnsafeBufferPointer { considerKnown(slot, scan.directory, $0, now) }
        if !files[Int(slot)].hasName { noteUnseenGrowth(slot, in: scan.directory) }
    }

    /// Watches the directory, then decides what of it is to be looked at (in this order, so that nothing falls between).
    /// False: that is done already.
    private func begin(_ scan: DirectoryScan, _ now: Int64) -> Bool {
        let index = scan.directory
        watch(index, missingLiteral: true, now)
        directories[Int(index)].isDenied = false
        guard !hasMoved(index) else {
            drop(index, now)
            return false
        }
        let states = directories[Int(index)].states
        scan.literals = states.compactMap { state -> [UInt8]? in
            if case .literal(let name) = component(state) { return name }
            return nil
        }
        scan.wantsEntries = scan.literals.count < states.count
        scan.inodes = takeInodes(index)
        guard scan.wantsEntries || !scan.inodes.isEmpty else {
            considerLiterals(index, scan.literals, now)
            return false
        }
        scan.phase = .list
        return true
    }

    private func advanceListing(_ scan: DirectoryScan, _ now: Int64) {
        let path = directories[Int(scan.directory)].path
        let view = view(of: scan.directory)
        do throws(SystemError) {
            if scan.listing == nil { scan.listing = try view.openListing(path) }
            if let listing = scan.listing {
                if try listing.next(path, { note(scan, $0, $1, $2) }) { return }
            } else {
                try view.forEachEntry(in: path) { name, type, inode in
                    note(scan, name, type, inode)
                    return true
                }
            }
            problems[directories[Int(scan.directory)].key] = nil
        } catch {
            if error.isDenied { noteDenied(scan) }
            tellUnreadable(scan.directory, error)
        }
        scan.listing = nil
        scan.renamed.sort { $0.record.opened > $1.record.opened }
        scan.phase = .renamed
    }

    private func tellUnreadable(_ index: Int32, _ error: SystemError) {
        let states = directories[Int(index)].states
        guard states.contains(where: { if case .literal = component($0) { false } else { true } }) else { return }
        report(directories[Int(index)].key, declaration: Int(states[0].declaration), "unreadable", error)
    }

    private func note(_ scan: DirectoryScan, _ name: UnsafeBufferPointer<UInt8>, _ type: UInt8, _ inode: UInt64) {
        if scan.wantsEntries { scan.names.append(name, type: type, inode: inode) }
        guard scan.inodes.contains(inode), let place = storedDirectory(scan.directory) else { return }
        for record in known[inode] ?? [] where storedDirectory(record) == place {
            if record.path != join(place.path, name) { scan.renamed.append((Array(name), record)) }
        }
    }

    private func advanceRenamed(_ scan: DirectoryScan, _ now: Int64) {
        guard let (name, record) = scan.renamed.popLast() else {
            if scan.isStale, scan.relistings < DirectoryScan.maximumRelistings { return listAgain(scan) }
            scan.inodes = []
            scan.phase = .entries
            return
        }
        if !admitRenamed(scan.directory, name, record, now) { scan.isStale = true }
    }

    /// Something was renamed once more since it was listed.
    private func listAgain(_ scan: DirectoryScan) {
        scan.isStale = false
        scan.relistings += 1
        scan.names = NameList()
        scan.phase = .list
    }

    private func advanceEntries(_ scan: DirectoryScan, _ now: Int64) {
        guard scan.wantsEntries else {
            considerLiterals(scan.directory, scan.literals, now)
            return finish(scan, now)
        }
        guard let entry = scan.names.takeFirst() else { return finish(scan, now) }
        entry.name.withUnsafeBufferPointer { name in
            consider(scan.directory, name, type: entry.type, now)
            if !scan.isOver { noteIfMissing(scan, entry, name) }
        }
    }

    private func considerLiterals(_ index: Int32, _ literals: [[UInt8]], _ now: Int64) {
        let path = directories[Int(index)].path
        let view = view(of: index)
        for name in literals { name.withUnsafeBufferPointer { consider(index, $0, type: UInt8(DT_UNKNOWN), now) } }
        let isMissing = literals.contains { name in
            if case .found(let sight) = view.look(join(path, name)) { return sight.isLower }
            return true
        }
        if directories[Int(index)].isAlive, directories[Int(index)].path == path {
            watch(index, missingLiteral: isMissing || directories[Int(index)].isDoubted, now)
        }
    }

    // MARK: Files that go before they are looked at

    /// A declared name was listed, and its file is gone now that its turn has come. When the events say that it was
    /// deleted, and not renamed, what it had cannot be known.
    private func noteIfMissing(_ scan: DirectoryScan, _ entry: NameList.Entry, _ name: UnsafeBufferPointer<UInt8>) {
        guard slots(scan.directory, name).isEmpty, !wanting(scan.directory, name).isEmpty,
            case .missing(let error) = view(of: scan.directory).look(path(scan.directory, name).path, follow: false),
            error.errno == ENOENT
        else { return }
        if views[Int(scan.view)].container != nil { views[Int(scan.view)].isDoubtful = true }
        if scan.deleted.remove(entry.name) != nil {
            announceMissing(scan, entry.name, entry.inode)
        } else {
            scan.missing[entry.name] = entry.inode
        }
    }

    /// An event tells that a name was deleted that nobody knows: its directory is being looked at, and it may have been
    /// there when that began.
    func noteUnknownDeletion(_ entry: EntryName) {
        guard let scan = scans[entry.directory], changes.unseen[entry] == nil else { return }
        if let inode = scan.missing.removeValue(forKey: entry.name) {
            announceMissing(scan, entry.name, inode)
        } else if !entry.name.withUnsafeBufferPointer({ wanting(entry.directory, $0) }).isEmpty {
            scan.deleted.insert(entry.name)
        }
    }

    private func announceMissing(_ scan: DirectoryScan, _ name: [UInt8], _ inode: UInt64) {
        // A generation of the store is announced as what it is, once the walk is over.
        guard known[inode] == nil else { return }
        let wanted = name.withUnsafeBufferPointer { wanting(scan.directory, $0) }
        announceUnseen(UnseenFile(livePath: path(scan.directory, name).path, declarations: wanted, order: 0))
    }
}
