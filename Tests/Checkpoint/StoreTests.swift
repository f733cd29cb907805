// The store: what is written is what is read, together or not at all, durable in time, quiet when idle.
import CLinux
import Checkpoint
import Core
import Glibc
import LinuxIO
import TestSupport
import Testing

@Suite(.serialized, .ownThread) struct StoreTests {
    private let directory: StoreTestDirectory
    private let options: StoreOptions

    init() throws {
        directory = try StoreTestDirectory()
        options = StoreOptions(directory: directory.path + "/state", fsyncInterval: 50 * nanosecondsPerMillisecond)
    }

    @Test func `a new store is empty, reports no recovery and is private`() throws {
        let (store, state) = try Store.open(options)
        defer { store.close() }
        #expect(state.generations.isEmpty && state.outbox.isEmpty && state.recovery == nil)
        let status = try FileSystem.status(Array(options.directory.utf8)).get()
        #expect(status.mode & 0o027 == 0)
        for name in directory.names("/state") {
            let file = try FileSystem.status(Array((options.directory + "/" + name).utf8)).get()
            #expect(file.mode & 0o137 == 0, "\(name) has mode \(String(file.mode, radix: 8))")
        }
    }

    @Test(arguments: [nil, 0, UInt64.max]) func `every field survives closing and opening`(lineStart: UInt64?) throws {
        var counts = LedgerCounts()
        counts.committed = .max
        counts.acknowledged = .max - 1
        counts.skipped = 1 << 63
        counts.gap = (1 << 63) + 1
        counts.records = .max - 2
        counts.lineStart = lineStart
        counts.lineOrdinal = .max
        let record = GenerationRecord(
            file: FileID(Identifier128(high: .max, low: 1 << 63)), stream: StreamID(Identifier128(high: 0, low: .max)),
            container: "c \0 \u{202E}", declaration: "wéb \0 ' \u{202E}", route: "röute", path: Array(1...255),
            identity: FileIdentity(fileSystem: Identifier128(high: 1 << 63, low: 0), inode: .max, born: .min),
            evidence: FileEvidence(headLength: .max, headChecksum: 1 << 31, tailChecksum: .max), counts: counts,
            opened: .max, detached: .max)
        let audit = AuditEvent(key: "", payload: Array(0...255))
        let empty = AuditEvent(key: "schlüssel", payload: [])
        let first = try Store.open(options).store
        let completion = try first.perform(StoreTransaction(ticket: 1, opened: [record], events: [audit, empty]))
        #expect(completion.failure == nil && completion.eventIDs.count == 2)
        first.close()

        let (store, state) = try Store.open(options)
        defer { store.close() }
        #expect(state.generations == [record])
        #expect(state.outbox.map(\.key) == ["", "schlüssel"] && state.outbox.map(\.payload) == [audit.payload, []])
        #expect(state.outbox.map(\.id) == completion.eventIDs && state.recovery == nil)
    }

