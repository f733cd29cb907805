// A container's output in the engine: lines that a rotation cuts, and ends that never come.
import Core
import Engine
import FileSource
import Glibc
import LinuxIO
import Pipeline
import Resolver
import TestSupport
import Testing

@Suite(.serialized) struct OutputTests {
    private let fixture: EngineFixture

    init() throws {
        fixture = try EngineFixture()
        try fixture.directory.makeDirectory("logs")
    }

    /// A container whose runtime writes `logs/0.log` in CRI's form.
    private func container(_ id: String, isRunning: Bool = true) -> EngineContainer {
        let directory = Array(fixture.directory.path("logs").utf8)
        let log = Array(fixture.directory.path("logs/0.log").utf8)
        let files = FileDeclaration(
            name: "out", container: id, patterns: [FileSource.PathPattern(rotationsOf: log)], route: "logs", log: log)
        return EngineContainer(
            id: id, stored: Array("stored of \(id)".utf8),
            members: renderMembers([("container.id", Array(id.utf8))]), layout: ContainerLayout(container: id),
            logs: ContainerLayout(
                container: id, mounts: [.init(kind: .volume, destination: directory, source: directory)]),
            declarations: [
                EngineDeclaration(
                    files: files, topic: "logs", members: renderMembers([("log.declaration", Array("out".utf8))]),
                    format: .cri)
            ], isRunning: isRunning)
    }

    private func entry(_ text: String, _ tag: String = "F", _ stream: String = "stdout") -> String {
        "2026-11-29T08:00:00Z \(stream) \(tag) \(text)\n"
    }

    private func closed(_ engine: Engine, count: Int) async throws -> [RecordFields] {
        try await fixture.waitForStatus(engine, "the audit events are delivered") { $0.store.outboxEvents == 0 }
        return try await fixture.records("audit", count: count).filter { $0.string("event") == "generation_closed" }
    }

    @Test func aLineThatARotationCutIsOneRecordOfTheNextGeneration() async throws {
        try fixture.directory.write(entry("one") + entry("hal", "P") + entry("e", "F", "stderr"), to: "logs/0.log")
        let engine = try fixture.start(fixture.containerOptions())
        engine.attach(container("c1"))
        _ = try await fixture.records(count: 2)
        #expect(rename(fixture.directory.path("logs/0.log"), fixture.directory.path("logs/0.log.1")) == 0)
        try fixture.directory.write(entry("f") + entry("two"), to: "logs/0.log")
        let records = try await fixture.records(count: 4)
        #expect(records.map(\.message) == ["one", "e", "half", "two"])
        #expect(Set(records.map(\.streamID)).count == 1)
        let former = try #require(records[2]["log.record.former"]?.array?.first)
        #expect(former["log.file.id"]?.string == records[0].fileID)
        let first = UInt64(entry("one").utf8.count)
        #expect(former["parts"]?.array?.first?.array?.map(\.uint64) == [first, UInt64(entry("hal").utf8.count)])
        engine.attach(container("c1", isRunning: false))
        try await fixture.waitUntilNothingIsOpen(engine)
        let events = try await closed(engine, count: 4)
        #expect(events.allSatisfy { $0.uint64("gap_bytes") == 0 && $0.uint64("size") == $0.uint64("acknowledged") })
        _ = await fixture.stop(engine)
    }

    @Test func aHalfWrittenEntryAtTheEndOfARotatedLogIsShippedToo() async throws {
        // As a crash of the runtime leaves it: the last entry has no newline, and the next file is there already.
        let torn = "2026-11-29T08:00:00Z stderr F torn"
        try fixture.directory.write(entry("hal", "P") + torn, to: "logs/0.log.1")
        try fixture.directory.write(entry("f"), to: "logs/0.log")
        let engine = try fixture.start(fixture.containerOptions())
        engine.attach(container("c1", isRunning: false))
        let records = try await fixture.records(count: 2)
        #expect(Set(records.map { $0.message ?? "" }) == ["torn", "half"])
        try await fixture.waitUntilNothingIsOpen(engine)
        let events = try await closed(engine, count: 4)
        #expect(events.count == 2)
        #expect(events.allSatisfy { $0.uint64("gap_bytes") == 0 && $0.uint64("size") == $0.uint64("acknowledged") })
        _ = await fixture.stop(engine)
    }

    @Test func whatNeverEndsIsShippedWhenTheContainerIsOver() async throws {
        try fixture.directory.write(entry("half", "P") + entry("e", "F", "stderr"), to: "logs/0.log")
        let engine = try fixture.start(fixture.containerOptions())
        engine.attach(container("c1"))
        #expect(try await fixture.records(count: 1).map(\.message) == ["e"])
        engine.attach(container("c1", isRunning: false))
        let records = try await fixture.records(count: 2)
        #expect(records.map(\.message) == ["e", "half"])
        #expect(records[1]["log.unterminated"]?.bool == true)
        try await fixture.waitUntilNothingIsOpen(engine)
        _ = await fixture.stop(engine)
    }
}
