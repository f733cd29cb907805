// Volumes that are directories of the host under another name, also when they are mounted behind the daemon's back.
import CLinux
import Glibc
import LinuxIO
import Synchronization
import TestSupport
import Testing

@testable import Resolver

@Suite struct VolumeTests {
    private let stage: Stage
    private var policy = ResolverPolicy()

    /// `secret` is a directory that no declaration may reach; `vol/_data` a volume's, with a file of its own.
    init() throws {
        stage = try Stage()
        try stage.write("secret/in/a", "secret")
        try stage.write("secret/a", "secret")
        try stage.write("vol/_data/a", "volume")
        policy.runtimeRoots = [Array(stage.path("secret").utf8)]
    }

    private func view(_ host: HostMounts? = nil) -> ContainerView {
        stage.view(mounts: [stage.mount("/d", "vol/_data", .volume)], policy: policy, host: host)
    }

    @Test(arguments: ["secret", "secret/in", ""])
    func `a volume that is a directory of the host under another name is judged as that`(source: String) throws {
        try stage.bind(source, on: "vol/_data")
        let reason = try #require(view().refusal("/d/a"))
        #expect(reason.contains(stage.path("secret")))
        #expect(view().outcome("/d/in/a") == "refused")
        #expect(view().names("/d") == nil)
        guard case .refused = view().report(0) else {
            Issue.record("\(view().report(0))")
            return
        }
    }

    @Test func `a volume on another disk, or of another directory that may be read, is read`() throws {
        try stage.make("other/_data")
        try stage.write("srv/a", "text")
        for name in ["vol/_data", "other/_data"] { try stage.bind("srv", on: name) }
        #expect(view().outcome("/d/a") == "text", "another volume of the same directory is no other name")
        try stage.make("disk/_data")
        try stage.tmpfs(on: "disk/_data")
        try stage.write("disk/_data/a", "disk")
        let disk = stage.view(mounts: [stage.mount("/d", "disk/_data", .volume)], policy: policy)
        #expect(disk.outcome("/d/a") == "disk")
    }

    @Test func `a volume that is an overlay of other directories is read only where the operator allows it`() throws {
        for name in ["root/volumes/o/_data", "empty"] { try stage.make(name) }
        try stage.mount(
            "overlay", "overlay", on: "root/volumes/o/_data",
            data: "lowerdir=\(stage.path("secret")):\(stage.path("empty"))")
        var policy = policy
        policy.runtimeRoots.append(Array(stage.path("root").utf8))
        func outcome() -> String {
            stage.view(mounts: [stage.mount("/d", "root/volumes/o/_data", .volume)], policy: policy).outcome("/d/a")
        }
        #expect(outcome() == "refused")
        policy.allowedSources = [Array(stage.path("root/volumes/o").utf8)]
        #expect(outcome() == "secret")
    }

    @Test func `two volumes of one disk do not make each other's directory forbidden`() throws {
        for name in ["root/volumes/one/_data", "root/volumes/two/_data"] { try stage.make(name) }
        try stage.tmpfs(on: "root/volumes/one/_data")
        try stage.write("root/volumes/one/_data/a", "disk")
        try stage.bind("root/volumes/one/_data", on: "root/volumes/two/_data")
        var policy = ResolverPolicy()
        policy.runtimeRoots = [Array(stage.path("root").utf8)]
        for name in ["one", "two"] {
            let view = stage.view(mounts: [stage.mount("/d", "root/volumes/\(name)/_data", .volume)], policy: policy)
            #expect(view.outcome("/d/a") == "disk", "\(name)")
        }
    }

    /// dockerd mounts a volume's device when its first container starts: after the table was read.
    @Test func `a table that is older than a volume's mount does not hide what is mounted`() throws {
        let old = HostMounts.read()
        try stage.bind("secret", on: "vol/_data")
        #expect(view(old).outcome("/d/a") == "refused")
        #expect(view(old).names("/d") == nil)
    }

