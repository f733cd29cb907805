// Declarations of containers: mounts, layers, shared volumes, and containers that stop and start.
import Core
import Glibc
import LinuxIO
import Resolver
import TestSupport
import Testing

@testable import FileSource

extension TestEngine {
    /// Follows a container with the mounts `[destination: source]`; returns the numbers of its declarations.
    @discardableResult
    func follow(
        _ id: String, _ declarations: [FileDeclaration], mounts: KeyValuePairs<String, String> = [:],
        layers: [String] = [], known: [GenerationRecord] = []
    ) -> [Int] {
        let numbers = tailer.add(view(id, mounts, layers), declarations, known: known, now: now)
        settle()
        return numbers
    }

    private func view(_ id: String, _ mounts: KeyValuePairs<String, String>, _ layers: [String]) -> ContainerView {
        let mounts = mounts.map {
            ContainerLayout.Mount(kind: .bind, destination: Array($0.key.utf8), source: Array($0.value.utf8))
        }
        let layout = ContainerLayout(container: id, mounts: mounts, layers: layers.map { Array($0.utf8) })
        return ContainerView(layout: layout, policy: ResolverPolicy(), mounts: .read())
    }

    /// Ends what the container's sources have left, as the engine does when it has stopped; keeps their records.
    func drain(_ number: Int) {
        tailer.retire(containerOf: number, true, now: now)
        settle()
        let kept = records()
        for slot in tailer.slots(ofContainerOf: number) where !tailer.isShared(slot) {
            let file = tailer.file(slot)
            close(slot)
            for record in kept where record.file == file { tailer.keep(record) }
        }
        tailer.remove(containerOf: number, now: now)
        settle()
    }
}

private func declared(_ paths: String..., by container: String, name: String = "app", route: String = "logs")
    -> FileDeclaration
{
    FileDeclaration(name: name, container: container, patterns: paths.map { PathPattern($0) }, route: route)
}

struct ContainerTests {
    private let directory: TemporaryDirectory
    init() throws { directory = try TemporaryDirectory() }

    @Test func aMountIsReadInTheContainersCoordinates() throws {
        try directory.makeDirectory("source")
        try directory.write("one\n", to: "source/app.log")
        let engine = try TestEngine([])
        engine.follow("c1", [declared("/data/*.log", by: "c1")], mounts: ["/data": directory.path("source")])
        try directory.append("two\n", to: "source/app.log")
        engine.pump()
        #expect(engine.generations.map(\.path) == ["/data/app.log"])
        #expect(engine.allText == ["one\ntwo\n"])
        #expect(engine.generations[0].record.container == "c1" && engine.generations[0].record.route == "logs")
        #expect(engine.tailer.resolvedPath(0).map { printable($0) } == directory.path("source/app.log"))
    }

    @Test func aGlobCrossesMountsThatTheDirectoriesBetweenDoNotShow() throws {
        for name in ["a", "b", "a/shadowed"] { try directory.makeDirectory(name) }
        try directory.write("shadowed\n", to: "a/shadowed/app.log")
        let engine = try TestEngine([])
        engine.follow(
            "c1", [declared("/srv/*/app.log", by: "c1")],
            mounts: [
                "/srv/one": directory.path("a"), "/srv/two": directory.path("b"), "/srv/two/app.log/x": "/nowhere",
            ])
        try directory.write("one\n", to: "a/app.log")
        try directory.write("two\n", to: "b/app.log")
        engine.pump()
        #expect(engine.generations.map(\.path).sorted() == ["/srv/one/app.log", "/srv/two/app.log"])
    }

    @Test func aNestedMountHidesWhatLiesBelowIt() throws {
        for name in ["outer", "outer/logs", "inner"] { try directory.makeDirectory(name) }
        try directory.write("hidden\n", to: "outer/logs/app.log")
        try directory.write("seen\n", to: "inner/app.log")
        let engine = try TestEngine([])
        engine.follow(
            "c1", [declared("/data/**/*.log", by: "c1")],
            mounts: ["/data": directory.path("outer"), "/data/logs": directory.path("inner")])
        engine.pump()
        #expect(engine.allText == ["seen\n"])
    }

    @Test func theUpperLayerIsFollowedFromItsFirstDirectoryOn() throws {
        for name in ["upper", "lower", "lower/var", "lower/var/log"] { try directory.makeDirectory(name) }
        let engine = try TestEngine([])
        engine.follow(
            "c1", [declared("/var/log/app/*.log", by: "c1")],
            layers: [directory.path("upper"), directory.path("lower")])
        for name in ["upper/var", "upper/var/log", "upper/var/log/app"] {
            try directory.makeDirectory(name)
            engine.pump()
        }
        try directory.write("one\n", to: "upper/var/log/app/a.log")
        engine.pump()
        #expect(engine.generations.map(\.path) == ["/var/log/app/a.log"] && engine.allText == ["one\n"])
    }

    @Test func whereLayersRaiseNoEventsTheirFilesAreLookedAt() throws {
        try directory.makeDirectory("upper")
        try directory.write("one\n", to: "upper/app.log")
        let engine = try TestEngine([]) { $0.pollsLayers = true }
        engine.follow("c1", [declared("/*.log", by: "c1")], layers: [directory.path("upper")])
        try directory.append("two\n", to: "upper/app.log")
        engine.tickWithoutEvents(seconds: 1)
        #expect(engine.allText == ["one\ntwo\n"])
    }

