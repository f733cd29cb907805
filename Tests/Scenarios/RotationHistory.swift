// One history of log files: what happens to them, and exactly what must be shipped and announced of it.
import Glibc
import LinuxIO
import TestSupport

/// When the changes of a history happen, as the daemon sees it.
enum RotationMode: String, CaseIterable, Sendable {
    /// Step by step; before the next one the daemon has dealt with the one before.
    case running
    /// All at once, between two looks: it is stopped by SIGSTOP and then meets all events together.
    case paused
    /// Between its end by SIGTERM and its next start.
    case down
}

/// What happens to the files of one declaration, and the outcome.
///
/// An outcome is a set of lines: `PATH#N TEXT` is the N-th generation of the stream PATH, in the order its first record
/// came, with all its bytes (`|` is a newline, `~n~` are n bytes skipped on purpose,
/// `$` is the end of a line that is marked as never ended); `gap PATH#N FROM-TO REASON` an
/// announced gap (`?`: unknown, or a generation without a record); `interleaved PATH`: records of an older generation came
/// behind some of a younger one. What else the topics hold makes a line of its own, so that nothing is overlooked.
struct RotationHistory: Sendable {
    typealias Step = @Sendable (LogFiles) throws -> Void

    /// Name of its declaration and of its directory.
    let name: String
    /// Patterns below its directory.
    var paths = ["app.log"]
    /// More of the declaration, as YAML in a flow mapping.
    var options = ""
    /// Before the daemon's first start.
    var before: Step = { _ in }
    let steps: [Step]
    let shipped: [String]
    /// Where a mode's outcome differs from `shipped`.
    var paused: [String]?
    var down: [String]?

    func outcome(_ mode: RotationMode) -> [String] {
        switch mode {
        case .running: shipped.sorted()
        case .paused: (paused ?? shipped).sorted()
        case .down: (down ?? shipped).sorted()
        }
    }
}

/// The directory of one history and what a program or an administrator does there. `|` in a text is a newline.
struct LogFiles: Sendable {
    let directory: TemporaryDirectory
    /// Below `directory`.
    let folder: String

    func path(_ name: String) -> String { directory.path("\(folder)/\(name)") }

    /// Creates or replaces a file.
    func write(_ name: String, _ text: String) throws {
        try directory.write(text.replacing("|", with: "\n"), to: "\(folder)/\(name)")
    }

    func append(_ name: String, _ text: String) throws {
        try directory.append(text.replacing("|", with: "\n"), to: "\(folder)/\(name)")
    }

    /// Writes at an offset, as a program does that has a file open without O_APPEND while it is truncated.
    func write(_ name: String, at offset: Int, _ text: String) throws {
        let bytes = Array(text.replacing("|", with: "\n").utf8)
        let file = FileDescriptor(
            owning: try retryingInterrupts("open", name) { open(path(name), O_WRONLY | O_CLOEXEC) })
        let raw = file.raw
        let count = try retryingInterrupts("pwrite", name) { pwrite(raw, bytes, bytes.count, off_t(offset)) }
        precondition(count == bytes.count)
    }

    func rename(_ old: String, _ new: String) throws {
        try retryingInterrupts("rename", old) { Glibc.rename(path(old), path(new)) }
    }

    func delete(_ name: String) throws { try retryingInterrupts("unlink", name) { unlink(path(name)) } }

    func truncate(_ name: String, to size: Int = 0) throws {
        try retryingInterrupts("truncate", name) { Glibc.truncate(path(name), off_t(size)) }
    }

    /// A new file with the present content of another one.
    func copy(_ name: String, to new: String) throws {
        try directory.write(bytes: try readWholeFile(path(name)), to: "\(folder)/\(new)")
    }

    func link(_ name: String, _ new: String) throws {
        try retryingInterrupts("link", new) { Glibc.link(path(name), path(new)) }
    }

    /// Makes the link `name` lead to `target`, at one stroke when it leads elsewhere now.
    func point(_ name: String, at target: String) throws {
        try retryingInterrupts("symlink", name) { symlink(target, path(".\(name).next")) }
        try rename(".\(name).next", name)
    }

    func makeDirectory(_ name: String) throws { try directory.makeDirectory("\(folder)/\(name)") }
    func removeDirectory(_ name: String) throws { try retryingInterrupts("rmdir", name) { rmdir(path(name)) } }
    func exists(_ name: String) -> Bool { access(path(name), F_OK) == 0 }

    /// `name` -> `name.1` -> … -> `name.last`, what was that is deleted; then `text` begins a new `name`.
    func shift(_ name: String, last: Int, _ text: String) throws {
        if exists("\(name).\(last)") { try delete("\(name).\(last)") }
        for number in stride(from: last, to: 1, by: -1) where exists("\(name).\(number - 1)") {
            try rename("\(name).\(number - 1)", "\(name).\(number)")
        }
        try rename(name, "\(name).1")
        try write(name, text)
    }
}
