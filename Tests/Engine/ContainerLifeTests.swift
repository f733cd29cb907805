// Containers that come and go while others have the same files, and what the store keeps of them.
import Checkpoint
import Core
import Engine
import Glibc
import TestSupport
import Testing

@Suite(.serialized) struct ContainerLifeTests {
    private let fixture: EngineFixture

    init() throws {
        fixture = try EngineFixture()
        try fixture.directory.makeDirectory("volume")
    }

    @Test func aFileThatTheNextContainerWritesIsNotLetGoWithTheFormerOne() async throws {
        try fixture.directory.write("one\n", to: "volume/a.log")
        let engine = try fixture.start(fixture.containerOptions())
        engine.attach(fixture.container("c1"))
        try await fixture.waitForStatus(engine, "one line acknowledged") { $0.totals.acknowledged == 4 }
        // Draining takes as long as no broker answers; meanwhile the next one begins with the same volume.
        try fixture.cluster.setDown()
        try fixture.directory.append("two\n", to: "volume/a.log")
        try await fixture.waitForStatus(engine, "a line in flight") { $0.totals.inFlight > 0 }
        engine.attach(fixture.container("c1", isRunning: false))
        engine.attach(fixture.container("c2"))
        _ = await engine.status()
        try fixture.cluster.setUp()
        try await fixture.waitForStatus(engine, "two lines acknowledged", timeout: .seconds(60)) {
            $0.totals.acknowledged == 8 || $0.sources.isEmpty
        }
        try await fixture.waitForStatus(engine, "the first is let go") { $0.sources.first?.container != "c1" }
        try fixture.directory.append("three\n", to: "volume/a.log")
        try await fixture.waitForStatus(engine, "the next one's line is acknowledged", timeout: .seconds(10)) {
            $0.sources.first?.ledger.acknowledged == 14
        }
        #expect(await engine.status()?.sources.map(\.container) == ["c2"])
        _ = await fixture.stop(engine)
    }

    @Test func aSourceThatGoesOnBeforeItsReleaseIsStoredIsNotStoredAsReleased() async throws {
        try fixture.directory.write("one\n", to: "volume/a.log")
        let options = fixture.containerOptions { $0.checkpointInterval = 20 * nanosecondsPerSecond }
        let engine = try fixture.start(options)
        engine.attach(fixture.container("c1"))
        try await fixture.waitForStatus(engine, "one line acknowledged") { $0.totals.acknowledged == 4 }
        engine.attach(fixture.container("c1", isRunning: false))
        try await fixture.waitForStatus(engine, "it is let go") { $0.sources.isEmpty }
        engine.attach(fixture.container("c1"))
        try await fixture.waitForStatus(engine, "it is followed again") { !$0.sources.isEmpty }
        _ = await fixture.stop(engine)
        let (store, state) = try Store.open(options.store)
        store.close()
        #expect(state.generations.map(\.detached) == [0])
    }

    @Test func aContainerOfTheStoreThatIsNeverAttachedLeavesNothingUnsaid() async throws {
        try fixture.directory.write("one\n", to: "volume/a.log")
        let options = fixture.containerOptions()
        let first = try fixture.start(options)
        first.attach(fixture.container("c1"))
        try await fixture.waitForStatus(first, "one line acknowledged") { $0.totals.acknowledged == 4 }
        _ = await fixture.stop(first)
        let second = try fixture.start(options)
        second.remove(container: "c1")
        try await fixture.waitForStatus(second, "the loss is announced and stored") {
            $0.counters.gapBytes["deleted"] != nil && $0.store.outboxEvents == 0
        }
        _ = await fixture.stop(second)
        let (store, state) = try Store.open(options.store)
        store.close()
        #expect(state.generations.isEmpty && state.containers.isEmpty)
    }
}