    @Test func `a volume that was a plain directory at first sight is judged anew`() throws {
        let old = HostMounts.read()
        var view = view(old)
        #expect(view.outcome("/d/a") == "volume")
        try stage.bind("secret", on: "vol/_data")
        #expect(view.outcome("/d/a") == "refused", "another directory than before")
        view.layout.processID = 0
        #expect(view.outcome("/d/a") == "refused")
        try stage.unmount("vol/_data")
        #expect(view.outcome("/d/a") == "volume")
    }

    /// The kernel gives numbers again: the table shows a disk that was there before, with the number of what is there now.
    @Test func `a mount that took over the number of another one is not taken for it`() throws {
        try stage.bind("secret", on: "vol/_data")
        let point = stage.path("vol/_data")
        let id = try #require(try? PathDescriptor.open(Array(point.utf8)).get().mountID)
        let old = HostMounts(
            text: Array("1 0 8:1 / / rw - ext4 a rw\n\(id) 1 8:2 / \(point) rw - ext4 b rw\n".utf8))
        #expect(view(old).outcome("/d/a") == "refused")
    }

    @Test func `mounts that are newer than the table are found, as sources and below them`() throws {
        try stage.make("src/in")
        let id = try #require(HostMounts.read().entry(of: Array(stage.path("src").utf8))?.id)
        let old = HostMounts(text: Array("\(id) 0 8:1 / / rw - ext4 a rw\n".utf8))
        try stage.tmpfs(on: "src/in")
        try stage.write("src/in/a", "mounted")
        for name in ["src", "src/in"] {
            let view = stage.view(mounts: [stage.mount("/d", name)], policy: policy, host: old)
            #expect(view.outcome(name == "src" ? "/d/in/a" : "/d/a") == "mounted")
        }
    }

    /// The one or the other or nothing, never the forbidden directory's file.
    @Test func `a volume that is mounted while it is opened never shows the host`() throws {
        let stop = Stop()
        let (source, target) = (stage.path("secret"), stage.path("vol/_data"))
        let thread = try Thread(name: "mount") {
            while !stop.flag.load(ordering: .relaxed) {
                guard mount(source, target, nil, UInt(MS_BIND), nil) == 0 else { continue }
                if umount2(target, Int32(MNT_DETACH)) == 0 { stop.mounts.add(1, ordering: .relaxed) }
            }
        }
        var seen: [String: Int] = [:]
        var table = HostMounts.read()
        var rounds = 0
        // On a busy machine a mount takes its time: until enough of them were raced with.
        func hasRaced() -> Bool {
            seen["volume", default: 0] > 0 && seen["refused", default: 0] > 0
                && stop.mounts.load(ordering: .relaxed) > 100
        }
        while rounds < 3_000 || !hasRaced() && rounds < 100_000 {
            if rounds % 3 == 0 { table = HostMounts.read() }
            seen[view(table).outcome("/d/a"), default: 0] += 1
            rounds += 1
        }
        stop.flag.store(true, ordering: .relaxed)
        thread.join()
        #expect(seen["secret"] == nil, "\(seen)")
        #expect(Set(seen.keys).isSubset(of: ["volume", "refused", "EAGAIN", "ENOENT"]), "\(seen)")
        #expect(hasRaced(), "no race was seen: \(seen)")
        #expect(openDescriptors(below: stage.directory.path) == 0)
    }

    private final class Stop: Sendable {
        let flag = Atomic(false)
        let mounts = Atomic(0)
    }

    @Test func `the number of a descriptor's mount is the same by statx and by proc`() throws {
        try stage.tmpfs(on: "disk")
        for name in ["disk", "secret"] {
            let handle = try PathDescriptor.open(Array(stage.path(name).utf8)).get()
            let id = try #require(handle.listedMountID)
            #expect(id == handle.mountID)
            #expect(id == HostMounts.read().entry(of: Array(stage.path(name).utf8))?.id)
            #expect((try handle.status.get().is_mount_root != 0) == (name == "disk"))
        }
    }
}
