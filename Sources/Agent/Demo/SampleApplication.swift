// The demo's application: writes a log as shops do, and rotates it.
internal import Core
internal import Glibc
internal import Synchronization

/// Appends lines to shop.log and renames it away now and then, as logrotate and most logging libraries do.
final class SampleApplication: Sendable {
    static let linesPerFile = 20
    private static let pause = Duration.milliseconds(100)

    private let directory: String
    private let limit: Int?
    private let stopped = Atomic(false)
    private let started: AsyncStream<Void>
    private let starter: AsyncStream<Void>.Continuation

    /// With a limit it writes that many lines and is done.
    init(directory: String, limit: Int?) {
        self.directory = directory
        self.limit = limit
        (started, starter) = AsyncStream.makeStream()
    }

    /// The daemon watches the directory: `run` goes on.
    func start() { starter.finish() }

    func stop() {
        stopped.store(true, ordering: .relaxed)
        starter.finish()
    }

    /// Waits for `start`, then writes until stopped, or until the limit is reached.
    func run() async {
        for await _ in started {}
        var line = 0
        while !stopped.load(ordering: .relaxed), line < limit ?? Int.max {
            if line > 0, line % SampleApplication.linesPerFile == 0 { rotate(line / SampleApplication.linesPerFile) }
            append(SampleApplication.text(line))
            line += 1
            // The pace of a small application; with a limit the reader wants to see the end soon.
            if limit == nil || line % 50 == 0 { try? await Task.sleep(for: SampleApplication.pause) }
        }
    }

    private func append(_ text: String) {
        guard let file = fopen(directory + "/shop.log", "a") else { return }
        fputs(text + "\n", file)
        fclose(file)
    }

    private func rotate(_ generation: Int) {
        rename(directory + "/shop.log", directory + "/shop.log.\(generation)")
    }

    private static func text(_ line: Int) -> String {
        let stamp = Timestamp.now()
        switch line % 5 {
        case 0: return "\(stamp) INFO  order \(1000 + line) placed by customer \(line * 7 % 97)"
        case 1: return "\(stamp) INFO  payment for order \(999 + line) accepted: 49.90 €"
        case 2: return "\(stamp) DEBUG cache \"products\" refreshed\tentries=\(line * 31 % 500)"
        case 3: return "\(stamp) WARN  warehouse München answered slowly: \(line % 900) ms"
        default: return "\(stamp) ERROR could not reserve item C:\\stock\\\(line): 库存不足"
        }
    }
}
