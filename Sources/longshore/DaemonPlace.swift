// Where the daemon is that a command asks.
internal import ArgumentParser
internal import Configuration

/// The options of every command that asks the daemon.
struct DaemonOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The daemon's configuration, which names its socket (default: \(ConfigurationLoader.defaultPath)).",
            valueName: "file"))
    var config: String?

    @Option(help: ArgumentHelp("The daemon's admin socket, instead of the configuration's.", valueName: "path"))
    var socket: String?
}

/// The admin socket, and the configuration where one was read.
struct DaemonPlace {
    let socket: String
    /// Nil: none was given, and the default one is not there or not good.
    let configuration: Configuration?

    /// --socket, else the one of --config, else the one of the default configuration if it is there and good. A bad
    /// --config is said in full and ends the command with status 2.
    init(_ options: DaemonOptions) throws {
        let outcome = ConfigurationLoader.load(path: options.config, environment: ProcessEnvironment.current())
        if options.config != nil {
            configuration = try ConfigurationProblems.require(outcome)
        } else if case .loaded(let loaded) = outcome {
            configuration = loaded
        } else {
            configuration = nil
        }
        socket = options.socket ?? configuration?.admin.socket ?? "/run/longshore/admin.sock"
    }

    /// For people: that topics and rules are not those of any configuration.
    var origin: String {
        configuration == nil ? " (without a configuration: topics and the operator's rules are not known)" : ""
    }
}
