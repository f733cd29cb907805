// Which archive of a directory holds the content of a generation whose file is gone.
internal import CLinux
internal import CZlib
internal import Core
internal import Glibc
internal import LinuxIO

/// One search, in steps of bounded work, on the archive worker's thread. Candidates are the `.gz` files of the
/// generation's directory, of its name first, the newest first; one fits when its plain content has the generation's head
/// and the 64 bytes before its offset. Where that evidence is weak (a head of a few bytes, no known tail) it must be the
/// only one that fits: in doubt what was unread is announced.
final class ArchiveSearch {
    struct Candidate {
        /// 0: of the generation's full name (app.log.1.gz), 1: of its first part (app-20261122.log.gz), 2: another.
        let rank: Int
        let modified: Int64
        let path: RawPath
        let key: InodeKey
        let born: Int64
        let size: UInt64
    }

    enum Step {
        case searching
        case found(ArchivePlace, GzipReader)
        case missing
    }

    /// At most so many archives are looked into.
    static let maximumCandidates = 32
    /// The kernel's clock for birth times may be behind (a tick), and file systems may round.
    private static let clockSlack = 2 * nanosecondsPerSecond
    let handle: UInt64
    private let query: ArchiveQuery
    private let view: FileView
    /// The next one last.
    private var candidates: [Candidate]
    private var current: (candidate: Candidate, reader: GzipReader, headLength: UInt32, headChecksum: UInt32)?
    /// The one that fits, while others are looked at.
    private var fitting: (place: ArchivePlace, reader: GzipReader)?

    init(_ handle: UInt64, _ query: ArchiveQuery, _ view: FileView) {
        self.handle = handle
        self.query = query
        self.view = view
        candidates = ArchiveSearch.candidates(query, view).reversed()
    }

    /// Works for one step. What it found is the caller's to close.
    func step() -> Step {
        guard current != nil || beginNext() else { return conclude() }
        let (candidate, reader, headLength, headChecksum) = current!
        let before = Int(min(UInt64(EvidenceReader.tailSize), query.tailEnd))
        switch reader.read(at: query.tailEnd - UInt64(before), count: before) {
        case .notYet: return .searching
        case .bytes(let bytes, let end) where bytes.count < before && end == nil: return .searching
        case .bytes(let bytes, _) where bytes.count == before && tailFits(bytes):
            current = nil
            let place = ArchivePlace(
                path: candidate.path, key: candidate.key, born: candidate.born, headLength: headLength,
                headChecksum: headChecksum, claimedSize: ArchiveSearch.claimedSize(reader.descriptor, candidate.size))
            return take(place, reader)
        default: return refute()
        }
    }

    /// Closes what is open.
    func abandon() {
        if let current { close(current.reader.descriptor) }
        if let fitting { close(fitting.reader.descriptor) }
        current = nil
        fitting = nil
    }

    private func tailFits(_ bytes: [UInt8]) -> Bool {
        guard let expected = query.tailChecksum else { return true }
        return bytes.withUnsafeBufferPointer { crc($0) } == expected
    }

    private func crc(_ bytes: UnsafeBufferPointer<UInt8>) -> UInt32 {
        guard let base = bytes.baseAddress else { return 0 }
        return EvidenceReader.checksum(base, count: bytes.count)
    }

    private func take(_ place: ArchivePlace, _ reader: GzipReader) -> Step {
        guard query.isWeak else { return .found(place, reader) }
        guard fitting == nil else {
            // Two fit what little is known: nobody can say which it is.
            close(reader.descriptor)
            abandon()
            candidates = []
            return .missing
        }
        fitting = (place, reader)
        return .searching
    }

    private func conclude() -> Step {
        guard let (place, reader) = fitting else { return .missing }
        fitting = nil
        return .found(place, reader)
    }

    private func refute() -> Step {
        if let current { close(current.reader.descriptor) }
        current = nil
        return .searching
    }