    /// Else power loss would leave a snapshot that is newer than the store: a loss, it would seem.
    @Test func `what a killed run left without an fsync is made durable before the first snapshot`() throws {
        var killed = options
        killed.fsyncInterval = 3600 * nanosecondsPerSecond
        let first = try Store.open(killed).store
        defer { first.close() }
        _ = try first.perform(StoreTransaction(ticket: 1, events: [AuditEvent(key: "k", payload: [1])]))
        // The files as kill -9 leaves them.
        var left = killed
        left.directory = directory.path + "/left"
        try #require(mkdir(left.directory, 0o750) == 0)
        for name in directory.names("/state") where name.hasPrefix("store.") {
            try directory.write("left/" + name, try #require(directory.read("state/" + name)))
        }
        let (store, state) = try Store.open(left)
        defer { store.close() }
        #expect(state.outbox.count == 1)
        #expect(holdsSoon { store.snapshotCount > 0 })
        #expect(store.syncCount > 0)
    }

    @Test func `containers are kept, replaced and forgotten, sorted by id`() throws {
        let first = try Store.open(options).store
        let (one, two) = (StoredContainer(id: "a1", stored: []), StoredContainer(id: "b2", stored: Array(0...255)))
        let removed = StoredContainer(id: "c3", stored: [1])
        try first.perform(StoreTransaction(ticket: 1, containers: [two, removed, one]))
        let changed = StoredContainer(id: "a1", stored: [9])
        let gone = try first.perform(
            StoreTransaction(ticket: 2, containers: [changed], removedContainers: ["c3", "unknown"]))
        #expect(gone.failure == nil)
        // What a transaction both keeps and forgets is forgotten.
        let both = StoreTransaction(ticket: 3, containers: [removed], removedContainers: ["c3"])
        #expect(try first.perform(both).failure == nil)
        let failed = try first.perform(
            StoreTransaction(
                ticket: 4, containers: [removed], updated: [update(sampleGeneration(1), committed: 1)],
                removedContainers: ["b2"]))
        #expect(failed.failure != nil)
        first.close()
        let (store, state) = try Store.open(options)
        defer { store.close() }
        #expect(state.containers == [changed, two])
    }

    @Test func `detached generations come back attached or as they were, but not after 30 days`() throws {
        let day = 86_400 * nanosecondsPerSecond
        let records = (0..<4).map { sampleGeneration($0) }
        let detached: [Int64] = [0, Clock.wall() - 29 * day, Clock.wall() - 31 * day, 1]
        let first = try Store.open(options).store
        try first.perform(StoreTransaction(ticket: 1, opened: records))
        let updates = zip(records, detached).map { record, since in
            var changed = update(record, committed: record.counts.committed)
            changed.detached = since
            return changed
        }
        try first.perform(StoreTransaction(ticket: 2, updated: updates))
        first.close()
        let (second, left) = try Store.open(options)
        #expect(left.generations.map(\.file) == records[..<2].map(\.file))
        #expect(left.generations.map(\.detached) == Array(detached[..<2]))
        // The rows are gone, not only hidden: their ids are new again.
        let again = StoreTransaction(
            ticket: 1, opened: [records[2]], updated: [update(records[1], committed: 8)])
        #expect(try second.perform(again).failure == nil)
        second.close()
        let (third, state) = try Store.open(options)
        defer { third.close() }
        #expect(state.generations.map(\.detached) == [0, 0, 0] && state.recovery == nil)
    }

    @Test func `updates, closings and deliveries are kept, and event ids ascend also over a restart`() throws {
        let (one, two) = (sampleGeneration(1), sampleGeneration(2))
        let first = try Store.open(options).store
        var ids = try first.perform(
            StoreTransaction(ticket: 1, opened: [one, two], events: [event("a"), event("b")])
        ).eventIDs
        var changed = update(one, committed: 77)
        changed.evidence.tailChecksum = 42
        try first.perform(StoreTransaction(ticket: 2, updated: [changed], closed: [two.file], delivered: ids))
        first.close()

        let (store, state) = try Store.open(options)
        defer { store.close() }
        #expect(state.generations.count == 1)
        #expect(
            state.generations.first?.counts == changed.counts && state.generations.first?.evidence == changed.evidence)
        #expect(state.outbox.isEmpty)
        ids += try store.perform(StoreTransaction(ticket: 3, events: [event("c")])).eventIDs
        #expect(ids == ids.sorted() && Set(ids).count == 3)
    }

    @Test func `a transaction that cannot be kept changes nothing and the next one is kept`() throws {
        let (one, two) = (sampleGeneration(1), sampleGeneration(2))
        let first = try Store.open(options).store
        try first.perform(StoreTransaction(ticket: 1, opened: [one]))
        let failed = try first.perform(
            StoreTransaction(
                ticket: 2, updated: [update(one, committed: 5), update(two, committed: 5)], events: [event("x")]))
        #expect(failed.failure?.code == .other && failed.eventIDs.isEmpty)
        #expect(failed.failure?.message.contains("\(two.file) is not in the store") == true)
        let twice = try first.perform(StoreTransaction(ticket: 3, opened: [two, one]))
        #expect(twice.failure?.code == .other)
        #expect(try first.perform(StoreTransaction(ticket: 4, updated: [update(one, committed: 9)])).failure == nil)
        first.close()

        let (store, state) = try Store.open(options)
        defer { store.close() }
        #expect(state.generations.map(\.counts.committed) == [9] && state.outbox.isEmpty)
    }

