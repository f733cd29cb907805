// Containers in the engine: attached, drained when they stop, let go, and forgotten when they are removed.
import Core
import Engine
import FileSource
import Glibc
import LinuxIO
import Pipeline
import Resolver
import TestSupport
import Testing

extension EngineFixture {
    /// A container that declares `/data/*.log`, on a bind mount of `source` below the fixture's directory.
    func container(
        _ id: String, source: String = "volume", topic: String = "logs", isRunning: Bool = true,
        layers: [String] = [], pattern: String = "/data/*.log"
    ) -> EngineContainer {
        let mount = ContainerLayout.Mount(
            kind: .bind, destination: Array("/data".utf8), source: Array(directory.path(source).utf8))
        let files = FileDeclaration(
            name: "app", container: id, patterns: [FileSource.PathPattern(pattern)], route: topic)
        return EngineContainer(
            id: id, stored: Array("stored of \(id)".utf8),
            members: renderMembers([("container.id", Array(id.utf8))]),
            layout: ContainerLayout(
                container: id, mounts: layers.isEmpty ? [mount] : [],
                layers: layers.map { Array(directory.path($0).utf8) }),
            declarations: [
                EngineDeclaration(
                    files: files, topic: topic, members: renderMembers([("log.declaration", Array("app".utf8))]))
            ], isRunning: isRunning)
    }

    func containerOptions(_ change: (inout EngineOptions) -> Void = { _ in }) -> EngineOptions {
        options {
            $0.declarations = []
            change(&$0)
        }
    }

    func waitUntilNothingIsOpen(_ engine: Engine) async throws {
        try await waitForStatus(engine, "everything is let go") {
            $0.sources.isEmpty && $0.watching.directories == 0 && $0.watching.watches == 0 && $0.store.outboxEvents == 0
        }
    }
}

@Suite(.serialized) struct ContainerTests {
    private let fixture: EngineFixture

    init() throws {
        fixture = try EngineFixture()
        try fixture.directory.makeDirectory("volume")
    }

    @Test func aStoppedContainerIsDrainedToItsLastByteAndStartsAgainWhereItEnded() async throws {
        try fixture.directory.write("one\n", to: "volume/a.log")
        let engine = try fixture.start(fixture.containerOptions())
        engine.attach(fixture.container("c1"))
        try await fixture.waitForStatus(engine, "one line acknowledged") { $0.totals.acknowledged == 4 }
        try fixture.directory.append("two\nunfinished", to: "volume/a.log")
        try fixture.directory.write("late\n", to: "volume/b.log")
        engine.attach(fixture.container("c1", isRunning: false))
        try await fixture.waitUntilNothingIsOpen(engine)
        try fixture.directory.append(" line\n", to: "volume/a.log")
        engine.attach(fixture.container("c1"))
        let records = try await fixture.records(count: 5)
        #expect(records.map { $0.message ?? "" }.sorted() == [" line", "late", "one", "two", "unfinished"])
        #expect(records.allSatisfy { $0.string("container.id") == "c1" && $0.string("log.declaration") == "app" })
        #expect(Set(records.map(\.fileID)).count == 2)
        let one = try #require(records.first { $0.message == "one" })
        #expect(one.string("log.file.path") == "/data/a.log")
        #expect(one.string("log.file.path_resolved") == fixture.directory.path("volume/a.log"))
        try await fixture.waitForStatus(engine, "the audit events are delivered") { $0.store.outboxEvents == 0 }
        _ = await fixture.stop(engine)
        let events = try await fixture.records("audit", count: 6)
        #expect(events.filter { $0.string("event") == "gap" }.isEmpty)
        #expect(events.allSatisfy { $0.string("container.id") == "c1" })
    }

    @Test func aRemovedContainerIsForgottenAndItsVolumeIsContinuedByTheNext() async throws {
        try fixture.directory.write("one\n", to: "volume/a.log")
        let first = try fixture.start(fixture.containerOptions())
        first.attach(fixture.container("c1"))
        try await fixture.waitForStatus(first, "one line acknowledged") { $0.totals.acknowledged == 4 }
        first.remove(container: "c1")
        try await fixture.waitUntilNothingIsOpen(first)
        _ = await fixture.stop(first)
        let second = try fixture.start(fixture.containerOptions())
        #expect(second.storedContainers.isEmpty)
        try fixture.directory.append("two\n", to: "volume/a.log")
        second.attach(fixture.container("c2"))
        let records = try await fixture.records(count: 2)
        #expect(records.map(\.message) == ["one", "two"] && records.map(\.offset) == [0, 4])
        #expect(records.map { $0.string("container.id") } == ["c1", "c2"])
        _ = await fixture.stop(second)
    }

