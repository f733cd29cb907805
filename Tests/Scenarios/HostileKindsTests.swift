// What is no log file, and host directories that no container may have shipped: refused, with what to do instead.
import Core
import Glibc
import TestSupport
import Testing

extension ContainerScenarios.Hostile {
    @Test("FIFOs, sockets, devices, procfs and sysfs: refused with a reason, never read, and nobody waits")
    func specialFiles() async throws {
        let source = try stage.bind("kinds")
        let listener = try socket(at: "\(source)/socket.log")
        defer { close(listener) }
        let script = """
            cd /data; mkfifo pipe.log; mknod zero.log c 1 5; mknod disk.log b 7 0; mknod tty.log c 5 0
            cp -r . /tmp; mkfifo /tmp/f.log; mknod /tmp/null.log c 1 3
            (echo stolen >pipe.log; touch /data/stolen) &
            echo 1 >good.log
            """
        try await stage.start(
            "kinds", script,
            labels: [
                "longshore.logs.app": "/data/*.log", "longshore.logs.fifo": "/data/pipe.log",
                "longshore.logs.image": "/tmp/f.log", "longshore.logs.null": "/tmp/null.log",
                "longshore.logs.proc": "/proc/1/environ", "longshore.logs.glob": "/proc/*/status",
                "longshore.logs.sys": "/sys/kernel/notes", "longshore.logs.dev": "/dev/zero",
                "longshore.logs.shm": "/dev/shm/a.log", "longshore.logs.hproc": "/hostproc/self/environ",
                "longshore.logs.hsys": "/hostsys/kernel/*", "longshore.logs.dir": "/data/real.log",
            ], mounts: ["\(source):/data", "/proc:/hostproc:ro", "/sys:/hostsys:ro"])
        try await stage.expect(["1"], of: "kinds")
        let reasons = [
            "image": "a FIFO", "null": "a device", "proc": "procfs", "glob": "procfs", "sys": "sysfs",
            "dev": "devtmpfs", "shm": "devtmpfs", "hproc": "/proc", "hsys": "/sys",
        ]
        for (name, reason) in reasons.sorted(by: { $0.key < $1.key }) {
            let declaration = try await stage.wait(for: "refused", of: "kinds", name)
            #expect(declaration["reason"]?.string?.contains(reason) == true, "\(name): \(declaration)")
            #expect(declaration["remedy"]?.string?.isEmpty == false, "\(name): \(declaration)")
        }
        let files = try await stage.wait(for: "active", of: "kinds")["files"]?.array ?? []
        let refused = Dictionary(
            files.compactMap { file in file["path"]?.string.map { ($0, file["reason"]?.string ?? "") } },
            uniquingKeysWith: { first, _ in first })
        for (name, kind) in [("pipe", "a FIFO"), ("socket", "a socket"), ("zero", "a device"), ("disk", "a device")] {
            #expect(refused["/data/\(name).log"]?.contains("not a regular file (\(kind))") == true, "\(refused)")
        }
        // A file may become another kind, and back, while it is followed.
        try await stage.execute("kinds", "cd /data; rm good.log; mkfifo good.log")
        try await stage.wait(for: "refused", of: "kinds", "fifo")
        try await stage.execute("kinds", "cd /data; rm good.log; echo 2 >good.log; echo 3 >>good.log")
        try await stage.expect(["1", "2", "3"], of: "kinds")
        #expect(access("\(source)/stolen", F_OK) != 0, "the daemon has opened the FIFO")
        #expect(try await stage.daemon.status()["processID"]?.double == Double(stage.daemon.process.processID))
        try await stage.remove("kinds")
    }

