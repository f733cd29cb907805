// `longshore verify`: whether the topics have every byte that is not announced as missing.
internal import Agent
internal import ArgumentParser
internal import Configuration
internal import Core
internal import Glibc
internal import Verify

/// Reads topics back and accounts for every byte of every file generation. Exit status 1 when one is missing without an
/// announcement, or nothing could be verified; 2 for wrong usage.
struct VerifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify", abstract: "Read the topics back: is any byte missing that was not announced?",
        discussion: """
            Reads what the topics have now, as anybody may who has the right to read them, and asks no daemon. Records \
            say which bytes of which file they stand for, the audit topic says what could not be shipped; what neither \
            accounts for is a hole. Exit status: 0 no hole; 1 a hole, or nothing could be verified; 2 wrong usage.
            """)

    @Option(help: ArgumentHelp("HOST:PORT of a broker; several with commas.", valueName: "brokers"))
    var brokers: String?

    @Option(
        help: ArgumentHelp(
            "The topic of records; several with commas, or a pattern: 'logs.*'.", valueName: "topic"))
    var topic: [String] = []

    @Option(
        help: ArgumentHelp(
            "The topic of announcements, or none (default: longshore.audit where it is there).", valueName: "topic"))
    var auditTopic: String?

    @Option(
        help: ArgumentHelp(
            "The topic of dead letters, or none (default: longshore.dead where it is there).",
            valueName: "topic"))
    var deadLetterTopic: String?

    @Option(help: ArgumentHelp("Only what was produced since: 2h, 7d, 2026-11-21T19:45:00Z.", valueName: "time"))
    var since: String?

    @Option(help: ArgumentHelp("Only what was produced before: 10m, 2026-11-21T19:45:00Z.", valueName: "time"))
    var until: String?

    @Flag(help: "Print the whole report as JSON.")
    var json = false

    @Flag(help: "List every file with something to say, not the first 20 only.")
    var all = false

    @Option(
        help: ArgumentHelp(
            "A daemon's configuration: brokers, security and topics that are not given are taken from it.",
            valueName: "file"))
    var config: String?

    @Option(
        name: [.customShort("X"), .long],
        help: ArgumentHelp("A setting of librdkafka, NAME=VALUE; may be repeated.", valueName: "name=value"))
    var property: [String] = []

    @Option(help: ArgumentHelp("Give up when nothing comes for so many seconds.", valueName: "seconds"))
    var patience = 30

    func validate() throws {
        if brokers == nil, config == nil {
            throw ValidationError("name brokers with --brokers, or a --config that does")
        }
        if config == nil, topic.isEmpty { throw ValidationError("name a topic with --topic, or a --config that does") }
        if brokers.map({ list($0).isEmpty }) ?? false { throw ValidationError("--brokers is empty: write HOST:PORT") }
        if topic.contains(where: { list($0).isEmpty }) { throw ValidationError("--topic is empty: write a name") }
        if patience < 1 || patience > 3600 { throw ValidationError("--patience takes 1 to 3600 seconds") }
        if let wrong = property.first(where: { !$0.contains("=") || $0.hasPrefix("=") }) {
            throw ValidationError("-X takes NAME=VALUE, got \(wrong)")
        }
        let (since, until) = (try time(since, "--since"), try time(until, "--until"))
        if let since, let until, since >= until { throw ValidationError("--since is not before --until") }
    }

    private func time(_ text: String?, _ option: String) throws -> Int64? {
        guard let text else { return nil }
        if let time = Instant.parse(text, now: Clock.wall() / nanosecondsPerMillisecond) { return time }
        throw ValidationError("\(option) takes 30m, 2h, 7d or a time like 2026-11-21T19:45:00Z, got \(text)")
    }

    private func list(_ text: String) -> [String] {
        text.split(separator: ",").map { $0.trimming { $0 == " " } }.filter { !$0.isEmpty }
    }

    func run() async throws {
        let request = try request()
        let progress = ProgressLine(isShown: isatty(STDERR_FILENO) == 1)
        do {
            let run = try VerifyRun(request) { progress.show($0) }
            let verifier = try run.run()
            progress.clear()
            let hasPassed = json ? try printJSON(verifier, run) : try printText(verifier, run)
            if !hasPassed { throw ExitCode(1) }
        } catch let failure as VerifyFailure {
            progress.clear()
            throw fail(failure.message)
        }
    }

    private func request() throws -> VerifyRequest {
        var request = VerifyRequest(brokers: [], topics: [])
        if let config {
            let outcome = ConfigurationLoader.load(path: config, environment: ProcessEnvironment.current())
            request = VerifyMapping.request(try ConfigurationProblems.require(outcome))
        }
        if let brokers { request.brokers = list(brokers) }
        if request.brokers.isEmpty {
            throw fail(
                "the configuration has the embedded broker, which ends with its daemon: name brokers with --brokers")
        }
        if !topic.isEmpty {
            request.topics = topic.flatMap { list($0) }
            request.needsAllTopics = true
        }
        if let auditTopic { request.audit = auditTopic == "none" ? .none : .named(auditTopic) }
        if let deadLetterTopic { request.deadLetters = deadLetterTopic == "none" ? .none : .named(deadLetterTopic) }
        request.properties += property.map { text in
            let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            return (String(parts[0]), String(parts[1]))
        }
        (request.since, request.until) = (try time(since, "--since"), try time(until, "--until"))
        request.patience = patience
        return request
    }

    private func printText(_ verifier: Verifier, _ run: VerifyRun) throws -> Bool {
        let summary = VerifySummary(verifier, limit: all ? Int.max : VerifyCommand.usualLimit)
        let terminal = Terminal.ofOutput
        let text = VerifyText.render(
            verifier, VerifyFigures(run), summary, width: terminal.width, colours: terminal.colours)
        if let code = StandardStreams.write(text, to: .output) { throw unwritten(code) }
        return summary.hasPassed
    }

    private static let usualLimit = 20

    private func printJSON(_ verifier: Verifier, _ run: VerifyRun) throws -> Bool {
        var failed: Int32?
        let summary = VerifyJSON.render(verifier, VerifyFigures(run)) { text in
            if failed == nil { failed = StandardStreams.write(text, to: .output) }
        }
        if let failed { throw unwritten(failed) }
        return summary.hasPassed
    }

    private func unwritten(_ code: Int32) -> ExitCode { fail("cannot write to standard output: errno \(code)") }

    private func fail(_ message: String) -> ExitCode {
        StandardStreams.write("longshore verify: \(message)\n", to: .error)
        return ExitCode(1)
    }
}

extension Substring {
    /// Without what `isLeftOut` at both ends.
    fileprivate func trimming(_ isLeftOut: (Character) -> Bool) -> String {
        String(drop { isLeftOut($0) }.reversed().drop { isLeftOut($0) }.reversed())
    }
}
