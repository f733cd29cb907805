// The list of mounts: escapes, mounts over mounts, hostile lines.
import Glibc
import LinuxIO
import Testing

@testable import Resolver

@Suite struct HostMountsTests {
    private func mounts(_ lines: String...) -> HostMounts {
        HostMounts(text: Array(lines.joined(separator: "\n").utf8))
    }
    private func type(_ mounts: HostMounts, _ path: String) -> String? { mounts.entry(of: Array(path.utf8))?.type }

    @Test func `the longest mount point with a slash as boundary counts`() {
        let table = mounts(
            "1 0 8:1 / / rw - ext4 /dev/a rw", "2 1 8:2 / /data rw,noatime shared:3 - xfs /dev/b rw",
            "3 2 0:40 / /data/remote rw master:1 propagate_from:2 - nfs4 host:/x rw")
        #expect(type(table, "/data/x") == "xfs")
        #expect(type(table, "/database") == "ext4")
        #expect(type(table, "/data") == "xfs")
        #expect(type(table, "/data/remote/a/b") == "nfs4")
        #expect(type(table, "/") == "ext4")
        #expect(table.network.map(\.id) == [3])
        #expect(table.entry(of: Array("/data".utf8))?.device == 8 << 32 | 2)
    }

    @Test func `octal escapes are decoded`() {
        let table = mounts(#"1 0 8:1 / /a\040b\011\134\012c\\9 rw - ext4 /dev/a rw"#)
        #expect(type(table, "/a b\t\\\nc\\\\9/x") == "ext4")
    }

    @Test func `a later mount over the same point wins, and one further up hides what is below`() {
        let table = mounts(
            "1 0 8:1 / / rw - ext4 a rw", "2 1 8:2 / /m rw - xfs b rw", "3 2 0:9 / /m rw - nfs c rw",
            "4 1 0:8 / /p/q rw - cifs d rw", "5 1 0:7 / /p rw - tmpfs e rw")
        #expect(type(table, "/m/x") == "nfs")
        #expect(type(table, "/p/q/x") == "tmpfs")
        #expect(table.network.map(\.id) == [3])
    }

    @Test func `lines that are no mounts are skipped`() {
        let table = mounts(
            "", "-", " - ", "1", "1 0 8:1 / /a rw", "1 0 8:1 / /b rw -", "x 0 8:1 / /c rw - ext4 a rw",
            "1 0 8 / /d rw - ext4 a rw", "1 0 8:99999999999 / /e rw - ext4 a rw", "1 0 8:1 / relative rw - ext4 a rw",
            "1 1 8:1 / /f rw - ext4 a rw", String(repeating: "9 ", count: 5000))
        #expect(type(table, "/f/x") == "ext4")
        for path in ["/a", "/b", "/c", "/d", "/e", "/relative", "/"] { #expect(type(table, path) == nil, "\(path)") }
    }

    @Test func `network and virtual file systems are told by their type`() {
        func entry(_ type: String) -> HostMounts.Entry? {
            mounts("1 0 8:1 / /m rw - \(type) a rw").entry(of: Array("/m".utf8))
        }
        for type in ["nfs", "nfs4", "cifs", "smb3", "ceph", "fuse", "fuse.sshfs", "9p", "glusterfs", "lustre", "afs"] {
            #expect(entry(type)?.isNetwork == true, "\(type)")
            #expect(entry(type)?.isVirtual == false, "\(type)")
        }
        for type in ["proc", "sysfs", "cgroup", "cgroup2", "debugfs", "tracefs", "securityfs", "configfs", "bpf"] {
            #expect(entry(type)?.isVirtual == true, "\(type)")
            #expect(entry(type)?.isNetwork == false, "\(type)")
        }
        for type in ["ext4", "xfs", "btrfs", "overlay", "tmpfs", "zfs", "fusectl"] {
            #expect(entry(type)?.isNetwork == false, "\(type)")
        }
    }

    @Test func `this machine's own mounts are read`() throws {
        let table = HostMounts.read()
        #expect(type(table, "/proc/self") == "proc")
        #expect(table.entry(of: Array("/proc".utf8))?.isVirtual == true)
        let root = try #require(table.entry(of: [0x2F]))
        #expect(root.mountPoint == [0x2F])
    }

    @Test func `a mount's directory is known by all names that other mounts of its file system give it`() throws {
        let point = "/var/lib/docker/volumes/x/_data"
        func names(_ root: String, _ lines: String...) throws -> [String] {
            let own = "2 1 8:1 \(root) \(point) rw - ext4 a rw"
            let table = HostMounts(text: Array((lines + [own]).joined(separator: "\n").utf8))
            let entry = try #require(table.entry(at: Array(point.utf8)))
            return table.names(of: entry) { $0.isWithin(Array("/var/lib/docker/volumes".utf8)) }
                .map { String(decoding: $0.orRoot, as: UTF8.self) }
        }
        let root = "1 0 8:1 / / rw - ext4 a rw"
        #expect(try names("/etc", root) == ["/etc"])
        #expect(try names("/", root) == ["/"])
        #expect(try names("/", "1 0 8:9 / / rw - ext4 a rw") == [], "a disk of its own")
        #expect(try names("/etc", root, "3 1 8:1 / /host rw - ext4 a rw") == ["/etc", "/host/etc"])
        #expect(try names("/etc", root, "3 1 8:1 /etcetera /m rw - ext4 a rw") == ["/etc"])
        // Another volume of the same disk says nothing, though what a disk contains does.
        #expect(try names("/", "3 1 8:1 / /var/lib/docker/volumes/y/_data rw - ext4 a rw") == [])
        #expect(try names("/", "3 1 8:1 /d /var/lib/docker rw - ext4 a rw") == ["/var/lib/docker"])
        // Seen from a container that has other parts of the disk only.
        #expect(try names("/etc", "3 1 8:1 /d /var/lib/docker rw - ext4 a rw") == ["/etc"])
    }
}
