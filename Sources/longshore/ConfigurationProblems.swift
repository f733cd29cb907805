// Refusing to go on with a bad configuration.
internal import ArgumentParser
internal import Configuration

/// Prints every problem of a configuration to standard error.
enum ConfigurationProblems {
    /// The configuration, or all its problems on standard error and exit status 2.
    static func require(_ outcome: ConfigurationOutcome) throws -> Configuration {
        switch outcome {
        case .loaded(let configuration): return configuration
        case .refused(let problems):
            let count = problems.count == 1 ? "1 problem" : "\(problems.count) problems"
            let lines = problems.map { "\($0)\n" }.joined()
            StandardStreams.write(lines + "\(count) in the configuration\n", to: .error)
            throw ExitCode(2)
        }
    }
}
