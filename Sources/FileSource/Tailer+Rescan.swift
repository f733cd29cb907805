// The slow walk over everything behind inotify, in pieces.
internal import CLinux
internal import Core
internal import Glibc
internal import LinuxIO

/// How far a walk over everything is: first all directories, then all views from their entry points.
struct Rescan {
    var directory = 0
    var view = 0
    /// What is looked at now: the next one comes after it, so that one listing at a time is kept.
    var current: DirectoryScan?
    /// Events were lost while it was under way, or before it: another one follows; it says what is doubtful at its end.
    var isAgain = false
    var followsOverflow = false
}

extension Tailer {
    /// The walk in one piece.
    func rescanEverything(_ now: Int64) {
        beginRescan(now)
        while rescan != nil { _ = goOnWithWalks(now, until: .max) }
    }

    /// Begins the walk; one that is under way goes on instead.
    func beginRescan(_ now: Int64) {
        guard rescan == nil else { return }
        rescans += 1
        refreshMounts(now)
        rescan = Rescan()
    }

    /// Events of any directory were lost: all are looked at once, from the first one on. That another overflow comes
    /// meanwhile does not begin the walk anew, or it would never come to the last directories: it is made once more.
    func rescanAfterOverflow(_ now: Int64) {
        if rescan == nil { beginRescan(now) } else { rescan!.isAgain = true }
        rescan!.followsOverflow = true
        doubtLostRoots()
        if options.rescanBudget == .max { while rescan != nil { _ = goOnWithWalks(now, until: .max) } }
    }

    /// What has no directory any more may have had files that no event told of.
    private func doubtLostRoots() {
        for view in views where view.lostRoot { view.isDoubtful = true }
    }

    /// One slice of all that is to be looked at, until `end` (monotonic ns). True when that ended a rescan.
    func goOnWithWalks(_ now: Int64, until end: Int64) -> Bool {
        var isEnded = false
        while rescan != nil || !scans.isEmpty {
            _ = goOnWithScans(now, until: end)
            runPendingScans(now)
            if rescan != nil, advanceRescan(now) { isEnded = true }
            if Clock.monotonic() >= end { break }
        }
        endIdleWalks(now)
        return isEnded
    }

    /// The next directory or view. True when that ended the walk.
    private func advanceRescan(_ now: Int64) -> Bool {
        if let current = rescan!.current, !current.isOver { return false }
        rescan!.current = nil
        // Directories and views that come meanwhile are looked at when they come.
        while rescan!.directory < directories.count {
            let index = Int32(rescan!.directory)
            rescan!.directory += 1
            guard directories[Int(index)].isAlive else { continue }
            rescan(index, now)
            rescan!.current = scans[index]
            return false
        }
        while rescan!.view < views.count {
            let view = Int32(rescan!.view)
            rescan!.view += 1
            guard !views[Int(view)].declarations.isEmpty else { continue }
            pendingWalks.insert(view)
            return false
        }
        endRescan(now)
        return rescan == nil
    }

    private func endRescan(_ now: Int64) {
        let ended = rescan!
        rescan = nil
        runPendingScans(now)
        pruneContacts()
        pumpNewlyDue()
        for slot in unwatchedFiles + namelessSlots { markIfChanged(Int(slot)) }
        problems = problems.filter { path, _ in
            guard case .failure(let error) = views[Int(path.view)].status(path.path, follow: false) else { return true }
            return error.errno == EACCES
        }
        if ended.followsOverflow { doubtLostRoots() }
        guard ended.isAgain else { return }
        beginRescan(now)
        rescan!.followsOverflow = true
    }
}