    @Test(
        "bind sources that are, contain or lie in the host's own directories: refused; what the operator allows passes")
    func mountSources() async throws {
        let (name, root) = ("sources", stage.directory)
        symlink("/etc", root.path("link"))
        try stage.forbidden.write("\(stage.token)\n", to: "a.log")
        try stage.allowed.makeDirectory("sub")
        try stage.allowed.write("allowed\n", to: "sub/a.log")
        try await stage.engine.docker(
            "volume", "create", "--opt", "type=none", "--opt", "o=bind", "--opt", "device=/etc", "etc-volume")
        // Source on the host, a file there, and what the reason names.
        let places: [(key: String, source: String, file: String, reason: String)] = [
            ("root", "/", "etc/passwd", "contains"), ("etc", "/etc", "passwd", "is a directory of the host"),
            ("etcdir", "/etc/security", "limits.conf", "lies in /etc"), ("link", root.path("link"), "passwd", "/etc"),
            ("run", "/run", "*/a.log", "/run"), ("beside", stage.forbidden.path, "a.log", "lies in /run"),
            ("docker", stage.engine.dataRoot, "containers/*/*.json", "is a directory of the host"),
            ("volumes", "\(stage.engine.dataRoot)/volumes", "*/_data/*.log", "lies in"),
            ("state", root.path("state"), "*", "longshore's own"), ("above", root.path, "*.log", "longshore's own"),
            ("volume", "etc-volume", "passwd", "/etc"),
        ]
        var labels = ["longshore.logs.good": "/good/a.log", "longshore.logs.named": "/named/a.log"]
        labels["longshore.logs.allowed"] = "/allowed/*.log"
        for place in places { labels["longshore.logs.\(place.key)"] = "/m-\(place.key)/\(place.file)" }
        try await stage.start(
            name, "echo good >/good/a.log; echo named >/named/a.log", labels: labels,
            mounts: places.map { "\($0.source):/m-\($0.key)" + ($0.key == "volume" ? "" : ":ro") } + [
                "\(try stage.bind(name)):/good", "named:/named", "\(stage.allowed.path)/sub:/allowed",
            ])
        try await stage.expect(["good", "named", "allowed"], of: name)
        for place in places {
            let declaration = try await stage.wait(for: "refused", of: name, place.key)
            #expect(declaration["reason"]?.string?.contains(place.reason) == true, "\(place.key): \(declaration)")
            let remedy = declaration["remedy"]?.string ?? ""
            let isOwn = place.reason == "longshore's own"
            #expect(
                remedy.contains("named volume") && (isOwn || remedy.contains("allow_mount_sources")), "\(declaration)")
            // Not the daemon's own secrets either, by whatever operator's leave.
            #expect(declaration["files"]?.array?.allSatisfy { $0["state"]?.string == "refused" } == true)
        }
        // A busy daemon has no answer in time from the thread that looks at the mounts: then they have no state.
        var mounts: [JSONValue] = []
        try await waitUntil("the state of all mounts; they are \(mounts)") {
            mounts = try await stage.explained(name)?["mounts"]?.array ?? []
            return !mounts.isEmpty && mounts.allSatisfy { $0["state"]?.string?.isEmpty == false }
        }
        #expect(mounts.count { $0["state"]?.string == "refused" } == places.count, "\(mounts)")
        try await stage.remove(name)
    }

    @Test("paths of other containers and of the host are looked for in the container's own root only")
    func pathsOfOthers() async throws {
        try await stage.start("victim", "echo \(stage.token) >/var/log/own.log; echo 1 >/tmp/x", labels: [:])
        let victim = try await stage.engine.inspect("victim")
        let pid = try #require(victim["State"]?["Pid"]?.uint64)
        let upper = try #require(victim["GraphDriver"]?["Data"]?["UpperDir"]?.string)
        let own = "mkdir -p \(upper)/var/log; echo own >\(upper)/var/log/own.log"
        try await stage.start(
            "thief", own,
            labels: [
                "longshore.logs.pid": "/proc/\(pid)/root/var/log/*.log", "longshore.logs.init": "/proc/1/root/**/*.log",
                "longshore.logs.upper": "\(upper)/var/log/*.log", "longshore.logs.host": stage.directory.path("*.log"),
                "longshore.logs.up": "/../../../../\(stage.directory.path)/*.log",
                "longshore.logs.all": "/**/secret.log",
            ])
        try await stage.expect(["own"], of: "thief")
        for name in ["pid", "init"] {
            let declaration = try await stage.wait(for: "refused", of: "thief", name)
            #expect(declaration["reason"]?.string?.contains("procfs") == true, "\(declaration)")
        }
        for name in ["host", "all"] { try await stage.wait(for: "no match yet", of: "thief", name) }
        try await stage.wait(for: "bad value", of: "thief", "up")
        try await stage.remove("thief", "victim")
    }
}

/// A listening unix socket; the caller closes it.
private func socket(at path: String) throws -> Int32 {
    let raw = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let bytes = Array(path.utf8)
    guard raw >= 0, bytes.count < MemoryLayout.size(ofValue: address.sun_path) else {
        throw FixtureError("no socket at \(path)")
    }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
    let size = socklen_t(MemoryLayout<sockaddr_un>.size)
    let bound = withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { Glibc.bind(raw, $0, size) }
    }
    guard bound == 0, listen(raw, 1) == 0 else { throw FixtureError("bind \(path): errno \(errno)") }
    return raw
}
