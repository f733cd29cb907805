// What the engine is told of containers, and when.
import Core
import Discovery
import Engine
import FileSource
import Resolver
import TestSupport
import Testing

@testable import Agent

@Suite(.timeLimit(.minutes(1)))
struct SupervisorTests {
    @Test func aDeclaringContainerIsAttachedWithWhatItsRecordsSay() async throws {
        let stage = await Stage.begin { $0.recorded = ["team", "com.example.tier", "absent"] }
        var record = Samples.record(labels: [
            "longshore.logs.app.path": "/logs/*.log", "longshore.logs.app.labels": "kind=web",
            "team": "checkout\",\"host.name\":\"forged", "com.example.tier": "gold", "secret": "hush",
            "com.docker.compose.service": "shop-service",
        ])
        record.mounts = [
            ContainerRecord.Mount(kind: .bind, source: "/srv/shop/", destination: "/logs/../logs/"),
            ContainerRecord.Mount(
                kind: .volume, name: "v", source: "/var/lib/docker/volumes/v/_data", destination: "/v"),
            ContainerRecord.Mount(kind: .other, source: "/x", destination: "/image"),
        ]
        await stage.list([record])
        let container = try #require(stage.sink.attached.first)
        #expect(stage.sink.attached.count == 1 && container.id == Samples.id && container.isRunning)
        #expect(
            try Samples.fields(container.members) == [
                "container.id": Samples.id, "container.name": "shop", "container.image.name": "shop:1",
                "container.runtime.name": "docker", "container.labels.team": "checkout\",\"host.name\":\"forged",
                "container.labels.com_example_tier": "gold", "service.name": "shop-service",
            ])
        let declaration = try #require(container.declarations.first)
        #expect(declaration.topic == "logs" && declaration.files.name == "app" && declaration.files.route == "logs")
        #expect(try Samples.fields(declaration.members) == ["log.declaration": "app", "labels.kind": "web"])
        #expect(ContainerRecordCodec.decode(container.stored) == record)
        #expect(container.layout.processID == 4711 && container.layout.layers == [Array("/nowhere/upper".utf8)])
        #expect(container.layout.mounts.map(\.kind) == [.bind, .volume, .tmpfs])
        #expect(container.layout.mounts[0].destination == Array("/logs".utf8))
        #expect(container.layout.mounts[0].source == Array("/srv/shop".utf8))
        #expect(stage.sink.announced == ["started"])
    }

    @Test func labelsThatBecomeOneNameAreOneField() async throws {
        let stage = await Stage.begin { $0.recorded = ["a.b", "a_b"] }
        let labels = ["longshore.logs.app.path": "/l", "a.b": "first", "a_b": "second"]
        await stage.list([Samples.record(labels: labels)])
        let members = String(decoding: try #require(stage.sink.attached.first).members, as: UTF8.self)
        #expect(members.split(separator: "container.labels.a_b").count == 2, "\(members)")
        #expect(members.contains("first"))
    }

    @Test func aContainerThatDeclaresNothingCostsNothing() async {
        let stage = await Stage.begin()
        let silent = Samples.record(labels: ["app": "web"])
        await stage.list([silent])
        await stage.runtime.say(.stopped(id: silent.id, exitCode: 1, isOutOfMemory: false))
        #expect(await stage.supervisor.report([]).containers.map(\.name) == ["shop"])
        await stage.runtime.say(.removed(id: silent.id))
        #expect(stage.sink.attached.isEmpty && stage.sink.removed.isEmpty && stage.sink.announced.isEmpty)
        #expect(await stage.supervisor.report([]).containers.isEmpty)
    }

    @Test func disabledDeclarationsAndOutputThatIsKeptNowhereAreNotAttached() async {
        let stage = await Stage.begin()
        let labels = ["longshore.logs.a.path": "/a", "longshore.logs.a.enabled": "false", "longshore.logs.b": "stdout"]
        await stage.list([Samples.record(labels: labels)])
        #expect(stage.sink.attached.isEmpty)
    }

    @Test func reconcilingTellsTheEngineNothingNew() async {
        let stage = await Stage.begin()
        let labels = [
            "longshore.logs.app.path": "/logs/*.log", "longshore.logs.app.pth": "/x",
            "longshore.logs.app.topic": "foreign.topic",
        ]
        let record = Samples.record(labels: labels)
        for _ in 0..<3 { await stage.list([record]) }
        #expect(stage.sink.attached.count == 1)
        #expect(await stage.supervisor.problems.map { $0.prefix(29) } == ["labels that are not obeyed: 2"])
        #expect(stage.sink.attached.first?.declarations.first?.topic == "logs.unrouted")
        #expect(
            stage.sink.announced.sorted() == [
                "problem app longshore.logs.app.pth", "problem app longshore.logs.app.topic", "started",
            ])
    }

    @Test func aPausedContainerIsNotAttachedAgain() async {
        let stage = await Stage.begin()
        var record = Samples.record()
        await stage.list([record])
        record.status = .paused
        await stage.runtime.say(.changed(record))
        #expect(stage.sink.attached.count == 1 && stage.sink.announced == ["started"])
    }

    @Test func aNewNameIsOnLaterRecords() async throws {
        let stage = await Stage.begin()
        var record = Samples.record()
        await stage.list([record])
        record.name = "store"
        await stage.runtime.say(.changed(record))
        #expect(stage.sink.attached.count == 2 && stage.sink.removed.isEmpty)
        #expect(try Samples.fields(try #require(stage.sink.attached.last).members)["container.name"] == "store")
        #expect(stage.sink.announced == ["started"], "it runs as before")
    }

    @Test func aRenameDoesNotMoveADeclarationToAnotherTopic() async throws {
        let stage = await Stage.begin { rules in
            rules.route = { record, _ in TopicRoute(topic: "logs.\(record.name)") }
        }
        var record = Samples.record("first")
        await stage.list([record])
        record.name = "second"
        await stage.runtime.say(.changed(record))
        #expect(stage.sink.attached.map { $0.declarations[0].topic } == ["logs.first", "logs.first"])
    }

    @Test func storedContainersAreAttachedBeforeTheRuntimeAnswers() async throws {
        let there = Samples.record("there", id: "1")
        let gone = Samples.record("gone", id: "2")
        let stage = await Stage.begin(stored: [there, gone])
        #expect(stage.sink.attached.map(\.id) == ["1", "2"])
        #expect(stage.sink.attached.allSatisfy { $0.isRunning && $0.layout.processID == 0 })
        await stage.runtime.say(.unreachable(reason: "connection refused"))
        #expect(stage.sink.removed.isEmpty, "nobody knows that they are gone")
        await stage.list([there])
        #expect(stage.sink.attached.count == 3)
        let last = try #require(stage.sink.attached.last)
        #expect(last.id == "1" && last.isRunning && last.layout.processID == 4711)
        #expect(stage.sink.removed == ["2"])
        #expect(
            stage.sink.announcements == [FakeSink.Announced(text: "stopped ?", id: "2", name: "gone")],
            "the start of both was announced by the former run")
    }

    @Test func whatTheStoreKeptAndNobodyUnderstandsIsLetGo() async {
        let sink = FakeSink(stored: [("1", Array("{".utf8))])
        let stage = await Stage.begin()
        await stage.supervisor.begin(sink, stage.rules)
        #expect(sink.attached.isEmpty && sink.removed == ["1"])
    }

    @Test func aRuntimeThatFallsSilentTakesNothingAway() async {
        let stage = await Stage.begin()
        await stage.list([Samples.record()])
        await stage.runtime.say(.unreachable(reason: "the stream ended"))
        #expect(stage.sink.removed.isEmpty)
        let report = await stage.supervisor.report([])
        #expect(report.containers.count == 1)
        #expect(report.runtimes.map(\.isUp) == [false] && report.runtimes[0].reason == "the stream ended")
        #expect(await stage.supervisor.problems.count == 1)
        await stage.list([])
        #expect(stage.sink.removed == [Samples.id])
    }

    @Test func aRuntimeThatWasNeverThereIsAProblemOnlyWhenItIsRequired() async {
        for isRequired in [false, true] {
            let stage = await Stage.begin { $0.runtimes[0].isRequired = isRequired }
            await stage.runtime.say(.unreachable(reason: "no socket"))
            #expect(await stage.supervisor.problems.count == (isRequired ? 1 : 0))
            #expect(await stage.supervisor.discovery([]).runtimes[0].isExpected == isRequired)
        }
    }

    @Test func anUnboundedCrowdOfRemovedContainersIsForgotten() async {
        let stage = await Stage.begin()
        await stage.list([])
        let count = ContainerSupervisor.removedLimit + 50
        for number in 0..<count {
            await stage.runtime.say(.changed(Samples.record("c\(number)", id: "id\(number)")))
            await stage.runtime.say(.removed(id: "id\(number)"))
        }
        #expect(stage.sink.attached.count == count && stage.sink.removed.count == count)
        #expect(await stage.supervisor.entries.count == ContainerSupervisor.removedLimit)
    }
}
