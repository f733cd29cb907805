// Files and directories that the daemon may not look at: nothing is concluded from that, and rights that come back are
// noticed.
internal import CLinux
internal import Core
internal import Glibc
internal import LinuxIO

extension SystemError {
    /// The daemon may not look, so that nothing is said about what is there.
    var isDenied: Bool { errno == EACCES }
}

extension Tailer {
    /// The file is there and may not be read.
    func isDenied(_ path: ViewPath) -> Bool {
        switch views[Int(path.view)].open(path.path) {
        case .failure(let error): return error.isDenied
        case .success(let descriptor):
            close(descriptor)
            return false
        }
    }

    /// Generations of the store that are looked for again with later scans of their directory, under other names too.
    func withhold(_ records: [GenerationRecord], at place: StoredDirectory) {
        for record in records where storedDirectory(record) == place {
            withheld.insert(record.file)
            knownByDirectory[place, default: []].insert(record.identity.inode)
        }
    }

    /// A directory that may not be listed: what was renamed in it cannot be found yet.
    func noteDenied(_ scan: DirectoryScan) {
        directories[Int(scan.directory)].isDenied = true
        guard let place = storedDirectory(scan.directory) else { return }
        for inode in scan.inodes { withhold(known[inode] ?? [], at: place) }
    }

    /// A generation of the store that the first walk has not met: true when that is because the daemon may not look.
    func isWithheld(_ record: GenerationRecord, _ view: Int32) -> Bool {
        if withheld.contains(record.file) { return true }
        switch views[Int(view)].look(record.path, follow: false) {
        case .missing(let error) where error.isDenied: break
        case .found(let sight)
        where sight.status.inode == record.identity.inode && isDenied(ViewPath(view: view, path: record.path)): break
        default: return false
        }
        withhold([record], at: storedDirectory(record))
        return true
    }

    func isWithheld(_ place: StoredDirectory) -> Bool {
        knownByDirectory[place]?.contains { inode in known[inode]?.contains { withheld.contains($0.file) } == true }
            == true
    }

    /// The store may hold generations of declarations that were taken out of the configuration: whoever declares their
    /// files for the same topic continues them; nobody misses them.
    func isDeclared(_ record: GenerationRecord) -> Bool {
        !record.container.isEmpty
            || views[0].declarations.contains { declarations[Int($0)].name == record.declaration }
    }

    /// Withheld generations whose directory may be looked at by now, and which are not in it any more.
    func forgetWithheld() {
        guard !withheld.isEmpty else { return }
        let records = known.values.joined().filter { withheld.contains($0.file) }
        withheld.formIntersection(records.map(\.file))
        var gone: Set<FileID> = []
        for record in records where record.container.isEmpty && isGone(record) { gone.insert(record.file) }
        withheld.subtract(gone)
        forget { gone.contains($0.file) }
    }

    private func isGone(_ record: GenerationRecord) -> Bool {
        var isThere = false
        do {
            try views[0].forEachEntry(in: parent(of: record.path)) { _, _, inode in
                isThere = isThere || inode == record.identity.inode
                return !isThere
            }
        } catch {
            return error.errno == ENOENT || error.errno == ENOTDIR
        }
        return !isThere
    }

    /// Rights of a directory were changed: what could not be looked at in it, or as it, is looked at now.
    func rightsChanged(_ index: Int32, _ name: UnsafeBufferPointer<UInt8>) {
        if name.isEmpty { return pendingScans.append(index) }
        consider(index, name, type: UInt8(DT_DIR), Clock.monotonic())
        if let child = directoryOfPath[path(index, name)] { pendingScans.append(child) }
    }
}
