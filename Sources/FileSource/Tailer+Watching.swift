// What inotify tells: changes of watched directories and files.
internal import CLinux
internal import Glibc
internal import LinuxIO

extension Tailer {
    /// Takes the events that wait, one buffer of about 2,000, so that a busy directory cannot starve the rest. Only when
    /// it ends with one half of a rename, the next one too.
    package func handleEvents(now: Int64) { _ = takeEvents(now) }

    /// False: more wait than one buffer holds.
    func takeEvents(_ now: Int64) -> Bool {
        var (overflowed, isComplete) = (false, false)
        let ahead = aheadSlots
        aheadSlots = []
        for _ in 0..<2 {
            let found = inotify.drain { event in
                if event.mask & UInt32(IN_Q_OVERFLOW) != 0 {
                    overflowed = true
                } else {
                    tally.add(event)
                    handle(event, now)
                }
            }
            isComplete = found != .full
            guard found != .nothing, !changes.moves.isEmpty else { break }
        }
        settleChanges(now)
        if isComplete { for slot in ahead { files[Int(slot)].isAhead = false } } else { aheadSlots += ahead }
        if overflowed {
            overflows += 1
            blameOverflow(now)
            rescanAfterOverflow(now)
        }
        runPendingScans(now)
        return isComplete
    }

    private func handle(_ event: Inotify.Event, _ now: Int64) {
        if let slots = filesOfWatch[event.watch] { return handleFile(slots, event, now) }
        for index in directoriesOfWatch[event.watch] ?? [] where directories[Int(index)].watch == event.watch {
            handle(event, in: index, now)
        }
        if event.mask & UInt32(IN_IGNORED) != 0 {
            forgetFlood(event.watch)
            directoriesOfWatch[event.watch] = nil
        }
    }

    private func handle(_ event: Inotify.Event, in index: Int32, _ now: Int64) {
        let mask = event.mask
        if mask & UInt32(IN_IGNORED) != 0 {
            directories[Int(index)].watch = -1
            directories[Int(index)].mask = 0
            pendingScans.append(index)
        } else if mask & UInt32(IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT) != 0 {
            drop(index, now)
        } else if mask & UInt32(IN_ISDIR) != 0 {
            handleDirectory(index, event, now)
        } else {
            handleEntry(index, event, now)
        }
    }

    private func handleDirectory(_ index: Int32, _ event: Inotify.Event, _ now: Int64) {
        if event.mask & UInt32(IN_CREATE | IN_MOVED_TO) != 0 {
            let view = view(of: index)
            if view.container != nil, case .missing = view.look(path(index, event.name).path) { view.isDoubtful = true }
            consider(index, event.name, type: UInt8(DT_DIR), now)
        } else if event.mask & UInt32(IN_MOVED_FROM | IN_DELETE) != 0 {
            let path = path(index, event.name)
            problems[path] = nil
            if let gone = directoryOfPath[path], directories[Int(gone)].parent == index { drop(gone, now) }
        } else if event.mask & UInt32(IN_ATTRIB) != 0, event.name.isEmpty ? directories[Int(index)].isDenied : true {
            rightsChanged(index, event.name)
        }
    }

    private func handleEntry(_ index: Int32, _ event: Inotify.Event, _ now: Int64) {
        let mask = event.mask
        if mask & UInt32(IN_MODIFY) != 0 {
            let written = slots(index, event.name)
            for slot in written { self.written(slot, now) }
            if written.isEmpty { writtenByOtherName(index, event.name) }
            return
        }
        let entry = EntryName(directory: index, name: Array(event.name))
        changes.mark(entry)
        if mask & UInt32(IN_MOVED_FROM) != 0 {
            movedFrom(entry, event)
        } else if mask & UInt32(IN_MOVED_TO) != 0 {
            movedTo(entry, event, now)
        } else if mask & UInt32(IN_DELETE) != 0 {
            doubt(index)
            let deleted = slots(index, event.name)
            for slot in deleted {
                noteUnseenGrowth(slot, in: index)
                loseName(slot, now)
                // It may have another name here: a hard link.
                if !files[Int(slot)].deleted { pendingScans.append(index) }
            }
            if deleted.isEmpty { noteUnknownDeletion(entry) }
            if let file = changes.unseen.removeValue(forKey: entry) { changes.lost.append(file) }
        } else if mask & UInt32(IN_CREATE) != 0 {
            made(entry, event.name)
        } else if mask & UInt32(IN_ATTRIB) != 0, !withheld.isEmpty {
            pendingScans.append(index)
        }
    }

