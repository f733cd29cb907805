// Containers whose volume is a network file system: drained, let go, and announced where it does not answer.
import Core
import Engine
import Glibc
import TestSupport
import Testing

@Suite(.serialized, .enabled(if: FuseMount.isAvailable, "mounting FUSE needs root and /dev/fuse"))
struct NetworkVolumeTests {
    private let fixture: EngineFixture
    private let mount: FuseMount

    init() throws {
        fixture = try EngineFixture()
        mount = try FuseMount.start(in: fixture.directory, name: "volume")
    }

    @Test func aStoppedContainerIsDrainedLetGoAndItsVolumeCanBeUnmounted() async throws {
        try mount.write("a.log", Array("one\n".utf8))
        let engine = try fixture.start(fixture.containerOptions())
        engine.attach(fixture.container("c1"))
        try await fixture.waitForStatus(engine, "one line acknowledged") { $0.totals.acknowledged == 4 }
        try mount.write("a.log", Array("two\n".utf8))
        try mount.write("b.log", Array("late\n".utf8))
        engine.remove(container: "c1")
        let records = try await fixture.records(count: 3)
        #expect(records.map { $0.message ?? "" }.sorted() == ["late", "one", "two"])
        try await fixture.waitUntilNothingIsOpen(engine)
        try await waitUntil(timeout: .seconds(3), "the volume to be unmounted") { umount2(mount.path, 0) == 0 }
        #expect(await fixture.stop(engine).failure == nil)
    }

    @Test func aContainerThatIsRemovedWhileItsVolumeHangsIsLetGoAndAnnounced() async throws {
        let engine = try fixture.start(fixture.containerOptions())
        try mount.hang(.all)
        engine.attach(fixture.container("c1"))
        try await waitUntil("a request to hang") { try mount.held > 0 }
        engine.remove(container: "c1")
        try await fixture.waitUntilNothingIsOpen(engine)
        let events = try await fixture.records("audit", count: 1)
        #expect(events.map { $0.string("event") } == ["gap"] && events[0].string("container.id") == "c1")
        #expect(await fixture.stop(engine).failure == nil, "it waits for nobody")
        try mount.release()
    }
}
