// `longshore status`: what the daemon says of itself.
internal import Admin
internal import ArgumentParser
internal import Core
internal import Glibc

/// Asks the running daemon and prints its sources, problems and ledger. Exit status 1 when no daemon answers.
struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Show the sources, problems and ledger of the running daemon.")

    @Flag(help: "Print the whole report as JSON.")
    var json = false

    @Option(help: ArgumentHelp("The daemon's configuration.", valueName: "file"))
    var config: String?

    @Option(help: ArgumentHelp("The daemon's admin socket.", valueName: "path"))
    var socket: String?

    func run() async throws {
        do {
            let report = try await AdminClient.status(socket: socket ?? "/run/longshore/admin.sock")
            print(json ? try StatusJSON.pretty(report) : text(report), terminator: "")
        } catch let error as AdminError {
            let line = Array("longshore status: \(error.message)\n".utf8)
            _ = write(STDERR_FILENO, line, line.count)
            throw ExitCode(1)
        }
    }

    private func text(_ report: StatusReport) -> String {
        let colours = isatty(STDOUT_FILENO) == 1 && (getenv("NO_COLOR").map { $0.pointee == 0 } ?? true)
        return StatusText.render(report, now: Double(Clock.wall()) / 1e9, colours: colours)
    }
}
