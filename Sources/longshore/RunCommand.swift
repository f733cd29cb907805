// longshore run: the daemon.
internal import Agent
internal import ArgumentParser
internal import Configuration

/// Runs the daemon in the foreground until SIGTERM; SIGHUP reloads. Exit status 2 for a bad configuration, 1 when it
/// cannot run.
struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Run the daemon in the foreground.",
        discussion: """
            SIGTERM drains, checkpoints and exits 0; SIGHUP applies a changed configuration if it is good. \
            Exit status 1: it cannot run or go on, 2: wrong configuration.
            """)

    @Option(
        help: ArgumentHelp(
            "The configuration file (default: \(ConfigurationLoader.defaultPath)).", valueName: "file"))
    var config: String?

    func run() async throws {
        let path = config
        let load: @Sendable () -> ConfigurationOutcome = {
            ConfigurationLoader.load(path: path, environment: ProcessEnvironment.current())
        }
        let configuration = try ConfigurationProblems.require(load())
        do {
            let agent = try Agent(
                path: path ?? ConfigurationLoader.defaultPath, initial: configuration, load: load)
            try await agent.run(configuration)
        } catch let failure as AgentFailure {
            StandardStreams.write("longshore run: \(failure.message)\n", to: .error)
            throw ExitCode(1)
        }
    }
}
