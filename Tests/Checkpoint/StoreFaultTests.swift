// The store against full, read-only and failing disks, and against kill -9.
import CSQLite
import Checkpoint
import Core
import Glibc
import LinuxIO
import Synchronization
import TestSupport
import Testing

@Suite(.serialized, .ownThread) struct StoreFaultTests {
    private let directory: StoreTestDirectory

    init() throws { directory = try StoreTestDirectory() }

    private func small() throws -> String? {
        let place = try directory.mountSmall("small", size: "1m")
        if place == nil { print("skipped: mounting a tmpfs is not permitted here (run as root with CAP_SYS_ADMIN)") }
        return place
    }

    @Test func `a full disk fails transactions, and freed space lets them pass again`() throws {
        guard let place = try small() else { return }
        let options = StoreOptions(directory: place, fsyncInterval: nanosecondsPerMillisecond)
        let record = sampleGeneration(1)
        let store = try Store.open(options).store
        try store.perform(StoreTransaction(ticket: 1, opened: [record]))
        #expect(holdsSoon { store.snapshotCount > 0 })
        let filler = open(place + "/filler", O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        let page = [UInt8](repeating: 1, count: 4096)
        while write(filler, page, page.count) > 0 {}
        #expect(errno == ENOSPC)

        let big = AuditEvent(key: "k", payload: [UInt8](repeating: 0x61, count: 200_000))
        for ticket in 2...4 as ClosedRange<UInt64> {
            let full = try store.perform(
                StoreTransaction(
                    ticket: ticket, updated: [update(record, committed: 5)], events: [big], durable: ticket == 3))
            #expect(full.failure?.code == .full && full.eventIDs.isEmpty)
            #expect(full.failure?.message.contains("free space or quota") == true, "\(full)")
            #expect(full.failure?.message.contains(place) == true)
        }
        close(filler)
        unlink(place + "/filler")
        let passed = try store.perform(
            StoreTransaction(ticket: 5, updated: [update(record, committed: 6)], events: [big], durable: true))
        #expect(passed.failure == nil)
        store.close()

        let (second, state) = try Store.open(options)
        defer { second.close() }
        #expect(state.generations.map(\.counts.committed) == [6] && state.outbox.count == 1 && state.recovery == nil)
    }

    @Test func `a snapshot that finds no space is reported and taken when there is some`() throws {
        guard let place = try small() else { return }
        let options = StoreOptions(directory: place, snapshotInterval: 10 * nanosecondsPerMillisecond)
        let store = try Store.open(options).store
        defer { store.close() }
        try store.perform(StoreTransaction(ticket: 1, opened: [sampleGeneration(1)]))
        #expect(holdsSoon { store.snapshotCount == 2 })
        // 300 kB in the log and as much again for the snapshot fit, but not the filler as well.
        let filler = open(place + "/filler", O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        #expect(posix_fallocate(filler, 0, 500_000) == 0)
        let big = AuditEvent(key: "k", payload: [UInt8](repeating: 0x61, count: 300_000))
        let kept = try store.perform(StoreTransaction(ticket: 2, events: [big], durable: true))
        #expect(kept.failure == nil)
        #expect(holdsSoon { store.maintenanceFailure?.code == .full }, "\(store.snapshotCount)")
        #expect(store.maintenanceFailure?.message.contains("snapshot") == true)
        close(filler)
        unlink(place + "/filler")
        #expect(holdsSoon { store.snapshotCount == 3 && store.maintenanceFailure == nil })
        #expect(!directory.names("/small").contains("store.snapshot.db.new"))
    }

    @Test func `opening on a full disk says so and loses nothing`() throws {
        guard let place = try small() else { return }
        let filler = open(place + "/filler", O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        let page = [UInt8](repeating: 1, count: 4096)
        while write(filler, page, page.count) > 0 {}
        let failure = openFailure(StoreOptions(directory: place))
        #expect(failure?.code == .full && failure?.message.contains(place) == true, "\(String(describing: failure))")
        close(filler)
        unlink(place + "/filler")
        let (store, state) = try Store.open(StoreOptions(directory: place))
        defer { store.close() }
        #expect(state.recovery == nil)
    }

    @Test func `a read-only file system is refused with its path and what to do`() throws {
        guard let place = try small() else { return }
        try Store.open(StoreOptions(directory: place)).store.close()
        try directory.makeReadOnly(place)
        for options in [StoreOptions(directory: place), StoreOptions(directory: place + "/missing")] {
            let failure = try #require(openFailure(options))
            #expect(failure.code == .readOnly && failure.systemError == EROFS)
            #expect(failure.message.contains(options.directory) && failure.message.contains("Read-only file system"))
            #expect(failure.message.contains("mount its file system read-write"))
        }
    }

    @Test func `a directory without a parent, and a file in its place, are refused with the path`() throws {
        let missing = try #require(openFailure(StoreOptions(directory: directory.path + "/no/state")))
        #expect(missing.systemError == ENOENT && missing.message.contains(directory.path + "/no/state"))
        try directory.write("file", [1])
        let file = try #require(openFailure(StoreOptions(directory: directory.path + "/file")))
        #expect(file.systemError == ENOTDIR && file.message.contains(directory.path + "/file"))
    }

    @Test(arguments: [(EROFS, StoreFailure.Code.readOnly), (EIO, .other), (ENOSPC, .full), (EDQUOT, .full)])
    func `a disk that fails while running fails transactions until it works again`(
        code: Int32, expected: StoreFailure.Code
    ) throws {
        let options = StoreOptions(directory: directory.path + "/state")
        let record = sampleGeneration(1)
        let store = try Store.open(options).store
        try store.perform(StoreTransaction(ticket: 1, opened: [record]))
        #expect(holdsSoon { store.snapshotCount > 0 })
        FailingWrites.fail(below: options.directory, with: code)
        for ticket in 2...3 as ClosedRange<UInt64> {
            let failed = try store.perform(
                StoreTransaction(ticket: ticket, updated: [update(record, committed: 5)], events: [event("x")]))
            #expect(failed.failure?.code == expected, "\(failed)")
        }
        FailingWrites.fail(below: options.directory, with: nil)
        #expect(try store.perform(StoreTransaction(ticket: 4, updated: [update(record, committed: 7)])).failure == nil)
        store.close()
        let (second, state) = try Store.open(options)
        defer { second.close() }
        #expect(state.generations.map(\.counts.committed) == [7] && state.outbox.isEmpty && state.recovery == nil)
    }

    /// The child commits one transaction after the other (row and event carry the same number), notes what is
    /// complete, and kills itself somewhere in the middle of the store thread's work.
    @Test(arguments: 0..<24)
    func `kill -9 keeps every completed transaction, whole`(round: Int) async throws {
        let path = directory.path
        let seed = UInt64(Clock.wall()) &+ UInt64(round)
        await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String, seed = seed as UInt64] in
            try runUntilKilled(path, seed)
        }
        let noted = StoreTestDirectory.read(path + "/noted") ?? []
        let completed = noted.enumerated().reduce(UInt64(0)) { $0 | UInt64($1.element) << (8 * UInt64($1.offset)) }
        let (store, state) = try Store.open(StoreOptions(directory: path + "/state"))
        defer { store.close() }
        let numbers = state.outbox.map { String(decoding: $0.payload, as: UTF8.self) }
        #expect(state.recovery == nil && numbers.count >= Int(completed), "seed \(seed), \(completed) completed")
        #expect(numbers == (1...max(1, numbers.count)).map { "\($0)" } || numbers.isEmpty, "seed \(seed)")
        #expect(state.generations.map(\.counts.committed) == (numbers.isEmpty ? [] : [UInt64(numbers.count)]))
        #expect(state.containers.map(\.id) == (numbers.isEmpty ? [] : ["\(numbers.count)"]))
    }
}

/// The child of the kill -9 test. Never returns normally.
private func runUntilKilled(_ path: String, _ seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    let options = StoreOptions(
        directory: path + "/state", fsyncInterval: 2 * nanosecondsPerMillisecond,
        snapshotInterval: 5 * nanosecondsPerMillisecond)
    let record = sampleGeneration(1)
    let store = try Store.open(options).store
    let notes = open(path + "/noted", O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
    let end = Clock.monotonic() + Int64.random(in: 0..<60 * nanosecondsPerMillisecond, using: &random)
    var ticket: UInt64 = 0
    while true {
        ticket += 1
        var transaction = StoreTransaction(ticket: ticket, events: [event("\(ticket)")], durable: ticket % 7 == 0)
        if ticket == 1 { transaction.opened = [record] }
        transaction.updated = [update(record, committed: ticket)]
        transaction.containers = [StoredContainer(id: "\(ticket)", stored: [1])]
        transaction.removedContainers = ["\(ticket - 1)"]
        store.submit(transaction)
        for completion in store.takeCompletions() {
            var done = completion.ticket.littleEndian
            precondition(completion.failure == nil)
            pwrite(notes, &done, 8, 0)
        }
        if Clock.monotonic() > end { kill(getpid(), SIGKILL) }
    }
}

/// Makes pwrite(2) of SQLite fail below chosen directories: what a dying disk looks like, through SQLite's own hook.
private enum FailingWrites {
    private static let failures = Mutex<[String: Int32]>([:])

    static func fail(below directory: String, with code: Int32?) {
        _ = installed
        failures.withLock { $0[directory] = code }
    }

    static func failure(of descriptor: Int32) -> Int32? {
        var buffer = [CChar](repeating: 0, count: 4096)
        let count = readlink("/proc/self/fd/\(descriptor)", &buffer, buffer.count)
        let path = String(decoding: buffer[..<max(0, count)].map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return failures.withLock { known in known.first { path.hasPrefix($0.key) }?.value }
    }

    private typealias Write = @convention(c) (Int32, UnsafeRawPointer?, Int, Int64) -> Int

    private static let installed: Bool = {
        let files = sqlite3_vfs_find(nil)!
        let replacement: Write = { descriptor, bytes, count, offset in
            if let code = FailingWrites.failure(of: descriptor) {
                errno = code
                return -1
            }
            return pwrite(descriptor, bytes, count, off_t(offset))
        }
        for name in ["pwrite", "pwrite64"] where files.pointee.xGetSystemCall(files, name) != nil {
            let code = files.pointee.xSetSystemCall(
                files, name, unsafeBitCast(replacement, to: sqlite3_syscall_ptr.self))
            precondition(code == SQLITE_OK)
        }
        return true
    }()
}
