// What is done to the logs themselves at a chosen moment of a round: refilled, truncated before they are read, packed.
import Core
import Glibc
import TestSupport

extension TortureChaos {
    /// One stream of a kind.
    private mutating func pick(_ rotation: Rotation) -> Int {
        let all = world.story.streams.indices.filter { world.story.streams[$0] == rotation }
        return all[random.number(0...all.count - 1)]
    }

    /// A log that has arrived to its end is truncated, and written again beyond its former size, while the daemon stands
    /// still: only the bytes before the offset tell.
    mutating func refill() async throws {
        let index = pick(.refill)
        try await started()
        // What has arrived is acknowledged and stored: the next look begins behind it.
        let (writer, arrivals) = (writer, world.arrivals)
        guard try writer.with(index, { $0.size > 0 && arrivals.hasAll($0) }) else { return }
        var own = SeededGenerator(seed: random.next())
        try await paused(0...100) {
            try writer.with(index) { stream in if arrivals.hasAll(stream) { try stream.refill(&own) } }
        }
    }

    /// A topic takes nothing; more is written than may be in flight; then the log is cut to nothing. What was unread
    /// must be announced: the daemon had seen how long the log was.
    mutating func truncate() async throws {
        let index = pick(.truncate)
        let topic = TortureStory.topics[index % 3]
        try await started()
        world.proxy.refuseProduce(topic, .topicAuthorizationFailed)
        defer { world.proxy.refuseProduce(topic, nil) }
        try await pause(100...600)
        var own = SeededGenerator(seed: random.next())
        let poison = world.story.hasPoison
        let path = try writer.with(index) { $0.path }
        // Nobody writes between the look and the cut.
        let isCut = try writer.with(index) { stream -> Bool in
            try stream.burst(random.number(50...400), hasPoison: poison, &own)
            try stream.finishLine()
            // Twice: the first look may have been ahead of the event by which the daemon itself learns of it.
            guard waitForSize(stream.size, path), waitForSize(stream.size, path) else { return false }
            try stream.truncate()
            try stream.burst(1, hasPoison: false, &own)
            try stream.finishLine()
            // And until what is lost is stored: a kill before that would take it along, as it takes what nobody has seen.
            return waitForSize(stream.size, path) && waitForCheckpoint()
        }
        if !isCut { note("not truncated: the daemon did not come to look") }
    }

    /// Waits until the daemon knows a log to be so long; false: not within some seconds, it is busy elsewhere.
    private func waitForSize(_ size: UInt64, _ path: String) -> Bool {
        for _ in 0..<250 {
            let sources = (try? world.daemon.statusBlocking())?["sources"]?.array ?? []
            if sources.contains(where: { $0["path"]?.string == path && $0["ledger"]?["size"]?.uint64 == size }) {
                return true
            }
            usleep(20_000)
        }
        return false
    }

    /// Waits until what the daemon knows now is stored.
    private func waitForCheckpoint() -> Bool {
        let start = Clock.monotonic()
        for _ in 0..<250 {
            let store = (try? world.daemon.statusBlocking())?["store"]
            let age = store?["secondsSinceCheckpoint"]?.double ?? .infinity
            if store?["isBehind"]?.bool == false { return true }
            if age < Double(Clock.monotonic() - start) / 1e9 - 0.05 { return true }
            usleep(20_000)
        }
        return false
    }

    /// A rotated file is packed and its original deleted, as logrotate does with `compress`; its first line has arrived.
    mutating func compress() async throws {
        let index = pick(.compress)
        let arrivals = world.arrivals
        let file = try writer.with(index) { stream -> String? in
            guard let last = stream.rotated.last, !last.hasSuffix(".gz"), let content = stream.lines.last?.content,
                let first = stream.lines.firstIndex(where: { $0.content + 1 == content })
            else { return nil }
            let line = NumberedLine(file: stream.number, sequence: UInt64(first))
            return arrivals.hasArrived(line) ? last : nil
        }
        guard let file else { return }
        try await TestSupport.run("gzip", [file])
        try writer.with(index) { stream in
            if let place = stream.rotated.firstIndex(of: file) { stream.rotated[place] = file + ".gz" }
        }
    }
}
