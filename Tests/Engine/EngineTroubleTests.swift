// The engine in trouble: refused records, stuck topics, full disks; nothing is lost silently and nothing spins.
import Checkpoint
import Core
import FileSource
import Glibc
import KafkaSink
import LinuxIO
import Logging
import Testing
import TestSupport

@testable import Engine

@Suite(.serialized, .ownThread) struct EngineTroubleTests {
    /// Options whose every record is larger than the client takes: it refuses them at once, before any broker.
    private func tooLarge(_ fixture: EngineFixture) -> EngineOptions {
        fixture.options {
            $0.kafka.passthrough = [(key: "message.max.bytes", value: "1000")]
            $0.declarations[0].members += Array(",\"filler\":\"\(String(repeating: "f", count: 2_000))\"".utf8)
        }
    }

    @Test func recordsThatTheClientRefusesAtOnceBecomeGapsAndAreNotSkipped() async throws {
        let fixture = try EngineFixture()
        defer { fixture.directory.remove() }
        let lines = (0..<1_500).map { "line \($0)\n" }.joined()
        try fixture.directory.write(lines, to: "logs/a.log")
        let engine = try fixture.start(tooLarge(fixture))
        try await fixture.waitForStatus(engine, "everything is settled") {
            $0.totals.size == UInt64(lines.utf8.count) && $0.totals.unread == 0 && $0.totals.inFlight == 0
        }
        let report = try #require(await engine.status())
        #expect(report.totals.skipped == 0)
        #expect(report.totals.gap == UInt64(lines.utf8.count))
        _ = await fixture.stop(engine)
    }

    @Test func theRestOfADeletedFileThatIsRefusedAtOnceIsAGap() async throws {
        let fixture = try EngineFixture()
        defer { fixture.directory.remove() }
        try fixture.directory.write(String(repeating: "x", count: 1_000), to: "logs/a.log")
        let engine = try fixture.start(tooLarge(fixture))
        try await fixture.waitForStatus(engine, "read, waiting for its newline") {
            $0.sources.first?.state == "idle" && $0.totals.unread == 1_000
        }
        _ = try await run("/bin/rm", [fixture.directory.path("logs/a.log")])
        try await fixture.waitForStatus(engine, "closed and announced") {
            $0.sources.isEmpty && $0.store.outboxEvents == 0
        }
        let report = try #require(await engine.status())
        #expect(report.counters.gapBytes.values.reduce(0, +) == 1_000)
        _ = await fixture.stop(engine)
    }

    @Test func aStuckTopicLeavesMemoryToOthers() async throws {
        let fixture = try EngineFixture(brokers: 2)
        defer { fixture.directory.remove() }
        for (topic, broker) in [("stuck", Int32(2)), ("well", 1)] {
            try fixture.cluster.createTopic(topic, partitions: 1, replication: 2)
            try fixture.cluster.setLeader(topic, partition: 0, broker: broker)
        }
        try fixture.directory.write("first\n", to: "logs/stuck.log")
        let engine = try fixture.start(
            fixture.options {
                $0.memoryLimit = 8 << 20
                $0.auditTopic = nil
                $0.declarations = [
                    fixture.declaration("a", "logs/stuck.log", topic: "stuck"),
                    fixture.declaration("b", "logs/well.log", topic: "well"),
                ]
            })
        try await fixture.waitForStatus(engine, "the topic works at first") { $0.totals.acknowledged == 6 }
        try fixture.cluster.setDown(broker: 2)
        let line = String(repeating: "y", count: 4_000) + "\n"
        try fixture.directory.append(String(repeating: line, count: 4_000), to: "logs/stuck.log")
        try await fixture.waitForStatus(engine, "the stuck topic's source is parked") { report in
            report.sources.contains { $0.topic == "stuck" && $0.state == "parked" }
        }
        try fixture.directory.write("one\ntwo\n", to: "logs/well.log")
        try await fixture.waitForStatus(engine, "the other topic ships", timeout: .seconds(10)) { report in
            report.sources.contains { $0.topic == "well" && $0.ledger.acknowledged == 8 }
        }
        let rate = try await wakeupsPerSecond(engine)
        #expect(rate < spinning, "\(rate) wake-ups a second with a stuck topic")
        try fixture.cluster.setUp(broker: 2)
        try await fixture.waitForStatus(engine, "everything is shipped in the end", timeout: .seconds(60)) {
            $0.totals.acknowledged == 6 + 8 + UInt64(line.utf8.count * 4_000)
        }
        _ = await fixture.stop(engine, drainSeconds: 1)
    }

