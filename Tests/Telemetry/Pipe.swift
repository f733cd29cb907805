// A pipe in place of stderr.
import Glibc
import Testing

/// Both ends of a pipe(2). Reads wait at most 10 s for their event.
final class Pipe: @unchecked Sendable {
    let readEnd: Int32
    let writeEnd: Int32
    private var rest: [UInt8] = []

    init() {
        var ends: [Int32] = [-1, -1]
        precondition(pipe(&ends) == 0)
        readEnd = ends[0]
        writeEnd = ends[1]
    }

    deinit {
        close(readEnd)
        close(writeEnd)
    }

    /// The next line without its newline; nil when none comes.
    func line() -> String? {
        while true {
            if let end = rest.firstIndex(of: 0x0A) {
                defer { rest.removeFirst(end + 1) }
                return String(decoding: rest[..<end], as: UTF8.self)
            }
            var waiting = pollfd(fd: readEnd, events: Int16(POLLIN), revents: 0)
            guard poll(&waiting, 1, 10_000) == 1 else { return nil }
            var chunk = [UInt8](repeating: 0, count: 65536)
            let count = read(readEnd, &chunk, chunk.count)
            guard count > 0 else { return nil }
            rest += chunk[..<count]
        }
    }

    /// The next `count` lines, fewer when they do not come.
    func lines(_ count: Int) -> [String] {
        var lines: [String] = []
        while lines.count < count, let line = line() { lines.append(line) }
        return lines
    }
}
