// longshore validate: every problem of the configuration, or the effective configuration.
internal import ArgumentParser
internal import Configuration
internal import Glibc

/// Checks the configuration without starting anything. Exit status 0: fine; 1: the result could not be
/// written; 2: problems, each on standard error.
struct ValidateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "validate", abstract: "Check the configuration and report every problem in it.",
        discussion: """
            Reads the file and the conf.d/*.yaml beside it. Problems are printed to standard error as \
            FILE:LINE:COLUMN: error: what; what to write instead. Exit status: 0 fine, 1 the \
            result could not be written, 2 wrong configuration.
            """)

    @Option(
        help: ArgumentHelp(
            "The configuration file (default: \(ConfigurationLoader.defaultPath)).", valueName: "file"))
    var config: String?

    @Flag(help: "Print the effective configuration as YAML; secrets appear as file names only.")
    var print = false

    func run() throws {
        let loaded = try ConfigurationProblems.require(
            ConfigurationLoader.load(path: config, environment: ProcessEnvironment.current()))
        let files = loaded.files.count == 1 ? "1 file entry" : "\(loaded.files.count) file entries"
        let runtimes = loaded.runtimes
        let followed = [("Docker", runtimes.docker), ("CRI", runtimes.cri), ("Podman", runtimes.podman)]
            .filter { $0.1.enabled != .never }.map { "\($0.0) at \($0.1.socket)" }
        let entries = followed.isEmpty ? files : files + ", and containers of \(followed.joined(separator: ", "))"
        let text = print ? ConfigurationLoader.effectiveText(loaded) : "The configuration is fine: \(entries).\n"
        if let code = StandardStreams.write(text, to: .output) {
            StandardStreams.write(
                "longshore: cannot write to standard output: \(String(cString: strerror(code)))\n", to: .error)
            throw ExitCode(1)
        }
    }
}