    /// A pipeline loop that no thread runs, with logs/a.log found and its topic writable.
    private func withLoop(
        _ fixture: EngineFixture, _ content: String, _ body: (PipelineLoop) throws -> Void
    ) throws {
        try fixture.directory.write(content, to: "logs/a.log")
        let options = fixture.options()
        let (store, state) = try Store.open(options.store)
        defer { store.close() }
        let loop = try PipelineLoop(
            options, store: store, state: state, commands: CommandQueue(),
            logger: Logger(label: "engine", factory: { _ in SwiftLogNoOpLogHandler() }))
        defer { loop.producer.close() }
        loop.findFiles()
        while loop.producer.topics[0].state != .healthy {
            var ready = pollfd(fd: loop.producer.ready.raw, events: Int16(POLLIN), revents: 0)
            poll(&ready, 1, 10_000)
            loop.takeReports(Clock.monotonic())
        }
        try body(loop)
    }

    @Test func nothingIsReadBeforeItsGenerationIsDurable() throws {
        let fixture = try EngineFixture()
        defer { fixture.directory.remove() }
        try withLoop(fixture, "one\n") { loop in
            #expect(loop.tailer.isRegistering(0))
            // As a list that still holds the number of a slot's former source does.
            loop.turn(0)
            #expect(loop.ledger.reserved(0) == 0)
        }
    }

    @Test(arguments: [true, false])
    func whatTheStatusShowsIsAnnouncedWhenItIsCutOffBeforeItsTurn(isQueued: Bool) throws {
        let fixture = try EngineFixture()
        defer { fixture.directory.remove() }
        try withLoop(fixture, "one\n") { loop in
            loop.tailer.activate(0)
            loop.collectNews(Clock.monotonic())
            loop.serveReady(until: .max)
            #expect(loop.ledger.reserved(0) == 4)
            try fixture.directory.append("two\n", to: "logs/a.log")
            // Either it waits for its turn, or the event that tells of it was not taken yet.
            if isQueued {
                loop.tailer.handleEvents(now: Clock.monotonic())
                loop.collectNews(Clock.monotonic())
                #expect(loop.sources[0].scheduling == .queued)
            }
            #expect(loop.status(.full, Clock.monotonic()).sources.first?.ledger.size == 8)
            precondition(truncate(fixture.directory.path("logs/a.log"), 0) == 0)
            loop.collectNews(Clock.monotonic())
            loop.serveReady(until: .max)
            #expect(loop.ledger.reserved(0) == 8, "what was shown as unread is lost and not announced")
        }
    }

    @Test func aFileThatWasMovedBackBeforeItsLastTurnGoesOn() throws {
        let fixture = try EngineFixture()
        defer { fixture.directory.remove() }
        try withLoop(fixture, "unfinished") { loop in
            loop.tailer.activate(0)
            loop.sources[0].isFinal = true
            loop.turn(0)
            #expect(loop.ledger.reserved(0) == 0, "its last line waits for its end")
        }
    }

    /// _PURGE_QUEUE and _PURGE_INFLIGHT are librdkafka's words for the end of a client; UNKNOWN is a broker's failure.
    @Test(arguments: [(Int32(-152), false), (-151, false), (-1, true)])
    func recordsOfAnEndedProducerAreReadAgainWithoutParkingTheirTopic(error: Int32, parks: Bool) throws {
        let fixture = try EngineFixture()
        defer { fixture.directory.remove() }
        try withLoop(fixture, "one\n") { loop in
            // No other report comes.
            try fixture.cluster.setRoundTripTime(milliseconds: 60_000)
            loop.tailer.activate(0)
            loop.turn(0)
            try #require(loop.ledger.inFlight(0) == 1 && loop.ledger.reserved(0) == 4)
            let now = Clock.monotonic()
            withUnsafePointer(to: DeliveryReport(opaque: loop.opaques[0], error: error)) { report in
                loop.ledger.complete(UnsafeBufferPointer(start: report, count: 1), arenas: &loop.arenas, now: now)
            }
            loop.takeFailures(now)
            loop.settleRewinds(now)
            #expect(loop.ledger.reserved(0) == 0 && loop.ledger.inFlight(0) == 0)
            #expect((loop.producer.topics[0].state == .healthy) == !parks)
            #expect(loop.producer.topics[0].failed.isEmpty == !parks)
        }
    }

