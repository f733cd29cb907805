// Files of an image that a container writes to, with the kernel's own overlayfs: each byte is shipped once.
import CLinux
import Core
import Glibc
import LinuxIO
import Resolver
import TestSupport
import Testing

@testable import FileSource

/// An image with one layer and a container of it: `lower`, `upper` and `merged`, on a tmpfs of their own, which takes
/// overlayfs's marks on every machine. Needs CAP_SYS_ADMIN.
private struct Image {
    let directory: TemporaryDirectory

    init(containers: [String] = ["c1"], _ files: KeyValuePairs<String, String>) throws {
        directory = try TemporaryDirectory()
        try directory.makeDirectory("fs")
        try Image.mount("tmpfs", on: directory.path("fs"), nil)
        try directory.makeDirectory("fs/lower")
        for (name, text) in files { try write(text, to: "lower/\(name)") }
        for container in containers { try start(container) }
    }

    private func start(_ id: String) throws {
        for name in ["upper", "work", "merged"] { try directory.makeDirectory("fs/\(id)/\(name)") }
        let base = directory.path("fs")
        try Image.mount(
            "overlay", on: "\(base)/\(id)/merged",
            "lowerdir=\(base)/lower,upperdir=\(base)/\(id)/upper,workdir=\(base)/\(id)/work")
    }

    private static func mount(_ type: String, on path: String, _ data: String?) throws {
        guard Glibc.mount(type, path, type, 0, data) == 0 else { throw SystemError("mount", path, errno: errno) }
    }

    func layers(_ id: String = "c1") -> [String] { [directory.path("fs/\(id)/upper"), directory.path("fs/lower")] }

    private func write(_ text: String, to name: String) throws {
        try directory.makeDirectory("fs/" + name.split(separator: "/").dropLast().joined(separator: "/"))
        try directory.write(text, to: "fs/\(name)")
    }

    // What the container does.
    func path(_ name: String, _ id: String = "c1") -> String { "fs/\(id)/merged/\(name)" }
    func append(_ text: String, to name: String, _ id: String = "c1") throws {
        try directory.append(text, to: path(name, id))
    }

    func inode(_ name: String, _ id: String = "c1") throws -> UInt64 {
        try FileSystem.status(Array(directory.path("fs/\(id)/upper/\(name)").utf8)).get().inode
    }
}

extension TestEngine {
    fileprivate func follow(_ image: Image, _ paths: String..., id: String = "c1") {
        follow(
            id,
            [FileDeclaration(name: "app", container: id, patterns: paths.map { PathPattern($0) }, route: "logs")],
            layers: image.layers(id))
    }
}

struct CopyUpTests {
    @Test(arguments: ["/logs/*.log", "/logs/base.log", "/**/*.log"])
    func aFileOfTheImageThatIsWrittenToGoesOnInItsCopy(pattern: String) throws {
        let image = try Image(["logs/base.log": "image 1\n", "logs/other.log": "other\n"])
        let engine = try TestEngine([])
        engine.follow(image, pattern)
        for line in 2...4 {
            try image.append("line \(line)\n", to: "logs/base.log")
            engine.pump()
        }
        #expect(engine.text("/logs/base.log") == "image 1\nline 2\nline 3\nline 4\n")
        #expect(engine.generations(of: "/logs/base.log").count == 1 && engine.vanished.isEmpty)
        let record = try #require(engine.records().first { $0.path == Array("/logs/base.log".utf8) })
        #expect(try record.identity.inode == image.inode("logs/base.log"))
    }

    @Test func whatWasNotReadOfTheImageIsReadFromTheCopyOnce() throws {
        let image = try Image(["logs/base.log": "image 1\n"])
        let engine = try TestEngine([])
        engine.reads = { _ in false }
        engine.follow(image, "/logs/*.log")
        try image.append("line 2\n", to: "logs/base.log")
        engine.pump()
        engine.unpark()
        #expect(engine.allText == ["image 1\nline 2\n"])
    }

    @Test func aCopyIsContinuedAlsoWhenTheDescriptorWasGivenUp() throws {
        let image = try Image(["logs/a.log": "a\n", "logs/b.log": "b\n"])
        let engine = try TestEngine([]) { $0.openLimit = 1 }
        engine.follow(image, "/logs/*.log")
        for name in ["a", "b"] { try image.append("\(name) 2\n", to: "logs/\(name).log") }
        engine.pump()
        #expect(engine.allText.sorted() == ["a\na 2\n", "b\nb 2\n"] && engine.maximumOpen <= 2)
    }

