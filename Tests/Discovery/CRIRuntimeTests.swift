// Discovery against a real containerd, driven through CRI as a kubelet does it.
import Discovery
import Glibc
import TestSupport
import Testing

@Suite(.serialized)
struct CRIRuntimeTests {
    /// The one that comes with Docker, and the one of Debian's next suite.
    enum Version: String, CaseIterable, Sendable { case installed, next }

    private func engine(_ version: Version = .installed) async throws -> ContainerdEngine {
        let engine = try await ContainerdEngine.start(program: version == .next ? ContainerdEngine.next : nil)
        try await engine.importImages()
        return engine
    }

    /// False: there is none of that version here, which is said.
    private static func has(_ version: Version) -> Bool {
        if version == .installed || ContainerdEngine.next != nil { return true }
        print("LEFT OUT: a newer containerd could not be downloaded: see packaging/install-containerd-next.sh")
        return false
    }

    private func log(_ engine: ContainerdEngine) async throws -> ChangeLog<CRIRuntime> {
        let log = ChangeLog(CRIRuntime(socket: engine.socket))
        try await log.waitForList()
        return log
    }

    private static func pod(_ name: String, uid: String = "0d3c9d2e-6f4b-4a53-9f1d-6a0b4c1f2e3d") -> TestPod {
        var pod = TestPod(name, uid: uid)
        pod.namespace = "shop"
        pod.labels = ["app.kubernetes.io/name": "web-shop"]
        pod.annotations = ["longshore.logs.app.path": "/logs/*.log"]
        return pod
    }

