// Where the daemon is that a command asks.
internal import Configuration

/// The admin socket, and the configuration where one was read.
struct DaemonPlace {
    let socket: String
    /// Nil: none was given, and the default one is not there or not good.
    let configuration: Configuration?

    /// --socket, else the one of --config, else the one of the default configuration if it is there and good. A bad
    /// --config is said in full and ends the command with status 2.
    init(config: String?, socket: String?) throws {
        let outcome = ConfigurationLoader.load(path: config, environment: ProcessEnvironment.current())
        if config != nil {
            configuration = try ConfigurationProblems.require(outcome)
        } else if case .loaded(let loaded) = outcome {
            configuration = loaded
        } else {
            configuration = nil
        }
        self.socket = socket ?? configuration?.admin.socket ?? "/run/longshore/admin.sock"
    }

    /// For people: that topics and rules are not those of any configuration.
    var origin: String {
        configuration == nil ? " (without a configuration: topics and the operator's rules are not known)" : ""
    }
}
