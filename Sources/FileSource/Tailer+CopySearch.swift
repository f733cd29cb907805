// Which file of a directory is the copy that was made of a truncated one.
internal import CLinux
internal import Core
internal import Glibc
internal import LinuxIO

/// Of one search: a tenant decides how many files lie in a directory and how often one is truncated.
private enum CopyLimits {
    /// Entries whose status is asked for.
    static let entries = 1024
    /// Of these, files that are opened: the youngest, for a copy is made just before its original is truncated.
    static let opened = 64
}

extension Tailer {
    /// The file in the slot's directory whose content fits `check`; `original`: what the slot's file is now.
    func findCopy(_ check: CopyCheck, of slot: Int32, _ original: clinux_stat) -> CopiedFile? {
        let file = files[Int(slot)]
        return findCopy(check, of: original, EntryName(directory: file.directory, name: file.name), file.declaration)
    }

    /// `entry` is the original's. Files whose names begin as its name does are looked at first, the youngest of each first.
    func findCopy(
        _ check: CopyCheck, of original: clinux_stat, _ entry: EntryName, _ declaration: Int32
    ) -> CopiedFile? {
        let (related, others) = entriesBeside(entry, inode: original.inode)
        let rest = max(0, CopyLimits.entries - related.count)
        for names in [related.prefix(CopyLimits.entries), others.prefix(rest)] {
            let found = names.compactMap { name -> (name: [UInt8], born: Int64)? in
                let path = path(entry.directory, name)
                guard case .success(let status) = view(of: entry.directory).status(path.path, follow: false),
                    isCandidate(status, declaration, original, path.view)
                else { return nil }
                return (name, status.born_ns == 0 ? status.modified_ns : status.born_ns)
            }
            for (name, _) in found.sorted(by: { $0.born > $1.born }).prefix(CopyLimits.opened) {
                let mayBeWeak = CopyName.isOfCopy(name, of: entry.name)
                let place = EntryName(directory: entry.directory, name: name)
                if let copy = copy(check, place, declaration, original, mayBeWeak) { return copy }
            }
        }
        return nil
    }

    private func entriesBeside(_ original: EntryName, inode: UInt64) -> (related: [[UInt8]], others: [[UInt8]]) {
        let stem = CopyName.stem(original.name)
        var (related, others) = ([[UInt8]](), [[UInt8]]())
        try? view(of: original.directory).forEachEntry(in: directories[Int(original.directory)].path) {
            entry, type, entryInode in
            guard type == UInt8(DT_REG) || type == UInt8(DT_UNKNOWN), entryInode != inode else { return true }
            if entry.starts(with: stem) {
                related.append(Array(entry))
            } else if others.count < CopyLimits.entries {
                others.append(Array(entry))
            }
            return related.count < CopyLimits.entries
        }
        return (related, others)
    }

    /// Opens an entry when it may be the copy and its content fits.
    private func copy(
        _ check: CopyCheck, _ entry: EntryName, _ declaration: Int32, _ original: clinux_stat, _ mayBeWeak: Bool
    ) -> CopiedFile? {
        let path = path(entry.directory, entry.name)
        let view = view(of: entry.directory)
        guard case .success(let status) = view.status(path.path, follow: false),
            case .success(let descriptor) = view.open(path.path)
        else { return nil }
        if case .success(let now) = FileSystem.status(descriptor: descriptor), now.inode == status.inode,
            now.device == status.device, isCandidate(now, declaration, original, path.view)
        {
            let fit = check.fit(descriptor, size: now.size)
            if fit == .fits || fit == .fitsWeakly && mayBeWeak {
                return CopiedFile(entry: entry, descriptor: descriptor, status: now)
            }
        }
        close(descriptor)
        return nil
    }

    /// A file that was made after the original and that nobody has read as a log of its own.
    private func isCandidate(
        _ status: clinux_stat, _ declaration: Int32, _ original: clinux_stat, _ view: Int32
    ) -> Bool {
        guard status.mode & UInt32(S_IFMT) == UInt32(S_IFREG), status.size > 0,
            status.born_ns == 0 || original.born_ns == 0 || status.born_ns >= original.born_ns,
            view != 0 || ownerMayRead(status, original)
        else { return false }
        let isKnown = known[status.inode]?.contains { record in
            record.identity.born == status.born_ns && record.declaration == declarations[Int(declaration)].name
        }
        return isKnown != true
            && slots(of: status).allSatisfy { files[Int($0)].declaration != declaration || files[Int($0)].isUnread }
    }

    /// Whoever owns a log of the host decides what it begins with, and when it is truncated: that must not make another
    /// user's file beside it a part of the log. A container's owner may declare all that is in the container anyway.
    private func ownerMayRead(_ status: clinux_stat, _ original: clinux_stat) -> Bool {
        original.uid == 0 || status.uid == original.uid || status.mode & UInt32(S_IROTH) != 0
            || status.gid == original.gid && status.mode & UInt32(S_IRGRP) != 0
    }
}
