// The names of a followed file: rename, deletion, and the end of a generation.
internal import CLinux
internal import Core
internal import Glibc
internal import LinuxIO

extension Tailer {
    /// The file has this name now. Its stream keeps the name it was found by.
    func giveName(_ slot: Int32, _ directory: Int32, _ name: [UInt8]) {
        let index = Int(slot)
        let live = livePath(index)
        unindex(slot)
        files[index].directory = directory
        files[index].name = name
        let path = presentPath(index)!
        files[index].livePath = live == path || live.isEmpty ? nil : live
        files[index].rotated = files[index].livePath != nil
        names.insert(name.withUnsafeBufferPointer { NameIndex.hash(directory: directory, name: $0) }, slot)
        if files[index].nameless != 0 {
            files[index].nameless = 0
            namelessSlots.removeAll { $0 == slot }
        }
        markReady(slot)
    }

    /// Takes the name out of the index; the stream keeps it as its live path.
    func unindex(_ slot: Int32) {
        let index = Int(slot)
        guard files[index].hasName else { return }
        if files[index].livePath == nil { files[index].livePath = presentPath(index) }
        let hash = files[index].name.withUnsafeBufferPointer {
            NameIndex.hash(directory: files[index].directory, name: $0)
        }
        names.remove(hash, slot)
        files[index].directory = -1
        files[index].name = []
    }

    /// The file has no name any more that is watched: deleted, moved away, or its directory is gone. It is read to its
    /// end through the descriptor.
    func loseName(_ slot: Int32, _ now: Int64) {
        let index = Int(slot)
        unindex(slot)
        files[index].rotated = true
        guard files[index].nameless == 0, files[index].phase != .ended else { return }
        files[index].nameless = now
        namelessSlots.append(slot)
        if files[index].descriptor >= 0,
            case .success(let status) = FileSystem.status(descriptor: files[index].descriptor)
        {
            files[index].deleted = status.links == 0
        } else {
            files[index].deleted = true
        }
        markReady(slot)
    }

    /// Slots without a name that may be complete; the engine decides with its offsets.
    package var nameless: [Int] { namelessSlots.map { Int($0) } }

    /// How long ago the file lost its name and last grew (ns), and its size now.
    package func namelessState(_ slot: Int, now: Int64) -> (forNanoseconds: Int64, quietFor: Int64, size: UInt64) {
        let size = presentSize(slot)
        let since = files[slot].nameless
        return (now - since, now - max(files[slot].lastGrowth, since), size)
    }

    /// Size of the file now (its last known size when it cannot be asked).
    package func presentSize(_ slot: Int) -> UInt64 {
        let file = files[slot]
        if file.phase != .ended, file.descriptor >= 0,
            case .success(let status) = FileSystem.status(descriptor: file.descriptor)
        {
            return status.size
        }
        return file.size
    }

    /// Nothing will be read from the slot any more: closes its descriptor and lets its successor go.
    package func end(_ slot: Int) {
        guard files[slot].phase != .ended else { return }
        unindex(Int32(slot))
        closeDescriptor(slot)
        removeWatch(slot)
        files[slot].phase = .ended
        if files[slot].nameless != 0 { namelessSlots.removeAll { $0 == Int32(slot) } }
        let key = trackedKey(slot)
        if slotOfKey[key] == Int32(slot) { slotOfKey[key] = nil }
        releaseSuccessor(slot)
    }

    /// The slot was read to its present end: the next generation of its stream may follow.
    package func caughtUp(_ slot: Int) {
        if files[slot].rotated { releaseSuccessor(slot) }
    }

    func releaseSuccessor(_ slot: Int) {
        let successor = files[slot].successor
        guard successor >= 0 else { return }
        files[slot].successor = -1
        files[Int(successor)].waits = false
        markReady(successor)
    }

    /// Everything of the slot is settled: it may be used for another file.
    package func free(_ slot: Int) {
        end(slot)
        if slotOfStream[files[slot].stream] == Int32(slot) { slotOfStream[files[slot].stream] = nil }
        files[slot] = TailedFile()
        vacant.append(Int32(slot))
    }

    func trackedKey(_ slot: Int) -> TrackedKey {
        TrackedKey(device: files[slot].device, inode: files[slot].inode, declaration: files[slot].declaration)
    }

    func closeDescriptor(_ slot: Int) {
        guard files[slot].descriptor >= 0 else { return }
        close(files[slot].descriptor)
        files[slot].descriptor = -1
        openCount -= 1
    }

    func removeWatch(_ slot: Int) {
        unwatchedFiles.removeAll { $0 == Int32(slot) }
        guard files[slot].watch >= 0 else { return }
        fileOfWatch[files[slot].watch] = nil
        inotify.remove(files[slot].watch)
        files[slot].watch = -1
    }
}
