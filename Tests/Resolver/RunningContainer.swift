// A process with a root directory, mounts and a cgroup of its own, as a container has them.
import Glibc
import LinuxIO
import TestSupport

/// `sleep` in the stage's directory `root` as its root, with `source` bound on /data and a tmpfs on /mem. Its cgroup is
/// named after the container. Deinit ends it.
final class RunningContainer {
    let identifier: String
    let cgroup: String
    private let child: ChildProcess
    var process: Int32 { child.processID }

    /// `prelude` runs in the container's mount namespace before the root is changed.
    init(_ stage: Stage, root: String, source: String, prelude: String = "true") async throws {
        identifier = (0..<4).map { _ in String(UInt64.random(in: 1 << 60...UInt64.max), radix: 16) }.joined()
        cgroup = try Self.makeCgroup(identifier)
        for name in ["data", "mem", "bin"] { try stage.make("\(root)/\(name)") }
        let ready = stage.path("ready-\(identifier)")
        // Fails as a whole when one step does. The shell stays the same process through exec.
        let script = """
            set -e; cd '\(stage.path(root))'; cp /bin/busybox bin/busybox
            mount --bind . .; cd '\(stage.path(root))'
            mount --bind '\(stage.path(source))' data; mount -t tmpfs tmpfs mem; mkdir mem/sub; printf memory >mem/sub/a
            \(prelude)
            echo $$ >'\(cgroup)/cgroup.procs'; : >'\(ready)'; exec chroot . /bin/busybox sleep 1000
            """
        child = try ChildProcess(
            "unshare", ["-m", "--propagation", "private", "/bin/sh", "-c", script], directory: stage.directory)
        let process = child.processID
        do {
            try await waitUntil("the container's process; it wrote: \(child.errorTail)") {
                (try? readWholeFile("/proc/\(process)/comm")) == Array("busybox\n".utf8) || !child.isRunning
            }
            guard child.isRunning else { throw FixtureError("no container: \(child.errorTail)") }
        } catch {
            rmdir(cgroup)
            throw error
        }
    }

    deinit { end() }

    /// Ends the process and waits for it.
    func end() {
        child.signal(SIGKILL)
        while child.isRunning { usleep(1000) }
        while rmdir(cgroup) != 0 && errno == EBUSY { usleep(1000) }
    }

    private static func makeCgroup(_ name: String) throws -> String {
        for hierarchy in ["pids", "systemd", "freezer", "unified", "."] {
            let path = "/sys/fs/cgroup/\(hierarchy)/\(name)"
            if mkdir(path, 0o755) == 0 { return path }
        }
        throw FixtureError("no cgroup can be made below /sys/fs/cgroup: errno \(errno)")
    }
}
