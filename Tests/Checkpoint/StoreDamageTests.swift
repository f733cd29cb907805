// The store against damaged files: never a crash, never silent emptiness, never a state that was not.
import Checkpoint
import Core
import Glibc
import LinuxIO
import TestSupport
import Testing

/// A history of transactions 1...20 in which every prefix is told from every other by its content.
private enum History {
    static let generations = (0..<5).map { sampleGeneration($0) }
    static let length = 20

    static func transaction(_ ticket: Int) -> StoreTransaction {
        let padded = "\(ticket)" + String(repeating: "x", count: 300)
        var transaction = StoreTransaction(ticket: UInt64(ticket), events: [event(padded)])
        if ticket == 1 { transaction.opened = generations }
        transaction.containers = [container(ticket)]
        if ticket > 3 { transaction.removedContainers = [container(ticket - 3).id] }
        transaction.updated = [update(generations[ticket % 5], committed: UInt64(ticket * 1000))]
        return transaction
    }

    private static func container(_ ticket: Int) -> StoredContainer {
        StoredContainer(id: "cid\(ticket + 10)", stored: Array("meta\(ticket)".utf8))
    }

    /// The number of transactions that `state` is the outcome of; nil when it is the outcome of no prefix.
    static func prefix(of state: StoreState) -> Int? {
        if state.generations.isEmpty { return state.outbox.isEmpty && state.containers.isEmpty ? 0 : nil }
        var expected = generations
        for ticket in 1...max(1, state.outbox.count) {
            expected[ticket % 5].counts.committed = UInt64(ticket * 1000)
        }
        let events = state.outbox.map { String(decoding: $0.payload.prefix { $0 != 0x78 }, as: UTF8.self) }
        let count = max(1, state.outbox.count)
        let known =
            events == (1...count).map { "\($0)" } && state.containers == (max(1, count - 2)...count).map(container)
        return known && state.generations == expected ? state.outbox.count : nil
    }
}

/// The files of a store as kill -9 leaves them after 20 transactions: name to bytes.
private typealias Image = [String: [UInt8]]

@Suite(.serialized, .ownThread) struct StoreDamageTests {
    private let directory: StoreTestDirectory
    private let options: StoreOptions

    init() throws {
        directory = try StoreTestDirectory(inMemory: true)
        options = StoreOptions(directory: directory.path + "/state")
    }

    /// `closedAfter` 0: all transactions lie in the log of a new store, and its snapshot is empty; else that many are
    /// merged into the database and in the snapshot. Copied while the store thread rests: as after kill -9.
    private func image(closedAfter: Int) throws -> Image {
        var store = try Store.open(options).store
        for ticket in 1...History.length {
            #expect(try store.perform(History.transaction(ticket)).failure == nil)
            if ticket == closedAfter {
                store.close()
                store = try Store.open(options).store
            }
        }
        #expect(holdsSoon { store.snapshotCount > 0 })
        var image: Image = [:]
        for name in directory.names("/state") where name != "lock" { image[name] = directory.read("state/" + name) }
        store.close()
        return image
    }

    private func lay(_ image: Image) throws {
        for name in directory.names("/state") { unlink(options.directory + "/" + name) }
        for (name, bytes) in image { try directory.write("state/" + name, bytes) }
    }

    /// Opens `image` and checks what must hold whatever the damage was.
    private func check(_ image: Image, snapshotAt: Int, merged: Int, _ context: String) throws {
        try lay(image)
        let opened: (store: Store, state: StoreState)
        do { opened = try Store.open(options) } catch {
            #expect(error.message.contains("newer longshore"), "\(context): \(error)")
            return
        }
        defer { opened.store.close() }
        guard let prefix = History.prefix(of: opened.state) else {
            Issue.record("\(context): a state that never was: \(opened.state)")
            return
        }
        switch opened.state.recovery {
        case nil: #expect(prefix >= max(merged, 1), "\(context): silently went back to transaction \(prefix)")
        case let recovery?:
            let names = directory.names("/state").filter { $0.contains(".damaged-") }
            #expect(!recovery.reason.isEmpty && !names.isEmpty, "\(context): \(recovery), \(names)")
            if case .empty = recovery.what { #expect(prefix == 0, "\(context)") } else { #expect(prefix == snapshotAt) }
        }
        #expect(
            try opened.store.perform(StoreTransaction(ticket: 1, events: [event("on")])).failure == nil, "\(context)")
    }

