// Discovery against a real Podman, through its API that is Docker's.
import Discovery
import Glibc
import TestSupport
import Testing

@Suite(.serialized)
struct PodmanTests {
    /// Podman as it is configured, and as somebody finds it who thinks that Docker is there.
    @Test(arguments: ["podman", "docker"])
    func lifeOfAContainerIsTold(name: String) async throws {
        let engine = try await PodmanEngine.start()
        let log = ChangeLog(DockerRuntime(name: name, socket: engine.socket))
        try await log.waitForList()
        let bind = try engine.directory.makeDirectory("bind")
        let id = try await engine.run(
            name: "web", labels: ["app": "web"], mounts: ["\(bind):/data", "vol:/vol"],
            script: "echo hello; while [ ! -e /data/end ]; do usleep 20000; done; exit 7")
        try await log.wait("start") { $0.record(id)?.status == .running }
        let record = try #require(log.record(id))
        #expect(record.name == "web" && record.runtime == "podman" && record.labels["app"] == "web")
        #expect(record.image == PodmanEngine.image && record.processID > 0 && !record.started.isEmpty)
        #expect(record.mounts.map(\.destination) == ["/data", "/vol"])
        #expect(record.mounts.map(\.kind) == [.bind, .volume] && record.mounts[0].source == bind)
        #expect(record.layers.count >= 2)
        for layer in record.layers { #expect(access(layer, F_OK) == 0, "\(layer)") }
        #expect(record.logFormat == .cri && access(record.logPath, F_OK) == 0, "\(record.logPath)")
        try await waitUntil("its log") {
            String(decoding: try readWholeFile(record.logPath), as: UTF8.self).hasSuffix(" stdout F hello\n")
        }
        try engine.directory.write("", to: "bind/end")
        try await log.wait("stop") { $0.story(id).last == "stopped 7" }
        try await engine.podman("rm", id)
        try await log.wait("remove") { $0.story(id).last == "removed" }
        #expect(log.story(id).filter { $0.hasPrefix("stopped") } == ["stopped 7"], "\(log.story(id))")
        try await engine.stop()
    }

    @Test func containersGoneWithinASecondAreAllTold() async throws {
        let engine = try await PodmanEngine.start()
        let log = ChangeLog(DockerRuntime(name: "podman", socket: engine.socket))
        try await log.waitForList()
        var ids: [String] = []
        for index in 0..<5 {
            ids.append(
                try await engine.run(name: "short\(index)", labels: ["app": "s"], script: "exit 7", extra: ["--rm"]))
        }
        for id in ids {
            try await log.wait("the end of \(id)") { $0.story(id).last == "removed" }
            let story = log.story(id)
            #expect(story.suffix(2) == ["stopped 7", "removed"], "\(story)")
            #expect(log.record(id)?.labels["app"] == "s")
        }
        try await engine.stop()
    }

    @Test func aServiceThatDiesAndComesBackIsFollowedOn() async throws {
        let engine = try await PodmanEngine.start()
        let log = ChangeLog(DockerRuntime(name: "podman", socket: engine.socket))
        try await log.waitForList()
        let id = try await engine.run(name: "web", script: "sleep 1000")
        try await log.wait("start") { $0.record(id)?.status == .running }
        try await engine.kill()
        try await log.wait("its end is told") { !$0.reasons.isEmpty }
        let lists = log.lists.count
        try await engine.restart()
        try await log.wait("it is listed again") { $0.lists.count > lists }
        #expect(log.record(id)?.status == .running)
        try await engine.podman("rm", "-f", "-t", "0", id)
        try await log.wait("events come again") { $0.story(id).last == "removed" }
        try await engine.stop()
    }
}
