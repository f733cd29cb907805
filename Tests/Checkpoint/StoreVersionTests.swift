// A store of schema 1 is taken over: its rows, its snapshot, its damage; all or nothing.
import CSQLite
import Checkpoint
import Core
import Glibc
import LinuxIO
import Testing

@Suite struct StoreVersionTests {
    private let directory: StoreTestDirectory
    private let options: StoreOptions

    init() throws {
        directory = try StoreTestDirectory()
        options = StoreOptions(directory: directory.path + "/state")
        mkdir(options.directory, 0o750)
    }

    @Test func `a store of schema 1 is opened with all it holds, and stays readable as schema 3`() throws {
        try makeVersion1(options.directory + "/store.db")
        for round in 0..<2 {
            let (store, state) = try Store.open(options)
            #expect(state.generations == version1Generations && state.recovery == nil, "round \(round)")
            #expect(state.outbox.map(\.id) == [7] && state.outbox.map(\.key) == ["host"])
            #expect(state.outbox.map(\.payload) == [Array("opened".utf8)])
            #expect(state.declarations == ["web"] && state.containers.isEmpty)
            store.close()
            #expect(version(of: "store.db") == 3 && version(of: "store.snapshot.db") == 3)
        }
    }

    @Test func `a store of schema 2 is opened with all it holds, and its events are for the audit topic`() throws {
        try makeVersion2(options.directory + "/store.db")
        for round in 0..<2 {
            let (store, state) = try Store.open(options)
            #expect(state.recovery == nil, "round \(round)")
            let record = try #require(state.generations.first)
            #expect(state.generations.count == 1 && record.container == "c1" && record.route == "logs")
            #expect(record.detached == version2Detached)
            #expect(state.containers == [StoredContainer(id: "c1", stored: [1, 2])])
            #expect(state.outbox == [AuditEvent(id: 7, key: "host", payload: Array("opened".utf8))])
            store.close()
            #expect(version(of: "store.db") == 3)
        }
    }

    @Test func `no event id is given twice, also when the outbox of the former schema is empty`() throws {
        try makeVersion2(options.directory + "/store.db")
        try execute(options.directory + "/store.db", "DELETE FROM outbox")
        let store = try Store.open(options).store
        defer { store.close() }
        let done = try store.perform(StoreTransaction(ticket: 1, events: [event("next")]))
        #expect(done.eventIDs == [8])
    }

    @Test func `after taking over, the new tables are written and event ids go on`() throws {
        try makeVersion1(options.directory + "/store.db")
        let first = try Store.open(options).store
        let container = StoredContainer(id: "abc", stored: [1, 2])
        var changed = update(version1Generations[0], committed: 5000)
        changed.detached = Clock.wall()
        let done = try first.perform(
            StoreTransaction(
                ticket: 1, containers: [container], updated: [changed], closed: [version1Generations[1].file],
                events: [event("next")]))
        #expect(done.failure == nil && done.eventIDs == [8])
        first.close()
        let (store, state) = try Store.open(options)
        defer { store.close() }
        #expect(state.containers == [container] && state.generations.map(\.counts.committed) == [5000])
        #expect(state.generations.map(\.detached) == [changed.detached])
    }

    @Test(arguments: ["var/log/app.log", "hostopened"])
    func `damage of a store of schema 1 is found, and its snapshot of schema 1 takes its place`(needle: String) throws {
        try makeVersion1(options.directory + "/store.db")
        var bytes = try #require(directory.read("state/store.db"))
        try directory.write("state/store.snapshot.db", bytes)
        let place = try #require(bytes.indices.first { bytes[$0...].starts(with: needle.utf8) })
        bytes[place] ^= 0x20
        try directory.write("state/store.db", bytes)
        let (store, state) = try Store.open(options)
        defer { store.close() }
        let recovery = try #require(state.recovery)
        guard case .snapshot = recovery.what else {
            Issue.record("\(recovery)")
            return
        }
        #expect(state.generations == version1Generations && state.declarations == ["web"])
        #expect(StoreTestDirectory.read(recovery.setAside) == bytes)
    }

