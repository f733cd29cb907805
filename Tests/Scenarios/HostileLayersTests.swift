// What overlay file systems do to logs of the image and of the container's own root.
import TestSupport
import Testing

extension ContainerScenarios.Hostile {
    /// One layer more on an image: `commit` of a container that ran `script`.
    private func makeImage(_ name: String, from image: String = DockerEngine.image, _ script: String) async throws {
        var container = DockerContainer(script: script)
        container.image = image
        let id = try await stage.engine.create(container)
        try await stage.engine.start(id)
        try await stage.engine.wait(id)
        try await stage.engine.api("POST", "/commit?container=\(id)&repo=longshore-test/\(name)&tag=1", body: "{}")
        try await stage.engine.remove(id)
    }

    @Test("files of the image that are appended to, deleted or hidden, and a container that is started again")
    func layers() async throws {
        try await makeImage(
            "layers",
            """
            mkdir -p /logs/opaque /logs/merged; cd /logs; echo "image 1" >base.log; echo "deleted" >gone.log
            echo "hidden" >opaque/old.log; echo "merged image" >merged/image.log; echo "renamed 1" >before.log
            """)
        try await makeImage(
            "layered", from: "longshore-test/layers:1",
            "cd /logs; rm -r gone.log opaque; mkdir opaque; echo merged 2 >merged/second.log")
        let id = try await stage.start(
            "layers",
            """
            if [ -e /logs/started ]; then echo "image 4" >>/logs/base.log; echo "again" >/logs/new/again.log
            else echo "shown" >/logs/opaque/new.log; touch /logs/started; fi
            """, image: "longshore-test/layered:1",
            labels: ["longshore.logs.app": "/logs/*.log,/logs/*/*.log", "longshore.logs.late": "/late/er/*.log"])
        func arrived() -> [String] { stage.records(of: "layers").map(\.message) }
        func expect(_ messages: [String], location: SourceLocation = #_sourceLocation) async throws {
            try await waitUntil("\(messages), not \(arrived()); \(stage.daemon.process.errorTail)") {
                Set(messages).isSubset(of: arrived())
            }
            #expect(arrived().sorted() == messages.sorted(), sourceLocation: location)
        }
        var lines = ["image 1", "merged 2", "merged image", "renamed 1", "shown"]
        try await expect(lines)
        // The first write copies the file up: the upper layer's inode is another one, in which its generation goes on.
        try await stage.execute("layers", "echo 'image 2' >>/logs/base.log; echo 'merged new' >/logs/merged/new.log")
        lines += ["image 2", "merged new"]
        try await expect(lines)
        try await stage.execute(
            "layers", "echo 'image 3' >>/logs/base.log; mkdir -p /late/er /logs/new; echo late >/late/er/a.log")
        lines += ["image 3", "late"]
        try await expect(lines)
        // A file of the image that is renamed is copied up under its new name.
        try await stage.execute("layers", "mv /logs/before.log /logs/after.log; echo 'renamed 2' >>/logs/after.log")
        lines.append("renamed 2")
        try await expect(lines)
        // Started again, it has the same upper layer and another process.
        try await stage.engine.api("POST", "/containers/\(id)/restart?t=0")
        lines += ["image 4", "again"]
        try await waitUntil("\(lines), not \(arrived())") { Set(lines).isSubset(of: arrived()) }
        #expect(arrived().sorted() == lines.sorted())
        try await stage.engine.api("POST", "/containers/\(id)/stop?t=0")
        try await stage.wait(for: "drained", of: "layers", "late")
        #expect(arrived().sorted() == lines.sorted())
        try await stage.remove("layers")
    }
}
