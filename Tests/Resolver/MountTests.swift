// Bind mounts and volumes: the right file, never a look-alike.
import CLinux
import Glibc
import LinuxIO
import TestSupport
import Testing

@testable import Resolver

@Suite struct MountTests {
    private let stage: Stage

    init() throws { stage = try Stage() }

    @Test func `a file of a mount is found below its source`() throws {
        try stage.write("src/app/a.log", "right")
        let view = stage.view(mounts: [stage.mount("/data", "src")])
        #expect(view.outcome("/data/app/a.log") == "right")
        #expect(view.outcome("//data/./app//a.log/") == "right")
        #expect(view.outcome("/data/app/b.log") == "ENOENT")
        #expect(view.outcome("/data/app/a.log/b") == "ENOTDIR")
        #expect(view.outcome("/datax/app/a.log") == "ESRCH")
        let file = try #require(view.found("/data/app/a.log"))
        #expect(file.place == Array("/data/app/a.log".utf8))
        #expect(file.hostPath == Array(stage.path("src/app/a.log").utf8))
        #expect(file.mount == 0)
        #expect(!file.isLowerLayer)
        #expect(file.linkOwner == nil)
    }

    /// RESOLVE_IN_ROOT below the source would open source/data/log/a.log.
    @Test func `a link to a path of its own mount finds the file, not the look-alike below the source`() throws {
        try stage.write("src/log/a.log", "right")
        try stage.write("src/data/log/a.log", "look-alike")
        try stage.link("src/current", to: "/data/log/a.log")
        try stage.link("src/relative", to: "../data/log/a.log")
        let view = stage.view(mounts: [stage.mount("/data", "src")])
        #expect(view.outcome("/data/current") == "right")
        #expect(view.outcome("/data/relative") == "right")
        #expect(view.found("/data/current")?.place == Array("/data/log/a.log".utf8))
        #expect(view.found("/data/current")?.linkOwner == getuid())
    }

    @Test func `links cross from mount to mount and to the root file system`() throws {
        try stage.write("one/x", "one")
        try stage.write("two/y", "two")
        try stage.write("upper/var/log/z", "root")
        try stage.make("upper/mnt/one")
        try stage.link("one/to-two", to: "../../opt/two/y")
        try stage.link("one/to-root", to: "/var/log/z")
        try stage.link("two/to-one", to: "/mnt/one/to-root")
        let view = stage.view(
            mounts: [stage.mount("/mnt/one", "one"), stage.mount("/opt/two", "two", .volume)], layers: ["upper"])
        #expect(view.outcome("/mnt/one/to-two") == "two")
        #expect(view.outcome("/mnt/one/to-root") == "root")
        #expect(view.outcome("/opt/two/to-one") == "root")
        #expect(view.found("/opt/two/to-one")?.mount == nil)
        #expect(view.found("/mnt/one/to-two")?.mount == 1)
    }

    @Test func `the innermost of nested mounts counts, and what it covers is not seen`() throws {
        try stage.write("outer/in/a", "covered")
        try stage.write("inner/a", "inner")
        try stage.write("outer/b", "outer")
        try stage.link("outer/l", to: "in")
        let view = stage.view(mounts: [stage.mount("/d/in", "inner"), stage.mount("/d", "outer")])
        #expect(view.outcome("/d/in/a") == "inner")
        #expect(view.outcome("/d/b") == "outer")
        #expect(view.outcome("/d/l/a") == "inner", "the kernel alone would follow the link below the outer source")
        #expect(view.outcome("/d/in/../b") == "outer")
        #expect(view.mountIndex(of: Array("/d/in/a".utf8)) == 0)
        #expect(view.mountIndex(of: Array("/d/ina".utf8)) == 1)
        #expect(view.mountIndex(of: Array("/e".utf8)) == nil)
        #expect(view.names("/d") == ["b", "in", "l"])
        #expect(view.names("/d/in") == ["a"])
    }

