// A watch against a CRI runtime that breaks: silent, too old, too large, nonsense; and against CRI-O's and others' ways.
import Glibc
import TestSupport
import Testing

@testable import Discovery

struct CRIWatchTests {
    private func options(_ change: (inout RuntimeOptions) -> Void) -> RuntimeOptions {
        var options = CRIRuntime.usualOptions
        options.shortestPause = .milliseconds(5)
        options.longestPause = .milliseconds(50)
        options.socketPause = .milliseconds(20)
        options.pollInterval = .milliseconds(20)
        change(&options)
        return options
    }

    private func watch(
        _ fake: FakeCRI, _ change: (inout RuntimeOptions) -> Void = { _ in }
    ) -> ChangeLog<CRIRuntime> {
        ChangeLog(CRIRuntime(socket: fake.socket, options: options(change)))
    }

    /// One running container.
    private func fake(_ name: String = "containerd") throws -> FakeCRI {
        let fake = try FakeCRI()
        fake.script("runtime.v1.RuntimeService/Version", FakeCRI.version(name))
        fake.script("/ListContainers", .messages([CRISamples.list([(CRISamples.id, 1)])]))
        fake.script("/ContainerStatus", .messages([CRISamples.status()]))
        fake.script("/PodSandboxStatus", .messages([CRISamples.pod]))
        fake.script("Snapshots/Mounts", .messages([CRISamples.mounts(["upperdir=/u", "lowerdir=/l"])]))
        return fake
    }

    @Test func aContainerIsWhatAllAnswersTogetherSay() async throws {
        let fake = try fake()
        let log = watch(fake)
        try await log.waitForList()
        let record = try #require(log.record(CRISamples.id))
        #expect(record.pod?.annotations.count == 1 && record.layers == ["/u", "/l"] && record.processID == 4711)
        #expect(log.changes.first == .reachable(version: "containerd 1.6.20 (CRI v1)"))
    }

    @Test func ofASandboxThatIsGoneTheLabelsTell() async throws {
        let fake = try fake()
        fake.script("/PodSandboxStatus", .messages([], status: 5, text: "not found"))
        fake.script("Snapshots/Mounts", .messages([], status: 5))
        let log = watch(fake)
        try await log.waitForList()
        let record = try #require(log.record(CRISamples.id))
        #expect(record.pod?.name == "shop-7d" && record.layers.isEmpty)
    }

    // MARK: - Who answers

    @Test(arguments: [
        ("runtime.v1alpha2", "too old for CRI v1"), ("services.version", "disabled_plugins"),
        ("nothing", "no CRI runtime"),
    ])
    func whoeverHasNoCRIIsToldWhatToDo(part: String, reason: String) async throws {
        let fake = try FakeCRI()
        fake.script("runtime.v1.", .messages([], status: 12, text: "unknown service runtime.v1.RuntimeService"))
        fake.script(part, .messages([[]]))
        let log = watch(fake)
        try await log.wait("the reason") { $0.reasons.contains { $0.contains(reason) } }
        try await waitUntil("several attempts") { fake.count("runtime.v1.RuntimeService/Version") > 3 }
        #expect(log.reasons.count == 1 && log.lists.isEmpty, "told once, not at every attempt")
    }

    /// Short where it must pass; else so long that a busy machine keeps it.
    private static func deadline(_ reply: FakeCRI.Reply) -> Duration {
        if case .silence = reply { .milliseconds(500) } else { .seconds(20) }
    }

    @Test(
        arguments: [
            (.bytes(Array("HTTP/1.1 400 Bad Request\r\n\r\n".utf8)), "speaks no gRPC"),
            (.bytes([]), "closed the connection"), (.bytes([UInt8](repeating: 0xFF, count: 100)), "no gRPC"),
            (.body([0, 0xFF, 0xFF, 0xFF, 0xFF]), "too large"), (.body([1, 0, 0, 0, 0]), "compressed"),
            (.body([0, 0, 0, 0, 9, 1]), "in the middle of a message"), (.messages([]), "without a message"),
            (.messages([[], []]), "more than one message"), (.messages([[0x0B]]), "tells no name"),
            (.messages([], status: 13, text: "a%20bad%1b day%zz"), "status 13: a bad\\u{1b} day%zz"),
            (.messages([], status: 0, text: String(repeating: "x", count: 40_000)), "header fields are too large"),
            (.silence, "does not answer within"),
        ] as [(FakeCRI.Reply, String)])
    func nonsenseIsTold(reply: FakeCRI.Reply, reason: String) async throws {
        let fake = try FakeCRI()
        fake.script("/Version", reply)
        let log = watch(fake) { $0.deadline = Self.deadline(reply) }
        try await log.wait("the reason", timeout: .seconds(20)) { !$0.reasons.isEmpty }
        #expect(log.reasons[0].contains(reason), "\(log.reasons)")
        fake.script("/Version", FakeCRI.version("containerd"))
        try await log.waitForList()
    }

    @Test(
        arguments: [
            ("/ListContainers", .messages([[0x0B]])), ("/ListContainers", .messages([], status: 14, text: "starting")),
            ("/ListContainers", .silence), ("/Subscribe", .messages([], status: 2, text: "no")),
            ("/Subscribe", .bytes([1, 2, 3])),
        ] as [(String, FakeCRI.Reply)])
    func aCallThatFailsIsAConnectionThatFails(part: String, reply: FakeCRI.Reply) async throws {
        let fake = try fake()
        fake.script(part, reply)
        let log = watch(fake) { $0.deadline = Self.deadline(reply) }
        try await log.wait("the reason") { !$0.reasons.isEmpty }
        fake.script(part, part == "/Subscribe" ? .stream([]) : .messages([CRISamples.list([(CRISamples.id, 1)])]))
        let lists = log.lists.count
        try await log.waitForList(lists + 1)
        #expect(log.record(CRISamples.id)?.status == .running)
    }

