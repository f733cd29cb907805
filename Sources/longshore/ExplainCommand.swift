// `longshore explain`: what labels were understood to mean, and what came of it.
internal import Admin
internal import Agent
internal import ArgumentParser
internal import Configuration
internal import Core
internal import Glibc

/// Asks the daemon, without one the runtimes, or reads a Compose file. Exit status 1 when something that is shown cannot
/// be shipped or nothing could be asked, 2 for wrong usage.
struct ExplainCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "Show what the labels of containers were understood to mean, and why logs do or don't arrive.",
        discussion: """
            Asks the daemon, for which it needs access to the admin socket; without a daemon it asks the runtimes \
            itself, for which it needs access to theirs, and to the containers' files. Each declaration is active, "no match yet" \
            (nothing to do but write), disabled or drained, or it needs a hand: not reachable, refused, bad value. \
            Exit status: 0 fine; 1 something shown needs a hand, or nothing could be asked; 2 wrong usage.
            """)

    @Argument(
        help: ArgumentHelp("Only this container: its name, its service, or how its id begins.", valueName: "container"))
    var container: String?

    @Flag(help: "Print the whole report as JSON.")
    var json = false

    @OptionGroup var daemon: DaemonOptions

    @Option(
        help: ArgumentHelp(
            "Explain the services of this Compose file, without daemon and runtime.", valueName: "file"))
    var compose: String?

    func validate() throws {
        if container == "" { throw ValidationError("CONTAINER is empty: write a name, or how an id begins") }
        if compose != nil, daemon.socket != nil {
            throw ValidationError("--compose asks no daemon: leave out --socket")
        }
    }

    func run() async throws {
        do {
            let (answer, isWhole) = try await answer()
            let report = try selected(answer)
            try print(report)
            if report.hasProblems || !isWhole { throw ExitCode(1) }
        } catch let error as AdminError { throw fail(error.message) }
    }

    /// The second is false where something of a Compose file was not understood.
    private func answer() async throws -> (ContainersReport, Bool) {
        let place = try DaemonPlace(daemon)
        if let compose { return try explain(compose, place) }
        do { return (try await AdminClient.containers(socket: place.socket), true) } catch let error as AdminError {
            var report = await OfflineContainers.ask(place.configuration)
            let names = report.runtimes.filter(\.isUp).map(\.name).joined(separator: ", ")
            guard report.runtimes.contains(where: \.isUp) else {
                let reasons = report.runtimes.map { "\n  \($0.name): \(escapedForTerminal($0.reason ?? "no answer"))" }
                throw AdminError("\(error.message)\nnor does a runtime answer\(reasons.joined())")
            }
            let isAbsent = error.errno == ENOENT || error.errno == ECONNREFUSED
            let why = isAbsent ? "no daemon answers on \(place.socket)" : error.message
            report.note = "\(why): asked \(names) itself\(place.origin)"
            return (report, true)
        }
    }

    private func explain(_ file: String, _ place: DaemonPlace) throws -> (ContainersReport, Bool) {
        var (report, problems) = OfflineContainers.compose(path: file, place.configuration)
        for problem in problems { StandardStreams.write(escapedForTerminal(problem) + "\n", to: .error) }
        if !problems.isEmpty, report.containers.isEmpty { throw ExitCode(1) }
        report.note = "read from \(file)" + (problems.isEmpty ? "" : " as far as it was understood") + place.origin
        return (report, problems.isEmpty)
    }

    private func selected(_ report: ContainersReport) throws(AdminError) -> ContainersReport {
        guard let container else { return report }
        let selected = report.selecting(container)
        guard selected.containers.isEmpty else { return selected }
        let names = report.containers.prefix(20).map { escapedForTerminal($0.name) }.joined(separator: ", ")
        let more = report.containers.count > 20 ? " and \(report.containers.count - 20) more" : ""
        throw AdminError(
            "no container has the name or service \(escapedForTerminal(container)), or an id that begins so; "
                + (names.isEmpty ? "there is none at all" : "there are \(names)\(more)"))
    }

    private func print(_ report: ContainersReport) throws {
        let terminal = Terminal.ofOutput
        let text =
            json
            ? try ContainersJSON.pretty(report)
            : ContainersText.render(
                report, isSelected: container != nil, colours: terminal.colours,
                width: terminal.width ?? ContainersText.usualWidth)
        if let code = StandardStreams.write(text, to: .output) {
            throw fail("cannot write to standard output: errno \(code)")
        }
    }

    private func fail(_ message: String) -> ExitCode {
        StandardStreams.write("longshore explain: \(message)\n", to: .error)
        return ExitCode(1)
    }
}