    @Test(arguments: ["store.db", "store.db-wal"], [0, 10])
    func `a file cut off anywhere gives an earlier state or a reported recovery`(name: String, closedAfter: Int) throws
    {
        let whole = try image(closedAfter: closedAfter)
        let size = try #require(whole[name]?.count)
        #expect(size > 4096)
        for length in stride(from: 0, to: size, by: 512) {
            var cut = whole
            cut[name] = Array(whole[name]![..<length])
            try check(cut, snapshotAt: closedAfter, merged: closedAfter, "\(name) cut to \(length) of \(size)")
            cut["store.snapshot.db"] = nil
            if length % 4096 == 512 {
                try check(cut, snapshotAt: -1, merged: closedAfter, "\(name) \(length), no snapshot")
            }
        }
    }

    /// $LONGSHORE_DAMAGE_ROUNDS: so many bits instead of a hundred.
    @Test(arguments: [0, 10])
    func `a flipped bit anywhere gives an earlier state or a reported recovery`(closedAfter: Int) throws {
        let whole = try image(closedAfter: closedAfter)
        let seed = UInt64(Clock.wall())
        var random = SeededGenerator(seed: seed)
        for round in 0..<(environmentVariable("LONGSHORE_DAMAGE_ROUNDS").flatMap { Int($0) } ?? 100) {
            let name = ["store.db", "store.db-wal"][round % 2]
            var flipped = whole
            let place = Int.random(in: 0..<whole[name]!.count, using: &random)
            let bit = Int.random(in: 0..<8, using: &random)
            flipped[name]![place] ^= 1 << bit
            try check(
                flipped, snapshotAt: closedAfter, merged: closedAfter, "seed \(seed): \(name) byte \(place) bit \(bit)")
        }
    }

    @Test(arguments: ["var/log/app-3.log", "web", "17xxxx", "cid28", "meta19", "records INTEGER", "stored BLOB"])
    func `a changed letter that SQLite does not mind is found`(needle: String) throws {
        var changed = try image(closedAfter: 20)
        changed["store.db-wal"] = nil
        let letters = Array(needle.utf8)
        var database = try #require(changed["store.db"])
        let places = database.indices.dropLast(letters.count).filter { database[$0...].starts(with: letters) }
        #expect(!places.isEmpty)
        for place in places { database[place] ^= 0x20 }
        changed["store.db"] = database
        try lay(changed)
        let (store, state) = try Store.open(options)
        defer { store.close() }
        #expect(state.recovery != nil && History.prefix(of: state) == 20)
    }

    @Test func `every bit of the database's header may flip`() throws {
        let whole = try image(closedAfter: 10)
        for bit in 0..<800 {
            var flipped = whole
            flipped["store.db-wal"] = nil
            flipped["store.db"]![bit / 8] ^= 1 << (bit % 8)
            try check(flipped, snapshotAt: 10, merged: 10, "header bit \(bit)")
        }
    }

    @Test func `the snapshot takes the place of garbage, the garbage is kept, and it is told until an event is stored`()
        throws
    {
        var damaged = try image(closedAfter: 10)
        let garbage = Array("this is no database".utf8) + [UInt8](repeating: 0x5A, count: 9000)
        damaged["store.db"] = garbage
        try lay(damaged)
        for _ in 0..<2 {
            let (store, state) = try Store.open(options)
            let recovery = try #require(state.recovery)
            guard case .snapshot(let taken) = recovery.what else {
                Issue.record("\(recovery)")
                return
            }
            #expect(History.prefix(of: state) == 10 && abs(Clock.wall() - taken) < 60 * nanosecondsPerSecond)
            #expect(recovery.reason.hasPrefix("SQLite: ") && !recovery.reason.contains("\n"))
            #expect(StoreTestDirectory.read(recovery.setAside) == garbage)
            #expect(StoreTestDirectory.read(recovery.setAside + "-wal") == damaged["store.db-wal"])
            store.close()
        }
        let store = try Store.open(options).store
        try store.perform(StoreTransaction(ticket: 1, updated: [update(History.generations[0], committed: 1)]))
        try store.perform(StoreTransaction(ticket: 2, events: [event("state_lost")]))
        store.close()
        let (last, state) = try Store.open(options)
        defer { last.close() }
        #expect(state.recovery == nil && state.outbox.count == 11)
    }

