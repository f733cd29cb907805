// `longshore status`: what the daemon says of itself.
internal import Admin
internal import ArgumentParser
internal import Configuration
internal import Core

/// Asks the running daemon and prints its sources, problems and ledger. Exit status 1 when no daemon answers.
struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Show the sources, problems and ledger of the running daemon.")

    @Flag(help: "Print the whole report as JSON.")
    var json = false

    @OptionGroup var daemon: DaemonOptions

    func run() async throws {
        do {
            let place = try DaemonPlace(daemon)
            let report = try await AdminClient.status(socket: place.socket)
            StandardStreams.write(json ? try StatusJSON.pretty(report) : text(report), to: .output)
        } catch let error as AdminError {
            StandardStreams.write("longshore status: \(error.message)\n", to: .error)
            throw ExitCode(1)
        }
    }

    private func text(_ report: StatusReport) -> String {
        let terminal = Terminal.ofOutput
        return StatusText.render(
            report, now: Double(Clock.wall()) / 1e9, colours: terminal.colours, width: terminal.width)
    }
}
