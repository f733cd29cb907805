// A program run by a test: started, signalled, waited for and ended by its own process id.
package import Glibc
internal import LinuxIO
internal import Synchronization

/// How a process ended.
package enum ProcessEnd: Sendable, Equatable {
    case exited(Int32)
    case killed(signal: Int32)
}

/// What a process has used so far, from proc(5).
package struct ProcessUsage: Sendable {
    /// User and system time of all its threads, in seconds (resolution of sysconf(_SC_CLK_TCK), mostly 10 ms).
    package let cpuSeconds: Double
    package let residentBytes: UInt64
    package let peakResidentBytes: UInt64
}

/// One child in a process group of its own, with empty signal mask, no descriptors but 0, 1 and 2, standard input from
/// /dev/null and output in files. Deinit ends the group; a child that ends by itself takes its group with it.
/// Safe to use from any thread.
package final class ChildProcess: Sendable {
    package let processID: pid_t
    package let program: String
    package let standardOutputPath: String
    package let standardErrorPath: String
    /// nil while it runs. The lock also keeps a signal from reaching a process id that was already given back.
    private let end = Mutex<ProcessEnd?>(nil)

    /// Starts `program` (a path, or a name looked up in PATH) with `arguments` after argv[0]. `environment` is added to
    /// this process's own. Output goes to `outputName`.stdout and .stderr in `directory`, appended.
    package init(
        _ program: String, _ arguments: [String], environment: [String: String] = [:], directory: TemporaryDirectory,
        outputName: String? = nil
    ) throws {
        self.program = program
        let name = outputName ?? String(program.split(separator: "/").last ?? "child")
        standardOutputPath = directory.path("\(name).stdout")
        standardErrorPath = directory.path("\(name).stderr")
        processID = try spawn(
            program, arguments, environment: environment, output: standardOutputPath, error: standardErrorPath)
    }

    deinit {
        signal(SIGKILL)
        while poll(blocking: true) == nil {}
    }

    package var isRunning: Bool { poll() == nil }

    /// Sends a signal to the process itself. A process that has ended gets none.
    package func signal(_ number: Int32) {
        end.withLock { if $0 == nil { _ = kill(processID, number) } }
    }

    /// Sends a signal to the process and all that belong to its group.
    package func signalGroup(_ number: Int32) {
        end.withLock { if $0 == nil { _ = kill(-processID, number) } }
    }

    /// Waits until the process has ended. Throws with the end of its standard error when it still runs after `timeout`.
    @discardableResult
    package func wait(timeout: Duration = .seconds(30)) async throws -> ProcessEnd {
        try await waitUntil(timeout: timeout, "the end of \(program) (pid \(processID)); it wrote: \(errorTail)") {
            poll() != nil
        }
        return poll()!
    }

    /// CPU time and memory so far; nil when the process has ended.
    package func usage() -> ProcessUsage? { end.withLock { $0 == nil ? processUsage(of: processID) : nil } }

    package var standardOutput: String { text(standardOutputPath) }
    package var standardError: String { text(standardErrorPath) }
    /// The last 2,000 characters of standard error, for messages.
    package var errorTail: String { String(standardError.suffix(2000)) }

    private func text(_ path: String) -> String { String(decoding: (try? readWholeFile(path)) ?? [], as: UTF8.self) }

    /// Reaps the child when it has ended. The zombie still holds the group's id while the rest of the group is ended.
    @discardableResult
    private func poll(blocking: Bool = false) -> ProcessEnd? {
        end.withLock { end in
            if let end { return end }
            var info = siginfo_t()
            let options = WEXITED | WNOWAIT | (blocking ? 0 : WNOHANG)
            guard waitid(P_PID, id_t(processID), &info, options) == 0, info.si_signo == SIGCHLD else { return nil }
            kill(-processID, SIGKILL)
            var status: Int32 = 0
            guard waitpid(processID, &status, 0) == processID else { return nil }
            end = status & 0x7F == 0 ? .exited(status >> 8 & 0xFF) : .killed(signal: status & 0x7F)
            return end
        }
    }
}

/// Runs a program to its end and gives its standard output; throws with its standard error unless it exits with 0.
@discardableResult
package func run(
    _ program: String, _ arguments: [String], environment: [String: String] = [:], timeout: Duration = .seconds(60)
) async throws -> String {
    try await withTemporaryDirectory { directory in
        let child = try ChildProcess(program, arguments, environment: environment, directory: directory)
        let end = try await child.wait(timeout: timeout)
        guard end == .exited(0) else {
            throw FixtureError("\(program) \(arguments.joined(separator: " ")): \(end): \(child.errorTail)")
        }
        return child.standardOutput
    }
}

/// CPU time and memory of any process of this machine; nil when there is none with that id.
package func processUsage(of processID: pid_t) -> ProcessUsage? {
    guard let stat = try? readWholeFile("/proc/\(processID)/stat"),
        let status = try? readWholeFile("/proc/\(processID)/status")
    else { return nil }
    // Behind the program's name in parentheses, utime and stime are the 12th and 13th field.
    let fields = String(decoding: stat, as: UTF8.self).split(separator: ")").last?.split(separator: " ") ?? []
    guard fields.count > 12, let user = Double(fields[11]), let system = Double(fields[12]) else { return nil }
    let lines = String(decoding: status, as: UTF8.self).split(separator: "\n")
    func kilobytes(_ key: String) -> UInt64 {
        let line = lines.first { $0.hasPrefix(key) }
        return (line?.split(whereSeparator: { $0 == " " || $0 == "\t" }).dropFirst().first).flatMap { UInt64($0) } ?? 0
    }
    return ProcessUsage(
        cpuSeconds: (user + system) / Double(sysconf(Int32(_SC_CLK_TCK))), residentBytes: kilobytes("VmRSS:") * 1024,
        peakResidentBytes: kilobytes("VmHWM:") * 1024)
}
