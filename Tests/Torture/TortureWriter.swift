// The applications of a round: one thread that writes and rotates all streams at a steady rate.
import Core
import Glibc
import LinuxIO
import Synchronization
import TestSupport

/// Owns the streams of the host. Others use them through `with`, between two bursts.
final class TortureWriter: Sendable {
    private let state: State
    private let thread: Thread

    private final class State: Sendable {
        struct Content {
            var streams: [TortureStream]
            var failure: String?
        }
        let content: Mutex<Content>
        let stopping = Atomic(false)
        init(_ streams: [TortureStream]) { content = Mutex(Content(streams: streams)) }
    }

    /// Starts writing. `arrivals` tells what has come back, which some rotations wait for.
    init(_ story: TortureStory, _ streams: [TortureStream], _ arrivals: TortureArrivals) throws {
        let state = State(streams)
        self.state = state
        thread = try Thread(name: "test-torture") {
            var random = SeededGenerator(seed: story.seed ^ 0x0057_7269_7465)
            let start = Clock.monotonic()
            var done = 0
            while !state.stopping.load(ordering: .relaxed) {
                let due = Int(Clock.monotonic() - start) / 1_000_000 * story.linesPerSecond / 1000
                while done < due {
                    let count = random.number(1...24)
                    done += count
                    let index = random.number(0...story.streams.count - 1)
                    let failed = state.content.withLock { content in
                        do {
                            try TortureWriter.step(&content.streams[index], count, story, arrivals, &random)
                        } catch { content.failure = "writing stream \(index): \(error)" }
                        return content.failure != nil
                    }
                    if failed { return }
                }
                usleep(5000)
            }
        }
    }

    private static func step(
        _ stream: inout TortureStream, _ count: Int, _ story: TortureStory, _ arrivals: TortureArrivals,
        _ random: inout SeededGenerator
    ) throws {
        try stream.burst(count, hasPoison: story.hasPoison, &random)
        // On the average a stream is rotated every few seconds.
        if random.once(in: 12) {
            let isKnown = stream.firstLine.map { arrivals.hasArrived($0) } ?? false
            try stream.rotate(allArrived: arrivals.hasAll(stream), isKnown: isKnown)
        }
    }

    /// Runs `body` on one stream while nothing writes.
    func with<Value>(_ index: Int, _ body: (inout TortureStream) throws -> Value) throws -> Value {
        try state.content.withLock { content in
            if let failure = content.failure { throw FixtureError(failure) }
            return try body(&content.streams[index])
        }
    }

    /// Ends the thread and every stream with a whole line; gives the streams. Blocks for some milliseconds.
    func stop() throws -> [TortureStream] {
        state.stopping.store(true, ordering: .relaxed)
        thread.join()
        return try state.content.withLock { content in
            if let failure = content.failure { throw FixtureError(failure) }
            for index in content.streams.indices {
                try content.streams[index].finishLine()
                content.streams[index].end()
            }
            return content.streams
        }
    }
}