    /// Opens candidates until the head of one fits.
    private func beginNext() -> Bool {
        while let candidate = candidates.popLast() {
            guard let descriptor = ArchiveSearch.open(view, candidate.path, candidate.key, candidate.born) else {
                continue
            }
            let reader = GzipReader(descriptor: descriptor)
            if case .bytes(let head, _) = reader.read(at: 0, count: EvidenceReader.headSize),
                head.count >= query.headLength,
                head.withUnsafeBufferPointer({ crc(UnsafeBufferPointer(rebasing: $0[..<query.headLength])) })
                    == query.headChecksum
            {
                current = (candidate, reader, UInt32(head.count), head.withUnsafeBufferPointer { crc($0) })
                return true
            }
            close(descriptor)
        }
        return false
    }

    // MARK: Files

    /// Opens the regular file that `path` leads to when it is the one that was seen there.
    static func open(_ view: FileView, _ path: RawPath, _ key: InodeKey, _ born: Int64) -> Int32? {
        guard case .success(let descriptor) = view.open(path) else { return nil }
        if case .success(let status) = FileSystem.status(descriptor: descriptor),
            status.mode & UInt32(S_IFMT) == UInt32(S_IFREG), status.born_ns == born,
            InodeKey(device: status.device, inode: status.inode) == key
        {
            return descriptor
        }
        close(descriptor)
        return nil
    }

    private static func candidates(_ query: ArchiveQuery, _ view: FileView) -> [Candidate] {
        var best: [Candidate] = []
        try? view.forEachEntry(in: query.directory) { name, type, _ in
            guard isArchiveName(name), type == UInt8(DT_REG) || type == UInt8(DT_UNKNOWN) else { return true }
            if let candidate = candidate(name, query, view),
                candidate.rank < 2 || query.headLength >= ArchiveQuery.strongHead
            {
                insert(candidate, into: &best)
            }
            return true
        }
        return best
    }

    private static func candidate(
        _ name: UnsafeBufferPointer<UInt8>, _ query: ArchiveQuery, _ view: FileView
    ) -> Candidate? {
        let path = join(query.directory, name)
        guard case .success(let status) = view.status(path, follow: false),
            status.mode & UInt32(S_IFMT) == UInt32(S_IFREG),
            status.born_ns == 0 || status.born_ns + clockSlack >= query.opened
        else { return nil }
        let key = InodeKey(device: status.device, inode: status.inode)
        guard !query.taken.contains(key) else { return nil }
        return Candidate(
            rank: rank(name, query.name), modified: status.modified_ns, path: path, key: key, born: status.born_ns,
            size: status.size)
    }

    private static func rank(_ name: UnsafeBufferPointer<UInt8>, _ original: [UInt8]) -> Int {
        if name.starts(with: original) { return 0 }
        let stem = original.prefix { $0 != 0x2E }
        return !stem.isEmpty && name.starts(with: stem) ? 1 : 2
    }

    /// Keeps the best ones, in order.
    private static func insert(_ candidate: Candidate, into best: inout [Candidate]) {
        let place = best.firstIndex { other in
            candidate.rank != other.rank ? candidate.rank < other.rank : candidate.modified > other.modified
        }
        best.insert(candidate, at: place ?? best.count)
        if best.count > maximumCandidates { best.removeLast() }
    }

    private static func claimedSize(_ descriptor: Int32, _ size: UInt64) -> UInt64 {
        guard size >= 4 else { return 0 }
        var trailer: UInt32 = 0
        guard pread(descriptor, &trailer, 4, off_t(size) - 4) == 4 else { return 0 }
        return UInt64(UInt32(littleEndian: trailer))
    }
}

/// The name of a file that gzip(1) made.
func isArchiveName(_ name: some BidirectionalCollection<UInt8>) -> Bool {
    name.suffix(3).elementsEqual([0x2E, 0x67, 0x7A])
}