    @Test func `tables of one version under the number of the other are damage`() throws {
        for (number, made) in [(2, true), (3, true), (1, false), (2, false)] {
            let path = options.directory + "/store.db"
            if made { try makeVersion1(path) } else { try Store.open(options).store.close() }
            try execute(path, "PRAGMA user_version=\(number)")
            unlink(options.directory + "/store.snapshot.db")
            let (store, state) = try Store.open(options)
            #expect(state.recovery?.reason == "the tables are not those of schema \(number)")
            store.close()
            for name in directory.names("/state") { unlink(options.directory + "/" + name) }
        }
    }

    @Test func `a disk too full to take a store over leaves it in schema 1, and the next opening takes it over`() throws
    {
        guard let place = try directory.mountSmall("small", size: "1m") else {
            print("skipped: mounting a tmpfs is not permitted here (run as root with CAP_SYS_ADMIN)")
            return
        }
        try makeVersion1(place + "/store.db")
        let whole = try #require(StoreTestDirectory.read(place + "/store.db"))
        try StoreTestDirectory.write(place + "/lock", [])
        let filler = open(place + "/filler", O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        let page = [UInt8](repeating: 1, count: 4096)
        while write(filler, page, page.count) > 0 {}
        close(filler)
        let failure = try #require(openFailure(StoreOptions(directory: place)))
        #expect(failure.code == .full && failure.message.contains("free space"), "\(failure)")
        #expect(StoreTestDirectory.read(place + "/store.db") == whole)
        unlink(place + "/filler")
        let (store, state) = try Store.open(StoreOptions(directory: place))
        defer { store.close() }
        #expect(state.generations == version1Generations && state.recovery == nil)
    }

    /// user_version as the file's header has it (big-endian at 60, https://www.sqlite.org/fileformat.html).
    private func version(of name: String) -> Int? {
        directory.read("state/" + name).map { $0[60..<64].reduce(0) { $0 << 8 | Int($1) } }
    }
}

/// What `makeVersion1` stores.
private let version1Generations: [GenerationRecord] = {
    var plain = LedgerCounts()
    plain.committed = 4096
    plain.acknowledged = 4000
    plain.skipped = 90
    plain.gap = 6
    plain.records = 41
    plain.lineStart = 1024
    plain.lineOrdinal = 3
    var most = LedgerCounts()
    most.committed = .max
    most.acknowledged = .max - 1
    most.skipped = 1 << 63
    most.gap = (1 << 63) + 1
    most.records = .max - 2
    most.lineOrdinal = .max
    return [
        GenerationRecord(
            file: FileID(Identifier128(high: 0x0123_4567_89AB_CDEF, low: 0xFEDC_BA98_7654_3210)),
            stream: StreamID(Identifier128(high: 0x1111_1111_1111_1111, low: 0x2222_2222_2222_2222)),
            declaration: "web", path: Array("/var/log/app.log".utf8),
            identity: FileIdentity(
                fileSystem: Identifier128(high: 0x3333_3333_3333_3333, low: 0x4444_4444_4444_4444), inode: 1001,
                born: 1_794_000_000_000_000_001),
            evidence: FileEvidence(headLength: 1024, headChecksum: 0xDEAD_BEEF, tailChecksum: 3), counts: plain,
            opened: 1_795_000_000_000_000_000),
        GenerationRecord(
            file: FileID(Identifier128(high: .max, low: .max)), stream: StreamID(Identifier128(high: 0, low: .max)),
            declaration: "wéb ' \u{202E}", path: [1, 0x80, 0xFF],
            identity: FileIdentity(fileSystem: Identifier128(high: 1 << 63, low: 0), inode: .max, born: .min),
            evidence: FileEvidence(headLength: .max, headChecksum: 1 << 31, tailChecksum: .max), counts: most,
            opened: .max),
    ]
}()

/// A database as the last longshore of schema 1 made it; the checksums are those that it computed.
private func makeVersion1(_ path: String) throws {
    try execute(
        path,
        """
        PRAGMA journal_mode=WAL;
        CREATE TABLE generation(
            file BLOB PRIMARY KEY, stream BLOB, declaration TEXT, path BLOB, fs BLOB, inode INTEGER, born INTEGER,
            opened INTEGER, head_length INTEGER, head_checksum INTEGER, tail_checksum INTEGER, committed INTEGER,
            acknowledged INTEGER, skipped INTEGER, gap INTEGER, records INTEGER, line_start INTEGER,
            line_ordinal INTEGER, fixed_check INTEGER, value_check INTEGER) WITHOUT ROWID;
        CREATE TABLE outbox(id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT, payload BLOB, value_check INTEGER);
        CREATE TABLE recovery(snapshot INTEGER, reason TEXT, set_aside TEXT);
        CREATE TABLE declaration(name TEXT PRIMARY KEY, value_check INTEGER) WITHOUT ROWID;
        CREATE TABLE progress(id INTEGER PRIMARY KEY, sequence INTEGER);
        INSERT INTO progress VALUES(0, 12);
        PRAGMA application_id=1282631794;
        PRAGMA user_version=1;
        INSERT INTO generation VALUES(
            x'0123456789abcdeffedcba9876543210', x'11111111111111112222222222222222', 'web',
            x'2f7661722f6c6f672f6170702e6c6f67', x'33333333333333334444444444444444', 1001, 1794000000000000001,
            1795000000000000000, 1024, 3735928559, 3, 4096, 4000, 90, 6, 41, 1024, 3,
            5979450434242628162, 1648055531280925763);
        INSERT INTO generation VALUES(
            x'ffffffffffffffffffffffffffffffff', x'0000000000000000ffffffffffffffff', 'wéb '' \u{202E}', x'0180ff',
            x'80000000000000000000000000000000', -1, -9223372036854775808, 9223372036854775807, 4294967295, 2147483648,
            4294967295, -1, -2, -9223372036854775808, -9223372036854775807, -3, NULL, 4294967295,
            105940029118653046, -3050058103825898855);
        INSERT INTO outbox VALUES(7, 'host', x'6f70656e6564', 8900268071105031610);
        INSERT INTO declaration VALUES('web', -4271188552198813883);
        """)
}

private let version2Detached = Int64.max - 1

/// A database as the last longshore of schema 2 made it; the checksums are those that it computed.
private func makeVersion2(_ path: String) throws {
    try execute(
        path,
        """
        PRAGMA journal_mode=WAL;
        CREATE TABLE generation(
            file BLOB PRIMARY KEY, stream BLOB, declaration TEXT, path BLOB, fs BLOB, inode INTEGER, born INTEGER,
            opened INTEGER, head_length INTEGER, head_checksum INTEGER, tail_checksum INTEGER, committed INTEGER,
            acknowledged INTEGER, skipped INTEGER, gap INTEGER, records INTEGER, line_start INTEGER,
            line_ordinal INTEGER, fixed_check INTEGER, value_check INTEGER, container TEXT, route TEXT,
            detached INTEGER) WITHOUT ROWID;
        CREATE TABLE container(id TEXT PRIMARY KEY, stored BLOB, value_check INTEGER) WITHOUT ROWID;
        CREATE TABLE outbox(id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT, payload BLOB, value_check INTEGER);
        CREATE TABLE recovery(snapshot INTEGER, reason TEXT, set_aside TEXT);
        CREATE TABLE declaration(name TEXT PRIMARY KEY, value_check INTEGER) WITHOUT ROWID;
        CREATE TABLE progress(id INTEGER PRIMARY KEY, sequence INTEGER);
        INSERT INTO progress VALUES(0, 12);
        PRAGMA application_id=1282631794;
        PRAGMA user_version=2;
        INSERT INTO generation VALUES(
            x'0123456789abcdeffedcba9876543210', x'11111111111111112222222222222222', 'web',
            x'2f7661722f6c6f672f6170702e6c6f67', x'33333333333333334444444444444444', 1001, 1794000000000000001,
            1795000000000000000, 1024, 3735928559, 3, 4096, 4000, 90, 6, 41, 1024, 3, -6774744077456577173, 8919844134501651578, 'c1', 'logs',
            9223372036854775806);
        INSERT INTO container VALUES('c1', x'0102', -2566703663124987893);
        INSERT INTO outbox VALUES(7, 'host', x'6f70656e6564', 8900268071105031610);
        INSERT INTO declaration VALUES('web', -4271188552198813883);
        """)
}

/// Runs statements on a connection of their own.
private func execute(_ path: String, _ sql: String) throws {
    var connection: OpaquePointer?
    defer { sqlite3_close_v2(connection) }
    guard sqlite3_open(path, &connection) == SQLITE_OK, sqlite3_exec(connection, sql, nil, nil, nil) == SQLITE_OK else {
        throw SystemError(String(cString: sqlite3_errmsg(connection)), path, errno: 0)
    }
}
