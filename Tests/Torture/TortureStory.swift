// What a round of torture is made of: everything that its seed decides before it begins.
import TestSupport

/// One round. Two rounds of the same seed are planned alike; what happens between threads is not repeatable.
struct TortureStory: CustomStringConvertible {
    let seed: UInt64
    /// Seconds during which everything is broken; then all is mended and must arrive.
    let seconds: Int
    let linesPerSecond: Int
    let streams: [Rotation]
    /// Some lines are refused by the broker for what they are. The records are not compressed then, so that the proxy
    /// can read them.
    let hasPoison: Bool
    /// `ulimit -n` of the daemon; nil: what the test has.
    let descriptors: Int?
    /// The store is damaged for real, not only in copies: state is lost, and must be said to be.
    let damagesStore: Bool
    /// inotify's queue overflows: events are lost.
    let losesEvents: Bool
    let hasContainers: Bool

    static let topics = ["logs.a", "logs.b", "logs.c"]
    /// `limits.line` and `limits.line_total`: longer lines come in pieces, and still longer ones lose their end.
    static let lineLimit = 4096
    static let lineTotal = 32_768

    /// $LONGSHORE_TORTURE_STORY=ordered: nothing of what takes the promise of order away, and no record is refused, so that
    /// there are lines enough to be put out of order. What else the seed decides stays the same.
    init(seed: UInt64, seconds: Int, hasContainers: Bool) {
        let isOrdered = environmentVariable("LONGSHORE_TORTURE_STORY") == "ordered"
        var random = SeededGenerator(seed: seed)
        self.seed = seed
        self.seconds = seconds
        self.hasContainers = hasContainers
        hasPoison = random.once(in: 4) && !isOrdered
        // The mock cluster keeps 5 MB of each partition, as they were sent: few enough lines that it keeps all of a round.
        let kept = 90
        linesPerSecond =
            hasPoison ? random.number(150...300) * kept / max(kept, seconds) : random.number(800...1600)
        // Few enough that files wait for one another: what the daemon itself may need is kept free.
        let few = random.once(in: 4) ? random.number(128...290) : nil
        descriptors = isOrdered ? nil : few
        damagesStore = random.once(in: 4) && !isOrdered
        losesEvents = random.once(in: 4) && !isOrdered
        streams = (0..<40).map { Rotation.allCases[$0 % Rotation.allCases.count] }
    }

    var description: String {
        "seed \(seed): \(seconds) s, \(linesPerSecond) lines/s in \(streams.count) streams"
            + (hasPoison ? ", refused records" : "") + (descriptors.map { ", \($0) descriptors" } ?? "")
            + (damagesStore ? ", store damaged" : "")
            + (losesEvents ? ", events lost" : "") + (hasContainers ? ", containers" : "")
    }
}

/// How the log of a stream is rotated.
enum Rotation: String, CaseIterable, Sendable {
    /// `app.log` → `app.log.N`, which the declaration matches too.
    case rename
    /// `app.log` → `old-app.N`, which no declaration matches.
    case renameOut
    /// `app.log` → `app.log.1` → `app.log.2` …
    case chain
    /// Renamed, and written to for a while by a program that has not opened the new one yet.
    case late
    case copyTruncate
    /// `app-N.log`: no file is renamed, another one is begun.
    case dated
    /// Renamed and packed into `app.log.N.gz`.
    case compress
    /// Deleted when all of it has arrived, and made anew.
    case delete
    /// Truncated and filled with more than was there, while nobody looks, when all of it has arrived.
    case refill
    /// Truncated while Kafka takes nothing: what was unread is lost and must be announced.
    case truncate

    /// Paths of the declaration, relative to the stream's directory, and what it excludes.
    var patterns: (paths: [String], exclude: [String]) {
        switch self {
        case .renameOut, .delete, .refill, .truncate: (["app.log"], [])
        case .dated: (["app-*.log"], [])
        case .rename, .chain, .late, .copyTruncate, .compress: (["app.log*"], ["*.gz"])
        }
    }
}
