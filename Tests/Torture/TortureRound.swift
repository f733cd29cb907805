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
            verdict.wrong += world.problems
            if !verdict.isGood { try evidence.keep(verdict, chaos.actions) }
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
    /// directories would have found more.
    private func waitForQuiet(_ world: TortureWorld) async throws {
        var since = Clock.monotonic()
        var seen = ""
        var size: UInt64?
        try await waitUntil(
            timeout: .seconds(90), "everything shipped: \(seen); \(world.daemon.process.errorTail)"
        ) {
            let status = try await world.daemon.status()
            let totals = status["totals"]
            let isQuiet =
                totals?["unread"]?.uint64 == 0 && totals?["inFlight"]?.uint64 == 0
                && status["store"]?["isBehind"]?.bool == false && status["store"]?["outboxEvents"]?.uint64 == 0
            let waiting = (status["sources"]?.array ?? []).filter {
                ["waiting", "parked"].contains($0["state"]?.string)
            }
            let now = "\(totals ?? .null) \(status["store"] ?? .null), \(waiting.prefix(3))"
            if totals?["size"]?.uint64 != size || !isQuiet || !waiting.isEmpty { since = Clock.monotonic() }
            seen = now
            size = totals?["size"]?.uint64
            return Clock.monotonic() - since > 2 * nanosecondsPerSecond
        }
    }

    private func judge(
        _ world: TortureWorld, _ written: [TortureStream], _ containers: TortureContainers, _ chaos: TortureChaos
    ) -> TortureVerdict {
        var lines: [UInt32: [WrittenLine]] = [:]
        var paths: [UInt32: String] = [:]
        for stream in written {
            lines[stream.number] = stream.lines
            paths[stream.number] = stream.path
        }
        for container in containers.finished { lines[container.number] = container.lines }
        var judge = TortureJudge(lines, paths: paths, world.arrivals.snapshot, since: chaos.start)
        return judge.verdict()
    }

    private func figures(_ chaos: TortureChaos, _ containers: TortureContainers, _ world: TortureWorld) -> String {
        let done = chaos.counts.sorted { $0.key < $1.key }.map { "\($0.value) × \($0.key)" }.joined(separator: ", ")
        let gaps = Dictionary(grouping: world.arrivals.snapshot.gaps, by: \.reason).mapValues(\.count)
        return "\(done); \(containers.finished.count) containers, \(chaos.damagedCopies) damaged copies of the store, "
            + "gap events \(gaps.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", "))"
    }
}