    @Test func `completions come in the order of submission, and after close as well`() throws {
        let store = try Store.open(options).store
        for ticket in 1...500 { store.submit(StoreTransaction(ticket: UInt64(ticket), events: [event("\(ticket)")])) }
        store.close()
        store.close()
        #expect(store.takeCompletions().map(\.ticket) == Array(1...500))
        #expect(
            try Store.open(options).state.outbox.map { String(decoding: $0.payload, as: UTF8.self) }
                == (1...500).map { "\($0)" })
    }

    @Test func `a second daemon is told who uses the directory and what to do`() throws {
        let store = try Store.open(options).store
        let failure = openFailure(options)
        #expect(
            failure?.message == "state directory \(options.directory) is in use by process \(getpid()); "
                + "stop it or configure another state_directory")
        store.close()
        #expect(openFailure(options) == nil)
    }

    @Test func `a durable commit is fsynced before it completes, others are not waited for`() throws {
        var slow = options
        slow.fsyncInterval = 3600 * nanosecondsPerSecond
        let first = try Store.open(slow).store
        let atOpen = first.syncCount
        try first.perform(StoreTransaction(ticket: 1, events: [event("lazy")]))
        #expect(first.syncCount == atOpen)
        try first.perform(StoreTransaction(ticket: 2, events: [event("durable")], durable: true))
        #expect(first.syncCount == atOpen + 1)
        try first.perform(StoreTransaction(ticket: 3, durable: true))
        #expect(first.syncCount == atOpen + 1, "nothing new to fsync")
        try first.perform(StoreTransaction(ticket: 4, events: [event("lazy")]))
        try first.perform(StoreTransaction(ticket: 5, durable: true))
        #expect(first.syncCount == atOpen + 2, "an empty durable transaction makes earlier ones durable")
        first.close()
    }

    /// What else the machine does only ever adds to a delay: a timer that comes too late does so in each round.
    @Test func `a commit that nobody waits for is fsynced within the interval`() throws {
        let memory = try StoreTestDirectory(inMemory: true)
        let store = try Store.open(
            StoreOptions(directory: memory.path + "/state", fsyncInterval: 50 * nanosecondsPerMillisecond)
        ).store
        defer { store.close() }
        let bound = 200 * nanosecondsPerMillisecond
        var quickest = Int64.max
        for ticket in 1...30 as ClosedRange<UInt64> where quickest > bound {
            let before = store.syncCount
            let start = Clock.monotonic()
            try store.perform(StoreTransaction(ticket: ticket, events: [event("lazy")]))
            try #require(holdsSoon { store.syncCount > before })
            quickest = min(quickest, Clock.monotonic() - start)
            #expect(store.syncCount == before + 1)
        }
        #expect(quickest <= bound)
    }

    @Test func `an idle store does not wake up`() throws {
        let store = try Store.open(options).store
        defer { store.close() }
        let before = store.syncCount
        try store.perform(StoreTransaction(ticket: 1, events: [event("x")]))
        #expect(holdsSoon { store.syncCount > before })
        // Ten intervals of silence: the absence of wake-ups has no event to wait for. The thread may still be on its way to
        // its rest when the first ones begin.
        var none = pollfd(fd: store.completionsReady.raw, events: Int16(POLLIN), revents: 0)
        var isQuiet = false
        for _ in 0..<5 where !isQuiet {
            let wakes = store.wakeCount
            _ = poll(&none, 1, 500)
            isQuiet = store.wakeCount == wakes
        }
        #expect(isQuiet)
    }

    @Test func `snapshots are taken after opening, in their interval and at the end, when there is news`() throws {
        var quick = options
        quick.snapshotInterval = 20 * nanosecondsPerMillisecond
        let store = try Store.open(quick).store
        #expect(holdsSoon { store.snapshotCount == 1 })
        try store.perform(StoreTransaction(ticket: 1, events: [event("x")]))
        #expect(holdsSoon { store.snapshotCount == 2 })
        store.close()
        #expect(store.snapshotCount == 2 && store.maintenanceFailure == nil)
        #expect(directory.names("/state") == ["lock", "store.db", "store.snapshot.db"])
    }

    @Test func `ten thousand updates in one transaction`() throws {
        let store = try Store.open(options).store
        defer { store.close() }
        let records = (0..<10_000).map { sampleGeneration($0) }
        func cpu() -> Double { Double(clock()) / Double(CLOCKS_PER_SEC) * 1000 }
        let start = cpu()
        #expect(try store.perform(StoreTransaction(ticket: 1, opened: records, durable: true)).failure == nil)
        let middle = cpu()
        let updates = records.map { update($0, committed: $0.counts.committed + 1) }
        #expect(try store.perform(StoreTransaction(ticket: 2, updated: updates)).failure == nil)
        let end = cpu()
        print("store: 10,000 opened \(Int(middle - start)) ms, 10,000 updated \(Int(end - middle)) ms of CPU (process)")
    }
}
