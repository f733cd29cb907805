// An application that logs at a steady rate, for tests that break things while it writes.
internal import Core
internal import Glibc
internal import LinuxIO
internal import Synchronization

/// Writes numbered lines (`NumberedLines`, each ending in a newline) round-robin into files with O_APPEND, `linesPerSecond`
/// in all, on a thread of its own. Deinit stops it.
package final class PacedWriter: Sendable {
    /// What was written so far. A file's sequences run from 0 to `lines[file] - 1`.
    package struct Written: Sendable, Equatable {
        package internal(set) var lines: [UInt64]
        package internal(set) var bytes: [UInt64]
        package var total: UInt64 { lines.reduce(0, +) }

        package init(lines: [UInt64], bytes: [UInt64]) {
            self.lines = lines
            self.bytes = bytes
        }
    }

    /// One write(2) into the first file.
    package struct Place: Sendable {
        /// Sequence of its first line.
        package let sequence: UInt64
        package let lines: UInt64
        /// Where the file ended behind it, as the descriptor tells: a truncation before it makes it smaller.
        package let end: UInt64
    }

    private let state: WriterState
    private let thread: Thread

    /// Starts writing into `paths`; file `i` of them is file number `firstFile + i` in its lines. It stops by itself after
    /// `limit` lines. One write(2) takes the lines of one file of 5 ms.
    package init(
        paths: [String], linesPerSecond: Int, firstFile: UInt32 = 0, limit: UInt64 = .max
    ) throws {
        let state = try WriterState(paths: paths, firstFile: firstFile)
        self.state = state
        thread = try Thread(name: "test-writer") { state.run(linesPerSecond: linesPerSecond, limit: limit) }
    }

    deinit { _ = try? stop() }

    package var written: Written { state.content.withLock { $0.written } }
    /// What was written into the first file, write by write.
    package var places: [Place] { state.content.withLock { $0.places } }

    /// Renames file `index` and goes on in a new one at its old path, as logrotate does with `create`.
    package func rotate(_ index: Int, to newPath: String) throws { try state.rotate(index, to: newPath) }

    /// Waits until at least `lines` lines are written.
    package func waitForTotal(_ lines: UInt64, timeout: Duration = .seconds(60)) async throws {
        try await waitUntil(timeout: timeout, "\(lines) lines written; \(written.total) are") {
            if let failure = state.content.withLock({ $0.failure }) { throw failure }
            return written.total >= lines
        }
    }

    /// Ends the thread within some milliseconds; throws what kept it from writing.
    @discardableResult
    package func stop() throws -> Written {
        state.stopping.store(true, ordering: .relaxed)
        thread.join()
        if let failure = state.content.withLock({ $0.failure }) { throw failure }
        return written
    }
}

/// What the writer's thread and its owner share; owns the descriptors.
private final class WriterState: Sendable {
    struct Content {
        var descriptors: [Int32]
        var written: PacedWriter.Written
        var places: [PacedWriter.Place] = []
        var failure: FixtureError?
    }
    let content: Mutex<Content>
    let stopping = Atomic(false)
    private let paths: [String]
    private let firstFile: UInt32

    init(paths: [String], firstFile: UInt32) throws {
        self.paths = paths
        self.firstFile = firstFile
        let zeros = [UInt64](repeating: 0, count: paths.count)
        content = Mutex(
            Content(
                descriptors: try paths.map { try openForAppending($0) },
                written: PacedWriter.Written(lines: zeros, bytes: zeros)))
    }

    deinit { content.withLock { for raw in $0.descriptors { close(raw) } } }

    func rotate(_ index: Int, to newPath: String) throws {
        try content.withLock { content in
            try retryingInterrupts("rename", paths[index]) { rename(paths[index], newPath) }
            close(content.descriptors[index])
            content.descriptors[index] = try openForAppending(paths[index])
        }
    }

    /// Every 5 ms writes what is due by the clock, so that a late turn catches up.
    func run(linesPerSecond: Int, limit: UInt64) {
        let start = Clock.monotonic()
        var done: UInt64 = 0
        while !stopping.load(ordering: .relaxed) && done < limit {
            let elapsed = UInt64(Clock.monotonic() - start)
            let due = min(limit, elapsed / 1000 * UInt64(linesPerSecond) / 1_000_000)
            if due > done {
                guard write(from: done, to: due) else { return }
                done = due
            }
            usleep(5000)
        }
    }

    /// Lines `first` to `last` of the whole, round-robin: file = number mod files, sequence = number / files.
    private func write(from first: UInt64, to last: UInt64) -> Bool {
        let files = UInt64(paths.count)
        var buffer: [UInt8] = []
        for file in 0..<min(files, last - first) {
            buffer.removeAll(keepingCapacity: true)
            var number = first + file
            let index = Int(number % files)
            let before = number / files
            while number < last {
                NumberedLines.append(file: firstFile + UInt32(index), sequence: number / files, to: &buffer)
                buffer.append(0x0A)
                number += files
            }
            let lines = (number - 1 - UInt64(index)) / files + 1 - before
            let succeeded = content.withLock { content -> Bool in
                do {
                    try writeAll(buffer, to: content.descriptors[index])
                    content.written.lines[index] += lines
                    content.written.bytes[index] += UInt64(buffer.count)
                    if index == 0 {
                        let end = lseek(content.descriptors[0], 0, SEEK_CUR)
                        content.places.append(PacedWriter.Place(sequence: before, lines: lines, end: UInt64(end)))
                    }
                    return true
                } catch {
                    content.failure = FixtureError("writing \(paths[index]): \(error)")
                    return false
                }
            }
            if !succeeded { return false }
        }
        return true
    }
}

private func openForAppending(_ path: String) throws -> Int32 {
    try retryingInterrupts("open", path) { open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644) }
}
