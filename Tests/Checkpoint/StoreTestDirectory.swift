// Private directories and small file systems for the store's tests, and the records they store.
import Checkpoint
import Core
import Glibc
import LinuxIO
import Testing

/// A directory of one test, removed with everything in it; mounts below it are taken away first.
final class StoreTestDirectory {
    let path: String
    private var mounts: [String] = []

    /// `inMemory`: on a tmpfs where there is one, for tests that open thousands of stores and cut no power.
    init(inMemory: Bool = false) throws {
        let base = inMemory && access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"
        var template = Array("\(base)/longshore-store-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw SystemError("mkdtemp", errno: errno) }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit {
        for mount in mounts { umount2(mount, 2 /* MNT_DETACH */) }
        StoreTestDirectory.removeTree(path)
    }

    /// Mounts an empty tmpfs of `size` (as in `size=1m`) below the directory; nil when mounting is not permitted.
    func mountSmall(_ name: String, size: String) throws -> String? {
        let place = path + "/" + name
        guard mkdir(place, 0o750) == 0 else { throw SystemError("mkdir", place, errno: errno) }
        if mount("longshore-test", place, "tmpfs", 0, "size=\(size)") != 0 {
            if errno == EPERM { return nil }
            throw SystemError("mount", place, errno: errno)
        }
        mounts.append(place)
        return place
    }

    /// Tried again while it is busy: a child of another test, between fork and exec, holds copies of descriptors.
    func makeReadOnly(_ place: String) throws {
        let done = holdsSoon {
            mount("longshore-test", place, "tmpfs", UInt(MS_REMOUNT | MS_RDONLY), nil) == 0 || errno != EBUSY
        }
        var status = statvfs()
        if !done || statvfs(place, &status) != 0 || status.f_flag & UInt(1 /* ST_RDONLY */) == 0 {
            throw SystemError("remount", place, errno: errno)
        }
    }

    func read(_ name: String) -> [UInt8]? { StoreTestDirectory.read(path + "/" + name) }

    func write(_ name: String, _ bytes: [UInt8]) throws { try StoreTestDirectory.write(path + "/" + name, bytes) }

    /// Names in the directory, sorted.
    func names(_ below: String = "") -> [String] {
        var names: [String] = []
        try? FileSystem.forEachEntry(in: Array((path + below).utf8)) { name, _, _ in
            names.append(String(decoding: name, as: UTF8.self))
            return true
        }
        return names.sorted()
    }

    static func read(_ path: String) -> [UInt8]? {
        guard let file = fopen(path, "re") else { return nil }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while case let count = fread(&buffer, 1, buffer.count, file), count > 0 { bytes += buffer[..<count] }
        return bytes
    }

    static func write(_ path: String, _ bytes: [UInt8]) throws {
        guard let file = fopen(path, "we") else { throw SystemError("open", path, errno: errno) }
        defer { fclose(file) }
        if fwrite(bytes, 1, bytes.count, file) != bytes.count { throw SystemError("write", path, errno: errno) }
    }

    private static func removeTree(_ path: String) {
        try? FileSystem.forEachEntry(in: Array(path.utf8)) { name, type, _ in
            let entry = path + "/" + String(decoding: name, as: UTF8.self)
            if type == UInt8(DT_DIR) { removeTree(entry) } else { unlink(entry) }
            return true
        }
        rmdir(path)
    }
}

/// A generation whose every field is its own, derived from `number`.
func sampleGeneration(_ number: UInt64) -> GenerationRecord {
    var counts = LedgerCounts()
    counts.committed = number
    return GenerationRecord(
        file: FileID(Identifier128(high: 7, low: number)), stream: StreamID(Identifier128(high: 9, low: number)),
        declaration: "web", path: Array("/var/log/app-\(number).log".utf8),
        identity: FileIdentity(fileSystem: Identifier128(high: 1, low: 2), inode: 1000 + number, born: 5),
        evidence: FileEvidence(headLength: 1024, headChecksum: 0xDEAD_BEEF, tailChecksum: 3), counts: counts,
        opened: 1_795_000_000_000_000_000)
}

func update(_ record: GenerationRecord, committed: UInt64) -> GenerationUpdate {
    var counts = record.counts
    counts.committed = committed
    return GenerationUpdate(file: record.file, evidence: record.evidence, counts: counts)
}

func event(_ text: String) -> AuditEvent { AuditEvent(key: "host", payload: Array(text.utf8)) }

extension Store {
    /// Submits and waits for the completion of this ticket.
    @discardableResult
    func perform(_ transaction: StoreTransaction) throws -> StoreCompletion {
        submit(transaction)
        return try #require(completions(upTo: transaction.ticket).last)
    }

    /// Completions until `ticket` is among them, or for `patience`.
    func completions(upTo ticket: UInt64) -> [StoreCompletion] {
        var all: [StoreCompletion] = []
        let end = Clock.monotonic() + patience
        while all.last?.ticket != ticket && Clock.monotonic() < end {
            var descriptor = pollfd(fd: completionsReady.raw, events: Int16(POLLIN), revents: 0)
            _ = poll(&descriptor, 1, 1000)
            all += takeCompletions()
        }
        return all
    }
}

/// How long a test waits for what must come: an fsync on a disk that is shared may take seconds.
private let patience = 60 * nanosecondsPerSecond

/// Whether `condition`, which another thread brings about without an event of its own, holds within `patience`.
func holdsSoon(_ condition: () -> Bool) -> Bool {
    let end = Clock.monotonic() + patience
    while !condition() {
        if Clock.monotonic() > end { return false }
        usleep(500)
    }
    return true
}

/// What opening threw; nil when it did not.
func openFailure(_ options: StoreOptions) -> StoreFailure? {
    do {
        try Store.open(options).store.close()
        return nil
    } catch { return error }
}