    @Test func `a mounted file is found`() throws {
        try stage.write("one.log", "single")
        let view = stage.view(mounts: [stage.mount("/var/log/app.log", "one.log")])
        #expect(view.outcome("/var/log/app.log") == "single")
        #expect(view.outcome("/var/log/app.log/x") == "ENOTDIR")
        #expect(view.outcome("/var/log/app.log/../app.log") == "ENOTDIR")
        #expect(view.names("/var/log") == ["app.log"])
        #expect(view.names("/var") == ["log/"])
        #expect(view.names("/var/log/app.log") == nil)
    }

    /// Runtimes follow links of the image when they mount: the mount on /var/run/app stands at /run/app.
    @Test func `a destination behind a link of the image is found by both names`() throws {
        try stage.write("src/a", "right")
        try stage.write("upper/run/app/a", "covered")
        try stage.make("upper/var")
        try stage.link("upper/var/run", to: "/run")
        let view = stage.view(mounts: [stage.mount("/var/run/app", "src")], layers: ["upper"])
        #expect(view.outcome("/var/run/app/a") == "right")
        #expect(view.outcome("/run/app/a") == "right")
        #expect(view.names("/run/app") == ["a"])
    }

    @Test func `a link itself is found when it is not to be followed`() throws {
        try stage.write("src/a", "text")
        try stage.link("src/l", to: "a")
        let view = stage.view(mounts: [stage.mount("/d", "src")])
        #expect(view.outcome("/d/l", follow: false) == "a symbolic link")
        #expect(view.outcome("/d/l") == "text")
    }

    @Test func `forty links are followed, and one more is too many`() throws {
        try stage.write("src/0", "end")
        for index in 1...41 { try stage.link("src/\(index)", to: "\(index - 1)") }
        try stage.link("src/self", to: "self")
        let view = stage.view(mounts: [stage.mount("/d", "src")])
        #expect(view.outcome("/d/40") == "end")
        #expect(view.outcome("/d/41") == "ELOOP")
        #expect(view.outcome("/d/self") == "ELOOP")
    }

    @Test func `long paths, long names and NUL are errors, and going back and forth ends`() throws {
        try stage.write("src/a/b", "text")
        try stage.link("src/a/again", to: String(repeating: "../a/", count: 600))
        let view = stage.view(mounts: [stage.mount("/d", "src")])
        #expect(view.outcome("/d/" + String(repeating: "x", count: 300)) == "ENAMETOOLONG")
        #expect(view.outcome("/d/" + String(repeating: "a/../", count: 818) + "a/b") == "text")
        #expect(view.outcome("/d/" + String(repeating: "a/../", count: 1000) + "a/b") == "ENAMETOOLONG")
        #expect(view.outcome("/d/a/b\0.log") == "EINVAL")
        #expect(view.outcome("/d/a/" + String(repeating: "again/", count: 30)) == "ELOOP")
    }

    @Test func `dot dot never leaves the container`() throws {
        try stage.write("src/a", "inside")
        try stage.write("outside", "outside")
        try stage.link("src/up", to: "../outside")
        try stage.link("src/far", to: String(repeating: "../", count: 30) + stage.path("outside").dropFirst())
        try stage.link("src/host", to: stage.path("outside"))
        try stage.make("upper")
        let view = stage.view(mounts: [stage.mount("/d", "src")], layers: ["upper"])
        for path in ["/d/up", "/d/far", "/d/host", "/d/../outside", "/../../.." + stage.path("outside")] {
            #expect(view.outcome(path) == "ENOENT", "\(path)")
        }
        #expect(view.outcome("/../d/./x/../a") == "ENOENT")
        #expect(view.outcome("/../../d/a") == "inside")
    }

