// The fixture itself: a real Docker Engine that comes and goes without a trace.
import Glibc
import TestSupport
import Testing

struct DockerEngineTests {
    @Test func containersRunAndNothingIsLeftBehind() async throws {
        var directory = ""
        var shim: String?
        do {
            let engine = try await DockerEngine.start()
            directory = engine.directory.path
            try await engine.importBusybox()
            let mounted = try engine.directory.makeDirectory("bind")
            let id = try await engine.run(
                name: "web", labels: ["app": "web"], mounts: ["\(mounted):/data", "vol:/vol"], tmpfs: ["/scratch"],
                command: ["sh", "-c", "echo line >/data/a.log; exec sleep 1000"])
            #expect(id.utf8.count == 64)
            try await waitUntil("the container's line") { (try? readWholeFile("\(mounted)/a.log"))?.count == 5 }
            let short = try await engine.createAndStart(DockerContainer(["false"]), name: "short")
            #expect(try await engine.wait(short) == 1)
            try await engine.remove(short)
            #expect(try await engine.inspect("web")["State"]?["Status"]?.string == "running")
            #expect(try await engine.docker("ps", "-aq", "--no-trunc") == id)
            shim = try await engine.inspect("web")["State"]?["Pid"]?.double.map { String(Int($0)) }
        }
        #expect(access(directory, F_OK) != 0, "the engine's directory is still there")
        #expect(access("/proc/\(try #require(shim))", F_OK) != 0, "a container's process is still there")
        let mounts = String(decoding: try readWholeFile("/proc/self/mountinfo"), as: UTF8.self)
        #expect(!mounts.contains(directory))
        let name = directory.split(separator: "/").last!
        for controller in ["memory", "pids", "unified", ""] {
            #expect(access("/sys/fs/cgroup/\(controller)/\(name)", F_OK) != 0, "a cgroup is still there")
        }
    }

    @Test func killedAndStartedAgainItKnowsItsContainers() async throws {
        let engine = try await DockerEngine.start(liveRestore: true)
        try await engine.importBusybox()
        let id = try await engine.createAndStart(DockerContainer(["sleep", "1000"]), name: "lives")
        let before = try #require(try await engine.inspect(id)["State"]?["Pid"]?.double)
        try await engine.kill()
        await #expect(throws: (any Error).self) { try await engine.inspect(id) }
        try await engine.restart()
        #expect(try await engine.inspect("lives")["State"]?["Pid"]?.double == before, "live restore keeps it running")
        try await engine.kill()
        try await engine.stop()
        #expect(access("/proc/\(Int(before))", F_OK) != 0, "a container outlived the fixture")
    }
}
