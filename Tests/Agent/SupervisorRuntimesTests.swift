// Several runtimes at once: none says anything about another one's containers.
import Core
import Discovery
import Engine
import Logging
import Testing

@testable import Agent

@Suite(.timeLimit(.minutes(1)))
struct SupervisorRuntimesTests {
    private struct World {
        let runtimes = ["docker", "containerd", "podman"].map { FakeRuntime(name: $0, socket: "/run/\($0).sock") }
        let sink: FakeSink
        let supervisor: ContainerSupervisor
        var docker: FakeRuntime { runtimes[0] }
        var containerd: FakeRuntime { runtimes[1] }
        var podman: FakeRuntime { runtimes[2] }

        init(stored: [ContainerRecord] = []) async {
            var rules = Stage.rules()
            rules.runtimes = runtimes.map { RuntimeSettings(name: $0.name, socket: $0.socket) }
            sink = FakeSink(stored: stored.map { ($0.id, ContainerRecordCodec.encode($0)) })
            let runtimes = runtimes
            supervisor = ContainerSupervisor(
                rules: rules, logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }),
                patience: 60_000_000_000
            ) { settings in runtimes.first { $0.name == settings.name } }
            await supervisor.begin(sink, rules)
        }

        var containers: [String: Int] { get async { await supervisor.discovery([]).containers } }
    }

    private static func record(_ id: String, runtime: String) -> ContainerRecord {
        var record = Samples.record("c\(id)", id: id)
        record.runtime = runtime
        return record
    }

    @Test func aListOfOneRuntimeRemovesNoContainerOfAnother() async {
        let world = await World()
        await world.docker.say(.listed([Self.record("1", runtime: "docker")]))
        await world.containerd.say(.listed([Self.record("2", runtime: "containerd")]))
        await world.podman.say(.listed([]))
        await world.containerd.say(.removed(id: "1"))
        await world.containerd.say(.stopped(id: "1", exitCode: 1, isOutOfMemory: false))
        #expect(world.sink.attached.map(\.id) == ["1", "2"] && world.sink.removed.isEmpty)
        #expect(await world.containers == ["docker": 1, "containerd": 1, "podman": 0])
        await world.containerd.say(.listed([]))
        #expect(world.sink.removed == ["2"])
    }

    /// Podman's package for Docker's command line puts a link to its socket where Docker's is.
    @Test func aContainerThatTwoTellOfIsTheFirstOnes() async {
        let world = await World()
        let record = Self.record("1", runtime: "podman")
        await world.docker.say(.listed([record]))
        var renamed = record
        renamed.name = "other"
        await world.podman.say(.listed([renamed]))
        await world.podman.say(.changed(renamed))
        await world.podman.say(.stopped(id: "1", exitCode: 0, isOutOfMemory: false))
        await world.podman.say(.removed(id: "1"))
        #expect(world.sink.attached.count == 1 && world.sink.removed.isEmpty && world.sink.announced == ["started"])
        #expect(await world.containers == ["docker": 1, "containerd": 0, "podman": 0])
        await world.docker.say(.stopped(id: "1", exitCode: 0, isOutOfMemory: false))
        await world.docker.say(.removed(id: "1"))
        #expect(world.sink.removed == ["1"])
        // Whoever has it when the first one has it no more, has it.
        await world.podman.say(.listed([record]))
        #expect(await world.containers == ["docker": 0, "containerd": 0, "podman": 1])
    }

    /// A record tells the runtime's own name, which the settings may not know: CRI-O behind containerd's setting.
    @Test func aStoredContainerBelongsToTheRuntimeThatCanTellOfIt() async {
        let world = await World(stored: [
            Self.record("1", runtime: "cri-o"), Self.record("2", runtime: "docker"),
            Self.record("3", runtime: "podman"),
        ])
        #expect(world.sink.attached.count == 3 && world.sink.removed.isEmpty)
        await world.docker.say(.listed([Self.record("3", runtime: "podman")]))
        #expect(world.sink.removed == ["2"], "it took over what another one told of before the restart")
        await world.podman.say(.listed([]))
        #expect(world.sink.removed == ["2"])
        await world.containerd.say(.listed([]))
        #expect(world.sink.removed == ["2", "1"])
    }
}