    @Test func theLastCheckpointKeepsDeclarationsAndTheirGenerationsTogether() throws {
        let fixture = try EngineFixture()
        defer { fixture.directory.remove() }
        try withLoop(fixture, "one\n") { $0.submitFinalCheckpoint() }
        let (store, state) = try Store.open(fixture.options().store)
        defer { store.close() }
        #expect(state.declarations == ["app"])
        #expect(state.generations.count == 1, "start: end of a known declaration is not applied again")
    }

    @Test func aFullStateDirectoryDoesNotMakeItSpinNorKeepDeletedFilesBeyondTheirTime() async throws {
        let fixture = try EngineFixture()
        defer { fixture.directory.remove() }
        let mount = try TemporaryMount(on: fixture.directory.makeDirectory("small"), bytes: 4 << 20)
        let engine = try fixture.start(
            fixture.options {
                $0.store.directory = fixture.directory.path("small/state")
                $0.deletedFileHold = 2 * nanosecondsPerSecond
            })
        try fixture.directory.write("one\n", to: "logs/a.log")
        try await fixture.waitForStatus(engine, "shipped") {
            $0.totals.acknowledged == 4 && $0.store.secondsSinceCheckpoint != nil
        }
        try mount.fill("ballast")
        for index in 0..<40 { try fixture.directory.write("never\n", to: "logs/new\(index).log") }
        try await fixture.waitForStatus(engine, "new files cannot be registered") {
            $0.store.lastError != nil && $0.sources.filter { $0.state == "registering" }.count > 0
        }
        let rate = try await wakeupsPerSecond(engine)
        #expect(rate < spinning, "\(rate) wake-ups a second on a full state directory")
        for index in 0..<40 { _ = try await run("/bin/rm", [fixture.directory.path("logs/new\(index).log")]) }
        try await fixture.waitForStatus(engine, "deleted files are let go", timeout: .seconds(10)) { report in
            !report.sources.contains { $0.deleted }
        }
        _ = try await run("/bin/rm", [mount.path + "/ballast"])
        try fixture.directory.append("two\n", to: "logs/a.log")
        try await fixture.waitForStatus(engine, "checkpoints work again") {
            $0.store.lastError == nil && $0.totals.acknowledged == 8
        }
        _ = await fixture.stop(engine)
        _ = mount
    }

    @Test func deletedFilesAndAParkedTopicDoNotMakeItSpin() async throws {
        let fixture = try EngineFixture()
        defer { fixture.directory.remove() }
        try fixture.cluster.createTopic("logs", partitions: 1)
        try fixture.directory.write("one\n", to: "logs/a.log")
        let engine = try fixture.start(fixture.options { $0.deletedFileHold = 3600 * nanosecondsPerSecond })
        try await fixture.waitForStatus(engine, "shipped") { $0.totals.acknowledged == 4 }
        fixture.cluster.pushRequestErrors(
            .produce, Array(repeating: .topicAuthorizationFailed, count: 1_000))
        try fixture.directory.append("two\n", to: "logs/a.log")
        try await fixture.waitForStatus(engine, "parked") { $0.kafka.topics[0].state == "parked" }
        _ = try await run("/bin/rm", [fixture.directory.path("logs/a.log")])
        try await fixture.waitForStatus(engine, "deleted, and held") { $0.sources.first?.deleted == true }
        let rate = try await wakeupsPerSecond(engine)
        #expect(rate < spinning, "\(rate) wake-ups a second with a parked topic and a deleted file")
        fixture.cluster.clearRequestErrors(.produce)
        try await fixture.waitForStatus(engine, "shipped after all", timeout: .seconds(60)) { $0.sources.isEmpty }
        #expect(try await fixture.records(count: 2).map(\.message) == ["one", "two"])
        _ = await fixture.stop(engine, drainSeconds: 1)
    }

    /// Timers and tries make about 20 wake-ups a second; a loop that spins makes thousands, also on a busy machine.
    private let spinning = 100.0

    /// Wake-ups of the pipeline thread while nothing is asked of it for 3 s, or longer where others have the cores.
    private func wakeupsPerSecond(_ engine: Engine) async throws -> Double {
        let before = try #require(await engine.status()).counters.wakeups
        let start = Clock.monotonic()
        // Time itself is measured here: there is no event to wait for.
        try await Task.sleep(for: .seconds(3))
        let after = try #require(await engine.status()).counters.wakeups
        return Double(after - before) / (Double(Clock.monotonic() - start) / Double(nanosecondsPerSecond))
    }
}
