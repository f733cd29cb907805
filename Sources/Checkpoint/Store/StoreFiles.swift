// The files of the state directory: names, permissions, renames, and what is made durable when.
internal import CLinux
internal import Core
internal import Glibc
internal import LinuxIO

/// Paths below one state directory and the file operations of opening, repair and snapshots. Stateless.
struct StoreFiles {
    let directory: String

    var database: String { directory + "/store.db" }
    var log: String { database + "-wal" }
    var snapshot: String { directory + "/store.snapshot.db" }
    /// Where the next database or snapshot is made before it takes its name in one rename.
    var newDatabase: String { database + ".new" }
    var newSnapshot: String { snapshot + ".new" }
    /// SQLite's companions of a database, the database first.
    static let companions = ["", "-wal", "-journal", "-shm"]
    static let damagedCopiesKept = 3

    /// Makes the directory (0750) when it is missing; its parent must be there.
    func prepare() throws(StoreFailure) {
        if mkdir(directory, 0o750) == 0 || errno == EEXIST { return }
        throw failure("make directory", directory)
    }

    func removeLeftovers() {
        for name in [newDatabase, newSnapshot] { for suffix in StoreFiles.companions { unlink(name + suffix) } }
    }

    /// Bytes of a file; nil when it is not there.
    func size(_ path: String) throws(StoreFailure) -> UInt64? {
        switch FileSystem.status(Array(path.utf8)) {
        case .success(let status): return status.size
        case .failure(let error):
            if error.errno == ENOENT { return nil }
            throw StoreFailure(error, in: directory)
        }
    }

    /// When a file was last written: wall clock, nanoseconds; 0 when unknown.
    func modified(_ path: String) -> Int64 {
        if case .success(let status) = FileSystem.status(Array(path.utf8)) { return status.modified_ns }
        return 0
    }

    /// An empty file of mode 0640 that SQLite fills; its companions inherit the mode.
    func create(_ path: String) throws(StoreFailure) {
        let raw = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o640)
        if raw < 0 { throw failure("create", path) }
        close(raw)
    }

    func copy(_ source: String, to target: String) throws(StoreFailure) {
        let from = open(source, O_RDONLY | O_CLOEXEC)
        if from < 0 { throw failure("open", source) }
        defer { close(from) }
        try create(target)
        let to = open(target, O_WRONLY | O_CLOEXEC)
        if to < 0 { throw failure("open", target) }
        defer { close(to) }
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = read(from, &buffer, buffer.count)
            if count < 0 { throw failure("read", source) }
            if count == 0 { return }
            var written = 0
            while written < count {
                let step = buffer.withUnsafeBytes { write(to, $0.baseAddress! + written, count - written) }
                if step < 0 { throw failure("write", target) }
                written += step
            }
        }
    }

    /// fsync(2) of a file or directory by its path. Never of the open database: closing a descriptor of it would
    /// drop SQLite's locks.
    func synchronize(_ path: String) throws(StoreFailure) {
        let raw = open(path, O_RDONLY | O_CLOEXEC)
        if raw < 0 { throw failure("open", path) }
        defer { close(raw) }
        if fsync(raw) != 0 { throw failure("fsync", path) }
    }

    /// Makes `new` durable, gives it the name `target` and makes that durable.
    func place(_ new: String, as target: String) throws(StoreFailure) {
        try synchronize(new)
        if rename(new, target) != 0 { throw failure("rename", new) }
        try synchronize(directory)
    }

    /// Renames the database and its companions to `copy`. The database goes first: without it, whatever else is left
    /// is found to be a loss at the next opening.
    func setAside(as copy: String) throws(StoreFailure) {
        for suffix in StoreFiles.companions {
            if rename(database + suffix, copy + suffix) != 0 && errno != ENOENT {
                throw failure("rename", database + suffix)
            }
        }
        try synchronize(directory)
    }

    /// Names of damaged copies without their companions, oldest first.
    func damagedCopies() throws(StoreFailure) -> [String] {
        var stamps: Set<String> = []
        do {
            try FileSystem.forEachEntry(in: Array(directory.utf8)) { name, _, _ in
                let text = String(decoding: name, as: UTF8.self)
                if text.hasPrefix("store.db.damaged-") {
                    stamps.insert(String(text.prefix("store.db.damaged-".count + StoreFiles.stampLength)))
                }
                return true
            }
        } catch { throw StoreFailure(error, in: directory) }
        return stamps.sorted()
    }

    func pruneDamagedCopies() throws(StoreFailure) {
        for name in try damagedCopies().dropLast(StoreFiles.damagedCopiesKept) {
            for suffix in StoreFiles.companions { unlink(directory + "/" + name + suffix) }
        }
    }

    /// `20261121T194500.123456789Z`: UTC, sorts by time, no colons.
    static func stamp(_ nanoseconds: Int64) -> String {
        Timestamp(nanoseconds: nanoseconds).description.filter { $0 != "-" && $0 != ":" }
    }
    private static let stampLength = Timestamp.byteCount - 4

    private func failure(_ operation: String, _ path: String) -> StoreFailure {
        let code = errno
        return StoreFailure(SystemError(operation, printable(path.utf8), errno: code), in: directory)
    }
}
