// Discovery against a real Docker Engine.
import Discovery
import Glibc
import TestSupport
import Testing

/// One engine at a time here: each costs 100 MB.
@Suite(.serialized)
struct DockerRuntimeTests {
    private func engine(liveRestore: Bool = false) async throws -> DockerEngine {
        let engine = try await DockerEngine.start(liveRestore: liveRestore)
        try await engine.importBusybox()
        return engine
    }

    private func runtime(_ engine: DockerEngine, since: Int64? = nil, _ options: DockerRuntime.Options = .init())
        -> DockerRuntime
    {
        DockerRuntime(socket: engine.socket, since: since, options: options)
    }

    @Test func containersThatRanBeforeAreListedWithAllThatIsKnown() async throws {
        let engine = try await engine()
        let mounted = try engine.directory.makeDirectory("bind")
        let id = try await engine.run(
            name: "web", labels: ["app": "web", "longshore.logs.a": "/data"],
            mounts: ["\(mounted):/data/", "vol:/vol"], tmpfs: ["/scratch/"], command: ["sleep", "1000"])
        let ended = try await engine.createAndStart(DockerContainer(["sh", "-c", "exit 3"]))
        try await engine.wait(ended)
        let log = DockerChangeLog(runtime(engine))
        try await log.waitForList()
        guard case .reachable(let version) = log.changes.first else {
            Issue.record("\(log.changes)")
            return
        }
        #expect(version.contains("(API 1.") && version.hasPrefix("2"))
        let web = try #require(log.record(id))
        #expect(web.name == "web" && web.runtime == "docker" && web.image == DockerEngine.image)
        #expect(web.labels == ["app": "web", "longshore.logs.a": "/data"])
        #expect(web.status == .running && web.processID > 0 && !web.started.isEmpty && web.finished.isEmpty)
        #expect(web.mounts.map(\.destination) == ["/data", "/scratch", "/vol"])
        #expect(web.mounts.map(\.kind) == [.bind, .tmpfs, .volume])
        #expect(web.mounts[0].source == mounted)
        #expect(web.mounts[2].name == "vol" && web.mounts[2].driver == "local")
        #expect(access("\(web.mounts[2].source)/.", F_OK) == 0)
        #expect(web.layers.count >= 2)
        for layer in web.layers { #expect(access(layer, F_OK) == 0, "\(layer)") }
        let three = try #require(log.record(ended))
        #expect(three.status == .exited && three.exitCode == 3 && three.processID == 0)
        let listed = try await runtime(engine).list()
        #expect(Set(listed.map(\.id)) == [id, ended])
        #expect(listed.first { $0.id == id } == web)
    }

    @Test func lifeOfAContainerIsToldInOrder() async throws {
        let engine = try await engine()
        let log = DockerChangeLog(runtime(engine))
        try await log.waitForList()
        let id = try await engine.create(DockerContainer(["sleep", "1000"]), name: "before")
        try await log.wait("create") { $0.story(id) == ["changed created"] }
        try await engine.start(id)
        try await log.wait("start") { $0.record(id)?.status == .running }
        try await engine.docker("rename", "before", "after")
        try await log.wait("rename") { $0.record(id)?.name == "after" }
        try await engine.docker("pause", id)
        try await log.wait("pause") { $0.record(id)?.status == .paused }
        try await engine.docker("unpause", id)
        try await log.wait("unpause") { $0.record(id)?.status == .running }
        let process = try #require(log.record(id)?.processID)
        try await engine.docker("restart", "-t", "0", id)
        try await log.wait("restart") {
            $0.record(id).map { $0.status == .running && $0.processID != process } ?? false
        }
        #expect(log.story(id).contains("stopped 137"))
        try await engine.remove(id)
        try await log.wait("remove") { $0.story(id).last == "removed" }
        #expect(log.story(id).suffix(2) == ["stopped 137", "removed"])
        #expect(try await runtime(engine).list() == [])
    }

    @Test func containersGoneWithinASecondAreAllTold() async throws {
        let engine = try await engine()
        let log = DockerChangeLog(runtime(engine))
        try await log.waitForList()
        var container = DockerContainer(script: "exit 7")
        container.removes = true
        container.labels = ["app": "short"]
        container.mounts = ["/tmp:/data:ro"]
        var ids: [String] = []
        for _ in 0..<10 { ids.append(try await engine.createAndStart(container)) }
        for id in ids {
            try await log.wait("the end of \(id)") { $0.story(id).last == "removed" }
            let story = log.story(id)
            #expect(story.first == "changed created" || story.first?.hasPrefix("changed") == true, "\(story)")
            #expect(story.suffix(2) == ["stopped 7", "removed"], "\(story)")
            let record = try #require(log.record(id))
            #expect(record.labels == ["app": "short"] && record.image == DockerEngine.image && !record.name.isEmpty)
            #expect(record.mounts.map(\.destination) == ["/data"], "inspected before it was gone")
        }
    }

    @Test func anOutOfMemoryKillIsToldAndAKillIsNot() async throws {
        let engine = try await engine()
        let log = DockerChangeLog(runtime(engine))
        try await log.waitForList()
        var hungry = DockerContainer(script: "x=a; while true; do x=$x$x$x$x; done")
        hungry.memory = 8 << 20
        let killed = try await engine.createAndStart(DockerContainer(["sleep", "1000"]))
        let starved = try await engine.createAndStart(hungry)
        try await engine.docker("kill", killed)
        try await log.wait("the ends") { $0.story(starved).count >= 3 && $0.story(killed).count >= 3 }
        #expect(log.story(starved).last == "stopped 137 oom")
        #expect(log.story(killed).last == "stopped 137")
        // The engine tells nothing of a kill that was not its own: it is asked.
        let outside = try await engine.createAndStart(DockerContainer(["sleep", "1000"]))
        try await log.wait("its process") { $0.record(outside)?.processID ?? 0 > 0 }
        kill(try #require(log.record(outside)?.processID), SIGKILL)
        try await log.wait("its end") { $0.story(outside).last == "stopped 137" }
        // A label of that name overwrites the attribute of the event.
        var liar = DockerContainer(script: "exit 5")
        liar.labels = ["exitCode": "0", "name": "somebody"]
        let lies = try await engine.createAndStart(liar)
        try await log.wait("its end") { $0.story(lies).last == "stopped 5" }
    }

    @Test func noContainerIsMissedWhenTheEngineIsKilledUnderLoad() async throws {
        let engine = try await engine(liveRestore: true)
        let log = DockerChangeLog(runtime(engine))
        try await log.waitForList()
        var ids: Set<String> = []
        for round in 0..<3 {
            async let started = startSome(engine, 12)
            try await Task.sleep(for: .milliseconds(100 + 150 * round))
            try await engine.kill()
            ids.formUnion(try await started)
            try await engine.restart()
            try await log.waitForList(round + 2)
        }
        ids.formUnion(try await startSome(engine, 5))
        for id in ids {
            try await log.wait("\(id)") { $0.known.contains(id) }
        }
        // Those that the engine made without being able to say so are known to its list.
        let there = Set(try await runtime(engine).list().map(\.id))
        try await log.wait("all that are there") { there.isSubset(of: $0.known) }
        #expect(!log.reasons.isEmpty)
        let newest = try #require(log.runtime.newestEvent)
        await log.stop()
        // What happens while nobody watches is told afterwards.
        var short = DockerContainer(script: "exit 9")
        short.removes = true
        let missed = try await engine.createAndStart(short)
        try await waitUntil("its removal") { (try? await engine.inspect(missed)) == nil }
        let later = DockerChangeLog(runtime(engine, since: newest))
        try await later.wait("the missed container") { $0.story(missed).last == "removed" }
        #expect(later.story(missed) == ["changed created", "changed exited", "stopped 9", "removed"])
    }

    /// Containers started one after another until the engine does not answer.
    private func startSome(_ engine: DockerEngine, _ count: Int) async throws -> Set<String> {
        var ids: Set<String> = []
        for _ in 0..<count {
            guard let id = try? await engine.create(DockerContainer(["true"])) else { break }
            ids.insert(id)
            try? await engine.start(id)
        }
        return ids
    }

    @Test func aSocketThatAppearsLaterIsFound() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.path("later.sock")
        var options = DockerRuntime.Options()
        options.socketPause = .milliseconds(20)
        let log = DockerChangeLog(DockerRuntime(socket: path, options: options))
        try await log.wait("the reason") { $0.reasons.count == 1 }
        #expect(log.reasons[0].contains("there is no socket at \(path)"))
        let engine = try await DockerEngine.start()
        symlink(engine.socket, path)
        try await log.waitForList()
        #expect(log.reasons.count == 1, "told once")
    }

    @Test func eventsLeadToRecordsWithinMilliseconds() async throws {
        let engine = try await engine()
        let log = DockerChangeLog(runtime(engine))
        try await log.waitForList()
        let clock = ContinuousClock()
        var latencies: [Duration] = []
        for _ in 0..<50 {
            let id = try await engine.create(DockerContainer(["true"]))
            let answered = clock.now
            try await log.wait("create") { $0.story(id).count == 1 }
            let entry = log.all.first { if case .changed(let record) = $0.change { record.id == id } else { false } }
            latencies.append(try #require(entry).at - answered)
        }
        latencies.sort()
        print("create answered -> changed: p50 \(latencies[25]), p99 \(latencies[49])")
        #expect(latencies[25] < .milliseconds(100))
    }
}

/// Figures, not verdicts: `LONGSHORE_BENCH=1 swift test --filter DockerRuntimeBench`.
struct DockerRuntimeBench {
    @Test(.enabled(if: environmentVariable("LONGSHORE_BENCH") != nil))
    func figures() async throws {
        let engine = try await DockerEngine.start()
        try await engine.importBusybox()
        let clock = ContinuousClock()
        let count = 100
        for _ in 0..<count { _ = try await engine.create(DockerContainer(["true"])) }
        let before = try #require(processUsage(of: getpid()))
        var options = DockerRuntime.Options()
        options.reconcileInterval = .seconds(3)
        let start = clock.now
        let log = DockerChangeLog(DockerRuntime(socket: engine.socket, options: options))
        try await log.waitForList()
        let connected = try #require(log.all.last).at - start
        let listed = try #require(processUsage(of: getpid()))
        try await log.waitForList(4)
        let reconciled = try #require(processUsage(of: getpid()))
        print("\(count) containers listed and inspected in \(connected)")
        print("resident: \(before.residentBytes >> 10) KiB before, \(listed.residentBytes >> 10) KiB after")
        print("3 reconciliations: \((reconciled.cpuSeconds - listed.cpuSeconds) * 1000) ms CPU")
        await log.stop()
        try await burst(engine)
        let idle = DockerChangeLog(DockerRuntime(socket: engine.socket))
        try await idle.waitForList()
        let rest = try #require(processUsage(of: getpid()))
        try await Task.sleep(for: .seconds(30))
        let end = try #require(processUsage(of: getpid()))
        print("30 s idle: \((end.cpuSeconds - rest.cpuSeconds) * 1000) ms CPU")
    }
    /// 100 containers that write nothing and are removed at once, eight at a time.
    private func burst(_ engine: DockerEngine) async throws {
        let log = DockerChangeLog(DockerRuntime(socket: engine.socket))
        try await log.waitForList()
        var container = DockerContainer(["true"])
        container.removes = true
        container.mounts = ["/tmp:/data:ro"]
        let made = container
        let ids = try await withThrowingTaskGroup(of: String.self) { group in
            var ids: [String] = []
            for index in 0..<100 {
                if index >= 8, let id = try await group.next() { ids.append(id) }
                group.addTask { try await engine.createAndStart(made) }
            }
            for try await id in group { ids.append(id) }
            return ids
        }
        try await log.wait("all ends", timeout: .seconds(60)) { log in
            ids.allSatisfy { log.story($0).last == "removed" }
        }
        let inspected = ids.count { log.record($0)?.mounts.isEmpty == false }
        let withProcess = ids.count { id in
            log.changes.contains {
                if case .changed(let record) = $0 { record.id == id && record.processID > 0 } else { false }
            }
        }
        print("of 100 that end at once: \(inspected) inspected in time, \(withProcess) while they ran")
    }
}
