// What there is to fuzz, and how a broken promise is told.
internal import Glibc

/// The targets by name. Each takes any bytes and ends the process when a promise of the code is broken.
enum FuzzTargets {
    typealias Body = @Sendable ([UInt8]) -> Void

    static let all: [String: Body] = [
        "compose": ComposeTarget.check, "configuration": ConfigurationTarget.check,
        "cri": CRITarget.check, "docker": DockerTarget.check, "entries": EntriesTarget.check,
        "framing": FramingTarget.check, "gzip": GzipTarget.check, "json": JSONTarget.check,
        "labels": LabelsTarget.check, "outbox": OutboxTarget.check, "patterns": PatternsTarget.check,
        "records": RecordsTarget.check, "tracker": TrackerTarget.check,
    ]

    /// Set once, before libFuzzer runs: its callback is a C function, which captures nothing.
    nonisolated(unsafe) static var chosen: Body = { _ in }
}

/// Ends the process so that libFuzzer keeps the input.
func finding(_ message: @autoclosure () -> String) -> Never {
    let text = Array("FINDING: \(message())\n".utf8)
    _ = write(STDERR_FILENO, text, text.count)
    abort()
}

/// A promise of the code under test.
func expect(_ holds: Bool, _ message: @autoclosure () -> String) { if !holds { finding(message()) } }