    @Test func aFileThatWasDeletedBeforeItWasLookedAtIsAnnounced() throws {
        try directory.makeDirectory("volume")
        let engine = try TestEngine([])
        engine.follow("c1", [declared("/a/*.log", by: "c1")], mounts: ["/a": directory.path("volume")])
        try directory.write("one\n", to: "volume/app.log")
        directory.delete("volume/app.log")
        engine.pump()
        #expect(engine.vanished.map(\.record.path) == [Array("/a/app.log".utf8)])
        #expect(engine.vanished.map(\.reason) == [.deleted] && engine.vanished[0].record.container == "c1")
    }

    @Test func aSingleFileThatIsAMountIsFollowed() throws {
        for name in ["upper", "upper/var"] { try directory.makeDirectory(name) }
        try directory.write("", to: "upper/var/app.log")
        try directory.write("one\n", to: "real.log")
        let engine = try TestEngine([])
        engine.follow(
            "c1", [declared("/var/app.log", by: "c1")], mounts: ["/var/app.log": directory.path("real.log")],
            layers: [directory.path("upper")])
        try directory.append("two\n", to: "real.log")
        engine.pump()
        #expect(engine.allText == ["one\ntwo\n"])
    }

    @Test func aVolumeThatTwoContainersDeclareIsOneSourceAndOutlivesTheFirst() throws {
        try directory.makeDirectory("volume")
        try directory.write("one\n", to: "volume/app.log")
        let engine = try TestEngine([])
        let first = engine.follow("c1", [declared("/a/*.log", by: "c1")], mounts: ["/a": directory.path("volume")])
        engine.follow("c2", [declared("/b/*.log", by: "c2")], mounts: ["/b": directory.path("volume")])
        #expect(engine.generations.count == 1 && engine.tailer.isShared(0) && engine.problems.isEmpty)
        engine.drain(first[0])
        #expect(!engine.tailer.isShared(0) && engine.generations.count == 1)
        try directory.append("two\n", to: "volume/app.log")
        engine.pump()
        #expect(engine.allText == ["one\ntwo\n"])
        directory.rename("volume/app.log", "volume/old")
        try directory.write("three\n", to: "volume/app.log")
        engine.pump()
        #expect(engine.allText == ["one\ntwo\n", "three\n"] && engine.generations[1].path == "/b/app.log")
    }

    @Test func otherRoutesAreOtherSources() throws {
        try directory.makeDirectory("volume")
        try directory.write("one\n", to: "volume/app.log")
        let engine = try TestEngine([])
        engine.follow("c1", [declared("/a/*.log", by: "c1", route: "x")], mounts: ["/a": directory.path("volume")])
        engine.follow("c2", [declared("/b/*.log", by: "c2", route: "y")], mounts: ["/b": directory.path("volume")])
        try directory.append("two\n", to: "volume/app.log")
        engine.pump()
        #expect(
            engine.allText == ["one\ntwo\n", "one\ntwo\n"]
                && engine.generations.map(\.path) == ["/a/app.log", "/b/app.log"])
    }

    @Test func ofOverlappingDeclarationsTheFirstByNameWins() throws {
        try directory.makeDirectory("volume")
        try directory.write("one\n", to: "volume/app.log")
        let engine = try TestEngine([])
        engine.follow(
            "c1",
            [
                declared("/a/*.log", by: "c1", name: "z", route: "x"),
                declared("/a/app*", by: "c1", name: "b", route: "y"),
            ],
            mounts: ["/a": directory.path("volume")])
        #expect(engine.generations.map(\.declaration) == [1])
        #expect(engine.problems.map(\.reason).joined().contains("declaration b ships this file already"))
    }

    @Test func aContainerThatStartsAgainContinuesWhereItStopped() throws {
        try directory.makeDirectory("volume")
        try directory.write("one\n", to: "volume/app.log")
        let engine = try TestEngine([])
        let mounts: KeyValuePairs = ["/a": directory.path("volume")]
        engine.drain(engine.follow("c1", [declared("/a/*.log", by: "c1")], mounts: mounts)[0])
        #expect(engine.tailer.directoryCount == 0 && engine.tailer.watchCount == 0 && engine.tailer.openCount == 0)
        try directory.append("two\n", to: "volume/app.log")
        engine.follow("c1", [declared("/a/*.log", by: "c1")], mounts: mounts)
        #expect(engine.allText == ["one\n", "two\n"] && engine.generations[0].file == engine.generations[1].file)
        // Another container that gets the volume continues too, when it ships to the same topic.
        engine.drain(engine.tailer.declaration(engine.slots[0]))
        engine.follow("c2", [declared("/b/*.log", by: "c2")], mounts: ["/b": directory.path("volume")])
        try directory.append("three\n", to: "volume/app.log")
        engine.pump()
        #expect(engine.allText == ["one\n", "two\n", "three\n"])
    }

    @Test func renamesInASharedDirectoryAreSeenInEveryView() throws {
        try directory.makeDirectory("volume")
        let engine = try TestEngine([])
        engine.follow("c1", [declared("/a/*.log", by: "c1", route: "x")], mounts: ["/a": directory.path("volume")])
        engine.follow("c2", [declared("/b/*.log", by: "c2", route: "y")], mounts: ["/b": directory.path("volume")])
        for index in 0..<5 {
            try directory.write("\(index)\n", to: "volume/app.log")
            directory.rename("volume/app.log", "volume/app.log.\(index)")
        }
        engine.pump()
        #expect(engine.text("/a/app.log") == "0\n1\n2\n3\n4\n")
        #expect(engine.text("/b/app.log") == "0\n1\n2\n3\n4\n")
    }
}
