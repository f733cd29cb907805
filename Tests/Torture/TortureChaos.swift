// What is done to the daemon in a round: killed, stopped, paused, reconfigured, its clock set; one thing at a time.
import Core
import Glibc
import LinuxIO
import TestSupport
import Testing

/// Breaks things in an order that the seed decides, until its time is over. Used by one task.
struct TortureChaos {
    let world: TortureWorld
    let writer: TortureWriter
    var random: SeededGenerator
    private(set) var actions: [String] = []
    private(set) var counts: [String: Int] = [:]
    let start = Clock.monotonic()
    private var variant = 0
    /// The daemon's clock was moved so far, in seconds.
    private var clockOffset = 0
    /// Copies of the store that were damaged and opened.
    var damagedCopies = 0

    init(_ world: TortureWorld, _ writer: TortureWriter) {
        self.world = world
        self.writer = writer
        random = SeededGenerator(seed: world.story.seed ^ 0x0043_6861_6f73)
    }

    /// What can be done, and how often beside the others.
    private static let choices: [(name: String, weight: Int)] = [
        ("kill", 10), ("power loss", 5), ("stop", 3), ("pause", 4), ("flood", 2), ("reload", 3), ("bad reload", 1),
        ("clock", 2), ("broker down", 3), ("all brokers down", 2), ("leaders", 2), ("slow brokers", 2), ("errors", 4),
        ("lost acknowledgements", 4), ("topic forbidden", 3), ("topic unknown", 2), ("silence", 2), ("fatal", 3),
        ("one refusal", 4), ("disk full", 2), ("disk full at start", 1), ("disk read-only", 2), ("damaged copies", 3),
        ("damaged store", 1), ("refill", 6), ("truncate", 6), ("compress", 4),
    ]

    /// Those of $LONGSHORE_TORTURE_ACTIONS (comma-separated), to narrow a finding down; else all.
    private static var chosen: [(name: String, weight: Int)] {
        guard let names = environmentVariable("LONGSHORE_TORTURE_ACTIONS")?.split(separator: ",") else {
            return choices
        }
        return choices.filter { choice in names.contains { $0 == choice.name } }
    }

    mutating func run() async throws {
        let end = start + Int64(world.story.seconds) * nanosecondsPerSecond
        let choices = TortureChaos.chosen
        let total = choices.reduce(0) { $0 + $1.weight }
        guard total > 0 else { throw FixtureError("LONGSHORE_TORTURE_ACTIONS names no action there is") }
        while Clock.monotonic() < end {
            try await pause(50...600)
            try await expectRunning()
            var place = random.number(0...total - 1)
            let choice = choices.first { choice in
                place -= choice.weight
                return place < 0
            }!
            try await perform(choice.name)
        }
        try world.mend()
    }

    mutating func note(_ text: String) {
        actions.append("\(elapsedText(since: start)) \(text)")
        counts[text, default: 0] += 1
    }

    mutating func pause(_ milliseconds: ClosedRange<Int>) async throws {
        try await Task.sleep(for: .milliseconds(random.number(milliseconds)))
    }

    /// A daemon that ended by itself is a finding.
    private func expectRunning() async throws {
        guard !world.daemon.isRunning else { return }
        let end = try await world.daemon.process.wait()
        throw FixtureError("the daemon ended by itself with \(end): \(world.daemon.process.errorTail)")
    }

    private mutating func perform(_ name: String) async throws {
        note(name)
        switch name {
        case "kill": try await kill()
        case "power loss": try await losePower()
        case "stop": try await stop()
        case "pause": try await paused(100...2500) {}
        case "flood": try await flood()
        case "reload": try await reload()
        case "bad reload": try await reloadBadly()
        case "clock": try setClock()
        case "disk full": try await fillDisk()
        case "disk full at start": try await fillDiskAndRestart()
        case "disk read-only": try await lockDisk()
        case "damaged copies": try await damageCopies()
        case "damaged store": if world.story.damagesStore { try await damageStore() }
        case "refill": try await refill()
        case "truncate": try await truncate()
        case "compress": try await compress()
        default: try await breakBrokers(name)
        }
    }

    // MARK: The process

    private mutating func kill() async throws {
        try await world.daemon.kill9()
        if random.once(in: 5) { try await pause(500...3000) }
        try world.daemon.launch()
    }

    private mutating func losePower() async throws {
        try await world.daemon.kill9()
        try world.power.cut(&random)
        try world.daemon.launch()
    }

    private mutating func stop() async throws {
        try await started()
        #expect(try await world.daemon.terminate() == .exited(0), "\(world.daemon.process.errorTail)")
        if random.once(in: 3) { try await pause(100...1500) }
        try world.daemon.launch()
    }

    /// The daemon answers: before that, SIGTERM and SIGHUP end it as they end every process.
    func started() async throws {
        try await waitUntil("the daemon's socket; \(world.daemon.process.errorTail)") {
            guard world.daemon.isRunning else {
                throw FixtureError("the daemon ended by itself: \(world.daemon.process.errorTail)")
            }
            guard let status = try? await world.daemon.status() else { return false }
            return status["processID"]?.double == Double(world.daemon.process.processID)
        }
    }

    /// The daemon stands still while `body` does something.
    mutating func paused(_ milliseconds: ClosedRange<Int>, _ body: () throws -> Void) async throws {
        world.daemon.process.signal(SIGSTOP)
        try await waitUntil("the daemon stands still") { try world.isPaused() }
        let result = Result { try body() }
        try await pause(milliseconds)
        world.daemon.process.signal(SIGCONT)
        try result.get()
    }

    /// More events than inotify's queue holds (16,384) come while nobody takes them, and logs are rotated meanwhile.
    private mutating func flood() async throws {
        let directory = world.directory.path("flood")
        try await paused(0...200) {
            for number in 0..<5000 {
                let path = "\(directory)/\(number).tmp"
                close(try retryingInterrupts("open", path) { open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o644) })
                unlink(path)
            }
        }
    }

    private mutating func reload() async throws {
        try await started()
        variant += 1
        try world.configure(variant: variant)
        world.daemon.reload()
    }

    private mutating func reloadBadly() async throws {
        try await started()
        try world.misconfigure()
        world.daemon.reload()
        try await waitUntil("the refusal; \(world.daemon.process.errorTail)") {
            world.daemon.process.standardError.contains("the new configuration is not applied")
        }
        try world.configure(variant: variant)
    }

    private mutating func setClock() throws {
        clockOffset = random.once(in: 3) ? 0 : random.number(-90_000...90_000)
        try world.clock.set(seconds: clockOffset)
    }

    private func elapsedText(since start: Int64) -> String {
        let tenths = (Clock.monotonic() - start) / (100 * nanosecondsPerMillisecond)
        return "\(tenths / 10).\(tenths % 10)"
    }
}

extension TortureWorld {
    /// True when every thread of the daemon was stopped by a signal (proc(5), state T).
    func isPaused() throws -> Bool {
        let text = String(decoding: try readWholeFile("/proc/\(daemon.process.processID)/stat"), as: UTF8.self)
        return text.split(separator: ")").last?.hasPrefix(" T") == true
    }
}
