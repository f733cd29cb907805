// What is kept of a round that failed.
import Core
import Glibc
import TestSupport

/// Copies what tells why into `.build/torture/SEED`, or below $LONGSHORE_TORTURE_EVIDENCE.
struct TortureEvidence {
    let directory: String
    private let world: TortureWorld

    init(_ world: TortureWorld) {
        self.world = world
        let parent = environmentVariable("LONGSHORE_TORTURE_EVIDENCE") ?? ".build/torture"
        directory = "\(parent)/\(world.story.seed)"
    }

    /// `start`: when the round began, monotonic nanoseconds.
    func keep(_ verdict: TortureVerdict, _ actions: [String], since start: Int64) throws {
        let parts = ["\(verdict)", "lost:"] + verdict.lost + ["wrong:"] + verdict.wrong + ["out of order:"]
        try keep((parts + verdict.disordered).joined(separator: "\n"), actions)
        let lines = world.arrivals.snapshot.records.map {
            "\(($0.time - start) / nanosecondsPerMillisecond) ms F\($0.line.file) S\($0.line.sequence) at \($0.offset) in \($0.file) "
                + "read at \($0.observed)"
        }
        try put(Array(lines.joined(separator: "\n").utf8), "arrivals")
    }

    func keep(_ reason: String, _ actions: [String]) throws {
        var made = ""
        for part in directory.split(separator: "/", omittingEmptySubsequences: false) {
            made += made.isEmpty && !directory.hasPrefix("/") ? String(part) : "/\(part)"
            mkdir(made, 0o755)
        }
        try put(Array("\(world.story)\n\(reason)\n".utf8), "reason")
        try put(Array(actions.joined(separator: "\n").utf8), "actions")
        try put(Array(world.arrivals.snapshot.events.joined(separator: "\n").utf8), "audit.jsonl")
        let status = (try? world.daemon.statusBlocking()).map { "\($0)" } ?? "no answer"
        try put(Array(status.replacing("TestSupport.JSONValue", with: "").utf8), "status")
        for name in ["longshore.stderr", "longshore.yaml"] { try put((try? world.directory.read(name)) ?? [], name) }
        for name in ["store.db", "store.db-wal"] {
            try put((try? world.directory.read("disk/state/\(name)")) ?? [], name)
        }
        print("torture: the evidence is in \(directory)")
    }

    func put(_ bytes: [UInt8], _ name: String) throws {
        let path = "\(directory)/\(name)"
        let raw = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard raw >= 0 else { throw FixtureError("cannot write \(path)") }
        defer { close(raw) }
        try writeAll(bytes, to: raw)
    }
}