    /// A declared name that no slot has may be another one of a followed file: a hard link.
    private func writtenByOtherName(_ index: Int32, _ name: UnsafeBufferPointer<UInt8>) {
        guard !wanting(index, name).isEmpty,
            case .success(let status) = view(of: index).status(path(index, name).path, follow: false), status.links > 1
        else { return }
        for slot in slots(of: status) where files[Int(slot)].size != status.size { markReady(slot) }
    }

    private func made(_ entry: EntryName, _ name: UnsafeBufferPointer<UInt8>) {
        guard slots(entry.directory, name).isEmpty else { return }
        let declarations = wanting(entry.directory, name)
        if declarations.isEmpty { return }
        changes.unseen[entry] = changes.make(join(directories[Int(entry.directory)].path, name), declarations)
    }

    private func movedFrom(_ entry: EntryName, _ event: Inotify.Event) {
        let moved = slots(entry.directory, event.name)
        if moved.isEmpty, changes.unseen[entry] == nil { made(entry, event.name) }
        for slot in moved {
            noteUnseenGrowth(slot, in: entry.directory)
            unindex(slot)
        }
        changes.moves[move(entry, event)] = (moved, changes.unseen.removeValue(forKey: entry))
    }

    private func movedTo(_ entry: EntryName, _ event: Inotify.Event, _ now: Int64) {
        for slot in slots(entry.directory, event.name) { loseName(slot, now) }
        if let replaced = changes.unseen.removeValue(forKey: entry) { changes.lost.append(replaced) }
        guard let move = changes.moves.removeValue(forKey: move(entry, event)),
            move.unseen != nil || !move.slots.isEmpty
        else { return made(entry, event.name) }
        for slot in move.slots where !files[Int(slot)].hasName { giveName(slot, entry.directory, entry.name) }
        changes.unseen[entry] = move.unseen
    }

    private func move(_ entry: EntryName, _ event: Inotify.Event) -> MoveKey {
        MoveKey(cookie: event.cookie, view: directories[Int(entry.directory)].view)
    }

    /// Compares what the events said with the directories: a slot keeps a name only when its inode is there.
    private func settleChanges(_ now: Int64) {
        guard !changes.isEmpty else { return }
        for directory in Set(changes.entries.map(\.directory)) { admitRenamedFirst(directory, now) }
        var settled = changes
        changes = NameChanges()
        // Moved to where nobody watches, unless a scan has met it at its new place.
        settled.lost += settled.moves.values.compactMap(\.unseen)
        for slot in settled.moves.values.flatMap(\.slots) where !files[Int(slot)].hasName { loseName(slot, now) }
        for entry in settled.entries {
            for file in verify(entry, now) where settled.unseen[entry] == nil { settled.unseen[entry] = file }
        }
        for entry in settled.entries { giveToNameless(entry, now) }
        for (entry, file) in settled.unseen where file.isInferred {
            settled.unseen[entry]!.successors = file.successors.filter { isBehind($0, settled) }
        }
        for (entry, file) in inOrder(settled.unseen, now) {
            admitUnseen(entry, file, now)
        }
        for file in settled.lost + changes.lost { announceUnseen(file) }
        changes.lost = []
        for entry in settled.entries {
            entry.name.withUnsafeBufferPointer { consider(entry.directory, $0, type: UInt8(DT_UNKNOWN), now) }
        }
    }

