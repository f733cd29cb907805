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
            FILE:LINE:COLUMN: error: what; what to write instead. Exit status: 0 fine, 1 not \
            done, 2 wrong configuration.
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
            _ = ValidateCommand.write(lines + "\(count) in the configuration\n", to: STDERR_FILENO)
            throw ExitCode(2)
        case .loaded(let loaded):
            let entries = loaded.files.count == 1 ? "1 file entry" : "\(loaded.files.count) file entries"
            let text = print ? ConfigurationLoader.effectiveText(loaded) : "The configuration is fine: \(entries).\n"
            if let code = ValidateCommand.write(text, to: STDOUT_FILENO) {
                let reason = String(cString: strerror(code))
                _ = ValidateCommand.write("longshore: cannot write to standard output: \(reason)\n", to: STDERR_FILENO)
                throw ExitCode(1)
            }
        }
    }

    /// Writes all of it; gives errno where that fails.
    private static func write(_ text: String, to descriptor: Int32) -> Int32? {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            if count < 0 { return errno }
            bytes = bytes.dropFirst(count)
        }
        return nil
    }
}
