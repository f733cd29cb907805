// The names of a followed file: rename, deletion, and the end of a generation.
internal import CLinux
internal import Core
internal import Glibc
internal import LinuxIO

extension Tailer {
    /// The file has this name now. Its stream keeps the name it was found by.
    func giveName(_ slot: Int32, _ directory: Int32, _ name: [UInt8], isLinked: Bool = false) {
        let index = Int(slot)
        let live = livePath(index)
        unindex(slot)
        files[index].directory = directory
        files[index].name = name
        files[index].isLinked = isLinked
        let path = presentPath(index)!
        files[index].livePath = live == path || live.isEmpty ? nil : live
        names.insert(name.withUnsafeBufferPointer { NameIndex.hash(directory: directory, name: $0) }, slot)
        enlist(slot, directory)
        becomeNamed(slot)
        markReady(slot)
    }

    private func becomeNamed(_ slot: Int32) {
        guard files[Int(slot)].nameless != 0 else { return }
        files[Int(slot)].nameless = 0
        files[Int(slot)].deleted = false
        leaveNameless(slot)
    }

    private func leaveNameless(_ slot: Int32) {
        let place = Int(files[Int(slot)].namelessPlace)
        guard place >= 0, let last = namelessSlots.popLast() else { return }
        files[Int(slot)].namelessPlace = -1
        guard last != slot else { return }
        namelessSlots[place] = last
        files[Int(last)].namelessPlace = Int32(place)
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
        delist(slot)
        files[index].directory = -1
        files[index].name = []
    }

    private func enlist(_ slot: Int32, _ directory: Int32) {
        let first = directories[Int(directory)].firstSlot
        files[Int(slot)].previousInDirectory = -1
        files[Int(slot)].nextInDirectory = first
        if first >= 0 { files[Int(first)].previousInDirectory = slot }
        directories[Int(directory)].firstSlot = slot
    }

    private func delist(_ slot: Int32) {
        let (previous, next) = (files[Int(slot)].previousInDirectory, files[Int(slot)].nextInDirectory)
        if previous >= 0 {
            files[Int(previous)].nextInDirectory = next
        } else {
            directories[Int(files[Int(slot)].directory)].firstSlot = next
        }
        if next >= 0 { files[Int(next)].previousInDirectory = previous }
        files[Int(slot)].nextInDirectory = -1
        files[Int(slot)].previousInDirectory = -1
    }

    /// The slots whose names are in a directory node.
    func slots(in directory: Int32) -> [Int32] {
        var found: [Int32] = []
        var slot = directories[Int(directory)].firstSlot
        while slot >= 0 {
            found.append(slot)
            slot = files[Int(slot)].nextInDirectory
        }
        return found
    }

    /// The file has no name any more that is watched: deleted, moved away, or its directory is gone. It is read to its
    /// end through the descriptor.
    func loseName(_ slot: Int32, _ now: Int64) {
        let index = Int(slot)
        unindex(slot)
        guard files[index].nameless == 0, files[index].phase != .ended else { return }
        files[index].nameless = now
        files[index].namelessPlace = Int32(namelessSlots.count)
        namelessSlots.append(slot)
        if files[index].descriptor >= 0,
            case .success(let status) = FileSystem.status(descriptor: files[index].descriptor)
        {
            files[index].deleted = status.links == 0
        } else {
            // Of a remote file the worker's next answer tells.
            files[index].deleted = !files[index].isRemote
        }
        markReady(slot)
    }

    /// Slots without a name that may be complete; the engine decides with its offsets.
    package var nameless: [Int] { namelessSlots.map { Int($0) } }

    /// How long ago the file lost its name and last grew (ns), and its size now. A file that was moved away first and
    /// deleted later counts from its deletion.
    package func namelessState(_ slot: Int, now: Int64) -> (forNanoseconds: Int64, quietFor: Int64, size: UInt64) {
        noteLaterDeletion(slot, now)
        let size = presentSize(slot)
        let since = files[slot].nameless
        return (now - since, now - max(files[slot].lastGrowth, since), size)
    }

    /// Where the file is now nobody watches: only its link count tells that it was deleted there.
    private func noteLaterDeletion(_ slot: Int, _ now: Int64) {
        let file = files[slot]
        if file.isArchived { return lookAtArchive(slot, now) }
        guard file.nameless != 0, !file.deleted, file.descriptor >= 0,
            case .success(let status) = FileSystem.status(descriptor: file.descriptor), status.links == 0
        else { return }
        files[slot].deleted = true
        files[slot].nameless = now
    }

    /// Size of the file now (its last known size when it cannot be asked).
    package func presentSize(_ slot: Int) -> UInt64 {
        let file = files[slot]
        if file.isArchived { return file.size }
        if file.phase != .ended, let remote = volume(ofSlot: slot)?.files[Int32(slot)] { return remote.size }
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
        leaveNameless(Int32(slot))
        held[Int32(slot)] = nil
        untrack(Int32(slot))
        forgetArchive(slot)
        leaveOrder(slot)
    }

    /// Everything of the slot is settled: it may be used for another file.
    package func free(_ slot: Int) {
        end(slot)
        if slotOfStream[files[slot].stream] == Int32(slot) { slotOfStream[files[slot].stream] = nil }
        sharers[Int32(slot)] = nil
        volume(ofSlot: slot)?.files[Int32(slot)] = nil
        files[slot] = TailedFile()
        vacant.append(Int32(slot))
    }

    func closeDescriptor(_ slot: Int) {
        if let volume = volume(ofSlot: slot) {
            volume.close(Int32(slot))
            return pump(volume)
        }
        if files[slot].isArchived { return closeArchive(slot) }
        guard files[slot].descriptor >= 0 else { return }
        close(files[slot].descriptor)
        files[slot].descriptor = -1
        openCount -= 1
    }

    func removeWatch(_ slot: Int) {
        unwatchedFiles.removeAll { $0 == Int32(slot) }
        let watch = files[slot].watch
        guard watch >= 0 else { return }
        files[slot].watch = -1
        filesOfWatch[watch]?.removeAll { $0 == Int32(slot) }
        guard filesOfWatch[watch]?.isEmpty == true else { return }
        filesOfWatch[watch] = nil
        inotify.remove(watch)
    }
}