    @Test(arguments: [["store.db"], ["store.db", "store.db-wal"], ["store.db", "store.snapshot.db"]])
    func `a lost database is reported`(lost: [String]) throws {
        var left = try image(closedAfter: 10)
        for name in lost { left[name] = nil }
        try lay(left)
        let (store, state) = try Store.open(options)
        defer { store.close() }
        #expect(state.recovery?.reason == "store.db is missing")
        #expect(History.prefix(of: state) == (lost.contains("store.snapshot.db") ? 0 : 10))
    }

    @Test func `without a good snapshot the store starts empty and says so, also when repair was interrupted`() throws {
        var damaged = try image(closedAfter: 10)
        damaged["store.db"] = [UInt8](repeating: 1, count: 5000)
        damaged["store.snapshot.db"] = [UInt8](repeating: 2, count: 5000)
        try lay(damaged)
        let (store, state) = try Store.open(options)
        #expect(state.recovery?.what == .empty && History.prefix(of: state) == 0)
        store.close()
        // As if power failed between moving the damaged database away and putting the new one in its place.
        for name in ["store.db", "store.snapshot.db"] { unlink(options.directory + "/" + name) }
        let (second, again) = try Store.open(options)
        defer { second.close() }
        #expect(again.recovery?.reason == "store.db is missing, only damaged copies are there")
    }

    @Test func `at most three damaged copies are kept, the newest`() throws {
        let whole = try image(closedAfter: 10)
        try lay(whole)
        for round in 0..<5 {
            try directory.write("state/store.db", [UInt8](repeating: UInt8(round), count: 1000))
            try directory.write("state/store.db-wal", [UInt8(round)])
            try Store.open(options).store.close()
        }
        let copies = directory.names("/state").filter { $0.contains(".damaged-") && !$0.hasSuffix("-wal") }
        #expect(copies.map { directory.read("state/" + $0)?.first } == [2, 3, 4])
        #expect(directory.names("/state").filter { $0.contains(".damaged-") }.count == 6)
    }

    @Test func `a store of a newer version is refused and left alone`() throws {
        var newer = try image(closedAfter: 20)
        newer["store.db-wal"] = nil
        newer["store.db"]![63] = 9  // user_version, big-endian at 60 (https://www.sqlite.org/fileformat.html)
        try lay(newer)
        let failure = try #require(openFailure(options))
        #expect(failure.message.contains("written by a newer longshore (schema 9, this one knows 3)"))
        #expect(directory.read("state/store.db") == newer["store.db"])
        #expect(!directory.names("/state").contains { $0.contains(".damaged-") })
    }

    @Test func `damage found while running is reported, and repaired by the next opening`() throws {
        let records = (0..<10_000).map { sampleGeneration($0) }
        let first = try Store.open(options).store
        try first.perform(StoreTransaction(ticket: 1, opened: records))
        first.close()
        let store = try Store.open(options).store
        #expect(holdsSoon { store.snapshotCount > 0 })
        let path = options.directory + "/store.db"
        let size = try #require(StoreTestDirectory.read(path)?.count)
        let raw = open(path, O_WRONLY)
        let garbage = [UInt8](repeating: 0xA5, count: size - 8192)
        #expect(pwrite(raw, garbage, garbage.count, 8192) == garbage.count)
        close(raw)
        let failure = try store.perform(StoreTransaction(ticket: 2, updated: records.map { update($0, committed: 1) }))
            .failure
        #expect(failure?.code == .damaged, "\(String(describing: failure))")
        store.close()

        let (second, state) = try Store.open(options)
        defer { second.close() }
        #expect(state.generations.count == 10_000 && state.recovery != nil)
    }
}
