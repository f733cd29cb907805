// Generations of the store: found again, renamed while the daemon was down, replaced, or gone.
internal import CLinux
internal import Core
internal import Glibc
internal import LinuxIO

extension Tailer {
    /// Continues a generation of the store; the engine need not make it durable.
    func resume(_ slot: Int32, _ record: GenerationRecord, _ place: StreamPlace) {
        let index = Int(slot)
        files[index].file = record.file
        files[index].stream = record.stream
        files[index].evidence = record.evidence
        files[index].livePath = record.path
        files[index].opened = record.opened
        follow(slot, place)
        appeared.append(
            AppearedFile(
                slot: index, declaration: Int(files[index].declaration), record: record, isNew: false, skipped: nil))
    }

    /// The store's generation for this file whose content still fits, the newest first; the others are announced.
    func takeKnown(
        _ identity: FileIdentity, _ declaration: Int32, _ size: UInt64, onlyOwn: Bool = false,
        fits: (GenerationRecord) -> Bool
    ) -> GenerationRecord? {
        guard let records = known[identity.inode] else { return nil }
        let mine = heirlooms(records.filter { $0.identity == identity }, of: declaration, onlyOwn: onlyOwn)
        guard !mine.isEmpty else { return nil }
        let taken = Set(mine.map(\.file))
        let others = records.filter { !taken.contains($0.file) }
        known[identity.inode] = others.isEmpty ? nil : others
        var found: GenerationRecord?
        for record in mine.sorted(by: { $0.opened > $1.opened }) {
            if found == nil, fits(record) {
                found = record
            } else {
                let reason: GapReason = size < record.counts.committed ? .truncated : .replaced
                vanished.append(VanishedGeneration(record: record, reason: reason))
            }
        }
        return found
    }

    /// Of a file's generations those that a declaration may continue: its own; where it has none, those of others that
    /// shipped the file to the same topic: of another container or the host, or of one that is declared no more.
    private func heirlooms(_ records: [GenerationRecord], of declaration: Int32, onlyOwn: Bool) -> [GenerationRecord] {
        let declared = declarations[Int(declaration)]
        let own = records.filter { $0.container == declared.container && $0.declaration == declared.name }
        if !own.isEmpty || onlyOwn { return own }
        return records.filter { !$0.route.isEmpty && $0.route == declared.route }
    }

    /// Keeps a generation that is not followed now: whoever meets its file continues it.
    func remember(_ record: GenerationRecord) {
        lastOpened = max(lastOpened, record.opened)
        known[record.identity.inode, default: []].append(record)
        knownByDirectory[storedDirectory(record), default: []].insert(record.identity.inode)
    }

    func storedDirectory(_ record: GenerationRecord) -> StoredDirectory {
        StoredDirectory(container: record.container, path: parent(of: record.path))
    }

    /// Finds generations of the store that were renamed inside this directory while the daemon was down, oldest first:
    /// so each waits for the one before.
    func resumeRenamed(in path: RawPath, _ directory: Int32, _ now: Int64) {
        let view = view(of: directory)
        guard let first = view.declarations.first, declarations[Int(first)].isFirstWalk || !withheld.isEmpty
        else { return }
        let place = StoredDirectory(container: declarations[Int(first)].container, path: path)
        guard let inodes = knownByDirectory.removeValue(forKey: place) else { return }
        var found: [(name: [UInt8], record: GenerationRecord)] = []
        do {
            try view.forEachEntry(in: path) { name, _, inode in
                guard inodes.contains(inode) else { return true }
                for record in known[inode] ?? []
                where storedDirectory(record) == place && record.path != join(path, name) {
                    found.append((Array(name), record))
                }
                return true
            }
        } catch {
            if error.isDenied { inodes.forEach { withhold(known[$0] ?? [], at: place) } }
        }
        for (name, record) in found.sorted(by: { $0.record.opened < $1.record.opened }) {
            admitRenamed(directory, name, record, now)
        }
    }

    private func admitRenamed(_ directory: Int32, _ name: [UInt8], _ record: GenerationRecord, _ now: Int64) {
        let path = path(directory, name)
        let view = view(of: directory)
        guard let declaration = view.declarations.first(where: { declarations[Int($0)].name == record.declaration }),
            case .success(let entry) = view.status(path.path, follow: false),
            entry.mode & UInt32(S_IFMT) == UInt32(S_IFREG), entry.born_ns == record.identity.born,
            tracked(entry, declaration, now) == nil
        else { return }
        guard let (descriptor, status) = openRegular(path, declaration) else {
            if isDenied(path) { withhold([record], at: storedDirectory(record)) }
            return
        }
        let identity = identity(descriptor, status)
        guard identity == record.identity,
            let taken = takeKnown(
                identity, declaration, status.size,
                fits: {
                    EvidenceReader.fits(descriptor, size: status.size, committed: $0.counts.committed, $0.evidence)
                })
        else { return closeUnused(descriptor) }
        let slot = newSlot(descriptor, status, identity, declaration, now)
        resume(slot, taken, .behindRenamed)
        withheld.remove(taken.file)
        problems[path] = nil
        giveName(slot, directory, name)
    }

    /// After the first walk of a view: generations of the store whose directory was read and that are not there any more.
    func endFirstWalk(_ view: Int32) {
        guard let first = views[Int(view)].declarations.first else { return }
        let container = declarations[Int(first)].container
        for declaration in views[Int(view)].declarations { declarations[Int(declaration)].isFirstWalk = false }
        forget { record in
            record.container == container
                && directoryOfPath[ViewPath(view: view, path: parent(of: record.path))] != nil && !isDelegated(record)
                && isDeclared(record) && !isWithheld(record, view)
        }
        knownByDirectory = knownByDirectory.filter { $0.key.container != container || isWithheld($0.key) }
    }

    /// Gives up the generations of the store that `isGone` names: announced as vanished.
    func forget(_ isGone: (GenerationRecord) -> Bool) {
        guard !known.isEmpty else { return }
        for (inode, records) in known {
            let gone = records.filter(isGone)
            guard !gone.isEmpty else { continue }
            vanished += gone.map { VanishedGeneration(record: $0, reason: .deleted) }
            let rest = records.filter { !isGone($0) }
            known[inode] = rest.isEmpty ? nil : rest
        }
    }

    /// A declared file that was made and deleted between two looks: what it had cannot be known.
    func announceUnseen(_ file: UnseenFile) {
        for number in file.declarations {
            let declared = declarations[Int(number)]
            let stream = StreamID.derive(
                host: options.host, container: declared.container, declaration: declared.name, path: file.livePath)
            let record = GenerationRecord(
                file: .random(), stream: stream, container: declared.container, declaration: declared.name,
                route: declared.route, path: file.livePath,
                identity: FileIdentity(fileSystem: Identifier128(high: 0, low: 0), inode: 0, born: 0),
                evidence: FileEvidence(), counts: LedgerCounts(), opened: Clock.wall())
            vanished.append(VanishedGeneration(record: record, reason: .deleted))
        }
    }

    /// Later: generations of the store whose directory has not come back, or came back without the file. Until then its
    /// file system may be mounted late; for ever would mean that a directory removed while the daemon was down hides what
    /// was unread.
    func announceLost() {
        let unmet = unowned
        unowned = []
        if !unmet.isEmpty { forget { unmet.contains($0.file) && $0.detached == 0 } }
        forgetWithheld()
        forget { record in
            guard record.container.isEmpty, isDeclared(record), !withheld.contains(record.file), case .failure(let error) = views[0].status(record.path, follow: false)
            else { return false }
            return error.errno == ENOENT || error.errno == ENOTDIR
        }
    }
}
