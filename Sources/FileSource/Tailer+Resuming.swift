// Generations of the store: found again, renamed while the daemon was down, replaced, or gone.
internal import CLinux
internal import Core
internal import Glibc
internal import LinuxIO

extension Tailer {
    /// Continues a generation of the store; the engine need not make it durable.
    func resume(_ slot: Int32, _ record: GenerationRecord) {
        let index = Int(slot)
        files[index].file = record.file
        files[index].stream = record.stream
        files[index].evidence = record.evidence
        files[index].livePath = record.path
        follow(slot)
        appeared.append(
            AppearedFile(
                slot: index, declaration: Int(files[index].declaration), record: record, isNew: false, skipped: nil))
    }

    /// The store's generation for this file whose content still fits, the newest first; the others are announced.
    func takeKnown(
        _ identity: FileIdentity, _ declaration: Int32, _ descriptor: Int32, _ size: UInt64
    ) -> GenerationRecord? {
        let name = declarations[Int(declaration)].name
        guard let records = known[identity.inode] else { return nil }
        let mine = records.filter { $0.declaration == name && $0.identity == identity }
        guard !mine.isEmpty else { return nil }
        let others = records.filter { $0.declaration != name || $0.identity != identity }
        known[identity.inode] = others.isEmpty ? nil : others
        var found: GenerationRecord?
        for record in mine.sorted(by: { $0.opened > $1.opened }) {
            if found == nil,
                EvidenceReader.fits(descriptor, size: size, committed: record.counts.committed, record.evidence)
            {
                found = record
            } else {
                let reason: GapReason = size < record.counts.committed ? .truncated : .replaced
                vanished.append(VanishedGeneration(record: record, reason: reason))
            }
        }
        return found
    }

    /// Finds generations of the store that were renamed inside this directory while the daemon was down, oldest first:
    /// so each waits for the one before.
    func resumeRenamed(in path: RawPath, _ directory: Int32, _ now: Int64) {
        guard isFirstScan, let inodes = knownByDirectory.removeValue(forKey: path) else { return }
        var found: [(name: [UInt8], record: GenerationRecord)] = []
        try? FileSystem.forEachEntry(in: path) { name, _, inode in
            guard inodes.contains(inode) else { return true }
            for record in known[inode] ?? [] where parent(of: record.path) == path && record.path != join(path, name) {
                found.append((Array(name), record))
            }
            return true
        }
        for (name, record) in found.sorted(by: { $0.record.opened < $1.record.opened }) {
            admitRenamed(directory, name, record, now)
        }
    }

    private func admitRenamed(_ directory: Int32, _ name: [UInt8], _ record: GenerationRecord, _ now: Int64) {
        let path = join(directories[Int(directory)].path, name)
        guard let declaration = declarations.firstIndex(where: { $0.name == record.declaration }),
            case .success(let entry) = FileSystem.status(path, follow: false),
            entry.mode & UInt32(S_IFMT) == UInt32(S_IFREG), entry.born_ns == record.identity.born,
            tracked(entry, Int32(declaration), now) == nil,
            let (descriptor, status) = openRegular(path, Int32(declaration))
        else { return }
        let identity = identity(descriptor, status)
        guard identity == record.identity,
            let taken = takeKnown(identity, Int32(declaration), descriptor, status.size)
        else { return closeUnused(descriptor) }
        let slot = newSlot(descriptor, status, identity, Int32(declaration), now)
        resume(slot, taken)
        giveName(slot, directory, name)
    }

    /// After the first walk: generations of the store whose directory was read and that are not there any more.
    func announceVanished() {
        for record in known.values.joined() where directoryOfPath[parent(of: record.path)] != nil {
            vanished.append(VanishedGeneration(record: record, reason: .deleted))
        }
        known = known.compactMapValues { records in
            let waiting = records.filter { directoryOfPath[parent(of: $0.path)] == nil }
            return waiting.isEmpty ? nil : waiting
        }
        knownByDirectory = [:]
    }

    /// Later: generations of the store whose directory has not come back, or came back without the file. Until then its
    /// file system may be mounted late; for ever would mean that a directory removed while the daemon was down hides what
    /// was unread.
    func announceLost() {
        guard !known.isEmpty else { return }
        for record in known.values.joined() {
            guard case .failure(let error) = FileSystem.status(record.path, follow: false),
                error.errno == ENOENT || error.errno == ENOTDIR
            else { continue }
            vanished.append(VanishedGeneration(record: record, reason: .deleted))
            known[record.identity.inode]?.removeAll { $0.file == record.file }
        }
        known = known.filter { !$0.value.isEmpty }
    }
}
