// The layers of a root file system, compared with the kernel's own overlayfs over the same layers.
import CLinux
import Glibc
import LinuxIO
import TestSupport
import Testing

@testable import Resolver

@Suite struct LayerTests {
    private let stage: Stage

    init() throws {
        stage = try Stage()
        // All on one tmpfs, which takes trusted.* attributes on every machine.
        try stage.tmpfs(on: "fs")
        for name in ["fs/upper", "fs/lower1", "fs/lower2", "fs/work"] { try stage.make(name) }
    }

    private var view: ContainerView { stage.view(layers: ["fs/upper", "fs/lower1", "fs/lower2"]) }

    /// Mounts the layers, so that the kernel itself makes whiteouts, opaque directories and copies.
    private func mountOverlay(_ options: String = "") throws {
        try stage.make("fs/merged")
        let path = stage.path("fs")
        try stage.mount(
            "overlay", "overlay", on: "fs/merged",
            data: "lowerdir=\(path)/lower1:\(path)/lower2,upperdir=\(path)/upper,workdir=\(path)/work\(options)")
    }

    @Test func `the topmost layer that has a file counts`() throws {
        try stage.write("fs/upper/d/a", "upper")
        try stage.write("fs/lower1/d/a", "covered")
        try stage.write("fs/lower1/d/b", "lower1")
        try stage.write("fs/lower2/d/b", "covered")
        try stage.write("fs/lower2/d/c", "lower2")
        #expect(view.outcome("/d/a") == "upper")
        #expect(view.outcome("/d/b") == "lower1")
        #expect(view.outcome("/d/c") == "lower2")
        #expect(view.outcome("/d/e") == "ENOENT")
        #expect(view.found("/d/a")?.isLowerLayer == false)
        #expect(view.found("/d/b")?.isLowerLayer == true)
        #expect(view.found("/d")?.isLowerLayer == false)
        #expect(view.names("/d") == ["a", "b", "c"])
        #expect(view.names("/") == ["d/"])
    }

    @Test func `what the container deleted is not seen in a lower layer`() throws {
        for layer in ["lower1", "lower2"] {
            try stage.write("fs/\(layer)/d/gone", "covered")
            try stage.write("fs/\(layer)/d/stays", layer)
            try stage.write("fs/\(layer)/tree/a", "covered")
            try stage.write("fs/\(layer)/new/old-\(layer)", "covered")
            try stage.write("fs/\(layer)/file/a", "covered")
        }
        try mountOverlay()
        for name in ["d/gone", "tree/a", "new/old-lower1", "new/old-lower2", "file/a"] {
            #expect(unlink(stage.path("fs/merged/\(name)")) == 0)
        }
        for name in ["tree", "new", "file"] { #expect(rmdir(stage.path("fs/merged/\(name)")) == 0) }
        try stage.write("fs/merged/new/fresh", "fresh")  // an opaque directory
        try stage.write("fs/merged/file", "now a file")
        #expect(view.outcome("/d/gone") == "ENOENT")
        #expect(view.outcome("/d/stays") == "lower1")
        #expect(view.outcome("/tree/a") == "ENOENT")
        #expect(view.outcome("/new/old-lower1") == "ENOENT")
        #expect(view.outcome("/new/fresh") == "fresh")
        #expect(view.outcome("/file/a") == "ENOTDIR")
        #expect(view.outcome("/file") == "now a file")
        #expect(view.names("/d") == ["stays"])
        #expect(view.names("/new") == ["fresh"])
        #expect(view.names("/") == ["d/", "file", "new/"])
    }

    @Test func `a whiteout or an opaque directory in a middle layer hides the lowest`() throws {
        try stage.write("fs/lower2/d/a", "covered")
        try stage.write("fs/lower2/o/a", "covered")
        try stage.make("fs/lower1/d")
        // overlayfs itself makes the marks, with the middle layer as its upper one.
        try stage.make("fs/merged")
        let path = stage.path("fs")
        try stage.mount(
            "overlay", "overlay", on: "fs/merged",
            data: "lowerdir=\(path)/lower2,upperdir=\(path)/lower1,workdir=\(path)/work")
        for name in ["d/a", "o/a"] { #expect(unlink(stage.path("fs/merged/\(name)")) == 0) }
        #expect(rmdir(stage.path("fs/merged/o")) == 0)
        try stage.make("fs/merged/o")
        #expect(try FileSystem.status(Array(stage.path("fs/lower1/d/a").utf8)).get().isWhiteout)
        try stage.write("fs/upper/d/b", "upper")
        try stage.write("fs/upper/o/b", "upper")
        #expect(view.outcome("/d/a") == "ENOENT")
        #expect(view.outcome("/o/a") == "ENOENT")
        #expect(view.names("/d") == ["b"])
        #expect(view.names("/o") == ["b"])
    }

    @Test func `a directory that the container renamed shows nothing of another one's lower layer`() throws {
        try stage.write("fs/lower1/a/x", "of a")
        try stage.write("fs/lower1/b/x", "of b")
        try mountOverlay(",redirect_dir=on")
        #expect(unlink(stage.path("fs/merged/b/x")) == 0)
        #expect(rmdir(stage.path("fs/merged/b")) == 0)
        #expect(rename(stage.path("fs/merged/a"), stage.path("fs/merged/b")) == 0)
        #expect(view.outcome("/b/x") == "ENOENT", "it is in lower1/a, where it is not looked for")
        #expect(view.outcome("/a/x") == "ENOENT")
    }

    @Test func `a file of which only the metadata was copied up is read where its bytes are`() throws {
        try stage.write("fs/lower1/d/a", "bytes")
        try mountOverlay(",metacopy=on")
        #expect(chmod(stage.path("fs/merged/d/a"), 0o600) == 0)
        #expect(try FileSystem.status(Array(stage.path("fs/upper/d/a").utf8)).get().size == 5)
        #expect(view.outcome("/d/a") == "bytes")
        #expect(view.found("/d/a")?.isLowerLayer == true)
        try stage.write("fs/merged/d/a", "written")
        #expect(view.outcome("/d/a") == "written")
        #expect(view.found("/d/a")?.isLowerLayer == false)
    }

    @Test func `links lead from layer to layer by the container's root`() throws {
        try stage.write("fs/lower2/usr/log/a", "right")
        try stage.write("fs/upper/usr/keep", "")
        try stage.link("fs/lower1/var/log", to: "/usr/log")
        try stage.link("fs/upper/current", to: "var/log/a")
        #expect(view.outcome("/var/log/a") == "right")
        #expect(view.outcome("/current") == "right")
        #expect(view.found("/current")?.place == Array("/usr/log/a".utf8))
        #expect(view.names("/var/log") == ["a"])
    }

    @Test func `a mount of the host inside a layer is refused`() throws {
        try stage.tmpfs(on: "fs/upper/m")
        try stage.write("fs/upper/m/a", "of the host")
        #expect(view.outcome("/m/a") == "refused")
    }

    @Test func `procfs and sysfs are refused by name`() throws {
        try stage.write("fs/upper/proc/x", "look-alike")
        try stage.link("fs/upper/l", to: "proc/x")
        try stage.link("fs/upper/magic", to: "/proc/1/root/etc/passwd")
        for path in ["/proc/x", "/proc", "/sys/kernel", "/l", "/magic", "/d/../proc/x"] {
            try stage.make("fs/upper/d")
            #expect(view.refusal(path) != nil, "\(path)")
        }
    }
}