    @Test(arguments: Version.allCases) func containersThatRanBeforeAreListedWithAllThatIsKnown(version: Version)
        async throws
    {
        guard Self.has(version) else { return }
        let engine = try await engine(version)
        let logs = engine.directory.path("logs")
        let mounted = try engine.directory.makeDirectory("bind")
        let pod = Self.pod("web")
        let sandbox = try await engine.cri.run(pod, logs: logs)
        var container = TestPodContainer("app", script: "echo hello; sleep 1000")
        container.attempt = 2
        container.mounts = [(mounted, "/logs/")]
        let id = try await engine.cri.create(container, in: sandbox, of: pod, logs: logs)
        try await engine.cri.start(id)
        let log = try await log(engine)
        guard case .reachable(let version) = log.changes.first else {
            Issue.record("\(log.changes)")
            return
        }
        #expect(version.hasPrefix("containerd 1.") && version.hasSuffix("(CRI v1)"))
        #expect(log.lists[0].map(\.id) == [id], "a sandbox is no container")
        let record = try #require(log.record(id))
        #expect(record.name == "app" && record.runtime == "containerd" && record.image == ContainerdEngine.image)
        #expect(record.status == .running && record.processID > 0 && record.restartCount == 2)
        #expect(record.created.hasSuffix("Z") && !record.started.isEmpty && record.finished.isEmpty)
        #expect(record.logPath == "\(logs)/app-2.log" && record.logFormat == .cri && record.logDriver == "")
        #expect(record.mounts == [.init(kind: .bind, source: mounted, destination: "/logs")])
        #expect(record.layers.count == 2)
        for layer in record.layers { #expect(access(layer, F_OK) == 0, "\(layer)") }
        let known = try #require(record.pod)
        #expect(known.name == "web" && known.namespace == "shop" && known.uid == pod.uid)
        #expect(known.labels == pod.labels && known.annotations == pod.annotations)
        #expect(record.labels["io.kubernetes.container.name"] == "app")
        #expect(try await CRIRuntime(socket: engine.socket).list() == [record])
        try await engine.stop()
    }

    @Test(arguments: Version.allCases) func lifeOfAContainerIsToldInOrder(version: Version) async throws {
        guard Self.has(version) else { return }
        let engine = try await engine(version)
        let logs = engine.directory.path("logs")
        let log = try await log(engine)
        let pod = Self.pod("web")
        let sandbox = try await engine.cri.run(pod, logs: logs)
        let id = try await engine.cri.create(
            TestPodContainer("app", script: "sleep 1000"), in: sandbox, of: pod, logs: logs)
        try await log.wait("create") { $0.story(id).first == "changed created" }
        #expect(log.record(id)?.layers.count == 2 && log.record(id)?.pod?.name == "web", "before it has written")
        try await engine.cri.start(id)
        try await log.wait("start") { $0.record(id)?.status == .running }
        #expect(log.record(id)?.processID ?? 0 > 0 && log.record(id)?.started.isEmpty == false)
        try await engine.cri.stop(id)
        try await log.wait("stop") { $0.story(id).last == "stopped 137" }
        try await engine.cri.remove(id)
        try await log.wait("remove") { $0.story(id).last == "removed" }
        #expect(log.story(id).filter { $0.hasPrefix("stopped") }.count == 1, "\(log.story(id))")
        try await engine.cri.removePod(sandbox)
        #expect(log.known == [id], "sandboxes are told by nobody")
        try await engine.stop()
    }

    @Test(arguments: Version.allCases) func containersGoneWithinASecondAreAllTold(version: Version) async throws {
        guard Self.has(version) else { return }
        let engine = try await engine(version)
        let logs = engine.directory.path("logs")
        let log = try await log(engine)
        let pod = Self.pod("short")
        let sandbox = try await engine.cri.run(pod, logs: logs)
        var ids: [String] = []
        for attempt in 0..<10 {
            var container = TestPodContainer("app", script: "exit 7")
            container.attempt = attempt
            let id = try await engine.cri.create(container, in: sandbox, of: pod, logs: logs)
            try await engine.cri.start(id)
            ids.append(id)
        }
        for id in ids { try await log.wait("its end") { $0.story(id).last == "stopped 7" } }
        for id in ids { try await engine.cri.remove(id) }
        for (attempt, id) in ids.enumerated() {
            try await log.wait("the end of \(id)") { $0.story(id).last == "removed" }
            let story = log.story(id)
            #expect(story.first == "changed created" && story.suffix(2) == ["stopped 7", "removed"], "\(story)")
            let record = try #require(log.record(id))
            #expect(record.pod?.annotations == pod.annotations && record.restartCount == attempt)
        }
        try await engine.stop()
    }

    /// Docker's containers are in a namespace of their own, and Docker tells of them.
    @Test func whatIsInAnotherNamespaceIsNotTold() async throws {
        let engine = try await engine()
        let log = try await log(engine)
        try await engine.ctr("-n", "moby", "images", "import", try await archive(engine))
        try await engine.ctr("-n", "moby", "run", "-d", ContainerdEngine.image, "docker-\(getpid())", "sleep", "1000")
        // Past CRI, in CRI's namespace: containerd has it, CRI does not.
        try await engine.ctr("-n", "k8s.io", "run", "-d", ContainerdEngine.image, "stray-\(getpid())", "sleep", "1000")
        let pod = Self.pod("web")
        let sandbox = try await engine.cri.run(pod, logs: engine.directory.path("logs"))
        let id = try await engine.cri.create(
            TestPodContainer("app", script: "sleep 1000"), in: sandbox, of: pod, logs: engine.directory.path("logs"))
        try await log.wait("create") { $0.story(id).first == "changed created" }
        #expect(log.known == [id])
        try await engine.stop()
    }

    private func archive(_ engine: ContainerdEngine) async throws -> String {
        let path = engine.directory.path("moby.tar")
        try await engine.ctr("-n", "k8s.io", "images", "export", path, ContainerdEngine.image)
        return path
    }

    @Test(arguments: Version.allCases) func aRuntimeThatDiesAndComesBackIsFollowedOn(version: Version) async throws {
        guard Self.has(version) else { return }
        let engine = try await engine(version)
        let logs = engine.directory.path("logs")
        let log = try await log(engine)
        let pod = Self.pod("web")
        let sandbox = try await engine.cri.run(pod, logs: logs)
        var ids: [String] = []
        for name in ["stays", "ends"] {
            let script = name == "stays" ? "sleep 1000" : "while [ ! -e /logs/end ]; do usleep 10000; done; exit 4"
            var container = TestPodContainer(name, script: script)
            container.mounts = [(try engine.directory.makeDirectory("bind"), "/logs")]
            let id = try await engine.cri.create(container, in: sandbox, of: pod, logs: logs)
            try await engine.cri.start(id)
            ids.append(id)
        }
        try await log.wait("both run") { log in ids.allSatisfy { log.record($0)?.status == .running } }
        try await engine.kill()
        try await log.wait("its end is told") { !$0.reasons.isEmpty }
        // It ends while nobody can tell.
        let process = try #require(log.record(ids[1])?.processID)
        try engine.directory.write("", to: "bind/end")
        try await waitUntil("its process ends") { kill(process, 0) != 0 }
        let lists = log.lists.count
        try await engine.restart()
        try await log.wait("it is listed again") { $0.lists.count > lists }
        #expect(log.record(ids[0])?.status == .running)
        try await log.wait("the end of the other") { $0.record(ids[1])?.status == .exited }
        // containerd 1.7 does not know the code of what ended without it.
        #expect(log.record(ids[1])?.exitCode == (version == .next ? 255 : 4))
        let third = try await engine.cri.create(
            TestPodContainer("third", script: "exit 0"), in: sandbox, of: pod, logs: logs)
        try await engine.cri.start(third)
        try await log.wait("events come again") { $0.story(third).last == "stopped 0" }
        try await engine.stop()
    }

    @Test func aRuntimeThatHangsIsNoticed() async throws {
        let engine = try await engine()
        var options = CRIRuntime.usualOptions
        options.deadline = .milliseconds(500)
        options.probeInterval = .milliseconds(200)
        let log = ChangeLog(CRIRuntime(socket: engine.socket, options: options))
        try await log.waitForList()
        engine.signal(SIGSTOP)
        try await log.wait("it is told") { $0.reasons.contains { $0.contains("does not answer within") } }
        engine.signal(SIGCONT)
        let lists = log.lists.count
        try await log.wait("it is listed again") { $0.lists.count > lists }
        try await engine.stop()
    }

    @Test func withoutTheCRIPluginItIsSaidWhatToDo() async throws {
        let engine = try await ContainerdEngine.start(isCRIOff: true)
        let log = ChangeLog(CRIRuntime(socket: engine.socket))
        try await log.wait("the reason") { $0.reasons.contains { $0.contains("disabled_plugins") } }
        try await engine.stop()
    }
}