    @Test func aContainerOfTheLastRunIsKeptUntilItIsSaidToBeGone() async throws {
        try fixture.directory.write("one\n", to: "volume/a.log")
        let first = try fixture.start(fixture.containerOptions())
        first.attach(fixture.container("c1"))
        try await fixture.waitForStatus(first, "one line acknowledged") { $0.totals.acknowledged == 4 }
        _ = await fixture.stop(first)
        try fixture.directory.append("two\n", to: "volume/a.log")
        let second = try fixture.start(fixture.containerOptions())
        #expect(second.storedContainers.map(\.id) == ["c1"])
        #expect(second.storedContainers.map(\.stored) == [Array("stored of c1".utf8)])
        second.attach(fixture.container("c1", isRunning: false))
        second.remove(container: "c1")
        let records = try await fixture.records(count: 2)
        #expect(records.map(\.message) == ["one", "two"])
        try await fixture.waitUntilNothingIsOpen(second)
        _ = await fixture.stop(second)
        let third = try fixture.start(fixture.containerOptions())
        #expect(third.storedContainers.isEmpty)
        _ = await fixture.stop(third)
    }

    @Test func aRootFileSystemThatWasRemovedBeforeTheLastLookIsAnnounced() async throws {
        try fixture.directory.makeDirectory("upper")
        let engine = try fixture.start(fixture.containerOptions())
        let container = fixture.container("c1", layers: ["upper"], pattern: "/app.log")
        engine.attach(container)
        _ = await engine.waitUntilRunning()
        fixture.directory.removeEmptyDirectory("upper")
        engine.remove(container: "c1")
        let events = try await fixture.records("audit", count: 1)
        #expect(events[0].string("event") == "gap" && events[0].string("container.id") == "c1")
        #expect(events[0].string("log.declaration") == "app" && events[0]["to"] == .null)
        _ = await fixture.stop(engine)
    }

    @Test func theSummaryForMetricsTellsWhichDeclarationAFileBelongsTo() async throws {
        try fixture.directory.write("one\n", to: "volume/a.log")
        let engine = try fixture.start(fixture.containerOptions())
        engine.attach(fixture.container("c1"))
        try await fixture.waitForStatus(engine, "one line acknowledged") { $0.totals.acknowledged == 4 }
        let source = try #require(await engine.status(.summary)?.sources.first)
        #expect(source.container == "c1" && source.declaration == "app" && source.path.isEmpty)
        _ = await fixture.stop(engine)
    }

