// `longshore status`: what the daemon says of itself.
internal import Admin
internal import ArgumentParser
internal import Configuration
internal import Core
internal import Glibc

/// Asks the running daemon and prints its sources, problems and ledger. Exit status 1 when no daemon answers.
struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Show the sources, problems and ledger of the running daemon.")

    @Flag(help: "Print the whole report as JSON.")
    var json = false

    @Option(
        help: ArgumentHelp(
            "The daemon's configuration, which names its socket (default: \(ConfigurationLoader.defaultPath)).",
            valueName: "file"))
    var config: String?

    @Option(help: ArgumentHelp("The daemon's admin socket, instead of the configuration's.", valueName: "path"))
    var socket: String?

    func run() async throws {
        do {
            let report = try await AdminClient.status(socket: try socketPath())
            StandardStreams.write(json ? try StatusJSON.pretty(report) : text(report), to: .output)
        } catch let error as AdminError {
            StandardStreams.write("longshore status: \(error.message)\n", to: .error)
            throw ExitCode(1)
        }
    }

    /// --socket, else the one of --config, else the one of the default configuration if it is there and good.
    private func socketPath() throws -> String {
        if let socket { return socket }
        let outcome = ConfigurationLoader.load(path: config, environment: ProcessEnvironment.current())
        if config != nil { return try ConfigurationProblems.require(outcome).admin.socket }
        if case .loaded(let configuration) = outcome { return configuration.admin.socket }
        return "/run/longshore/admin.sock"
    }

    private func text(_ report: StatusReport) -> String {
        let isTerminal = isatty(STDOUT_FILENO) == 1
        let colours = isTerminal && (getenv("NO_COLOR").map { $0.pointee == 0 } ?? true)
        return StatusText.render(
            report, now: Double(Clock.wall()) / 1e9, colours: colours, width: isTerminal ? terminalWidth() : nil)
    }

    /// Columns of the terminal (ioctl_tty(2), TIOCGWINSZ); nil when it does not say.
    private func terminalWidth() -> Int? {
        var size = winsize()
        guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return nil }
        return Int(size.ws_col)
    }
}
