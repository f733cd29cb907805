// longshore demo: everything at once, for looking.
internal import Agent
internal import ArgumentParser
internal import Configuration

/// An embedded broker, a sample application that writes and rotates its log, the daemon on it, and what arrives.
struct DemoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo", abstract: "Watch Longshore ship a sample application's log through an embedded broker.",
        discussion: "Runs until interrupted, or until N records have arrived.")

    @Option(help: ArgumentHelp("End after this many records.", valueName: "n"))
    var records: Int?

    func validate() throws {
        if let records, records < 1 { throw ValidationError("--records takes a number from 1, got \(records)") }
    }

    func run() async throws {
        do {
            try await Demo(
                limit: records, record: { StandardStreams.write($0 + "\n", to: .output) },
                narrate: { StandardStreams.write("demo: " + $0 + "\n", to: .error) }
            ).run()
        } catch let failure as AgentFailure {
            StandardStreams.write("longshore demo: \(failure.message)\n", to: .error)
            throw ExitCode(1)
        }
    }
}
