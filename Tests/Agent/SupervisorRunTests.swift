// Starts and ends on the audit topic, and what a reload does.
import Core
import Discovery
import Engine
import FileSource
import Resolver
import Testing

@testable import Agent

@Suite(.timeLimit(.minutes(1)))
struct SupervisorRunTests {
    @Test func everyRunIsAnnouncedWithItsEnd() async {
        let stage = await Stage.begin()
        await stage.list([])
        var record = Samples.record()
        record.status = .created
        record.started = ""
        record.processID = 0
        await stage.runtime.say(.changed(record))
        #expect(stage.sink.announced.isEmpty && stage.sink.attached.first?.isRunning == true, "it may begin any time")
        record = Samples.record()
        await stage.runtime.say(.changed(record))
        #expect(stage.sink.announced == ["started"])
        await stage.runtime.say(.stopped(id: record.id, exitCode: 137, isOutOfMemory: true))
        #expect(stage.sink.attached.last?.isRunning == false && stage.sink.attached.last?.layout.processID == 0)
        let attached = stage.sink.attached.count
        var ended = Samples.ended(record, exitCode: 137)
        ended.isOutOfMemory = true
        await stage.runtime.say(.changed(ended))
        #expect(stage.sink.announced == ["started", "stopped 137 oom"])
        #expect(stage.sink.attached.count == attached, "the engine knows that already")
        record.started = "2026-11-21T12:00:00Z"
        record.processID = 99
        await stage.runtime.say(.changed(record))
        #expect(stage.sink.announced == ["started", "stopped 137 oom", "started"])
        await stage.runtime.say(.removed(id: record.id))
        #expect(stage.sink.announced.last == "stopped ?" && stage.sink.removed == [record.id])
    }

    @Test func aRestartThatNobodySawIsTwoRuns() async {
        let stage = await Stage.begin()
        var record = Samples.record()
        await stage.list([record])
        record.started = "2026-11-21T12:00:00Z"
        record.processID = 5
        await stage.runtime.say(.listed([record]))
        #expect(stage.sink.announced == ["started", "stopped ?", "started"])
        #expect(stage.sink.attached.last?.layout.processID == 5)
    }

    @Test func aContainerThatLivedBetweenTwoLooksIsAnnounced() async {
        let stage = await Stage.begin()
        await stage.list([Samples.ended(Samples.record("old", id: "0"))])
        #expect(stage.sink.announced.isEmpty, "what ended before anybody looked is no news")
        await stage.runtime.say(.changed(Samples.ended(Samples.record("brief", id: "1"), exitCode: 3)))
        #expect(stage.sink.announced == ["started", "stopped 3"])
        #expect(stage.sink.attached.map(\.id) == ["0", "1"], "their files are read all the same")
    }

    @Test func aStopOfTheContainerWhileTheDaemonWasAwayIsAnnouncedAtItsReturn() async {
        let record = Samples.record()
        let stage = await Stage.begin(stored: [record])
        await stage.list([Samples.ended(record, exitCode: 9)])
        #expect(stage.sink.announced == ["stopped 9"])
    }

    @Test func aNewEngineIsToldAllThatIsKnown() async {
        let stage = await Stage.begin()
        let staying = Samples.record("staying", id: "1")
        let leaving = Samples.record("leaving", id: "2")
        await stage.list([staying, leaving])
        await stage.supervisor.pause()
        await stage.runtime.say(.stopped(id: "2", exitCode: 0, isOutOfMemory: false))
        await stage.runtime.say(.removed(id: "2"))
        await stage.runtime.say(.changed(Samples.record("new", id: "3")))
        #expect(stage.sink.removed.isEmpty && stage.sink.attached.count == 2, "the old engine is gone")
        let next = FakeSink(stored: stage.sink.attached.map { ($0.id, $0.stored) })
        await stage.supervisor.begin(next, stage.rules)
        #expect(next.attached.map { "\($0.id) \($0.isRunning)" } == ["2 false", "1 true", "3 true"])
        #expect(next.removed == ["2"])
        #expect(next.announced == ["stopped 0", "started"])
    }

    @Test func newRulesAreAppliedToOldContainers() async {
        let stage = await Stage.begin()
        let record = Samples.record(labels: ["longshore.logs.app.path": "/l", "longshore.logs.app.topic": "a"])
        await stage.list([record])
        var rules = Stage.rules()
        let runtimes = rules.runtimes
        rules = ContainerRules { _, declaration in
            TopicRoute(topic: "other", reason: Stage.problem(declaration.name, "a", "no longer allowed"))
        }
        rules.runtimes = runtimes
        let next = FakeSink()
        await stage.supervisor.begin(next, rules)
        #expect(next.attached.map(\.declarations[0].topic) == ["other"])
        #expect(next.announced == ["problem app longshore.logs.app.topic"], "new under these rules")
        await stage.runtime.say(.listed([record]))
        #expect(next.attached.count == 1 && next.announced.count == 1, "the watch goes on and says nothing new")
    }

    @Test func aRuntimeThatIsSwitchedOffLetsItsContainersGo() async {
        let stage = await Stage.begin()
        await stage.list([Samples.record()])
        var rules = stage.rules
        rules.runtimes = []
        let next = FakeSink(stored: stage.sink.attached.map { ($0.id, $0.stored) })
        await stage.supervisor.begin(next, rules)
        #expect(next.removed == [Samples.id])
        #expect(await stage.supervisor.discovery([]).runtimes.isEmpty)
    }

    @Test func whatNewRulesDoNotShipIsStillForgottenByTheStore() async {
        let stage = await Stage.begin()
        let record = Samples.record()
        await stage.list([record])
        var rules = stage.rules
        rules.labels.prefix = "other.logs"
        let next = FakeSink(stored: stage.sink.attached.map { ($0.id, $0.stored) })
        await stage.supervisor.begin(next, rules)
        #expect(next.attached.isEmpty && next.removed.isEmpty)
        await stage.runtime.say(.removed(id: record.id))
        #expect(next.removed == [record.id])
    }

    @Test func whatHadStoppedInTheLastRunIsNotFollowed() async {
        let stage = await Stage.begin(stored: [Samples.ended(Samples.record())])
        #expect(stage.sink.attached.map(\.isRunning) == [false])
    }

    @Test func anotherRuntimeCannotSpeakForAContainer() async {
        let stage = await Stage.begin()
        await stage.list([Samples.record()])
        var foreign = Samples.record("foreign")
        foreign.runtime = "podman"
        let supervisor = stage.supervisor
        for change in [
            ContainerChange.changed(foreign), .listed([foreign]), .listed([]), .removed(id: foreign.id),
            .stopped(id: foreign.id, exitCode: 1, isOutOfMemory: false),
        ] {
            await supervisor.consume(change, of: "podman", watch: 1)
        }
        #expect(stage.sink.attached.count == 1 && stage.sink.removed.isEmpty)
    }
}
