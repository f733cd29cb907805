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
        if record.counts.committed > 0 { rememberEvidence(index, record.counts.committed) }
        follow(slot, place)
        holdBackForUnmet(slot)
        appeared.append(
            AppearedFile(
                slot: index, declaration: Int(files[index].declaration), record: record, isNew: false, skipped: nil))
    }

    /// The store's generation for this file whose content still fits, the newest first; and those whose content is not
    /// there any more: the caller sees to them.
    func takeKnown(
        _ identity: FileIdentity, _ declaration: Int32, _ size: UInt64, onlyOwn: Bool = false,
        fits: (GenerationRecord) -> Bool
    ) -> (fitting: GenerationRecord?, others: [VanishedGeneration]) {
        guard let records = known[identity.inode] else { return (nil, []) }
        let mine = heirlooms(records.filter { $0.identity == identity }, of: declaration, onlyOwn: onlyOwn)
        guard !mine.isEmpty else { return (nil, []) }
        var unfit: [VanishedGeneration] = []
        let taken = Set(mine.map(\.file))
        let others = records.filter { !taken.contains($0.file) }
        known[identity.inode] = others.isEmpty ? nil : others
        noteMet(mine)
        var found: GenerationRecord?
        for record in mine.sorted(by: { $0.opened > $1.opened }) {
            if found == nil, fits(record) {
                found = record
            } else {
                let reason: GapReason = size < record.counts.committed ? .truncated : .replaced
                unfit.append(VanishedGeneration(record: record, reason: reason))
            }
        }
        return (found, unfit)
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
        noteUnmet(record)
        knownByDirectory[storedDirectory(record), default: []].insert(record.identity.inode)
    }

    func storedDirectory(_ record: GenerationRecord) -> StoredDirectory {
        StoredDirectory(container: record.container, path: parent(of: record.path))
    }

    /// The directory as the store's generations name it; nil when nothing of its view is declared any more.
    func storedDirectory(_ directory: Int32) -> StoredDirectory? {
        guard let first = view(of: directory).declarations.first else { return nil }
        return StoredDirectory(
            container: declarations[Int(first)].container, path: directories[Int(directory)].path)
    }

    /// Inodes of the store's generations in this directory, once: those that were renamed inside it while the daemon was
    /// down are continued before anything else here, oldest first, so each waits for the one before.
    func takeInodes(_ directory: Int32) -> Set<UInt64> {
        guard !knownByDirectory.isEmpty, let first = view(of: directory).declarations.first,
            let place = storedDirectory(directory)
        else { return [] }
        guard declarations[Int(first)].isFirstWalk else { return withheld.isEmpty ? [] : knownByDirectory[place] ?? [] }
        return knownByDirectory.removeValue(forKey: place) ?? []
    }

    /// Continues a generation of the store that has another name in its directory than the store says. False: the name leads
    /// to another file by now, or to none.
    func admitRenamed(_ directory: Int32, _ name: [UInt8], _ record: GenerationRecord, _ now: Int64) -> Bool {
        let path = path(directory, name)
        let view = view(of: directory)
        guard let declaration = view.declarations.first(where: { declarations[Int($0)].name == record.declaration })
        else {
            return true
        }
        let look = view.status(path.path, follow: false)
        if case .failure(let error) = look { return error.errno != ENOENT }
        guard case .success(let entry) = look, entry.inode == record.identity.inode,
            entry.born_ns == record.identity.born
        else { return false }
        guard entry.mode & UInt32(S_IFMT) == UInt32(S_IFREG), tracked(entry, declaration, now) == nil else {
            return true
        }
        guard let (descriptor, status) = openRegular(path, declaration) else {
            if isDenied(path) { withhold([record], at: storedDirectory(record)) }
            return true
        }
        let identity = identity(descriptor, status)
        guard identity == record.identity else {
            closeUnused(descriptor)
            return false
        }
        let (fitting, others) = takeKnown(
            identity, declaration, status.size,
            fits: { EvidenceReader.fits(descriptor, size: status.size, committed: $0.counts.committed, $0.evidence) })
        for other in others { giveUp(other.record, other.reason) }
        guard let taken = fitting else {
            closeUnused(descriptor)
            return true
        }
        let slot = newSlot(descriptor, status, identity, declaration, now)
        resume(slot, taken, .byOpening)
        withheld.remove(taken.file)
        problems[path] = nil
        giveName(slot, directory, name)
        return true
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
        letGoHeldBack(of: view)
    }

    /// Gives up the generations of the store that `isGone` names: announced as vanished.
    func forget(_ isGone: (GenerationRecord) -> Bool) {
        guard !known.isEmpty else { return }
        var lost: [GenerationRecord] = []
        for (inode, records) in known {
            let gone = records.filter(isGone)
            guard !gone.isEmpty else { continue }
            lost += gone
            let rest = records.filter { !isGone($0) }
            known[inode] = rest.isEmpty ? nil : rest
        }
        for record in lost.sorted(by: { $0.opened < $1.opened }) { giveUp(record, .deleted) }
        noteMet(lost)
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
            record.container.isEmpty && isDeclared(record) && !withheld.contains(record.file) && isAbsent(record)
        }
    }

    /// Its path leads nowhere, or to another file.
    private func isAbsent(_ record: GenerationRecord) -> Bool {
        if case .failure(let error) = views[0].status(record.path, follow: false) {
            return error.errno == ENOENT || error.errno == ENOTDIR
        }
        guard !isDelegated(record), case .success(let status) = views[0].status(record.path) else { return false }
        return status.inode != record.identity.inode || status.born_ns != record.identity.born
    }
}
