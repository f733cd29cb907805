// What of the host no declaration reaches, whatever a label says.
import CLinux
import Glibc
import LinuxIO
import TestSupport
import Testing

@testable import Resolver

@Suite struct RefusalTests {
    private let stage: Stage

    init() throws { stage = try Stage() }

    private func reason(_ mount: ContainerLayout.Mount, _ policy: ResolverPolicy = .init(), _ host: HostMounts? = nil)
        -> String?
    {
        if case .refused(let reason) = stage.view(mounts: [mount], policy: policy, host: host).report(0) {
            reason
        } else {
            nil
        }
    }

    @Test(arguments: ["/", "/etc", "/etc/ssl", "/root", "/boot", "/dev", "/proc", "/sys", "/run", "/var/run", "/var"])
    func `system directories are no bind sources`(source: String) throws {
        let found = try #require(reason(stage.mount("/d", source)))
        #expect(found.contains("declare a path") || found.contains("paths.allow_mount_sources"))
        let view = stage.view(mounts: [stage.mount("/d", source)])
        #expect(view.outcome("/d/passwd") == "refused")
        #expect(view.outcome("/d/etc/passwd") == "refused")
        #expect(view.names("/d") == nil)
    }

    @Test func `links in a source do not hide where it leads`() throws {
        try stage.link("innocent", to: "/etc")
        try stage.link("chain", to: "innocent/../etc/ssl")
        try stage.link("dir/up", to: "../../../../../../..")
        for source in ["innocent", "innocent/ssl", "chain", "dir/up", "dir/up/etc"] {
            #expect(reason(stage.mount("/d", source)) != nil, "\(source)")
        }
        try stage.make("good")
        try stage.link("fine", to: stage.path("good"))
        #expect(stage.view(mounts: [stage.mount("/d", "fine")]).report(0) == .local)
        #expect(stage.view(mounts: [stage.mount("/d", "/etcetera")]).report(0) != .local)
    }

    @Test func `the operator may allow a source, but never his own files`() throws {
        try stage.write("root/volumes/v/_data/a", "volume")
        try stage.write("root/containers/c/x", "runtime")
        try stage.write("own/secret", "secret")
        try stage.link("link-to-own", to: "own")
        try stage.link("link-to-root", to: "root")
        var policy = ResolverPolicy()
        policy.runtimeRoots = [Array(stage.path("link-to-root").utf8)]
        policy.ownPaths = [Array(stage.path("link-to-own").utf8)]
        #expect(reason(stage.mount("/d", "root/containers/c"), policy) != nil)
        #expect(reason(stage.mount("/d", stage.directory.path), policy) != nil, "contains them")
        #expect(reason(stage.mount("/d", "root/volumes/v/_data", .volume), policy) == nil)
        #expect(reason(stage.mount("/d", "root/volumes/v/_data"), policy) != nil)
        #expect(reason(stage.mount("/d", "own"), policy) != nil)
        policy.allowedSources = [Array(stage.path("").utf8)]
        #expect(reason(stage.mount("/d", "root/containers/c"), policy) == nil)
        #expect(reason(stage.mount("/d", "own"), policy)?.contains("longshore's own") == true)
        #expect(reason(stage.mount("/d", "own", .volume), policy)?.contains("longshore's own") == true)
        // Allowed although it contains them: they are refused one by one, by name and by inode.
        try stage.link("alias", to: "/d/own/secret")
        #expect(Glibc.link(stage.path("own/secret"), stage.path("hard")) == 0)
        let view = stage.view(mounts: [stage.mount("/d", stage.directory.path)], policy: policy)
        #expect(view.outcome("/d/root/containers/c/x") == "runtime")
        #expect(view.outcome("/d/own/secret") == "refused")
        #expect(view.outcome("/d/alias") == "refused")
        #expect(view.names("/d/own") == nil)
        policy.ownPaths.append(Array(stage.path("own/secret").utf8))
        let careful = stage.view(mounts: [stage.mount("/d", stage.directory.path)], policy: policy)
        #expect(careful.outcome("/d/hard") == "refused")
    }

    @Test func `virtual file systems are refused as sources of any kind, allowed or not`() throws {
        try stage.make("p")
        try stage.mount("proc", "proc", on: "p")
        var policy = ResolverPolicy()
        policy.allowedSources = [[0x2F]]
        for kind in [ContainerLayout.Mount.Kind.bind, .volume] {
            for source in ["p", "p/self", "/proc", "/proc/sys", "/sys", "/dev", "/dev/pts"] {
                #expect(reason(stage.mount("/d", source, kind), policy) != nil, "\(kind) \(source)")
            }
            // The list of mounts may be old: the file system itself is asked.
            #expect(reason(stage.mount("/d", "p", kind), policy, HostMounts(text: []))?.contains("procfs") == true)
        }
    }

