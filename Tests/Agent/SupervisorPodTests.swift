// Pods: what their annotations declare, for which container, and what their records say.
import Core
import Discovery
import Engine
import FileSource
import Resolver
import Testing

@testable import Agent

@Suite(.timeLimit(.minutes(1)))
struct SupervisorPodTests {
    private static func record(
        _ name: String = "app", id: String = Samples.id, annotations: [String: String] = [:],
        labels: [String: String] = [:]
    ) -> ContainerRecord {
        var record = Samples.record(name, id: id, labels: labels)
        record.runtime = "containerd"
        record.restartCount = 2
        record.pod = .init(
            name: "shop-7d", namespace: "shop", uid: "0d3c9d2e-1",
            labels: ["app.kubernetes.io/name": "store", "tier": "web"],
            annotations: annotations)
        return record
    }

    private static func stage() async -> Stage {
        await Stage.begin { $0.recorded = ["tier", "own"] }
    }

    @Test func annotationsOfThePodDeclareAndItsNamesAreInTheRecords() async throws {
        let stage = await Self.stage()
        await stage.list([
            Self.record(
                annotations: ["longshore.logs.app.path": "/logs/*.log"],
                labels: ["own": "x", "io.kubernetes.pod.name": "shop-7d"])
        ])
        let container = try #require(stage.sink.attached.first)
        #expect(container.declarations.map(\.files.name) == ["app"])
        let text = String(decoding: container.members, as: UTF8.self)
        #expect(text.hasSuffix(",\"k8s.container.restart_count\":2"), "a number: \(text)")
        let fields = try Samples.fields(container.members)
        #expect(fields["k8s.namespace.name"] == "shop" && fields["k8s.pod.name"] == "shop-7d")
        #expect(fields["k8s.pod.uid"] == "0d3c9d2e-1" && fields["k8s.container.name"] == "app")
        #expect(fields["container.runtime.name"] == "containerd" && fields["service.name"] == "store")
        #expect(fields["container.labels.tier"] == "web" && fields["container.labels.own"] == "x")
        #expect(container.layout.pod == Array("0d3c9d2e-1".utf8))
        #expect(stage.sink.announced == ["started"])
    }

    @Test func labelsOfAContainerDeclareTooAndTheAnnotationCounts() async {
        let stage = await Self.stage()
        await stage.list([
            Self.record(
                annotations: ["longshore.logs.app.path": "/annotated/*.log"],
                labels: ["longshore.logs.app.path": "/labelled/*.log", "longshore.logs.own.path": "/own/*.log"])
        ])
        let declared = await stage.supervisor.report([]).containers[0].declarations
        #expect(declared.map(\.name) == ["app", "own"])
        #expect(declared.map(\.paths) == [["/annotated/*.log"], ["/own/*.log"]])
    }

    @Test func aDeclarationMayBeForOneContainerOfThePod() async {
        let stage = await Self.stage()
        let annotations = [
            "longshore.logs.app.path": "/logs/*.log", "longshore.logs.app.container": "app",
            "longshore.logs.app.topic": "foreign",
        ]
        await stage.list([
            Self.record(annotations: annotations), Self.record("sidecar", id: "5", annotations: annotations),
        ])
        #expect(stage.sink.attached.map(\.id) == [Samples.id])
        #expect(await stage.states() == ["app app no match yet", "sidecar app disabled"])
        let reports = await stage.supervisor.report([]).containers
        #expect(reports[1].declarations[0].reason?.contains("limits it to the container app") == true)
        #expect(reports[1].problems.isEmpty, "a problem of it is told where it is followed")
        #expect(reports[0].problems.count == 1 && reports[0].pod == "shop-7d" && reports[0].namespace == "shop")
        #expect(stage.sink.announcements.allSatisfy { $0.id == Samples.id }, "nothing is declared for the other")
    }

    /// The kubelet's directories are named by it.
    @Test(arguments: ["..", "a/b", "", "a.b"])
    func aUIDThatCouldLeadElsewhereNamesNoDirectory(uid: String) {
        var record = Self.record()
        record.pod?.uid = uid
        #expect(record.layout().pod == nil)
    }
}
