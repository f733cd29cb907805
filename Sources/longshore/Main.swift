// The longshore command.
internal import ArgumentParser
internal import Core
internal import Glibc

/// Entry point: parses the command line and runs one subcommand. Exit status 0 fine, 1 failed, 2 wrong usage or
/// configuration.
@main
struct Longshore: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "longshore",
        abstract: "Ships this host's logs to Kafka: every byte acknowledged, or announced as a gap.",
        version: "longshore \(longshoreVersion)",
        subcommands: [
            RunCommand.self, ValidateCommand.self, StatusCommand.self, ExplainCommand.self, VerifyCommand.self,
            DemoCommand.self,
        ])

    static func main() async {
        StandardStreams.occupy()
        do {
            var command = try parseAsRoot()
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch {
            // EX_USAGE (64) is what ArgumentParser gives wrong usage; the contract says 2.
            guard exitCode(for: error) == .validationFailure else { exit(withError: error) }
            let message = Array((fullMessage(for: error) + "\n").utf8)
            _ = write(STDERR_FILENO, message, message.count)
            Glibc.exit(2)
        }
    }
}