    @Test func aContainerThatCannotBeInspectedStaysAsItWasListed() async throws {
        let fake = try fake()
        for reply in [FakeCRI.Reply.messages([], status: 13), .messages([[0x0B]]), .messages([CRISamples.pod])] {
            fake.script("/ContainerStatus", reply)
            let log = watch(fake)
            try await log.waitForList()
            #expect(log.record(CRISamples.id)?.name == "app" && log.record(CRISamples.id)?.layers == [])
        }
    }

    // MARK: - Events

    @Test func anEventOfASandboxTellsNoContainer() async throws {
        let fake = try FakeCRI()
        let sandbox = CRISamples.sandbox
        var kind = ProtobufWriter()
        kind.message(1) { $0.map(2, ["io.cri-containerd.kind": "sandbox"]) }
        fake.script("/ContainerStatus", .messages([], status: 5))
        fake.script("Containers/Get", .messages([kind.bytes]))
        let names = ["ContainerCreate", "TaskStart", "TaskExit", "ContainerDelete"]
        fake.script(
            "/Subscribe", .stream(names.map { CRISamples.event("containerd.events.\($0)", sandbox) } + [[0x0B]]))
        let log = watch(fake) { $0.firstReconcile = .milliseconds(50) }
        try await waitUntil("it is asked what they are of") { fake.count("Containers/Get") > 0 }
        try await log.waitForList(2)
        #expect(log.known.isEmpty && log.story(sandbox).isEmpty, "\(log.changes)")
    }

    /// CRI's account may be older than containerd's event.
    @Test func aStartIsTakenWhenCRIShowsIt() async throws {
        let fake = try fake()
        fake.script("/ListContainers", .messages([[]]))
        fake.script("/ContainerStatus", .messages([CRISamples.status(state: 0)]))
        fake.script("/Subscribe", .stream([CRISamples.event("containerd.events.TaskStart", CRISamples.id)]))
        let log = watch(fake) { $0.firstReconcile = nil }
        try await log.waitForList()
        try await waitUntil("it is asked again") { fake.count("/ContainerStatus") > 2 }
        #expect(log.record(CRISamples.id) == nil)
        fake.script("/ContainerStatus", .messages([CRISamples.status()]))
        try await log.wait("the start") { $0.record(CRISamples.id)?.status == .running }
        #expect(log.story(CRISamples.id) == ["changed running"])
    }

    @Test func ofCRIOTheEventsOfCRIAreTaken() async throws {
        let fake = try fake("cri-o")
        fake.script("/ListContainers", .messages([[]]))
        fake.script(
            "/GetContainerEvents",
            .stream([
                CRISamples.criEvent(CRISamples.id, type: 0, time: 1),
                CRISamples.criEvent(CRISamples.id, type: 3, time: 2),
            ]))
        let log = watch(fake) { $0.firstReconcile = nil }
        try await log.wait("both events") { $0.story(CRISamples.id).last == "removed" }
        #expect(log.record(CRISamples.id)?.runtime == "cri-o" && log.record(CRISamples.id)?.layers == [])
        #expect(fake.count("/Subscribe") == 0 && fake.count("Snapshots/Mounts") == 0)
    }

    /// CRI-O without its events ends the stream at once; others say that they know no such call.
    @Test(
        arguments: [
            ("cri-o", "/GetContainerEvents", .messages([], status: 0)),
            ("cri-o", "/GetContainerEvents", .messages([], status: 12)),
            ("cri-dockerd", "/GetContainerEvents", .silence),
            ("containerd", "/Subscribe", .messages([], status: 12)),
        ] as [(String, String, FakeCRI.Reply)])
    func withoutEventsItIsPolled(name: String, call: String, reply: FakeCRI.Reply) async throws {
        let fake = try fake(name)
        fake.script(call, reply)
        let log = watch(fake)
        try await log.wait("lists") { $0.lists.count > 5 }
        #expect(fake.count(call) <= 1)
        fake.script("/ContainerStatus", .messages([CRISamples.status(state: 2, exitCode: 3)]))
        fake.script("/ListContainers", .messages([CRISamples.list([(CRISamples.id, 2)])]))
        try await log.wait("its end") { $0.story(CRISamples.id).last == "stopped 3" }
        fake.script("/ListContainers", .messages([[]]))
        try await log.wait("it is gone") { $0.lists.last?.isEmpty == true }
        #expect(log.reasons.count <= 1, "\(log.reasons)")
    }

    @Test func aSilentStreamIsFoundByTheProbe() async throws {
        let fake = try fake()
        let log = watch(fake) {
            $0.probeInterval = .milliseconds(50)
            $0.deadline = .milliseconds(200)
        }
        try await log.waitForList()
        fake.script("runtime.v1.RuntimeService/Version", .silence)
        try await log.wait("it is told") { $0.reasons.contains { $0.contains("does not answer within") } }
    }

    @Test func aWatchEndsWithItsTask() async throws {
        for reply in [FakeCRI.Reply.stream([]), .silence] {
            let fake = try fake()
            fake.script("/Subscribe", reply)
            let log = watch(fake)
            try await waitUntil("it is asked") { fake.count("/Subscribe") == 1 }
            await log.stop()
        }
    }

    @Test func withoutASocketItIsSaidSo() async throws {
        let directory = try TemporaryDirectory()
        let failure = await #expect(throws: RuntimeFailure.self) {
            try await CRIRuntime(socket: directory.path("none.sock")).list()
        }
        #expect(failure?.message.contains("is the runtime installed and running?") == true)
    }
}