    @Test func `below another host root the rules hold for the path without it`() throws {
        try stage.write("host/etc/x", "secret")
        try stage.write("host/srv/app/a", "right")
        try stage.write("srv/app/a", "look-alike")
        try stage.link("host/link", to: "/srv/app")
        try stage.link("host/hidden", to: "/etc")
        var policy = ResolverPolicy()
        policy.hostRoot = Array(stage.path("host/").utf8)
        #expect(reason(stage.mount("/d", "/etc"), policy)?.contains("/etc") == true)
        #expect(reason(stage.mount("/d", "/hidden"), policy)?.contains("/etc") == true)
        #expect(reason(stage.mount("/d", "/../../etc"), policy)?.contains("/etc") == true)
        for source in ["/srv/app", "/link", "/link/../app"] {
            #expect(stage.view(mounts: [stage.mount("/d", source)], policy: policy).outcome("/d/a") == "right")
        }
        var layered = stage.view(policy: policy)
        layered.layout.layers = [Array("/link".utf8)]
        #expect(layered.outcome("/a") == "right")
    }

    @Test(arguments: ["/dev/stdout", "/dev/stderr", "/proc/self/fd/1", "../../../dev/stdout", "/dev/fd/2", "hop"])
    func `a link to the standard streams says what to declare`(target: String) throws {
        try stage.make("upper/var/log")
        try stage.link("upper/var/log/hop", to: "/dev/../proc/self/fd/2")
        try stage.make("upper/dev")
        try stage.link("upper/var/log/access.log", to: target)
        let view = stage.view(mounts: [stage.mount("/m", "upper")], layers: ["upper"])
        #expect(view.refusal("/var/log/access.log")?.contains("declare stdout (path: stdout)") == true)
        #expect(view.refusal("/dev/stdout")?.contains("declare stdout (path: stdout)") == true)
        #expect(view.outcome("/var/log/access.log", follow: false) == "a symbolic link")
    }

    @Test func `only regular files are opened, and nobody is waited for`() throws {
        try stage.make("src")
        #expect(mkfifo(stage.path("src/fifo"), 0o600) == 0)
        #expect(mknod(stage.path("src/null"), S_IFCHR | 0o600, dev_t(1 << 8 | 3)) == 0)
        #expect(mknod(stage.path("src/socket"), S_IFSOCK | 0o600, 0) == 0)
        try stage.write("src/file", "text")
        let view = stage.view(mounts: [stage.mount("/d", "src")])
        for name in ["fifo", "null", "socket"] {
            let file = try #require(view.found("/d/\(name)"))
            #expect(throws: SystemError("open", "/d/\(name)", errno: EINVAL)) { try file.openForReading().get() }
        }
        let directory = try #require(view.found("/d"))
        #expect(throws: SystemError("open", "/d", errno: EISDIR)) { try directory.openForReading().get() }
        let file = try #require(view.found("/d/file"))
        let opened = FileDescriptor(owning: try file.openForReading().get())
        #expect(fcntl(opened.raw, F_GETFL) & (O_ACCMODE | O_NONBLOCK) == O_RDONLY | O_NONBLOCK)
        #expect(fcntl(opened.raw, F_GETFD) & FD_CLOEXEC != 0)
        // The file found stays the file opened, whatever takes its name.
        #expect(rename(stage.path("src/fifo"), stage.path("src/file")) == 0)
        let again = FileDescriptor(owning: try file.openForReading().get())
        #expect(try FileSystem.status(descriptor: again.raw).get().inode == file.status.inode)
    }

    @Test func `a source that was swapped is refused until the layout is set again`() throws {
        try stage.write("src/a", "first")
        try stage.write("other/a", "second")
        var view = stage.view(mounts: [stage.mount("/d", "src")])
        #expect(view.outcome("/d/a") == "first")
        #expect(rename(stage.path("src"), stage.path("kept")) == 0)
        #expect(view.outcome("/d/a") == "ENOENT")
        #expect(rename(stage.path("other"), stage.path("src")) == 0)
        #expect(view.refusal("/d/a")?.contains("is another directory now") == true)
        #expect(rename(stage.path("src"), stage.path("other")) == 0)
        try stage.link("src", to: "other")
        #expect(view.refusal("/d/a")?.contains("is another directory now") == true)
        let copy = view
        #expect(copy.outcome("/d/a") == "refused", "copies remember too")
        view.layout.processID = 0
        #expect(view.outcome("/d/a") == "second")
        #expect(copy.outcome("/d/a") == "refused")
    }

    @Test func `a source that is not there is unreachable, with a reason`() throws {
        guard case .unreachable(let reason) = stage.view(mounts: [stage.mount("/d", "none")]).report(0) else {
            Issue.record("reachable")
            return
        }
        #expect(reason.contains("No such file"))
    }
}