    @Test func `mounts of the host below a source are followed, and virtual ones refused`() throws {
        try stage.make("src/disk")
        try stage.make("src/p")
        try stage.tmpfs(on: "src/disk")
        try stage.write("src/disk/sub/a", "on the mount")
        try stage.link("src/l", to: "disk/sub")
        try stage.mount("proc", "proc", on: "src/p")
        let view = stage.view(mounts: [stage.mount("/d", "src")])
        #expect(view.outcome("/d/disk/sub/a") == "on the mount")
        #expect(view.outcome("/d/l/a") == "on the mount")
        #expect(view.outcome("/d/disk/../disk/sub/a") == "on the mount")
        #expect(view.names("/d/disk/sub") == ["a"])
        #expect(view.refusal("/d/p/version")?.contains("proc") == true)
        #expect(view.refusal("/d/p/self/root/etc/passwd") != nil)
        // Whatever the list of mounts says: the file system itself is asked.
        let blind = stage.view(
            mounts: [stage.mount("/d", "src")],
            host: HostMounts(text: Array("1 0 0:1 / \(stage.path("src/p")) rw - ext4 x rw\n".utf8)))
        #expect(blind.refusal("/d/p/version")?.contains("procfs") == true)
    }

    @Test func `network mounts are left to their own worker before anything touches them`() throws {
        try stage.write("src/remote/a", "remote")
        try stage.write("src/b", "local")
        try stage.link("alias", to: "src")
        try stage.link("src/l", to: "remote/a")
        let nfs = HostMounts(
            text: Array("1 0 0:1 / \(stage.path("src/remote")) rw - nfs4 server:/x rw\n".utf8))
        for source in ["src", "alias"] {
            let view = stage.view(mounts: [stage.mount("/d", source)], host: nfs)
            #expect(view.outcome("/d/b") == "local")
            #expect(view.outcome("/d/remote/a") == "network nfs4")
            #expect(view.outcome("/d/l") == "network nfs4")
            #expect(view.outcome("/d/l", allowsNetwork: true) == "remote")
            #expect(view.report(0) == .local)
        }
        // A look at what is on the network mount would tell that it is not there.
        try stage.link("to-none", to: "src/remote/none/../none")
        #expect(stage.view(mounts: [stage.mount("/d", "to-none")], host: nfs).outcome("/d/a") == "network nfs4")
        try stage.link("to-remote", to: "src/remote")
        for source in ["src/remote", "alias/remote", "to-remote"] {
            let view = stage.view(mounts: [stage.mount("/d", source)], host: nfs)
            #expect(view.outcome("/d/a") == "network nfs4", "\(source)")
            #expect(view.outcome("/d/a", allowsNetwork: true) == "remote")
            #expect(view.outcome("/d/a") == "network nfs4", "also at second sight")
            #expect(view.report(0) == .network(type: "nfs4"))
            if case .network(let entry) = view.forEachEntry(in: Array("/d".utf8), { _, _, _ in true }) {
                #expect(entry.isNetwork)
            } else {
                Issue.record("listed a network directory")
            }
        }
        var policy = ResolverPolicy()
        policy.refusesNetwork = true
        let view = stage.view(mounts: [stage.mount("/d", "src/remote")], policy: policy, host: nfs)
        #expect(view.refusal("/d/a")?.contains("paths.network_volumes") == true)
        #expect(view.outcome("/d/a", allowsNetwork: true) == "refused")
    }

    /// A descriptor left on a volume that is a mount of its own would make its umount fail.
    @Test func `no descriptor is left behind, whatever comes of it`() throws {
        try stage.make("src/disk")
        try stage.tmpfs(on: "src/disk")
        try stage.write("src/disk/a", "text")
        try stage.write("src/b", "text")
        try stage.link("src/loop", to: "loop")
        try stage.link("src/out", to: "/dev/stdout")
        try stage.write("upper/x/y", "text")
        try stage.write("lower/x/z", "text")
        let view = stage.view(
            mounts: [stage.mount("/d", "src"), stage.mount("/v", "src/disk", .volume), stage.mount("/no", "none")],
            layers: ["upper", "lower"])
        let paths = [
            "/d/disk/a", "/v/a", "/d/b", "/d/b/c", "/d/none", "/d/loop", "/d/out", "/x/y", "/x/z", "/x/none", "/no/a",
            "/proc/x", "/d/disk/../b", "/v/..",
        ]
        for path in paths {
            _ = view.outcome(path)
            _ = view.names(path)
        }
        #expect(openDescriptors(below: stage.directory.path) == 0)
        #expect(view.outcome("/v/a") == "text")
        try stage.unmount("src/disk")
    }
}
