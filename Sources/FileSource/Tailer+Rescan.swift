// The slow walk over everything behind inotify, in pieces.
internal import CLinux
internal import Core
internal import Glibc
internal import LinuxIO

/// How far a walk over everything is: first all directories, then all views from their entry points.
struct Rescan {
    var directory = 0
    var view = 0
}

extension Tailer {
    /// The walk in one piece: the answer to an overflow of inotify's queue.
    func rescanEverything(_ now: Int64) {
        beginRescan(now)
        _ = goOnWithRescan(now, for: .max)
    }

    /// Begins the walk, or begins it anew.
    func beginRescan(_ now: Int64) {
        rescans += 1
        refreshMounts(now)
        rescan = Rescan()
    }

    /// Goes on for `budget` nanoseconds, one directory or view at least. True when that ended it.
    func goOnWithRescan(_ now: Int64, for budget: Int64) -> Bool {
        guard rescan != nil else { return false }
        let start = Clock.monotonic()
        // Directories and views that come meanwhile are looked at when they come.
        while rescan!.directory < directories.count {
            let index = rescan!.directory
            rescan!.directory += 1
            guard directories[index].isAlive else { continue }
            rescan(Int32(index), now)
            if Clock.monotonic() - start > budget { return false }
        }
        while rescan!.view < views.count {
            let view = rescan!.view
            rescan!.view += 1
            guard !views[view].declarations.isEmpty else { continue }
            pendingWalks.insert(Int32(view))
            if budget == .max { continue }
            runPendingScans(now)
            if Clock.monotonic() - start > budget { return false }
        }
        endRescan(now)
        return true
    }

    private func endRescan(_ now: Int64) {
        rescan = nil
        runPendingScans(now)
        pruneContacts()
        pumpNewlyDue()
        for slot in unwatchedFiles + namelessSlots { markIfChanged(Int(slot)) }
        problems = problems.filter { path, _ in
            guard case .failure(let error) = views[Int(path.view)].status(path.path, follow: false) else { return true }
            return error.errno == EACCES
        }
    }
}
