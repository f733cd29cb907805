// What is written to standard error while something runs.
import Glibc
import TestSupport

/// Runs `body` with descriptor 2 in a file and gives what was written; it is written to the real one afterwards, since
/// other tests run meanwhile.
func capturingStandardError(_ body: () throws -> Void) throws -> String {
    let directory = try TemporaryDirectory()
    let path = try directory.write("", to: "stderr")
    let kept = dup(2)
    let file = open(path, O_WRONLY | O_APPEND | O_CLOEXEC)
    defer {
        close(kept)
        close(file)
    }
    fflush(nil)
    dup2(file, 2)
    let result = Result { try body() }
    fflush(nil)
    dup2(kept, 2)
    let written = try directory.read("stderr")
    try writeAll(written, to: 2)
    try result.get()
    return String(decoding: written, as: UTF8.self)
}
