// One file through two views: two mounts of a container, the host and a container, containers after each other.
import Core
import LinuxIO
import TestSupport
import Testing

@testable import FileSource

private func declared(_ paths: String..., by container: String, name: String = "app", route: String = "logs")
    -> FileDeclaration
{
    FileDeclaration(name: name, container: container, patterns: paths.map { PathPattern($0) }, route: route)
}

struct ViewTests {
    private let directory: TemporaryDirectory
    private var host: FileDeclaration { files(directory.path("volume/*.log"), name: "host") }

    init() throws {
        directory = try TemporaryDirectory()
        try directory.makeDirectory("volume")
        try directory.write("one\n", to: "volume/app.log")
    }

    private func add(_ text: String) throws { try directory.append(text, to: "volume/app.log") }

    private func rotate(_ text: String) throws {
        directory.rename("volume/app.log", "volume/app.log.1")
        try directory.write(text, to: "volume/app.log")
    }

    @discardableResult
    private func attach(_ engine: TestEngine, _ id: String, _ name: String = "app") -> [Int] {
        engine.follow(
            id, [declared("/\(id)/*.log", by: id, name: name)], mounts: ["/\(id)": directory.path("volume")])
    }

    @Test func twoMountsOfOneContainerAreOneSource() throws {
        let engine = try TestEngine([])
        func follow(_ engine: TestEngine, _ patterns: [String]) {
            engine.follow(
                "c1",
                [
                    FileDeclaration(
                        name: "app", container: "c1", patterns: patterns.map { PathPattern($0) }, route: "logs")
                ],
                mounts: ["/a": directory.path("volume"), "/b": directory.path("volume")])
        }
        follow(engine, ["/a/*.log", "/b/*.log"])
        try add("two\n")
        engine.pump()
        engine.advance(seconds: 1)
        try rotate("three\n")
        engine.pump()
        engine.advance(seconds: 1)
        #expect(engine.allText == ["one\ntwo\n", "three\n"])
        try add("four\n")
        // Only one of the two is declared any more.
        for pattern in ["/a/*.log", "/b/*.log"] {
            let next = try TestEngine([], known: engine.records())
            follow(next, [pattern])
            #expect(next.allText.joined() == "four\n" && next.vanished.isEmpty)
        }
    }

    @Test func theHostAndAContainerShareASource() throws {
        let engine = try TestEngine([host])
        let container = attach(engine, "c1")
        try add("two\n")
        engine.pump()
        #expect(engine.allText == ["one\ntwo\n"] && engine.problems.isEmpty && engine.tailer.isShared(0))
        engine.drain(container[0])
        #expect(!engine.tailer.isShared(0))
        try add("three\n")
        engine.pump()
        try rotate("four\n")
        engine.pump()
        #expect(engine.allText == ["one\ntwo\nthree\n", "four\n"])
    }

    /// The container finds the file first: the host's directory is looked at a moment later.
    @Test func aSourceOfAContainerIsTheHostsOnceTheContainerIsGone() throws {
        directory.delete("volume/app.log")
        directory.removeDirectory("volume")
        let engine = try TestEngine([host])
        try directory.makeDirectory("volume")
        try directory.write("one\n", to: "volume/app.log")
        let container = attach(engine, "c1")
        engine.pump()
        #expect(engine.generations.map(\.path) == ["/c1/app.log"] && engine.tailer.isShared(0))
        engine.drain(container[0])
        try add("two\n")
        engine.pump()
        try rotate("three\n")
        engine.pump()
        #expect(engine.allText == ["one\ntwo\n", "three\n"])
        #expect(engine.generations[1].path == directory.path("volume/app.log"))
    }

    @Test func afterARestartTheHostContinuesWhatAContainerShipped() throws {
        let first = try TestEngine([])
        attach(first, "c1")
        try add("two\n")
        let second = try TestEngine([host], known: first.records())
        let container = attach(second, "c1")
        #expect(second.allText == ["two\n"] && second.vanished.isEmpty && second.problems.isEmpty)
        second.drain(container[0])
        try add("three\n")
        second.pump()
        #expect(second.allText == ["two\nthree\n"])
    }

    @Test func afterARestartAContainerContinuesWhatTheHostShipped() throws {
        let first = try TestEngine([host])
        try add("two\n")
        // The host's declaration was taken out of the configuration.
        let second = try TestEngine([files("/none/*.log", name: "none")], known: first.records())
        attach(second, "c1")
        try add("three\n")
        second.pump()
        #expect(second.allText == ["two\nthree\n"] && second.vanished.isEmpty)
        #expect(second.generations.map(\.file) == first.generations.map(\.file))
    }

    @Test func afterARestartAnotherDeclarationContinues() throws {
        let first = try TestEngine([])
        attach(first, "c1")
        try add("two\n")
        let second = try TestEngine([], known: first.records())
        attach(second, "c1", "renamed")
        #expect(second.allText == ["two\n"] && second.vanished.isEmpty)
    }

    @Test func anotherRouteIsShippedFromTheBeginning() throws {
        let first = try TestEngine([host])
        let second = try TestEngine([], known: first.records())
        second.follow(
            "c1", [declared("/a/*.log", by: "c1", route: "other")], mounts: ["/a": directory.path("volume")])
        #expect(second.allText == ["one\n"] && second.generations.map(\.isNew) == [true])
    }

    @Test func aDeclarationsOwnGenerationIsPreferred() throws {
        let first = try TestEngine([files(directory.path("volume/app.log"), name: "a", route: "x"), host])
        var records = first.records()
        #expect(records.count == 2)
        try add("two\n")
        // Both ship to one topic by now, and the other's generation is the younger one.
        records = records.map { record in
            GenerationRecord(
                file: record.file, stream: record.stream, declaration: record.declaration, route: "logs",
                path: record.path, identity: record.identity, evidence: record.evidence, counts: record.counts,
                opened: record.declaration == "a" ? record.opened + 1000 : record.opened)
        }
        let second = try TestEngine([host], known: records)
        #expect(second.generations.map(\.file) == records.filter { $0.declaration == "host" }.map(\.file))
        #expect(second.allText == ["two\n"])
    }
}