    /// Takes the name from slots whose file does not have it any more. A slot that lost a name it was said to be renamed to was found after its predecessor had been renamed away: the
    /// events were about that one. It is returned as unseen.
    private func verify(_ entry: EntryName, _ now: Int64) -> [UnseenFile] {
        guard directories[Int(entry.directory)].isAlive else { return [] }
        var older: [UnseenFile] = []
        entry.name.withUnsafeBufferPointer { name in
            for slot in slots(entry.directory, name) {
                let live = files[Int(slot)].livePath
                considerKnown(slot, entry.directory, name, now)
                if let live, !isNamed(slot, entry.directory, name) {
                    older.append(
                        UnseenFile(
                            livePath: live, declarations: [files[Int(slot)].declaration], order: -1,
                            successors: [slot]))
                }
            }
        }
        return older
    }

    /// A slot is not under the name that events said it was renamed to. True: it was found ahead of them, so that they were
    /// about the file that is there: it has its own name, or one of which they tell nothing, or is where they have put the
    /// file that was made after. False: it was renamed, and once more since, for a file that is newer.
    private func isBehind(_ slot: Int32, _ settled: NameChanges) -> Bool {
        let file = files[Int(slot)]
        guard file.isAhead else { return false }
        guard file.hasName else { return true }
        let made = settled.unseen[EntryName(directory: file.directory, name: file.name)]
        return file.livePath == nil || made.map { !$0.isInferred && $0.livePath == file.livePath } ?? false
    }

    /// Gives a free name to a nameless slot whose file has it. Names are taken from all slots before, so that every slot
    /// is seen as what it is when older generations of its stream are put before it.
    private func giveToNameless(_ entry: EntryName, _ now: Int64) {
        guard !namelessSlots.isEmpty, directories[Int(entry.directory)].isAlive,
            entry.name.withUnsafeBufferPointer({ slots(entry.directory, $0).isEmpty })
        else { return }
        let node = directories[Int(entry.directory)]
        guard case .success(let status) = views[Int(node.view)].status(join(node.path, entry.name), follow: false),
            status.mode & UInt32(S_IFMT) == UInt32(S_IFREG)
        else { return }
        for declaration in views[Int(node.view)].declarations {
            if let slot = tracked(status, declaration, now), !files[Int(slot)].hasName {
                giveName(slot, entry.directory, entry.name)
            }
        }
    }

    /// The file was written to. One whose descriptor was given up is opened at once, before it can be deleted.
    private func written(_ slot: Int32, _ now: Int64) {
        if files[Int(slot)].descriptor < 0, !files[Int(slot)].isRemote {
            files[Int(slot)].grew = files[Int(slot)].phase != .active || reopen(Int(slot), now) != nil
        }
        markReady(slot)
    }

    private func handleFile(_ slots: [Int32], _ event: Inotify.Event, _ now: Int64) {
        if event.mask & UInt32(IN_IGNORED) != 0 {
            filesOfWatch[event.watch] = nil
            for slot in slots { files[Int(slot)].watch = -1 }
        }
        for slot in slots {
            let file = files[Int(slot)]
            if event.mask & UInt32(IN_MODIFY) == 0, file.hasName {
                changes.mark(EntryName(directory: file.directory, name: file.name))
            }
            written(slot, now)
        }
    }

    /// The slots of a name in a directory: one for each declaration that reaches it.
    func slots(_ directory: Int32, _ name: UnsafeBufferPointer<UInt8>) -> [Int32] {
        var found: [Int32] = []
        names.forEach(NameIndex.hash(directory: directory, name: name)) { slot in
            if isNamed(slot, directory, name) { found.append(slot) }
        }
        return found
    }

    /// The slot of a name in a directory on a declaration.
    func find(_ directory: Int32, _ name: UnsafeBufferPointer<UInt8>, _ declaration: Int32) -> Int32? {
        names.find(NameIndex.hash(directory: directory, name: name)) { slot in
            files[Int(slot)].declaration == declaration && isNamed(slot, directory, name)
        }
    }

    private func isNamed(_ slot: Int32, _ directory: Int32, _ name: UnsafeBufferPointer<UInt8>) -> Bool {
        files[Int(slot)].directory == directory && files[Int(slot)].name.count == name.count
            && files[Int(slot)].name.elementsEqual(name)
    }
}