    @Test func aVolumeOfTwoContainersIsOneSourceWithTheIdsOfBoth() async throws {
        try fixture.directory.write("one\n", to: "volume/a.log")
        let engine = try fixture.start(fixture.containerOptions())
        engine.attach(fixture.container("c1"))
        engine.attach(fixture.container("c2"))
        try await fixture.waitForStatus(engine, "one line acknowledged") { $0.totals.acknowledged == 4 }
        try fixture.directory.append("two\n", to: "volume/a.log")
        try await fixture.waitForStatus(engine, "two lines acknowledged") { $0.totals.acknowledged == 8 }
        let shared = try #require(await engine.status(.summary)?.sources.first)
        #expect(
            shared.resolvedPath != nil && !shared.topic.isEmpty, "metrics count both their declarations by its place")
        engine.remove(container: "c1")
        try await fixture.waitForStatus(engine, "the first is let go") { $0.sources.first?.container == "c2" }
        try fixture.directory.append("three\n", to: "volume/a.log")
        let records = try await fixture.records(count: 3)
        #expect(records.map(\.message) == ["one", "two", "three"] && Set(records.map(\.fileID)).count == 1)
        #expect(records[1]["container.ids"] == .array([.string("c1"), .string("c2")]))
        #expect(records[2].string("container.id") == "c2" && records[2]["container.ids"] == nil)
        _ = await fixture.stop(engine)
    }

    @Test func aVolumeOfItsOwnMountCanBeUnmountedAfterTheContainersDeath() async throws {
        let mount = try TemporaryMount(on: fixture.directory.path("volume"), bytes: 8 << 20)
        let engine = try fixture.start(fixture.containerOptions())
        try fixture.directory.write("one\n", to: "volume/a.log")
        engine.attach(fixture.container("c1"))
        try await fixture.waitForStatus(engine, "one line acknowledged") { $0.totals.acknowledged == 4 }
        // Longer than what can be in flight: the rest is unread while no broker answers.
        try fixture.cluster.setDown()
        try fixture.directory.append(numbered(200_000), to: "volume/a.log")
        try await fixture.waitForStatus(engine, "a backlog") { $0.totals.inFlight > 0 && $0.totals.unread > 0 }
        engine.attach(fixture.container("c1", isRunning: false))
        let died = Clock.monotonic()
        try await waitUntil(timeout: .seconds(10), "the volume is unmounted") { umount2(mount.path, 0) == 0 }
        let seconds = Double(Clock.monotonic() - died) / 1e9
        print("unmounted \(seconds) s after the death of the container")
        #expect(seconds < 3)
        try fixture.cluster.setUp()
        try await fixture.waitForStatus(engine, "the rest is announced", timeout: .seconds(60)) {
            $0.sources.isEmpty && $0.counters.gapBytes["unmounted", default: 0] > 0 && $0.store.outboxEvents == 0
        }
        _ = await fixture.stop(engine)
        let gap = try #require(
            try await fixture.records("audit", count: 3).first { $0.string("event") == "gap" })
        #expect(gap.string("reason") == "unmounted" && gap.uint64("to") == 4 + UInt64(numbered(200_000).utf8.count))
    }

    @Test func aRemovedContainersFilesAreHeldNoLongerThanTheOperatorAllows() async throws {
        try fixture.directory.makeDirectory("upper")
        let engine = try fixture.start(fixture.containerOptions { $0.deletedFileHold = 2 * nanosecondsPerSecond })
        try fixture.directory.write("one\n", to: "upper/app.log")
        engine.attach(fixture.container("c1", layers: ["upper"], pattern: "/app.log"))
        try await fixture.waitForStatus(engine, "one line acknowledged") { $0.totals.acknowledged == 4 }
        try fixture.cluster.setDown()
        try fixture.directory.append(numbered(200_000), to: "upper/app.log")
        try await fixture.waitForStatus(engine, "a backlog") { $0.totals.inFlight > 0 && $0.totals.unread > 0 }
        // As docker rm does.
        let path = fixture.directory.path("upper/app.log")
        unlink(path)
        fixture.directory.removeEmptyDirectory("upper")
        engine.remove(container: "c1")
        #expect(openPaths().contains("\(path) (deleted)"), "it is drained, as far as it can be")
        try await waitUntil(timeout: .seconds(20), "the deleted file is let go") {
            !openPaths().contains("\(path) (deleted)")
        }
        try fixture.cluster.setUp()
        try await fixture.waitForStatus(engine, "the rest is announced", timeout: .seconds(60)) {
            $0.sources.isEmpty && $0.counters.gapBytes["deleted", default: 0] > 0 && $0.store.outboxEvents == 0
        }
        _ = await fixture.stop(engine)
        let gap = try #require(try await fixture.records("audit", count: 3).first { $0.string("event") == "gap" })
        #expect(gap.string("reason") == "deleted" && gap.uint64("to") == 4 + UInt64(numbered(200_000).utf8.count))
    }

    /// What the descriptors of this process lead to.
    private func openPaths() -> [String] {
        var found: [String] = []
        try? FileSystem.forEachEntry(in: Array("/proc/self/fd".utf8)) { name, _, _ in
            var target = [CChar](repeating: 0, count: Int(PATH_MAX))
            let count = readlink("/proc/self/fd/" + String(decoding: name, as: UTF8.self), &target, target.count)
            if count > 0 {
                found.append(String(decoding: target[..<count].map(UInt8.init(bitPattern:)), as: UTF8.self))
            }
            return true
        }
        return found
    }

    private func numbered(_ count: Int) -> String { (0..<count).map { "line \($0)\n" }.joined() }
}

extension TemporaryDirectory {
    fileprivate func removeEmptyDirectory(_ name: String) { precondition(rmdir(path(name)) == 0, "rmdir \(name)") }
}
