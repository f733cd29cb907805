// Files that get a line a second each, with the moment of every write.
import Core
import Glibc
import LinuxIO
import Synchronization
import TestSupport

/// Quiet neighbours of busy files, numbered from 1,000 on. A task writes one line after the other, spread over the second.
final class QuietFiles: Sendable {
    private let paths: [String]
    private let written = Mutex<[NumberedLine: Int64]>([:])
    private let task = Mutex<Task<Void, Never>?>(nil)

    /// Makes the files in a directory of their own: one with hundreds of busy files may be looked at once a second only.
    init(_ directory: TemporaryDirectory, count: Int) throws {
        paths = (0..<count).map { directory.path("0/quiet/\($0).log") }
        for (index, path) in paths.enumerated() { try append(path, index, 0) }
        written.withLock { $0.removeAll() }
    }

    deinit { task.withLock { $0?.cancel() } }

    /// Their first lines have arrived: they have caught up.
    func waitUntilFollowed(_ bench: MemoryBench) async throws {
        let reader = bench.reader
        let count = paths.count
        try await waitUntil("the quiet files' first lines") { reader.count >= count }
        try await bench.daemon.waitForStatus("nothing in flight") { $0["totals"]?["inFlight"]?.uint64 == 0 }
    }

    func start() {
        let pause = Duration.milliseconds(1000 / paths.count)
        let task = Task { [self] in
            var number = paths.count
            while !Task.isCancelled {
                let index = number % paths.count
                try? append(paths[index], index, UInt64(number / paths.count))
                number += 1
                try? await Task.sleep(for: pause)
            }
        }
        self.task.withLock { $0 = task }
    }

    /// Ends writing and gives the wall clock ns of each line.
    func stop() -> [NumberedLine: Int64] {
        task.withLock { $0?.cancel() }
        return written.withLock { $0 }
    }

    private func append(_ path: String, _ index: Int, _ sequence: UInt64) throws {
        let file = UInt32(1_000 + index)
        let descriptor = try retryingInterrupts("open", path) {
            open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
        }
        defer { close(descriptor) }
        try written.withLock {
            guard !Task.isCancelled else { return }
            $0[NumberedLine(file: file, sequence: sequence)] = Clock.wall()
            try writeAll(NumberedLines.line(file: file, sequence: sequence) + [0x0A], to: descriptor)
        }
    }
}
