// longshore validate: every problem of the configuration, or the effective configuration.
internal import ArgumentParser
internal import Configuration
internal import Glibc

/// Checks the configuration without starting anything. Exit status 0: fine; 2: problems, each on standard error.
struct ValidateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "validate", abstract: "Check the configuration and report every problem in it.",
        discussion: """
            Reads the file and the conf.d/*.yaml beside it. Problems are printed to standard error as \
            FILE:LINE:COLUMN: error: what; what to write instead. Exit status: 0 fine, 2 wrong configuration.
            """)

    @Option(help: "The configuration file (default: \(ConfigurationLoader.defaultPath)).")
    var config: String?

    @Flag(help: "Print the effective configuration as YAML; secrets appear as file names only.")
    var print = false

    func run() throws {
        switch ConfigurationLoader.load(path: config, environment: ProcessEnvironment.current()) {
        case .refused(let problems):
            let count = problems.count == 1 ? "1 problem" : "\(problems.count) problems"
            let lines = problems.map { "\($0)\n" }.joined()
            ValidateCommand.write(lines + "\(count) in the configuration\n", to: STDERR_FILENO)
            throw ExitCode(2)
        case .loaded(let loaded):
            let entries = loaded.files.count == 1 ? "1 file entry" : "\(loaded.files.count) file entries"
            let text = print ? ConfigurationLoader.effectiveText(loaded) : "The configuration is fine: \(entries).\n"
            ValidateCommand.write(text, to: STDOUT_FILENO)
        }
    }

    /// All of it, or what fits before the reader goes away.
    private static func write(_ text: String, to descriptor: Int32) {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            if count < 0 { return }
            bytes = bytes.dropFirst(count)
        }
    }
}
