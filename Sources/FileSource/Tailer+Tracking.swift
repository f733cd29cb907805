// Which slots follow an inode, one for each declaration and route.
internal import CLinux
internal import Core
internal import LinuxIO

extension Tailer {
    /// The slot that follows this file on a declaration. An inode that was used again for another file (its birth time
    /// tells) ends the claim of the old one, whose descriptor must have been closed.
    func tracked(_ status: clinux_stat, _ declaration: Int32, _ now: Int64) -> Int32? {
        guard let slot = slots(of: status).first(where: { files[Int($0)].declaration == declaration }) else {
            return nil
        }
        let file = files[Int(slot)]
        if file.identity.born == status.born_ns,
            status.born_ns != 0 || file.hasName || file.descriptor >= 0 || file.isRemote
        {
            return slot
        }
        untrack(slot)
        loseName(slot, now)
        return nil
    }

    /// The slots that follow an inode, one for each declaration and route.
    func slots(of status: clinux_stat) -> [Int32] {
        var found: [Int32] = []
        var slot = slotOfInode[InodeKey(device: status.device, inode: status.inode)] ?? -1
        while slot >= 0 {
            found.append(slot)
            slot = files[Int(slot)].nextOfInode
        }
        return found
    }

    func track(_ slot: Int32) {
        let key = inodeKey(slot)
        files[Int(slot)].nextOfInode = slotOfInode[key] ?? -1
        slotOfInode[key] = slot
    }

    /// The slot does not claim its inode any more.
    func untrack(_ slot: Int32) {
        let key = inodeKey(slot)
        let next = files[Int(slot)].nextOfInode
        files[Int(slot)].nextOfInode = -1
        guard var before = slotOfInode[key] else { return }
        if before == slot {
            slotOfInode[key] = next >= 0 ? next : nil
            return
        }
        while before >= 0, files[Int(before)].nextOfInode != slot { before = files[Int(before)].nextOfInode }
        if before >= 0 { files[Int(before)].nextOfInode = next }
    }

    private func inodeKey(_ slot: Int32) -> InodeKey {
        InodeKey(device: files[Int(slot)].device, inode: files[Int(slot)].identity.inode)
    }

    /// A slot that ships this file to the same topic on another declaration.
    func sameRoute(_ status: clinux_stat, _ declaration: Int32, _ now: Int64) -> Int32? {
        let route = declarations[Int(declaration)].route
        for slot in slots(of: status) {
            let other = files[Int(slot)].declaration
            if declarations[Int(other)].route == route, tracked(status, other, now) == slot { return slot }
        }
        return nil
    }
}
