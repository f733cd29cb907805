// What inotify tells: changes of watched directories and files.
internal import CLinux
internal import Glibc
internal import LinuxIO

extension Tailer {
    /// Takes the events that wait, at most `maximumBuffers` buffers, so that a busy directory cannot starve the rest.
    package func handleEvents(now: Int64) {
        let maximumBuffers = 16
        for _ in 0..<maximumBuffers {
            var overflowed = false
            let found = inotify.drain { event in
                if event.mask & UInt32(IN_Q_OVERFLOW) != 0 { overflowed = true } else { handle(event, now) }
            }
            if overflowed {
                overflows += 1
                settlePendingMove(now)
                rescanEverything(now)
            }
            guard found else { break }
        }
        settlePendingMove(now)
    }

    private func handle(_ event: Inotify.Event, _ now: Int64) {
        if let slot = fileOfWatch[event.watch] { return handleFile(slot, event) }
        guard let index = directoryOfWatch[event.watch] else { return }
        let mask = event.mask
        if mask & UInt32(IN_IGNORED) != 0 {
            directoryOfWatch[event.watch] = nil
            directories[Int(index)].watch = -1
            directories[Int(index)].mask = 0
            return
        }
        if mask & UInt32(IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT) != 0 { return drop(index, now) }
        if !problems.isEmpty, mask & UInt32(IN_DELETE | IN_MOVED_FROM) != 0 {
            problems[join(directories[Int(index)].path, event.name)] = nil
        }
        if mask & UInt32(IN_ISDIR) != 0 {
            if mask & UInt32(IN_CREATE | IN_MOVED_TO) != 0 { consider(index, event.name, type: UInt8(DT_DIR), now) }
            return
        }
        handleEntry(index, event, now)
    }

    private func handleEntry(_ index: Int32, _ event: Inotify.Event, _ now: Int64) {
        let mask = event.mask
        if mask & UInt32(IN_MODIFY) != 0 {
            if let slot = find(index, event.name) {
                files[Int(slot)].grew = true
                markReady(slot)
            }
        } else if mask & UInt32(IN_MOVED_FROM) != 0 {
            settlePendingMove(now)
            if let slot = find(index, event.name) {
                unindex(slot)
                pendingMove = (event.cookie, slot)
            }
        } else if mask & UInt32(IN_MOVED_TO) != 0 {
            if let move = pendingMove, move.cookie == event.cookie {
                pendingMove = nil
                if let replaced = find(index, event.name) { loseName(replaced, now) }
                giveName(move.slot, index, Array(event.name))
                consider(index, event.name, type: UInt8(DT_UNKNOWN), now)
            } else {
                consider(index, event.name, type: UInt8(DT_UNKNOWN), now)
            }
        } else if mask & UInt32(IN_DELETE) != 0 {
            if let slot = find(index, event.name) { loseName(slot, now) }
        } else if mask & UInt32(IN_CREATE | IN_ATTRIB) != 0 {
            consider(index, event.name, type: UInt8(DT_UNKNOWN), now)
        }
    }

    private func handleFile(_ slot: Int32, _ event: Inotify.Event) {
        if event.mask & UInt32(IN_IGNORED) != 0 {
            fileOfWatch[event.watch] = nil
            files[Int(slot)].watch = -1
        }
        markReady(slot)
    }

    /// A file was moved to where nobody watches: it keeps being read through its descriptor.
    private func settlePendingMove(_ now: Int64) {
        guard let move = pendingMove else { return }
        pendingMove = nil
        loseName(move.slot, now)
    }

    /// The slot of a name in a directory.
    func find(_ directory: Int32, _ name: UnsafeBufferPointer<UInt8>) -> Int32? {
        names.find(NameIndex.hash(directory: directory, name: name)) { slot in
            files[Int(slot)].directory == directory && files[Int(slot)].name.count == name.count
                && files[Int(slot)].name.elementsEqual(name)
        }
    }
}