    @Test func aCopyThatWasMadeWhileTheDaemonWasDownIsContinued() throws {
        let image = try Image(["logs/base.log": "image 1\n"])
        let first = try TestEngine([])
        first.follow(image, "/logs/*.log")
        try image.append("line 2\n", to: "logs/base.log")
        let second = try TestEngine([], known: first.records())
        second.follow(image, "/logs/*.log")
        #expect(second.allText == ["line 2\n"] && second.vanished.isEmpty)
        #expect(second.generations.map(\.file) == first.generations.map(\.file) && second.moved.count == 1)
        // The store's row names the copy by now.
        let third = try TestEngine([], known: second.records())
        third.follow(image, "/logs/*.log")
        try image.append("line 3\n", to: "logs/base.log")
        third.pump()
        #expect(third.allText == ["line 3\n"] && third.moved.isEmpty)
    }

    @Test func aCopyThatWasMadeWhileItsContainerHadStoppedIsContinued() throws {
        let image = try Image(["logs/base.log": "image 1\n"])
        let engine = try TestEngine([])
        engine.follow(image, "/logs/*.log")
        engine.drain(0)
        try image.append("line 2\n", to: "logs/base.log")
        engine.follow(image, "/logs/*.log")
        #expect(engine.allText == ["image 1\n", "line 2\n"])
        #expect(engine.generations[0].file == engine.generations[1].file)
    }

    @Test func aFileThatTheContainerEmptiesIsANewOne() throws {
        let image = try Image(["logs/base.log": "image 1\n"])
        let engine = try TestEngine([])
        engine.follow(image, "/logs/*.log")
        try image.directory.write("new\n", to: image.path("logs/base.log"))
        engine.pump()
        #expect(engine.allText == ["image 1\n", "new\n"])
    }

    @Test func aFileThatWasEmptiedWhileTheDaemonWasDownIsANewOne() throws {
        let image = try Image(["logs/base.log": "image 1\n"])
        let first = try TestEngine([])
        first.follow(image, "/logs/*.log")
        try image.directory.write("new\n", to: image.path("logs/base.log"))
        let second = try TestEngine([], known: first.records())
        second.follow(image, "/logs/*.log")
        #expect(second.allText == ["new\n"] && second.vanished.map(\.reason) == [.truncated])
    }

    /// Its bytes are the image's again, but it is no copy: overlayfs has not marked it.
    @Test(arguments: [true, false])
    func aFileMadeAnewWithTheSameContentIsShippedAgain(whileDown: Bool) throws {
        let image = try Image(["logs/base.log": "image 1\n"])
        var engine = try TestEngine([])
        engine.follow(image, "/logs/*.log")
        image.directory.delete(image.path("logs/base.log"))
        try image.append("image 1\n", to: "logs/base.log")
        if whileDown {
            engine = try TestEngine([], known: engine.records())
            engine.follow(image, "/logs/*.log")
            #expect(engine.allText == ["image 1\n"])
        } else {
            engine.pump()
            #expect(engine.allText == ["image 1\n", "image 1\n"])
        }
    }

    @Test(arguments: ["after.log", "before.log.1"])
    func aFileOfTheImageThatIsRenamedGoesOnUnderItsNewName(name: String) throws {
        let image = try Image(["logs/before.log": "image 1\n"])
        let engine = try TestEngine([])
        engine.follow(image, "/logs/*.log")
        // A directory that is copied up as a whole tells nothing of what was renamed in it.
        try image.append("", to: "logs/any")
        engine.pump()
        image.directory.rename(image.path("logs/before.log"), image.path("logs/\(name)"))
        engine.pump()
        try image.append("line 2\n", to: "logs/\(name)")
        engine.pump()
        #expect(engine.allText == ["image 1\nline 2\n"] && engine.generations[0].path == "/logs/before.log")
        try image.append("next\n", to: "logs/before.log")
        engine.pump()
        #expect(engine.allText == ["image 1\nline 2\n", "next\n"])
    }

    @Test func containersOfOneImageGoTheirOwnWays() throws {
        let image = try Image(containers: ["c1", "c2"], ["logs/base.log": "image 1\n"])
        let engine = try TestEngine([])
        engine.follow(image, "/logs/*.log", id: "c1")
        engine.follow(image, "/logs/*.log", id: "c2")
        #expect(engine.allText == ["image 1\n"] && engine.tailer.isShared(0))
        try image.append("of c1\n", to: "logs/base.log", "c1")
        engine.pump()
        // What was read for both was not said to be c1's.
        #expect(engine.allText == ["image 1\n", "image 1\nof c1\n"] && !engine.tailer.isShared(0))
        try image.append("of c2\n", to: "logs/base.log", "c2")
        engine.pump()
        #expect(engine.allText == ["image 1\nof c2\n", "image 1\nof c1\n"])
    }
}
