// The slow walk behind inotify: over everything, in steps.
internal import CLinux
internal import Core
internal import Glibc
internal import LinuxIO

extension Tailer {
    /// Looks at one directory as if it were new: its own identity, its entries, the sizes of its files.
    func rescan(_ index: Int32, _ now: Int64) {
        guard directories[Int(index)].isAlive, !directories[Int(index)].isRemote else { return }
        if hasMoved(index) { return drop(index, now) }
        directories[Int(index)].isDoubted = false
        for slot in slots(in: index) {
            files[Int(slot)].name.withUnsafeBufferPointer { considerKnown(slot, index, $0, now) }
        }
        scan(index, now)
    }

    /// Directories and views of one step of the slow walk, and the pause before the next: thousands of containers must
    /// not make the loop wait.
    private static let rescanSlice = 64
    static let rescanPause = 50 * nanosecondsPerMillisecond

    /// One step of the slow walk behind inotify; true when the walk is over.
    func rescanSome(_ now: Int64) -> Bool {
        if rescanCursor == 0 { beginRescan(now) }
        for place in rescanCursor..<rescanCursor + Tailer.rescanSlice {
            if place < directories.count {
                if directories[place].isAlive { rescan(Int32(place), now) }
            } else if place - directories.count < views.count {
                walkAgain(Int32(place - directories.count))
            }
        }
        runPendingScans(now)
        rescanCursor += Tailer.rescanSlice
        guard rescanCursor >= directories.count + views.count else { return false }
        endRescan(now)
        return true
    }

    /// The whole walk at once: the answer to an overflow of inotify's queue.
    func rescanEverything(_ now: Int64) {
        beginRescan(now)
        for index in directories.indices where directories[index].isAlive { rescan(Int32(index), now) }
        for view in views.indices { walkAgain(Int32(view)) }
        runPendingScans(now)
        endRescan(now)
    }

    private func beginRescan(_ now: Int64) {
        rescans += 1
        refreshMounts(now)
    }

    private func walkAgain(_ view: Int32) {
        if !views[Int(view)].declarations.isEmpty { pendingWalks.insert(view) }
    }

    private func endRescan(_ now: Int64) {
        rescanCursor = 0
        pruneContacts()
        pumpNewlyDue()
        for slot in unwatchedFiles + namelessSlots { markIfChanged(Int(slot)) }
        problems = problems.filter { path, _ in
            guard case .failure(let error) = views[Int(path.view)].status(path.path, follow: false) else { return true }
            return error.errno == EACCES
        }
    }
}
