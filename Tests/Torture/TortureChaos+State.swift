// What is done to the state directory in a round: full, read-only, damaged.
import Checkpoint
import Core
import Glibc
import LinuxIO
import TestSupport

extension TortureChaos {
    /// Nothing can be stored for a while; shipping goes on.
    mutating func fillDisk() async throws {
        try world.disk.fill("ballast")
        try await pause(300...2500)
        unlink(world.directory.path("disk/ballast"))
    }

    /// The daemon is killed and cannot start, or starts on what little there is; once there is room again it does.
    mutating func fillDiskAndRestart() async throws {
        try world.disk.fill("ballast")
        try await pause(0...500)
        try await world.daemon.kill9()
        let child = try world.daemon.launch()
        try await pause(100...1000)
        unlink(world.directory.path("disk/ballast"))
        try await launchAgain(child)
    }

    /// A daemon that cannot make its files ends by itself: then, and only then, it is started again.
    private func launchAgain(_ child: ChildProcess) async throws {
        try await waitUntil(timeout: .seconds(60), "the daemon works or ends; \(child.errorTail)") {
            guard child.isRunning else { return true }
            return (try? await world.daemon.status())?["processID"]?.double == Double(child.processID)
        }
        if !child.isRunning { try world.daemon.launch() }
    }

    mutating func lockDisk() async throws {
        // SQLite's files are open for writing: only a kill lets the file system become read-only.
        try await world.daemon.kill9()
        try world.disk.makeReadOnly()
        let child = try world.daemon.launch()
        try await pause(100...1000)
        try world.disk.makeWritable()
        try await launchAgain(child)
    }

    /// The store as it is at a kill, in many copies: each is cut off or has a flipped bit, and is opened. It must be found
    /// sound and say the same, or say that state was lost; it must never say something else.
    mutating func damageCopies() async throws {
        try await world.daemon.kill9()
        let state = world.directory.path("disk/state")
        let copy = try TemporaryDirectory(in: "/dev/shm")
        let names = ["store.db", "store.db-wal", "store.snapshot.db"]
        let contents = names.map { (try? readWholeFile("\(state)/\($0)")) ?? [] }
        try world.daemon.launch()
        func open(_ contents: [[UInt8]]) async throws -> StoreState {
            let directory = try TemporaryDirectory(in: copy.path)
            for (name, bytes) in zip(names, contents) where !bytes.isEmpty {
                try directory.write(bytes: bytes, to: name)
            }
            return try await onOwnThread("test-store") {
                let (store, state) = try Store.open(StoreOptions(directory: directory.path))
                store.close()
                return state
            }
        }
        let sound = try await open(contents)
        guard sound.recovery == nil else { throw FixtureError("the store of a killed daemon is damaged: \(sound)") }
        let committed = Dictionary(uniqueKeysWithValues: sound.generations.map { ($0.file, $0.counts.committed) })
        for _ in 0..<6 {
            let damage = damage(contents.map(\.count))
            let state = try await open(damage.applied(to: contents))
            damagedCopies += 1
            if state.recovery != nil { continue }
            // A log that was cut off is an earlier state: offsets lie behind, never ahead.
            let ahead = state.generations.filter { $0.counts.committed > committed[$0.file] ?? .max }
            guard ahead.isEmpty else { throw FixtureError("\(damage) went unnoticed: \(ahead)") }
        }
    }

    /// The real store, damaged while the daemon is down: it must start, say so, and ship again.
    mutating func damageStore() async throws {
        try await world.daemon.kill9()
        let state = world.directory.path("disk/state")
        let names = ["store.db", "store.db-wal", "store.snapshot.db"]
        let contents = names.map { (try? readWholeFile("\(state)/\($0)")) ?? [] }
        let damage = damage(contents.map(\.count))
        for (name, bytes) in zip(names, damage.applied(to: contents)) where !bytes.isEmpty {
            let file = FileDescriptor(
                owning: try retryingInterrupts("open", name) {
                    Glibc.open("\(state)/\(name)", O_WRONLY | O_TRUNC | O_CLOEXEC)
                })
            try writeAll(bytes, to: file.raw)
        }
        note("damage: \(damage)")
        try world.daemon.launch()
    }

    private mutating func damage(_ sizes: [Int]) -> StoreDamage {
        let present = sizes.indices.filter { sizes[$0] > 0 }
        let file = present[random.number(0...present.count - 1)]
        let place = random.number(0...sizes[file] - 1)
        return StoreDamage(file: file, place: place, bit: random.once(in: 2) ? random.number(0...7) : nil)
    }
}

/// One file is cut off at a byte, or a bit of that byte is flipped.
struct StoreDamage: CustomStringConvertible {
    let file: Int
    let place: Int
    /// nil: cut off.
    let bit: Int?

    func applied(to contents: [[UInt8]]) -> [[UInt8]] {
        var contents = contents
        if let bit {
            contents[file][place] ^= 1 << UInt8(bit)
        } else {
            contents[file].removeLast(contents[file].count - place)
        }
        return contents
    }

    var description: String {
        "file \(file) of the store " + (bit.map { "with bit \($0) of byte \(place) flipped" } ?? "cut off at \(place)")
    }
}
