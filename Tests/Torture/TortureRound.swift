// One round from its seed to its verdict.
import Core
import Glibc
import LinuxIO
import TestSupport
import Testing

/// Runs one story: writers, containers and chaos at once, then everything is mended and must arrive.
struct TortureRound {
    let story: TortureStory
    /// Made once for all rounds; nil: without containers.
    let engine: DockerEngine?

    /// The verdict; throws, with the evidence kept, when the daemon or the harness failed.
    func play() async throws -> (verdict: TortureVerdict, figures: String) {
        let world = try await TortureWorld(story, engine: engine)
        let streams = try world.streams()
        try world.daemon.launch()
        let writer = try TortureWriter(story, streams, world.arrivals)
        var chaos = TortureChaos(world, writer)
        let evidence = TortureEvidence(world)
        do {
            let containers = try TortureContainers(world)
            async let hosted: Void = containers.run()
            try await chaos.run()
            try await hosted
            let written = try await onOwnThread("test-stop") { try writer.stop() }
            try await settle(world, chaos)
            var verdict = judge(world, written, containers, chaos)
            let losses = world.arrivals.snapshot.stateLosses
            verdict.isOrderPromised = story.descriptors == nil && losses == 0 && !story.losesEvents
            verdict.wrong += world.problems
            if losses > 0, !story.damagesStore { verdict.wrong.append("state was lost, and nobody had damaged it") }
            let (findings, report) = try await VerifyRun(world).findings()
            verdict.wrong += findings
            if !verdict.isGood {
                try evidence.keep(verdict, chaos.actions, since: chaos.start)
                try evidence.put(Array(report.utf8), "verify.json")
            }
            return (verdict, figures(chaos, containers, world))
        } catch {
            try evidence.keep("\(error)", chaos.actions)
            throw error
        }
    }

    /// Waits until the daemon has shipped and announced all there is, twice with a restart between, which must change
    /// nothing.
    private func settle(_ world: TortureWorld, _ chaos: TortureChaos) async throws {
        try world.configure(variant: 0)
        for _ in 0..<2 {
            try await chaos.started()
            try await waitForQuiet(world)
            #expect(try await world.daemon.terminate() == .exited(0), "\(world.daemon.process.errorTail)")
            try world.daemon.launch()
        }
        try await chaos.started()
        try await waitForQuiet(world)
        try await world.daemon.terminate()
    }

    /// Everything is read, acknowledged and stored, and no announcement waits; for long enough that a slow look at
    /// directories would have found more. A topic that is taken apart to find a refused record is slow: what counts is
    /// that it goes on.
    private func waitForQuiet(_ world: TortureWorld) async throws {
        var (since, progress) = (Clock.monotonic(), Clock.monotonic())
        var last = Amounts()
        var waiting: [String] = []
        try await waitUntil(
            timeout: .seconds(600), "everything shipped: \(last), \(waiting); \(world.daemon.process.errorTail)"
        ) {
            let status = try await world.daemon.status()
            let amounts = Amounts(status)
            waiting = (status["sources"]?.array ?? []).filter { ["waiting", "parked"].contains($0["state"]?.string) }
                .map { "\($0["path"]?.string ?? ""): \($0["state"]?.string ?? ""), \($0["reason"]?.string ?? "")" }
            let now = Clock.monotonic()
            if amounts != last { progress = now }
            if amounts.size != last.size || !amounts.isQuiet || !waiting.isEmpty { since = now }
            last = amounts
            if now - progress > TortureRound.patience, !amounts.isQuiet || !waiting.isEmpty {
                throw FixtureError("no progress: \(amounts), \(waiting.prefix(5)); \(world.daemon.process.errorTail)")
            }
            return now - since > 2 * nanosecondsPerSecond
        }
    }

    /// What the daemon says of itself as a whole.
    private struct Amounts: Equatable {
        var size: UInt64 = 0
        var unread: UInt64 = 1
        var inFlight: UInt64 = 0
        var acknowledged: UInt64 = 0
        var events: UInt64 = 0
        var isBehind = false
        var isQuiet: Bool { unread == 0 && inFlight == 0 && events == 0 && !isBehind }

        init() {}
        init(_ status: JSONValue) {
            let (totals, store) = (status["totals"], status["store"])
            size = totals?["size"]?.uint64 ?? 0
            unread = totals?["unread"]?.uint64 ?? 1
            inFlight = totals?["inFlight"]?.uint64 ?? 1
            acknowledged = totals?["acknowledged"]?.uint64 ?? 0
            events = store?["outboxEvents"]?.uint64 ?? 1
            isBehind = store?["isBehind"]?.bool ?? true
        }
    }

    /// Without any change for so long, the daemon is stuck.
    private static let patience: Int64 = 60 * nanosecondsPerSecond

    private func judge(
        _ world: TortureWorld, _ written: [TortureStream], _ containers: TortureContainers, _ chaos: TortureChaos
    ) -> TortureVerdict {
        var lines: [UInt32: [WrittenLine]] = [:]
        var places: [UInt32: String] = [:]
        for stream in written {
            lines[stream.number] = stream.lines
            places[stream.number] = stream.path
        }
        for container in containers.finished {
            lines[container.number] = container.lines
            places[container.number] = container.id
        }
        // What nobody looks for without the store: files that left their pattern, and containers that were removed.
        let leaving =
            written.filter { $0.rotation == .renameOut || $0.rotation == .compress }.map(\.number)
            + containers.finished.map(\.number)
        var judge = TortureJudge(
            lines, places: places, leaving: Set(leaving), world.arrivals.snapshot, since: chaos.start)
        return judge.verdict()
    }

    private func figures(_ chaos: TortureChaos, _ containers: TortureContainers, _ world: TortureWorld) -> String {
        let done = chaos.counts.sorted { $0.key < $1.key }.map { "\($0.value) × \($0.key)" }.joined(separator: ", ")
        let gaps = Dictionary(grouping: world.arrivals.snapshot.gaps, by: \.reason).mapValues(\.count)
        return "\(done); \(containers.finished.count) containers, \(chaos.damagedCopies) damaged copies of the store, "
            + "gap events \(gaps.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", "))"
    }
}
